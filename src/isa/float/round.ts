/**
 * Rounding an exact value to a format: the one place where overflow, underflow and inexact are decided.
 *
 * Intel SDM vol. 1, 4.8.4 (rounding), 4.9.1.4-4.9.1.6 and 8.5.4-8.5.6 (overflow, underflow, inexact),
 * 10.2.3.3 (flush-to-zero). Tininess is detected after rounding.
 *
 * The exact value comes as a 96-bit significand hi:lo:ext with its top bit set, weighing 2^(exp - 95); the lowest
 * bit of `ext` is sticky: it is set when anything not zero lies below.
 */

import { DOWN, type FloatEnv, NEAREST, OE, PE, type Rounding, UE, UP } from "./env.js";
import type { Format } from "./format.js";
import { FINITE, type Num, setInfinity, setZero } from "./num.js";

/** What an x87 result with an unmasked overflow or underflow is scaled by, as a power of two. */
const EXPONENT_ADJUST = 0x6000;

/** The outcome of `roundSignificand`, until its next call. */
let roundedHi = 0;
let roundedLo = 0;
let carried = false;
let inexact = false;
let increased = false;

/** High half of the last rounded significand; after a carry out of the top bit it is 0x80000000. */
export function lastHi(): number {
  return roundedHi;
}
export function lastLo(): number {
  return roundedLo;
}
/** The increment carried out of the top: the exponent is one more. */
export function lastCarried(): boolean {
  return carried;
}
export function lastInexact(): boolean {
  return inexact;
}
/** The magnitude was incremented. */
export function lastIncreased(): boolean {
  return increased;
}

/** Rounds hi:lo:ext to its top `precision` bits (1..64); a value that is not normalized is allowed. */
export function roundSignificand(
  precision: number,
  rounding: Rounding,
  sign: number,
  hi: number,
  lo: number,
  ext: number,
): void {
  let half: number;
  let below: number;
  let odd: number;
  let step = 0;
  if (precision === 64) {
    half = ext >>> 31;
    below = ext << 1;
    odd = lo & 1;
  } else if (precision > 32) {
    step = 64 - precision;
    const rest = lo & ((1 << step) - 1);
    half = rest >>> (step - 1);
    below = ((rest << (32 - step)) << 1) | ext;
    lo ^= rest;
    odd = (lo >>> step) & 1;
  } else if (precision === 32) {
    half = lo >>> 31;
    below = (lo << 1) | ext;
    lo = 0;
    odd = hi & 1;
  } else {
    step = 32 - precision;
    const rest = hi & ((1 << step) - 1);
    half = rest >>> (step - 1);
    below = ((rest << (32 - step)) << 1) | lo | ext;
    hi ^= rest;
    lo = 0;
    odd = (hi >>> step) & 1;
  }
  inexact = (half | below) !== 0;
  increased = false;
  carried = false;
  if (inexact) {
    increased =
      rounding === NEAREST ? half !== 0 && (below | odd) !== 0 : rounding === (sign === 0 ? UP : DOWN);
    if (increased) {
      if (precision > 32) {
        lo = (lo + (1 << step)) | 0;
        if (lo === 0) {
          hi = (hi + 1) | 0;
          carried = hi === 0;
        }
      } else {
        hi = (hi + (1 << step)) | 0;
        carried = hi === 0;
      }
      if (carried) hi = 0x80000000 | 0;
    }
  }
  roundedHi = hi | 0;
  roundedLo = lo | 0;
}

/** Bits of the significand of arithmetic results: the x87 has precision control. */
export function arithmeticPrecision(format: Format, env: FloatEnv): number {
  return format.extended ? env.precision : format.precision;
}

/** Rounds to `precision` bits within the exponent range of `format`, raising OE, UE and PE. */
export function roundNum(
  format: Format,
  precision: number,
  env: FloatEnv,
  out: Num,
  sign: number,
  exp: number,
  hi: number,
  lo: number,
  ext: number,
): void {
  if (exp < format.emin) {
    roundTiny(format, precision, env, out, sign, exp, hi, lo, ext);
    return;
  }
  roundSignificand(precision, env.rounding, sign, hi, lo, ext);
  if (carried) exp++;
  if (exp > format.emax) {
    overflow(format, precision, env, out, sign, exp);
    return;
  }
  finish(env, out, sign, exp);
}

function finish(env: FloatEnv, out: Num, sign: number, exp: number): void {
  if (inexact) env.flags |= PE;
  env.roundedUp = increased;
  out.denormal = false;
  out.kind = FINITE;
  out.sign = sign;
  out.exp = exp;
  out.hi = roundedHi;
  out.lo = roundedLo;
}

function overflow(
  format: Format,
  precision: number,
  env: FloatEnv,
  out: Num,
  sign: number,
  exp: number,
): void {
  env.flags |= OE;
  if ((env.masks & OE) === 0) {
    const adjusted = exp - EXPONENT_ADJUST;
    if (!format.extended || adjusted <= format.emax) {
      finish(env, out, sign, adjusted);
    } else {
      // FSCALE beyond what the adjustment can represent.
      setInfinity(out, sign);
      env.flags |= PE;
      env.roundedUp = true;
    }
    return;
  }
  env.flags |= PE;
  const { rounding } = env;
  env.roundedUp = rounding === NEAREST || rounding === (sign === 0 ? UP : DOWN);
  if (env.roundedUp) {
    setInfinity(out, sign);
    return;
  }
  out.kind = FINITE;
  out.denormal = false;
  out.sign = sign;
  out.exp = format.emax;
  out.hi = precision >= 32 ? -1 : -1 << (32 - precision);
  out.lo = precision >= 64 ? -1 : precision > 32 ? -1 << (64 - precision) : 0;
}

function roundTiny(
  format: Format,
  precision: number,
  env: FloatEnv,
  out: Num,
  sign: number,
  exp: number,
  hi: number,
  lo: number,
  ext: number,
): void {
  roundSignificand(precision, env.rounding, sign, hi, lo, ext);
  const tiny = !(carried && exp === format.emin - 1);
  if (tiny && (env.masks & UE) === 0) {
    env.flags |= UE;
    if (carried) exp++;
    const adjusted = exp + EXPONENT_ADJUST;
    if (!format.extended || adjusted >= format.emin) {
      finish(env, out, sign, adjusted);
    } else {
      setZero(out, sign);
      env.flags |= PE;
    }
    return;
  }
  if (tiny && env.ftz) {
    env.flags |= UE | PE;
    setZero(out, sign);
    return;
  }
  // Denormalize, keeping what falls off as sticky, and round again from the exact value.
  let shift = format.emin - exp;
  while (shift >= 32 && (hi | lo) !== 0) {
    ext = lo | (ext !== 0 ? 1 : 0);
    lo = hi;
    hi = 0;
    shift -= 32;
  }
  if (shift >= 32) {
    ext = 1;
  } else if (shift > 0) {
    ext = (ext >>> shift) | (lo << (32 - shift)) | (ext << (32 - shift) !== 0 ? 1 : 0);
    lo = (lo >>> shift) | (hi << (32 - shift));
    hi >>>= shift;
  }
  roundSignificand(precision, env.rounding, sign, hi, lo, ext);
  if (tiny && inexact) env.flags |= UE;
  finish(env, out, sign, format.emin);
  if ((roundedHi | roundedLo) === 0) setZero(out, sign);
}
