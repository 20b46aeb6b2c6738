/**
 * Partial remainders. Intel SDM vol. 2, FPREM (truncating) and FPREM1 (IEEE, to nearest).
 *
 * When the exponents differ by 64 or more one step reduces the difference by 32 to 63 and reports "incomplete"
 * (C2); else the remainder is exact and the low three bits of the quotient are reported.
 */

import { DE, type FloatEnv, stopped } from "./env.js";
import { extended80 } from "./format.js";
import { invalid, propagate } from "./nan.js";
import { highHalf, INFINITY, join64, lowHalf, type Num, QNAN, setFinite, setZero, ZERO } from "./num.js";
import { roundNum } from "./round.js";

/** Returned when the reduction is not complete. */
export const INCOMPLETE = -1;
/** Returned when there is no quotient: NaN, invalid operation, stopped. */
export const NO_QUOTIENT = -2;

/** out = a rem b; returns the low three bits of the magnitude of the quotient, or one of the above. */
export function remainderNum(env: FloatEnv, a: Num, b: Num, nearest: boolean, out: Num): number {
  if ((a.kind | b.kind) >= QNAN) {
    propagate(extended80, env, a, b, out);
    return NO_QUOTIENT;
  }
  if (a.kind === INFINITY || b.kind === ZERO) {
    invalid(env, out);
    return NO_QUOTIENT;
  }
  if (a.denormal || b.denormal) env.flags |= DE;
  if (stopped(env)) return NO_QUOTIENT;
  if (a.kind === ZERO) {
    setZero(out, a.sign);
    return 0;
  }
  const distance = b.kind === INFINITY ? -2 : a.exp - b.exp;
  // Below half of the divisor: nothing to subtract. FPREM1 must look closer at a distance of -1.
  if (distance < (nearest ? -1 : 0)) {
    roundNum(extended80, 64, env, out, a.sign, a.exp, a.hi, a.lo, 0);
    return 0;
  }
  let dividend = join64(a.hi, a.lo);
  let divisor = join64(b.hi, b.lo);
  if (distance >= 64) {
    const step = 32 + (distance & 31);
    const rest = (dividend << BigInt(step)) % divisor;
    finish(env, a.sign, a.exp - step, rest, out);
    return INCOMPLETE;
  }
  let exp = b.exp;
  if (distance < 0) {
    divisor <<= 1n;
    exp = a.exp;
  } else {
    dividend <<= BigInt(distance);
  }
  let quotient = dividend / divisor;
  let rest = dividend - quotient * divisor;
  let { sign } = a;
  if (nearest) {
    const twice = rest << 1n;
    if (twice > divisor || (twice === divisor && (quotient & 1n) !== 0n)) {
      rest = divisor - rest;
      quotient += 1n;
      sign ^= 1;
    }
  }
  finish(env, rest === 0n ? a.sign : sign, exp, rest, out);
  return Number(quotient & 7n);
}

/** out = rest * 2^(exp - 63). */
function finish(env: FloatEnv, sign: number, exp: number, rest: bigint, out: Num): void {
  const hi = highHalf(rest);
  const lo = lowHalf();
  if ((hi | lo) === 0) {
    setZero(out, sign);
    return;
  }
  setFinite(out, sign, exp, hi, lo);
  roundNum(extended80, 64, env, out, sign, out.exp, out.hi, out.lo, 0);
}
