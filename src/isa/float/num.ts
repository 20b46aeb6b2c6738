/**
 * `Num`: an unpacked floating-point value, the common form of all formats.
 *
 * A finite non-zero value is (-1)^sign * hi:lo * 2^(exp - 63), the 64-bit significand `hi:lo` having its top bit
 * set, denormal operands included. Only a denormal *result* has the top bit clear (then exp is the format's
 * emin). A NaN keeps its significand left-aligned in hi:lo, the quiet bit being bit 30 of `hi`.
 * `hi` and `lo` are int32 bit patterns: compare them only after `>>> 0`.
 */

/** Kinds are bits, so that `a.kind | b.kind` tells at once whether anything is special. */
export const FINITE = 0;
export const ZERO = 1;
export const INFINITY = 2;
export const QNAN = 4;
export const SNAN = 8;
/** Unnormal, pseudo-NaN or pseudo-infinity of the 80-bit format: invalid as an operand. */
export const UNSUPPORTED = 16;

/** Exponents that let zero and infinity be compared like finite values. */
const ZERO_EXP = -0x20000;
const INFINITY_EXP = 0x20000;

export class Num {
  kind = ZERO;
  sign = 0;
  exp = ZERO_EXP;
  hi = 0;
  lo = 0;
  /** The operand was denormal (or pseudo-denormal) in its own format. */
  denormal = false;
}

export function setZero(out: Num, sign: number): void {
  out.kind = ZERO;
  out.sign = sign;
  out.exp = ZERO_EXP;
  out.hi = 0;
  out.lo = 0;
  out.denormal = false;
}

export function setInfinity(out: Num, sign: number): void {
  out.kind = INFINITY;
  out.sign = sign;
  out.exp = INFINITY_EXP;
  out.hi = 0x80000000 | 0;
  out.lo = 0;
  out.denormal = false;
}

/** The real indefinite: the default QNaN, negative. */
export function setIndefinite(out: Num): void {
  out.kind = QNAN;
  out.sign = 1;
  out.exp = INFINITY_EXP;
  out.hi = 0xc0000000 | 0;
  out.lo = 0;
  out.denormal = false;
}

export function setNaN(out: Num, sign: number, hi: number, lo: number): void {
  out.kind = (hi & 0x40000000) !== 0 ? QNAN : SNAN;
  out.sign = sign;
  out.exp = INFINITY_EXP;
  out.hi = hi;
  out.lo = lo;
  out.denormal = false;
}

export function setUnsupported(out: Num, sign: number, hi: number, lo: number): void {
  out.kind = UNSUPPORTED;
  out.sign = sign;
  out.exp = INFINITY_EXP;
  out.hi = hi;
  out.lo = lo;
  out.denormal = false;
}

/** A finite value from an integer significand hi:lo (not zero) weighing 2^(exp - 63): normalizes it. */
export function setFinite(out: Num, sign: number, exp: number, hi: number, lo: number): void {
  out.kind = FINITE;
  out.sign = sign;
  out.denormal = false;
  if (hi === 0) {
    hi = lo;
    lo = 0;
    exp -= 32;
  }
  const shift = Math.clz32(hi);
  if (shift !== 0) {
    hi = (hi << shift) | (lo >>> (32 - shift));
    lo <<= shift;
    exp -= shift;
  }
  out.exp = exp;
  out.hi = hi | 0;
  out.lo = lo | 0;
}

export function copyNum(out: Num, from: Num): void {
  out.kind = from.kind;
  out.sign = from.sign;
  out.exp = from.exp;
  out.hi = from.hi;
  out.lo = from.lo;
  out.denormal = from.denormal;
}

const wide = new BigUint64Array(1);
const halves = new Uint32Array(wide.buffer);
const LITTLE = new Uint8Array(new Uint32Array([1]).buffer)[0];
const LOW = LITTLE === 1 ? 0 : 1;

/** Joins two 32-bit halves into 0 .. 2^64-1. */
export function join64(hi: number, lo: number): bigint {
  halves[LOW] = lo;
  halves[1 - LOW] = hi;
  return wide[0];
}

/** High half of the low 64 bits of `value`, as int32; `lowHalf` must follow without another call between. */
export function highHalf(value: bigint): number {
  wide[0] = value;
  return halves[1 - LOW] | 0;
}

/** Low half of the value last given to `highHalf`. */
export function lowHalf(): number {
  return halves[LOW] | 0;
}
