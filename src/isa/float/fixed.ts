/**
 * Elementary functions in fixed point: bigint integers counting units of 2^-bits. Errors stay within a few units;
 * the callers choose `bits` so that the result has at least 80 significant bits.
 */

/** Number of bits of a positive integer. */
export function bitLength(value: bigint): number {
  const digits = value.toString(16);
  return digits.length * 4 - (Math.clz32(Number.parseInt(digits[0], 16)) - 28);
}

/** Sine by its series; |x| should not exceed 1. */
export function fixedSin(x: bigint, bits: number): bigint {
  return alternating(x, (x * x) >> BigInt(bits), 2, bits);
}

/** Cosine by its series; |x| should not exceed 1. */
export function fixedCos(x: bigint, bits: number): bigint {
  return alternating(1n << BigInt(bits), (x * x) >> BigInt(bits), 1, bits);
}

/** first - first * square / (n (n+1)) + ... with n growing by 2. */
function alternating(first: bigint, square: bigint, n: number, bits: number): bigint {
  const shift = BigInt(bits);
  let sum = first;
  let term = first;
  for (let i = n; ; i += 2) {
    term = -((term * square) >> shift) / BigInt(i * (i + 1));
    if (term === 0n) return sum;
    sum += term;
  }
}

/** x +- x^3/3 + x^5/5 +- ...: `sign` -1n gives the inverse tangent, 1n the inverse hyperbolic tangent. */
function inverseSeries(x: bigint, sign: bigint, bits: number): bigint {
  const shift = BigInt(bits);
  const square = (sign * x * x) >> shift;
  let sum = x;
  let power = x;
  for (let i = 3; ; i += 2) {
    power = (power * square) >> shift;
    const term = power / BigInt(i);
    if (term === 0n) return sum;
    sum += term;
  }
}

/** exp(x) - 1 by its series; |x| should not exceed 1. */
export function fixedExpm1(x: bigint, bits: number): bigint {
  const shift = BigInt(bits);
  let sum = x;
  let term = x;
  for (let i = 2; ; i++) {
    term = ((term * x) >> shift) / BigInt(i);
    if (term === 0n) return sum;
    sum += term;
  }
}

/** ln(p / q) for p and q in a ratio not far from 1, exact integers. */
export function fixedLogRatio(p: bigint, q: bigint, bits: number): bigint {
  return 2n * inverseSeries(((p - q) << BigInt(bits)) / (p + q), 1n, bits);
}

/** Bits of the stored constants and of the arctangent. */
export const CONSTANT_BITS = 256;

/** ln 2 with CONSTANT_BITS bits, from ln(4/3) + ln(3/2). */
export const LN2 = fixedLogRatio(4n, 3n, CONSTANT_BITS) + fixedLogRatio(3n, 2n, CONSTANT_BITS);
/** log2 e with CONSTANT_BITS bits. */
export const LOG2E = (1n << BigInt(2 * CONSTANT_BITS)) / LN2;

/** Fraction bits of the arguments and results of `fixedAtan`. */
export const ATAN_BITS = 192;
const STEPS = 32;

/** atan(i / STEPS): each from its neighbour by the addition theorem. */
const arctangents: bigint[] = [0n];
for (let i = 1; i <= STEPS; i++) {
  const step = (BigInt(STEPS) << BigInt(ATAN_BITS)) / BigInt(STEPS * STEPS + i * (i - 1));
  arctangents.push(arctangents[i - 1] + inverseSeries(step, -1n, ATAN_BITS));
}

/** pi in units of 2^-ATAN_BITS. */
export const PI = arctangents[STEPS] * 4n;

/** Arctangent of 0 <= x <= 1, in units of 2^-ATAN_BITS. */
export function fixedAtan(x: bigint): bigint {
  const nearest = Number((x * BigInt(STEPS * 2)) >> BigInt(ATAN_BITS));
  const index = (nearest + 1) >> 1;
  if (index === 0) return inverseSeries(x, -1n, ATAN_BITS);
  // atan x = atan c + atan((x - c) / (1 + x c)) with c = index / STEPS.
  const steps = BigInt(STEPS);
  const c = BigInt(index);
  const one = 1n << BigInt(ATAN_BITS);
  const difference = ((x * steps - (c << BigInt(ATAN_BITS))) << BigInt(ATAN_BITS)) / (one * steps + x * c);
  return arctangents[index] + inverseSeries(difference, -1n, ATAN_BITS);
}
