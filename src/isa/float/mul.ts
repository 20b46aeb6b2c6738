/**
 * Multiplication. Intel SDM vol. 2, FMUL, MULSD (special operands).
 */

import { DE, type FloatEnv, stopped } from "./env.js";
import type { Format } from "./format.js";
import { invalid, propagate } from "./nan.js";
import { INFINITY, type Num, QNAN, setInfinity, setZero, ZERO } from "./num.js";
import { arithmeticPrecision, roundNum } from "./round.js";
import { multiply, product } from "./wide.js";

/** out = a * b. `out` may be one of the operands. */
export function mulNum(format: Format, env: FloatEnv, a: Num, b: Num, out: Num): void {
  const kinds = a.kind | b.kind;
  if (kinds >= QNAN) {
    propagate(format, env, a, b, out);
    return;
  }
  if (kinds === (INFINITY | ZERO)) {
    invalid(env, out);
    return;
  }
  if (a.denormal || b.denormal) env.flags |= DE;
  if (stopped(env)) return;
  const sign = a.sign ^ b.sign;
  if (kinds !== 0) {
    if ((kinds & INFINITY) !== 0) setInfinity(out, sign);
    else setZero(out, sign);
    return;
  }
  let exp = a.exp + b.exp + 1;
  multiply(a.hi, a.lo, b.hi, b.lo);
  let hi = product[0];
  let lo = product[1];
  let ext = product[2];
  let rest = product[3];
  if (hi >= 0) {
    hi = (hi << 1) | (lo >>> 31);
    lo = (lo << 1) | (ext >>> 31);
    ext = (ext << 1) | (rest >>> 31);
    rest <<= 1;
    exp--;
  }
  if (rest !== 0) ext |= 1;
  roundNum(format, arithmeticPrecision(format, env), env, out, sign, exp, hi, lo, ext);
}
