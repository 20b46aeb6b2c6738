/**
 * Division. Intel SDM vol. 2, FDIV, DIVSD (special operands); 4.9.1.3 (divide-by-zero).
 */

import { DE, type FloatEnv, stopped, ZE } from "./env.js";
import type { Format } from "./format.js";
import { invalid, propagate } from "./nan.js";
import { highHalf, INFINITY, join64, lowHalf, type Num, QNAN, setInfinity, setZero, ZERO } from "./num.js";
import { arithmeticPrecision, roundNum } from "./round.js";

/** out = a / b. `out` may be one of the operands. */
export function divNum(format: Format, env: FloatEnv, a: Num, b: Num, out: Num): void {
  const kinds = a.kind | b.kind;
  if (kinds >= QNAN) {
    propagate(format, env, a, b, out);
    return;
  }
  if (a.kind === b.kind && kinds !== 0) {
    invalid(env, out);
    return;
  }
  const sign = a.sign ^ b.sign;
  if (b.kind === ZERO && a.kind !== INFINITY) env.flags |= ZE;
  else if (a.denormal || b.denormal) env.flags |= DE;
  if (stopped(env)) return;
  if (kinds !== 0) {
    if (a.kind === INFINITY || b.kind === ZERO) setInfinity(out, sign);
    else setZero(out, sign);
    return;
  }
  let exp = a.exp - b.exp;
  const divisor = join64(b.hi, b.lo);
  const dividend = join64(a.hi, a.lo);
  const less = dividend < divisor;
  // 95 fraction bits of a quotient in [1, 2).
  const shifted = dividend << (less ? 96n : 95n);
  if (less) exp--;
  const quotient = shifted / divisor;
  const top = quotient >> 32n;
  const hi = highHalf(top);
  const lo = lowHalf();
  highHalf(quotient);
  let ext = lowHalf();
  if ((ext & 1) === 0 && quotient * divisor !== shifted) ext |= 1;
  roundNum(format, arithmeticPrecision(format, env), env, out, sign, exp, hi, lo, ext);
}
