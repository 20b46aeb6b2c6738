/**
 * Packed decimal integers: 18 digits, least significant first, and a sign bit. Intel SDM vol. 1, 4.7 and 8.1.2.
 *
 * As a value of 80 bits: bits 71:0 are the digits, bit 79 is the sign.
 */

import { type FloatEnv, IE } from "./env.js";
import { fromIntegerNum, toIntegerNum } from "./integral.js";
import { copyNum, highHalf, join64, lowHalf, Num, setZero } from "./num.js";

/** The packed BCD indefinite. */
export const BCD_INDEFINITE = 0xffffc000000000000000n;

const DIGITS = 18;
const LIMIT = 10n ** 18n;

const integer = new Num();

/** FBLD: out = the exact value; invalid digits count as 10..15 (undefined in the manual). */
export function fromBcdNum(bits: bigint, out: Num): void {
  let magnitude = 0n;
  for (let digit = DIGITS - 1; digit >= 0; digit--) {
    magnitude = magnitude * 10n + ((bits >> BigInt(digit * 4)) & 15n);
  }
  const sign = Number((bits >> 79n) & 1n);
  if (magnitude === 0n) {
    setZero(out, sign);
    return;
  }
  const hi = highHalf(magnitude);
  fromIntegerNum(hi, lowHalf(), integer);
  copyNum(out, integer);
  out.sign = sign;
}

/** FBSTP: the 80-bit pattern of a rounded to an integer; what does not fit is invalid. */
export function toBcdNum(env: FloatEnv, a: Num): bigint {
  toIntegerNum(env, a, 64, env.rounding, integer);
  if ((env.flags & IE) === 0) {
    const value = BigInt.asIntN(64, join64(integer.hi, integer.lo));
    const magnitude = value < 0n ? -value : value;
    if (magnitude < LIMIT) {
      // The decimal digits read as hexadecimal are the packed form.
      return BigInt(`0x${magnitude}`) | (BigInt(a.sign) << 79n);
    }
  }
  env.flags = IE;
  env.roundedUp = false;
  return BCD_INDEFINITE;
}
