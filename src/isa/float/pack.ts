/**
 * From `Num` to bit patterns. The value must already be rounded to the format (`roundNum`); NaN significands
 * are truncated. Intel SDM vol. 1, 4.2.2.
 */

import type { F80 } from "./format.js";
import { FINITE, join64, type Num, ZERO } from "./num.js";

/** Biased exponent: all ones for infinity and NaN, 0 for zero and denormals. */
function biasedExponent(value: Num, bias: number, ones: number): number {
  if (value.kind === FINITE) return value.hi < 0 ? value.exp + bias : 0;
  return value.kind === ZERO ? 0 : ones;
}

/** Returns 0 .. 0xffff. */
export function pack16(value: Num): number {
  const biased = biasedExponent(value, 15, 0x1f);
  return (value.sign << 15) | (biased << 10) | ((value.hi >>> 21) & 0x3ff);
}

/** Returns 0 .. 2^32-1. */
export function pack32(value: Num): number {
  const biased = biasedExponent(value, 127, 0xff);
  return ((value.sign << 31) | (biased << 23) | ((value.hi >>> 8) & 0x7fffff)) >>> 0;
}

/** Returns 0 .. 2^64-1. */
export function pack64(value: Num): bigint {
  const biased = biasedExponent(value, 1023, 0x7ff);
  const high = (value.sign << 31) | (biased << 20) | ((value.hi >>> 11) & 0xfffff);
  return join64(high, (value.hi << 21) | (value.lo >>> 11));
}

export function pack80(value: Num): F80 {
  const biased = biasedExponent(value, 16383, 0x7fff);
  return { se: (value.sign << 15) | biased, sig: join64(value.hi, value.lo) };
}
