/**
 * FSIN, FCOS, FSINCOS, FPTAN, FPATAN. Intel SDM vol. 1, 8.3.8 (approximation of pi), 8.3.10; vol. 2.
 *
 * Within 1 unit in the last place of the result for the 66-bit pi of the x87, which reduces the argument exactly.
 */

import { DE, type FloatEnv, stopped } from "./env.js";
import { ATAN_BITS, bitLength, fixedAtan, fixedCos, fixedSin, PI } from "./fixed.js";
import { extended80, type F80 } from "./format.js";
import { invalid, propagate, quiet } from "./nan.js";
import { copyNum, highHalf, INFINITY, join64, lowHalf, Num, QNAN, setFinite, setZero, ZERO } from "./num.js";
import { pack80 } from "./pack.js";
import { roundNum } from "./round.js";

/** Fraction bits of the reduced argument. Nearest to a multiple of pi/2 it is above 2^-68. */
const BITS = 160;
/** The x87's pi/2 in units of 2^-67. */
const HALF_PI = 0xc90fdaa22168c234cn;
/** Below 2^SMALL, x^2/2 is below the 64-bit precision of the result. */
const SMALL = -34;

const result = new Num();
const second = new Num();

/**
 * Rounds sign * magnitude * 2^-bits, magnitude > 0; unless `exact` (then below 2^96) it is taken as inexact.
 */
export function roundFixed(
  env: FloatEnv,
  sign: number,
  magnitude: bigint,
  bits: number,
  out: Num,
  exact = false,
): void {
  const excess = bitLength(magnitude) - 96;
  const top = excess >= 0 ? magnitude >> BigInt(excess) : magnitude << BigInt(-excess);
  const hi = highHalf(top >> 32n);
  const lo = lowHalf();
  highHalf(top);
  const ext = lowHalf() | (exact ? 0 : 1);
  roundNum(extended80, 64, env, out, sign, excess + 95 - bits, hi, lo, ext);
}

/** Rounds a value a little below (above) the finite a: what small arguments give. */
function roundNear(env: FloatEnv, a: Num, below: boolean, out: Num): void {
  const { sign } = a;
  if (!below) {
    roundNum(extended80, 64, env, out, sign, a.exp, a.hi, a.lo, 1);
    return;
  }
  const lo = (a.lo - 1) | 0;
  const hi = a.lo === 0 ? (a.hi - 1) | 0 : a.hi;
  if (hi < 0) roundNum(extended80, 64, env, out, sign, a.exp, hi, lo, -1);
  else roundNum(extended80, 64, env, out, sign, a.exp - 1, -1, -1, -1);
}

interface Reduced {
  /** In units of 2^-BITS, at most pi/4 in magnitude. */
  readonly rest: bigint;
  /** Multiples of pi/2 taken off, modulo 4. */
  readonly quadrant: number;
}

/** Reduces the finite a, 2^SMALL <= |a| < 2^63. */
function reduce(a: Num): Reduced {
  const significand = join64(a.hi, a.lo);
  let rest: bigint;
  let quotient = 0n;
  if (a.exp < -1) {
    rest = significand << BigInt(BITS - 63 + a.exp);
  } else {
    const x = significand << BigInt(a.exp + 4);
    quotient = (x + (HALF_PI >> 1n)) / HALF_PI;
    rest = (x - quotient * HALF_PI) << BigInt(BITS - 67);
  }
  if (a.sign !== 0) {
    rest = -rest;
    quotient = -quotient;
  }
  return { rest, quadrant: Number(quotient & 3n) };
}

/** sine or cosine (quadrant + 1) of the reduced argument. */
function sineOf(quadrant: number, rest: bigint): bigint {
  const value = (quadrant & 1) !== 0 ? fixedCos(rest, BITS) : fixedSin(rest, BITS);
  return (quadrant & 2) !== 0 ? -value : value;
}

function roundSigned(env: FloatEnv, value: bigint, out: Num): void {
  if (value === 0n) setZero(out, 0);
  else roundFixed(env, value < 0n ? 1 : 0, value < 0n ? -value : value, BITS, out);
}

const RANGE_EXP = 63;

/** The argument is finite and too large for the reduction. */
function outOfRange(a: Num): boolean {
  return a.kind === 0 && a.exp >= RANGE_EXP;
}

/** Handles NaN, infinity and exceptions; true when `out` is the result or the operation is stopped. */
function special(env: FloatEnv, a: Num, out: Num): boolean {
  if (a.kind >= QNAN) {
    quiet(env, a, out);
    return true;
  }
  if (a.kind === INFINITY) {
    invalid(env, out);
    return true;
  }
  if (a.denormal) env.flags |= DE;
  return stopped(env);
}

function sinNum(env: FloatEnv, a: Num, out: Num): void {
  if (a.kind === ZERO) {
    copyNum(out, a);
  } else if (a.exp < SMALL) {
    roundNear(env, a, true, out);
  } else {
    const { rest, quadrant } = reduce(a);
    roundSigned(env, sineOf(quadrant, rest), out);
  }
}

const one = new Num();
setFinite(one, 0, 0, 0x80000000 | 0, 0);

function cosNum(env: FloatEnv, a: Num, out: Num): void {
  if (a.kind === ZERO) {
    copyNum(out, one);
  } else if (a.exp < SMALL) {
    roundNear(env, one, true, out);
  } else {
    const { rest, quadrant } = reduce(a);
    roundSigned(env, sineOf(quadrant + 1, rest), out);
  }
}

/** FSIN; null: out of range, C2 = 1 and nothing else changes. Otherwise C2 = 0. */
export function fsin(env: FloatEnv, a: Num): F80 | null {
  if (outOfRange(a)) return null;
  if (!special(env, a, result)) sinNum(env, a, result);
  return pack80(result);
}

/** FCOS; null: out of range. */
export function fcos(env: FloatEnv, a: Num): F80 | null {
  if (outOfRange(a)) return null;
  if (!special(env, a, result)) cosNum(env, a, result);
  return pack80(result);
}

/** FSINCOS: the sine replaces ST(0), the cosine is pushed; null: out of range. */
export function fsincos(env: FloatEnv, a: Num): { sine: F80; cosine: F80 } | null {
  if (outOfRange(a)) return null;
  if (special(env, a, result)) {
    const value = pack80(result);
    return { sine: value, cosine: value };
  }
  cosNum(env, a, second);
  sinNum(env, a, result);
  return { sine: pack80(result), cosine: pack80(second) };
}

/** FPTAN: the tangent replaces ST(0), then `one` is pushed (a NaN if the tangent is one); null: out of range. */
export function fptan(env: FloatEnv, a: Num): { tangent: F80; one: F80 } | null {
  if (outOfRange(a)) return null;
  if (special(env, a, result)) {
    const value = pack80(result);
    return { tangent: value, one: value };
  }
  if (a.kind === ZERO) {
    copyNum(result, a);
  } else if (a.exp < SMALL) {
    roundNear(env, a, false, result);
  } else {
    const { rest, quadrant } = reduce(a);
    const sine = sineOf(quadrant, rest);
    const cosine = sineOf(quadrant + 1, rest);
    roundSigned(env, (sine << BigInt(BITS)) / cosine, result);
  }
  return { tangent: pack80(result), one: pack80(one) };
}

/** FPATAN: the angle of the point (x, y), y being ST(1) and x ST(0). */
export function fpatan(env: FloatEnv, y: Num, x: Num): F80 {
  if ((x.kind | y.kind) >= QNAN) {
    propagate(extended80, env, x, y, result);
    return pack80(result);
  }
  if (x.denormal || y.denormal) env.flags |= DE;
  if (!stopped(env)) atan2Num(env, y, x, result);
  return pack80(result);
}

function atan2Num(env: FloatEnv, y: Num, x: Num, out: Num): void {
  const { sign } = y;
  if (y.kind === INFINITY && x.kind === INFINITY) {
    roundFixed(env, sign, x.sign === 0 ? PI : PI * 3n, ATAN_BITS + 2, out);
  } else if (y.kind === ZERO || x.kind === INFINITY) {
    if (x.sign === 0) setZero(out, sign);
    else roundFixed(env, sign, PI, ATAN_BITS, out);
  } else if (x.kind === ZERO || y.kind === INFINITY) {
    roundFixed(env, sign, PI, ATAN_BITS + 1, out);
  } else {
    finiteAtan2(env, y, x, out);
  }
}

/** Ratios below 2^-TINY: the arctangent is the ratio, and vanishes beside pi. */
const TINY = 80;

function finiteAtan2(env: FloatEnv, y: Num, x: Num, out: Num): void {
  const { sign } = y;
  const significandY = join64(y.hi, y.lo);
  const significandX = join64(x.hi, x.lo);
  const difference = y.exp - x.exp;
  const steep = difference > 0 || (difference === 0 && significandY > significandX);
  if (difference > TINY) {
    roundFixed(env, sign, PI, ATAN_BITS + 1, out);
    return;
  }
  if (difference < -TINY) {
    if (x.sign !== 0) {
      roundFixed(env, sign, PI, ATAN_BITS, out);
      return;
    }
    const ratio = (significandY << 128n) / significandX;
    roundFixed(env, sign, ratio, 128 - difference, out);
    return;
  }
  const ratio = steep
    ? (significandX << BigInt(ATAN_BITS - difference)) / significandY
    : (significandY << BigInt(ATAN_BITS + difference)) / significandX;
  let angle = fixedAtan(ratio);
  if (steep) angle = (PI >> 1n) - angle;
  if (x.sign !== 0) angle = PI - angle;
  roundFixed(env, sign, angle, ATAN_BITS, out);
}
