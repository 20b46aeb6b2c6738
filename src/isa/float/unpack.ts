/**
 * From bit patterns to `Num`. Intel SDM vol. 1, 4.8.3 and tables 4-3, 8-3 (unsupported encodings).
 *
 * `daz` (MXCSR.DAZ) turns a denormal operand into a zero of the same sign, without a denormal exception.
 */

import type { F80 } from "./format.js";
import {
  highHalf,
  lowHalf,
  type Num,
  setFinite,
  setInfinity,
  setNaN,
  setUnsupported,
  setZero,
} from "./num.js";

/** `bits`: the low 16 bits. Half precision takes part in conversions only; DAZ does not apply to it. */
export function unpack16(bits: number, out: Num): void {
  const sign = (bits >>> 15) & 1;
  const biased = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (biased === 0x1f) {
    if (fraction === 0) setInfinity(out, sign);
    else setNaN(out, sign, 0x80000000 | (fraction << 21), 0);
  } else if (biased !== 0) {
    setFinite(out, sign, biased - 15, 0x80000000 | (fraction << 21), 0);
  } else if (fraction === 0) {
    setZero(out, sign);
  } else {
    setFinite(out, sign, -14, fraction << 21, 0);
    out.denormal = true;
  }
}

/** `bits`: 32 bits, signed or unsigned. */
export function unpack32(bits: number, daz: boolean, out: Num): void {
  const sign = bits >>> 31;
  const biased = (bits >>> 23) & 0xff;
  const fraction = bits & 0x7fffff;
  if (biased === 0xff) {
    if (fraction === 0) setInfinity(out, sign);
    else setNaN(out, sign, 0x80000000 | (fraction << 8), 0);
  } else if (biased !== 0) {
    setFinite(out, sign, biased - 127, 0x80000000 | (fraction << 8), 0);
  } else if (fraction === 0 || daz) {
    setZero(out, sign);
  } else {
    setFinite(out, sign, -126, fraction << 8, 0);
    out.denormal = true;
  }
}

/** `bits`: 64 bits, signed or unsigned. */
export function unpack64(bits: bigint, daz: boolean, out: Num): void {
  const high = highHalf(bits);
  const low = lowHalf();
  const sign = high >>> 31;
  const biased = (high >>> 20) & 0x7ff;
  const hi = ((high & 0xfffff) << 11) | (low >>> 21);
  const lo = low << 11;
  if (biased === 0x7ff) {
    if ((hi | lo) === 0) setInfinity(out, sign);
    else setNaN(out, sign, 0x80000000 | hi, lo);
  } else if (biased !== 0) {
    setFinite(out, sign, biased - 1023, 0x80000000 | hi, lo);
  } else if ((hi | lo) === 0 || daz) {
    setZero(out, sign);
  } else {
    setFinite(out, sign, -1022, hi, lo);
    out.denormal = true;
  }
}

export function unpack80(value: F80, out: Num): void {
  const sign = (value.se >>> 15) & 1;
  const biased = value.se & 0x7fff;
  const hi = highHalf(value.sig);
  const lo = lowHalf();
  if (biased === 0) {
    if ((hi | lo) === 0) {
      setZero(out, sign);
    } else {
      // A pseudo-denormal (integer bit set) has the value of exponent 1, but counts as a denormal operand.
      setFinite(out, sign, -16382, hi, lo);
      out.denormal = true;
    }
  } else if (hi >= 0) {
    setUnsupported(out, sign, hi, lo);
  } else if (biased !== 0x7fff) {
    setFinite(out, sign, biased - 16383, hi, lo);
  } else if (hi << 1 === 0 && lo === 0) {
    setInfinity(out, sign);
  } else {
    setNaN(out, sign, hi, lo);
  }
}
