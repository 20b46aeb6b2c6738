/**
 * Rounding to integers, as floating-point values and as two's complement; and the way back.
 *
 * Intel SDM vol. 2, ROUNDSD, FRNDINT, CVTSD2SI, FIST, CVTSI2SD, FILD; vol. 1, 4.8.3.8 (integer indefinite).
 */

import { type FloatEnv, IE, PE, type Rounding } from "./env.js";
import { quiet } from "./nan.js";
import { copyNum, FINITE, type Num, QNAN, setFinite, setZero, ZERO } from "./num.js";
import { lastCarried, lastHi, lastIncreased, lastInexact, lastLo, roundSignificand } from "./round.js";

/**
 * Rounds a finite value below 2^64 in magnitude to its integer bits; the outcome is left in `round.ts`, the weight
 * of its top bit is 2^exp with the exponent returned, -1 meaning zero.
 */
function roundToUnits(a: Num, rounding: Rounding): number {
  if (a.exp >= 0) {
    roundSignificand(a.exp + 1, rounding, a.sign, a.hi, a.lo, 0);
    return lastCarried() ? a.exp + 1 : a.exp;
  }
  // Below 1: as a significand of 33 bits whose 32-bit top is zero, only its last bit can be gained.
  const half = a.exp === -1;
  const below = half ? ((a.hi << 1) | a.lo) !== 0 : true;
  roundSignificand(64, rounding, a.sign, 0, 0, (half ? 0x80000000 : 0) | (below ? 1 : 0));
  return lastLo() === 0 ? -1 : 0;
}

/** out = a rounded to an integral value; `precise` raises PE when that changed it. */
export function roundIntegralNum(
  env: FloatEnv,
  a: Num,
  rounding: Rounding,
  precise: boolean,
  out: Num,
): void {
  if (a.kind >= QNAN) {
    quiet(env, a, out);
    return;
  }
  if (a.kind !== FINITE || a.exp >= 63) {
    copyNum(out, a);
    return;
  }
  const { sign } = a;
  const fraction = a.exp < 0;
  const exp = roundToUnits(a, rounding);
  if (lastInexact() && precise) env.flags |= PE;
  env.roundedUp = lastIncreased();
  if (exp < 0) setZero(out, sign);
  else setFinite(out, sign, exp, fraction ? 0x80000000 | 0 : lastHi(), fraction ? 0 : lastLo());
}

/**
 * Rounds to a two's complement integer of `width` bits, left sign-extended in out.hi:out.lo. NaN, infinity and
 * what does not fit are invalid and give the integer indefinite, -2^(width-1).
 */
export function toIntegerNum(env: FloatEnv, a: Num, width: 16 | 32 | 64, rounding: Rounding, out: Num): void {
  if (a.kind === ZERO) {
    out.hi = 0;
    out.lo = 0;
    return;
  }
  if (a.kind === FINITE && a.exp < width) {
    const exp = roundToUnits(a, rounding);
    let hi = exp < 0 ? 0 : lastHi();
    let lo = lastLo();
    if (a.exp >= 0) {
      const shift = 63 - exp;
      if (shift >= 32) {
        lo = hi >>> (shift - 32);
        hi = 0;
      } else if (shift > 0) {
        lo = (lo >>> shift) | (hi << (32 - shift));
        hi >>>= shift;
      }
    } else {
      hi = 0;
    }
    // The magnitude fits below 2^(width-1); -2^(width-1) fits too.
    const fits = exp < width - 1 || (exp === width - 1 && a.sign !== 0 && isPowerOfTwo(hi, lo));
    if (fits) {
      if (lastInexact()) env.flags |= PE;
      env.roundedUp = lastIncreased();
      if (a.sign !== 0) {
        lo = -lo | 0;
        hi = lo === 0 ? -hi | 0 : ~hi;
      }
      out.hi = hi | 0;
      out.lo = lo | 0;
      return;
    }
  }
  env.flags |= IE;
  out.hi = width === 64 ? 0x80000000 | 0 : -1;
  out.lo = width === 64 ? 0 : -1 << (width - 1);
}

function isPowerOfTwo(hi: number, lo: number): boolean {
  return hi !== 0 ? (hi & (hi - 1)) === 0 && lo === 0 : (lo & (lo - 1)) === 0;
}

/** out = the two's complement integer hi:lo, exactly. */
export function fromIntegerNum(hi: number, lo: number, out: Num): void {
  const sign = hi < 0 ? 1 : 0;
  if (sign !== 0) {
    lo = -lo | 0;
    hi = lo === 0 ? -hi | 0 : ~hi;
  }
  if ((hi | lo) === 0) setZero(out, 0);
  else setFinite(out, sign, 63, hi, lo);
}
