/**
 * Fused multiply-add: a * b + c with one rounding. Intel SDM vol. 1, 14.5 and vol. 2, VFMADD*.
 *
 * The exact product (128 bits) and the addend meet in a window of six 32-bit words; what falls below it is
 * collected in the lowest bit. Cancellation of more than one bit needs exponents so close that nothing falls off.
 */

import { DE, DOWN, type FloatEnv, IE, stopped } from "./env.js";
import type { Format } from "./format.js";
import { invalid } from "./nan.js";
import { INFINITY, type Num, QNAN, SNAN, setInfinity, setNaN, setZero, ZERO } from "./num.js";
import { roundNum } from "./round.js";
import { multiply, product } from "./wide.js";

const WORDS = 6;
const larger = new Int32Array(WORDS);
const smaller = new Int32Array(WORDS);

/**
 * out = (-1)^negateProduct * (a * b) + (-1)^negateAddend * c. A NaN among a, b, c wins in this order and keeps its
 * sign. `out` may be one of the operands.
 */
export function fmaNum(
  format: Format,
  env: FloatEnv,
  a: Num,
  b: Num,
  c: Num,
  negateProduct: 0 | 1,
  negateAddend: 0 | 1,
  out: Num,
): void {
  const factors = a.kind | b.kind;
  const kinds = factors | c.kind;
  const zeroTimesInfinity = factors === (INFINITY | ZERO);
  if (kinds >= QNAN) {
    if ((kinds & SNAN) !== 0) env.flags |= IE;
    const chosen = a.kind >= QNAN ? a : b.kind >= QNAN ? b : c;
    setNaN(out, chosen.sign, chosen.hi | 0x40000000, chosen.lo);
    return;
  }
  const sign = a.sign ^ b.sign ^ negateProduct;
  const signC = c.sign ^ negateAddend;
  if (zeroTimesInfinity || ((factors & INFINITY) !== 0 && c.kind === INFINITY && sign !== signC)) {
    invalid(env, out);
    return;
  }
  if (a.denormal || b.denormal || c.denormal) env.flags |= DE;
  if (stopped(env)) return;
  if (kinds !== 0) {
    if ((factors & INFINITY) !== 0) {
      setInfinity(out, sign);
      return;
    }
    if (c.kind === INFINITY) {
      setInfinity(out, signC);
      return;
    }
    if ((factors & ZERO) !== 0) {
      if (c.kind === ZERO) setZero(out, sign === signC ? sign : env.rounding === DOWN ? 1 : 0);
      else roundNum(format, format.precision, env, out, signC, c.exp, c.hi, c.lo, 0);
      return;
    }
  }

  // The product, normalized.
  let exp = a.exp + b.exp + 1;
  multiply(a.hi, a.lo, b.hi, b.lo);
  if (product[0] >= 0) {
    product[0] = (product[0] << 1) | (product[1] >>> 31);
    product[1] = (product[1] << 1) | (product[2] >>> 31);
    product[2] = (product[2] << 1) | (product[3] >>> 31);
    product[3] <<= 1;
    exp--;
  }
  if (c.kind === ZERO) {
    const ext = product[2] | (product[3] !== 0 ? 1 : 0);
    roundNum(format, format.precision, env, out, sign, exp, product[0], product[1], ext);
    return;
  }

  const productFirst = exp >= c.exp;
  const first = productFirst ? larger : smaller;
  const second = productFirst ? smaller : larger;
  first.fill(0);
  first.set(product);
  second.fill(0);
  second[0] = c.hi;
  second[1] = c.lo;
  const distance = exp - c.exp;
  if (!productFirst) exp = c.exp;
  shiftRightJam(smaller, productFirst ? distance : -distance);
  let outSign = productFirst ? sign : signC;
  if (sign === signC) {
    if (addSmaller()) exp++;
  } else {
    if (subtractSmaller()) outSign ^= 1;
    const shift = normalize();
    if (shift < 0) {
      setZero(out, env.rounding === DOWN ? 1 : 0);
      return;
    }
    exp -= shift;
  }
  const ext = larger[2] | ((larger[3] | larger[4] | larger[5]) !== 0 ? 1 : 0);
  roundNum(format, format.precision, env, out, outSign, exp, larger[0], larger[1], ext);
}

/** Shifts right, ORing all that falls off into the lowest bit. */
function shiftRightJam(words: Int32Array, count: number): void {
  const whole = Math.min(count >>> 5, WORDS);
  const bits = count & 31;
  let lost = 0;
  for (let i = WORDS - whole; i < WORDS; i++) lost |= words[i];
  for (let i = WORDS - 1; i >= whole; i--) words[i] = words[i - whole];
  for (let i = 0; i < whole; i++) words[i] = 0;
  if (bits !== 0) {
    lost |= words[WORDS - 1] << (32 - bits);
    for (let i = WORDS - 1; i > 0; i--) words[i] = (words[i] >>> bits) | (words[i - 1] << (32 - bits));
    words[0] >>>= bits;
  }
  if (lost !== 0) words[WORDS - 1] |= 1;
}

/** larger += smaller; true when the sum carried out and was shifted right by one. */
function addSmaller(): boolean {
  let carry = 0;
  for (let i = WORDS - 1; i >= 0; i--) {
    const sum = (larger[i] >>> 0) + (smaller[i] >>> 0) + carry;
    larger[i] = sum;
    carry = sum > 0xffffffff ? 1 : 0;
  }
  if (carry === 0) return false;
  shiftRightJam(larger, 1);
  larger[0] |= 0x80000000;
  return true;
}

/** larger = |larger - smaller|; true when the difference was negative. */
function subtractSmaller(): boolean {
  let borrow = 0;
  for (let i = WORDS - 1; i >= 0; i--) {
    const difference = (larger[i] >>> 0) - (smaller[i] >>> 0) - borrow;
    larger[i] = difference;
    borrow = difference < 0 ? 1 : 0;
  }
  if (borrow === 0) return false;
  let carry = 1;
  for (let i = WORDS - 1; i >= 0; i--) {
    const word = (~larger[i] >>> 0) + carry;
    larger[i] = word;
    carry = word > 0xffffffff ? 1 : 0;
  }
  return true;
}

/** Shifts `larger` left until its top bit is set; returns the distance, or -1 when it is zero. */
function normalize(): number {
  let skip = 0;
  while (larger[skip] === 0) {
    if (++skip === WORDS) return -1;
  }
  const bits = Math.clz32(larger[skip]);
  for (let i = 0; i < WORDS; i++) {
    const word = i + skip < WORDS ? larger[i + skip] : 0;
    const next = i + skip + 1 < WORDS ? larger[i + skip + 1] : 0;
    larger[i] = bits === 0 ? word : (word << bits) | (next >>> (32 - bits));
  }
  return skip * 32 + bits;
}
