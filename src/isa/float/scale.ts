/**
 * Scaling by a power of two and splitting into exponent and significand. Intel SDM vol. 2, FSCALE, FXTRACT.
 */

import { DE, type FloatEnv, stopped, TRUNCATE, ZE } from "./env.js";
import { extended80 } from "./format.js";
import { fromIntegerNum, toIntegerNum } from "./integral.js";
import { invalid, propagate, quiet } from "./nan.js";
import { copyNum, FINITE, INFINITY, Num, QNAN, setInfinity, setZero, ZERO } from "./num.js";
import { roundNum } from "./round.js";

const count = new Num();

/** Any larger scale overflows or underflows whatever the operand is. */
const MAX_SCALE = 0x10000;

/** FSCALE: out = a * 2^trunc(b). */
export function scaleNum(env: FloatEnv, a: Num, b: Num, out: Num): void {
  if ((a.kind | b.kind) >= QNAN) {
    propagate(extended80, env, a, b, out);
    return;
  }
  if (b.kind === INFINITY && a.kind === (b.sign === 0 ? ZERO : INFINITY)) {
    invalid(env, out);
    return;
  }
  if (a.denormal || b.denormal) env.flags |= DE;
  if (stopped(env)) return;
  if (b.kind === INFINITY) {
    if (b.sign === 0) setInfinity(out, a.sign);
    else setZero(out, a.sign);
    return;
  }
  if (a.kind !== FINITE) {
    copyNum(out, a);
    return;
  }
  roundNum(extended80, 64, env, out, a.sign, a.exp + scaleOf(env, b), a.hi, a.lo, 0);
}

/** trunc(b), limited to what matters. */
function scaleOf(env: FloatEnv, b: Num): number {
  if (b.kind === ZERO || b.exp < 0) return 0;
  if (b.exp >= 16) return b.sign === 0 ? MAX_SCALE : -MAX_SCALE;
  const { flags, roundedUp } = env;
  toIntegerNum(env, b, 32, TRUNCATE, count);
  env.flags = flags;
  env.roundedUp = roundedUp;
  return count.lo;
}

/** FXTRACT: exponent = the unbiased exponent of a, significand = a scaled to exponent 0. */
export function extractNum(env: FloatEnv, a: Num, exponent: Num, significand: Num): void {
  if (a.kind >= QNAN) {
    quiet(env, a, significand);
    copyNum(exponent, significand);
    return;
  }
  if (a.denormal) env.flags |= DE;
  if (a.kind === ZERO) env.flags |= ZE;
  if (stopped(env)) return;
  copyNum(significand, a);
  if (a.kind === ZERO) {
    setInfinity(exponent, 1);
  } else if (a.kind === INFINITY) {
    setInfinity(exponent, 0);
  } else {
    fromIntegerNum(a.exp >> 31, a.exp, exponent);
    significand.exp = 0;
    significand.denormal = false;
  }
}
