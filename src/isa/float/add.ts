/**
 * Addition and subtraction. Intel SDM vol. 1, table 4-7 and vol. 2, FADD, FSUB (special operands).
 */

import { DE, DOWN, type FloatEnv, stopped } from "./env.js";
import type { Format } from "./format.js";
import { invalid, propagate } from "./nan.js";
import { INFINITY, type Num, QNAN, setInfinity, setZero, ZERO } from "./num.js";
import { arithmeticPrecision, roundNum } from "./round.js";

/** out = a + b, or a - b when `negate` is 1. `out` may be one of the operands. */
export function addNum(format: Format, env: FloatEnv, a: Num, b: Num, negate: 0 | 1, out: Num): void {
  const kinds = a.kind | b.kind;
  if (kinds >= QNAN) {
    propagate(format, env, a, b, out);
    return;
  }
  const signB = b.sign ^ negate;
  if ((kinds & INFINITY) !== 0 && a.kind === b.kind && a.sign !== signB) {
    invalid(env, out);
    return;
  }
  if (a.denormal || b.denormal) env.flags |= DE;
  if (stopped(env)) return;
  if (kinds !== 0) {
    addSpecial(format, env, a, b, signB, out);
    return;
  }
  const precision = arithmeticPrecision(format, env);
  if (a.exp >= b.exp) {
    combine(format, precision, env, a.sign, a.exp, a.hi, a.lo, signB, b.exp, b.hi, b.lo, out);
  } else {
    combine(format, precision, env, signB, b.exp, b.hi, b.lo, a.sign, a.exp, a.hi, a.lo, out);
  }
}

function addSpecial(format: Format, env: FloatEnv, a: Num, b: Num, signB: number, out: Num): void {
  if (a.kind === INFINITY) {
    setInfinity(out, a.sign);
  } else if (b.kind === INFINITY) {
    setInfinity(out, signB);
  } else if (a.kind === ZERO && b.kind === ZERO) {
    setZero(out, a.sign === signB ? signB : env.rounding === DOWN ? 1 : 0);
  } else {
    // The other operand may still need rounding: x87 precision control, denormal results.
    const precision = arithmeticPrecision(format, env);
    if (a.kind === ZERO) roundNum(format, precision, env, out, signB, b.exp, b.hi, b.lo, 0);
    else roundNum(format, precision, env, out, a.sign, a.exp, a.hi, a.lo, 0);
  }
}

/** Rounds the sum of two finite values; the exponent of the first (l) is not below that of the second (s). */
function combine(
  format: Format,
  precision: number,
  env: FloatEnv,
  signL: number,
  exp: number,
  hiL: number,
  loL: number,
  signS: number,
  expS: number,
  hiS: number,
  loS: number,
  out: Num,
): void {
  let ext = 0;
  let shift = exp - expS;
  if (shift >= 32) {
    if (shift >= 96) {
      ext = 1;
      hiS = 0;
      loS = 0;
    } else if (shift >= 64) {
      shift -= 64;
      ext = (hiS >>> shift) | (loS !== 0 || (shift !== 0 && hiS << (32 - shift) !== 0) ? 1 : 0);
      hiS = 0;
      loS = 0;
    } else {
      shift -= 32;
      ext = loS;
      loS = hiS;
      hiS = 0;
      if (shift !== 0) {
        ext = (ext >>> shift) | (loS << (32 - shift)) | (ext << (32 - shift) !== 0 ? 1 : 0);
        loS >>>= shift;
      }
    }
  } else if (shift !== 0) {
    ext = loS << (32 - shift);
    loS = (loS >>> shift) | (hiS << (32 - shift));
    hiS >>>= shift;
  }

  if (signL === signS) {
    const low = (loL >>> 0) + (loS >>> 0);
    const high = (hiL >>> 0) + (hiS >>> 0) + (low > 0xffffffff ? 1 : 0);
    let hi = high | 0;
    let lo = low | 0;
    if (high > 0xffffffff) {
      ext = (ext >>> 1) | (lo << 31) | (ext & 1);
      lo = (lo >>> 1) | (hi << 31);
      hi = (hi >>> 1) | 0x80000000;
      exp++;
    }
    roundNum(format, precision, env, out, signL, exp, hi, lo, ext);
    return;
  }

  let sign = signL;
  let low = (loL >>> 0) - (loS >>> 0) - (ext !== 0 ? 1 : 0);
  let high = (hiL >>> 0) - (hiS >>> 0) - (low < 0 ? 1 : 0);
  ext = -ext | 0;
  if (high < 0) {
    // Equal exponents, nothing was shifted out: negate the difference.
    sign = signS;
    low = (loS >>> 0) - (loL >>> 0);
    high = (hiS >>> 0) - (hiL >>> 0) - (low < 0 ? 1 : 0);
  }
  let hi = high | 0;
  let lo = low | 0;
  while (hi === 0) {
    if ((lo | ext) === 0) {
      setZero(out, env.rounding === DOWN ? 1 : 0);
      return;
    }
    hi = lo;
    lo = ext;
    ext = 0;
    exp -= 32;
  }
  const up = Math.clz32(hi);
  if (up !== 0) {
    hi = (hi << up) | (lo >>> (32 - up));
    lo = (lo << up) | (ext >>> (32 - up));
    ext <<= up;
    exp -= up;
  }
  roundNum(format, precision, env, out, sign, exp, hi, lo, ext);
}
