/**
 * F2XM1, FYL2X, FYL2XP1. Intel SDM vol. 1, 8.3.11 and vol. 2. Within 1 unit in the last place.
 */

import { DE, type FloatEnv, stopped, ZE } from "./env.js";
import { CONSTANT_BITS, fixedExpm1, fixedLogRatio, LN2, LOG2E } from "./fixed.js";
import { extended80, type F80 } from "./format.js";
import { invalid, propagate, quiet } from "./nan.js";
import {
  copyNum,
  FINITE,
  INFINITY,
  join64,
  Num,
  QNAN,
  setFinite,
  setInfinity,
  setZero,
  ZERO,
} from "./num.js";
import { pack80 } from "./pack.js";
import { roundFixed } from "./trig.js";

const result = new Num();

/** Significant bits computed beyond the magnitude of an argument. */
const GUARD = 130;
/** Below 2^LINEAR the functions are linear within the precision of the result. */
const LINEAR = -80;

/** F2XM1: 2^a - 1 for -1 <= a <= 1; outside this range the manual leaves the result undefined, here it is a. */
export function f2xm1(env: FloatEnv, a: Num): F80 {
  if (a.kind >= QNAN) {
    quiet(env, a, result);
    return pack80(result);
  }
  if (a.denormal) env.flags |= DE;
  if (stopped(env)) return pack80(result);
  copyNum(result, a);
  if (a.kind === INFINITY) {
    if (a.sign !== 0) setFinite(result, 1, 0, 0x80000000 | 0, 0);
  } else if (a.kind === FINITE) {
    expNum(env, a, result);
  }
  return pack80(result);
}

function expNum(env: FloatEnv, a: Num, out: Num): void {
  const significand = join64(a.hi, a.lo);
  if (a.exp >= 0) {
    // Exactly 1 gives 1, exactly -1 gives -1/2.
    if (a.exp === 0 && significand === 1n << 63n) setFinite(out, a.sign, -a.sign, a.hi, a.lo);
    else out.denormal = false;
    return;
  }
  if (a.exp < LINEAR) {
    roundFixed(env, a.sign, significand * LN2, CONSTANT_BITS + 63 - a.exp, out);
    return;
  }
  const bits = GUARD - a.exp;
  const x = (significand * LN2) >> BigInt(CONSTANT_BITS + 63 - a.exp - bits);
  const value = fixedExpm1(a.sign !== 0 ? -x : x, bits);
  roundFixed(env, a.sign, value < 0n ? -value : value, bits, out);
}

/** FYL2X: y * log2(x), y being ST(1) and x ST(0). */
export function fyl2x(env: FloatEnv, y: Num, x: Num): F80 {
  if ((x.kind | y.kind) >= QNAN) {
    propagate(extended80, env, x, y, result);
    return pack80(result);
  }
  const isOne = x.kind === FINITE && x.exp === 0 && x.hi === (0x80000000 | 0) && x.lo === 0;
  const bad =
    (x.sign !== 0 && x.kind !== ZERO) ||
    (y.kind === ZERO && (x.kind === ZERO || x.kind === INFINITY)) ||
    (y.kind === INFINITY && isOne);
  if (bad) {
    invalid(env, result);
    return pack80(result);
  }
  if (x.kind === ZERO && y.kind === FINITE) env.flags |= ZE;
  else if (x.denormal || y.denormal) env.flags |= DE;
  if (stopped(env)) return pack80(result);
  const negative = x.kind === ZERO || (x.kind === FINITE && x.exp < 0);
  const sign = y.sign ^ (negative ? 1 : 0);
  if (x.kind !== FINITE || y.kind === INFINITY) {
    setInfinity(result, sign);
  } else if (y.kind === ZERO || isOne) {
    setZero(result, sign);
  } else {
    logNum(env, y, x, result);
  }
  return pack80(result);
}

function logNum(env: FloatEnv, y: Num, x: Num, out: Num): void {
  const p = join64(x.hi, x.lo);
  let exp = x.exp;
  let q = 1n << 63n;
  if (p === q) {
    // A power of two: y times an integer, exact before rounding.
    const product = join64(y.hi, y.lo) * BigInt(Math.abs(exp));
    roundFixed(env, y.sign ^ (exp < 0 ? 1 : 0), product, 63 - y.exp, out, true);
    return;
  }
  // Take the mantissa from [sqrt(1/2), sqrt(2)), so that nothing cancels near 1.
  if (p > 0xb504f333f9de6484n) {
    q <<= 1n;
    exp++;
  }
  const bits = GUARD + 64;
  const logarithm = (fixedLogRatio(p, q, bits) * LOG2E) >> BigInt(CONSTANT_BITS);
  finishProduct(env, y, logarithm + (BigInt(exp) << BigInt(bits)), bits, out);
}

/** out = y * factor * 2^-bits, inexact. */
function finishProduct(env: FloatEnv, y: Num, factor: bigint, bits: number, out: Num): void {
  const magnitude = factor < 0n ? -factor : factor;
  const sign = y.sign ^ (factor < 0n ? 1 : 0);
  roundFixed(env, sign, join64(y.hi, y.lo) * magnitude, bits + 63 - y.exp, out);
}

/** FYL2XP1: y * log2(x + 1), meant for |x| up to 1 - sqrt(1/2); computed for all x > -1. */
export function fyl2xp1(env: FloatEnv, y: Num, x: Num): F80 {
  if ((x.kind | y.kind) >= QNAN) {
    propagate(extended80, env, x, y, result);
    return pack80(result);
  }
  const bad =
    (x.sign !== 0 && (x.kind === INFINITY || (x.kind === FINITE && x.exp >= 0))) ||
    (y.kind === INFINITY && x.kind === ZERO) ||
    (y.kind === ZERO && x.kind === INFINITY);
  if (bad) {
    invalid(env, result);
    return pack80(result);
  }
  if (x.denormal || y.denormal) env.flags |= DE;
  if (stopped(env)) return pack80(result);
  const sign = y.sign ^ x.sign;
  if (x.kind === INFINITY || y.kind === INFINITY) setInfinity(result, sign);
  else if (x.kind === ZERO || y.kind === ZERO) setZero(result, sign);
  else logPlusOneNum(env, y, x, result);
  return pack80(result);
}

function logPlusOneNum(env: FloatEnv, y: Num, x: Num, out: Num): void {
  const significand = join64(x.hi, x.lo);
  const signed = x.sign !== 0 ? -significand : significand;
  if (x.exp < LINEAR) {
    finishProduct(env, y, signed * LOG2E, CONSTANT_BITS + 63 - x.exp, out);
    return;
  }
  const bits = GUARD - Math.min(x.exp, 0);
  // (1 + x) / 2^scale as a ratio of integers.
  const q = x.exp >= 63 ? 1n : 1n << BigInt(63 - x.exp);
  let p = q + (x.exp >= 63 ? signed << BigInt(x.exp - 63) : signed);
  let scale = 0;
  let denominator = q;
  while (p > denominator * 2n) {
    denominator <<= 1n;
    scale++;
  }
  while (p * 2n < denominator) {
    p <<= 1n;
    scale--;
  }
  const logarithm = (fixedLogRatio(p, denominator, bits) * LOG2E) >> BigInt(CONSTANT_BITS);
  finishProduct(env, y, logarithm + (BigInt(scale) << BigInt(bits)), bits, out);
}
