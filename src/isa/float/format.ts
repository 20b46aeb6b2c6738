/**
 * The binary floating-point formats as data. Intel SDM vol. 1, 4.2.2 and 8.2.
 *
 * A finite value is (-1)^sign * 1.fraction * 2^exponent with emin <= exponent <= emax, or denormal at emin.
 */

export interface Format {
  readonly name: string;
  /** Bits of the significand, including the integer bit. */
  readonly precision: number;
  readonly bias: number;
  /** Exponent of the smallest normal value. */
  readonly emin: number;
  /** Exponent of the largest finite value. */
  readonly emax: number;
  /** Double extended: explicit integer bit, x87 rules for NaNs and for unmasked overflow and underflow. */
  readonly extended: boolean;
}

function define(name: string, precision: number, bias: number, extended: boolean): Format {
  return { name, precision, bias, emin: 1 - bias, emax: bias, extended };
}

export const binary16 = define("half", 11, 15, false);
export const binary32 = define("single", 24, 127, false);
export const binary64 = define("double", 53, 1023, false);
export const extended80 = define("double extended", 64, 16383, true);

/** An 80-bit value: sign and biased exponent (16 bits), and the significand with its explicit integer bit. */
export interface F80 {
  readonly se: number;
  /** 0 .. 2^64-1. */
  readonly sig: bigint;
}
