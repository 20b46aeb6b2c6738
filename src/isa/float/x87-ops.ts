/**
 * x87 instructions as functions of operand values: arithmetic, comparison, conversion, classification.
 *
 * Intel SDM vol. 1, chapter 8, and vol. 2, F*. The register stack, tags, stack faults and pops are the caller's.
 *
 * Protocol: set `env` from the control word (`loadFcw`, which clears the outputs; or `beginOperation`), unpack the
 * operands with `from*`, call, then OR `env.flags` into FSW. C1 is `env.roundedUp` unless the function returns
 * condition bits. When `stopped(env)` an unmasked exception prevented the operation: the result is to be dropped
 * and nothing pushed or popped. Stores to memory are also dropped by unmasked overflow and underflow: they return
 * null in both cases.
 */

import { addNum } from "./add.js";
import { fromBcdNum, toBcdNum } from "./bcd.js";
import { compareNum, EQUAL, LESS, UNORDERED } from "./compare.js";
import { convertNum } from "./convert.js";
import { divNum } from "./div.js";
import { DE, type FloatEnv, IE, OE, PE, type Rounding, stopped, TRUNCATE, UE } from "./env.js";
import { binary32, binary64, extended80, type F80, type Format } from "./format.js";
import { fromIntegerNum, roundIntegralNum, toIntegerNum } from "./integral.js";
import { mulNum } from "./mul.js";
import { quiet } from "./nan.js";
import { highHalf, INFINITY, join64, lowHalf, Num, QNAN, UNSUPPORTED, ZERO } from "./num.js";
import { pack32, pack64, pack80 } from "./pack.js";
import { INCOMPLETE, NO_QUOTIENT, remainderNum } from "./remainder.js";
import { extractNum, scaleNum } from "./scale.js";
import { sqrtNum } from "./sqrt.js";
import { unpack32, unpack64, unpack80 } from "./unpack.js";

/** Condition bits at their places in FSW. */
export const C0 = 0x0100;
export const C1 = 0x0200;
export const C2 = 0x0400;
export const C3 = 0x4000;

const result = new Num();
const second = new Num();

/** The real indefinite: also the result of a masked stack fault. */
export const INDEFINITE: F80 = { se: 0xffff, sig: 0xc000000000000000n };

// Operands. The memory formats keep what they were: a denormal double still raises DE.

export function from80(value: F80): Num {
  const out = new Num();
  unpack80(value, out);
  return out;
}

/** `bits`: the 32 bits of a single, signed or unsigned. */
export function from32(bits: number): Num {
  const out = new Num();
  unpack32(bits, false, out);
  return out;
}

/** `bits`: the 64 bits of a double, signed or unsigned. */
export function from64(bits: bigint): Num {
  const out = new Num();
  unpack64(bits, false, out);
  return out;
}

/** From a signed integer of 16 or 32 bits. */
export function fromInt(value: number): Num {
  const out = new Num();
  fromIntegerNum(value >> 31, value | 0, out);
  return out;
}

/** From an integer of 64 bits; an unsigned pattern is taken as two's complement. */
export function fromInt64(value: bigint): Num {
  const out = new Num();
  const hi = highHalf(value);
  fromIntegerNum(hi, lowHalf(), out);
  return out;
}

// Arithmetic, rounded to the precision and rounding of the control word.

/** FADD, FIADD. */
export function fadd(env: FloatEnv, a: Num, b: Num): F80 {
  addNum(extended80, env, a, b, 0, result);
  return pack80(result);
}

/** a - b: FSUB; FSUBR with the operands exchanged. */
export function fsub(env: FloatEnv, a: Num, b: Num): F80 {
  addNum(extended80, env, a, b, 1, result);
  return pack80(result);
}

export function fmul(env: FloatEnv, a: Num, b: Num): F80 {
  mulNum(extended80, env, a, b, result);
  return pack80(result);
}

/** a / b: FDIV; FDIVR with the operands exchanged. */
export function fdiv(env: FloatEnv, a: Num, b: Num): F80 {
  divNum(extended80, env, a, b, result);
  return pack80(result);
}

export function fsqrt(env: FloatEnv, a: Num): F80 {
  sqrtNum(extended80, env, a, result);
  return pack80(result);
}

export function fchs(a: F80): F80 {
  return { se: a.se ^ 0x8000, sig: a.sig };
}

export function fabs(a: F80): F80 {
  return { se: a.se & 0x7fff, sig: a.sig };
}

/** FRNDINT: raises DE for denormals, PE when the value changed. */
export function frndint(env: FloatEnv, a: Num): F80 {
  if (a.denormal) env.flags |= DE;
  if (!stopped(env)) roundIntegralNum(env, a, env.rounding, true, result);
  return pack80(result);
}

/** FSCALE: a * 2^trunc(b). */
export function fscale(env: FloatEnv, a: Num, b: Num): F80 {
  scaleNum(env, a, b, result);
  return pack80(result);
}

/** FXTRACT: `exponent` replaces ST(0), then `significand` is pushed. */
export function fxtract(env: FloatEnv, a: Num): { exponent: F80; significand: F80 } {
  extractNum(env, a, result, second);
  return { exponent: pack80(result), significand: pack80(second) };
}

/** FPREM and FPREM1: `conditions` replaces the FSW bits that are set in `written`. */
export interface Remainder {
  readonly value: F80;
  /** C2 when the reduction is not complete, else the quotient's Q2, Q1, Q0 in C0, C3, C1. */
  readonly conditions: number;
  readonly written: number;
}

/** FPREM, or FPREM1 with `nearest`. Without a quotient (NaN, invalid) C0 and C3 stay as they were. */
export function fprem(env: FloatEnv, a: Num, b: Num, nearest: boolean): Remainder {
  const quotient = remainderNum(env, a, b, nearest, result);
  const value = pack80(result);
  if (quotient === NO_QUOTIENT) return { value, conditions: 0, written: C2 | C1 };
  let conditions = C2;
  if (quotient !== INCOMPLETE) {
    conditions =
      ((quotient & 4) !== 0 ? C0 : 0) | ((quotient & 2) !== 0 ? C3 : 0) | ((quotient & 1) !== 0 ? C1 : 0);
  }
  return { value, conditions, written: C3 | C2 | C1 | C0 };
}

// Comparison and classification.

/** FCOM, FTST, FICOM with `signal`; FUCOM without. Returns C3, C2, C0. */
export function fcom(env: FloatEnv, a: Num, b: Num, signal: boolean): number {
  const relation = compareNum(env, a, b, signal);
  if (relation === UNORDERED) return C3 | C2 | C0;
  return relation === EQUAL ? C3 : relation === LESS ? C0 : 0;
}

/** FCOMI with `signal`, FUCOMI without. Returns ZF, PF, CF at their places in RFLAGS. */
export function fcomi(env: FloatEnv, a: Num, b: Num, signal: boolean): number {
  const relation = compareNum(env, a, b, signal);
  if (relation === UNORDERED) return 0x45;
  return relation === EQUAL ? 0x40 : relation === LESS ? 0x01 : 0;
}

/** FXAM: returns C3, C2, C0 for the class and C1 for the sign; `empty` is the register's tag. */
export function fxam(value: F80, empty: boolean): number {
  const sign = (value.se & 0x8000) !== 0 ? C1 : 0;
  if (empty) return sign | C3 | C0;
  unpack80(value, result);
  if (result.kind === UNSUPPORTED) return sign;
  if (result.kind >= QNAN) return sign | C0;
  if (result.kind === INFINITY) return sign | C2 | C0;
  if (result.kind === ZERO) return sign | C3;
  return result.denormal ? sign | C3 | C2 : sign | C2;
}

// Loads. FLD m80 and FLD ST(i) copy without looking.

/**
 * FLD m32, FLD m64: raises DE for a denormal and IE for a signalling NaN. Null when IE is unmasked: nothing is
 * pushed. An unmasked DE does not prevent the load.
 */
export function fld(env: FloatEnv, a: Num): F80 | null {
  if (a.denormal) env.flags |= DE;
  if (a.kind < QNAN) return pack80(a);
  quiet(env, a, result);
  return stopped(env) ? null : pack80(result);
}

/** FILD: exact. */
export function fild(a: Num): F80 {
  return pack80(a);
}

/** FBLD of an 80-bit pattern: exact. */
export function fbld(bits: bigint): F80 {
  fromBcdNum(bits, result);
  return pack80(result);
}

// Stores.

/** Converts for FST m32 or m64; false when an unmasked exception prevents the store. */
function store(format: Format, env: FloatEnv, a: Num): boolean {
  convertNum(format, env, a, false, result);
  const prevented = env.flags & ~env.masks & (IE | OE | UE);
  if (prevented === 0) return true;
  // The value to be delivered to the handler is the unrounded operand.
  env.flags &= ~PE;
  env.roundedUp = false;
  return false;
}

/** FST m32: returns 0 .. 2^32-1. */
export function fst32(env: FloatEnv, a: Num): number | null {
  return store(binary32, env, a) ? pack32(result) : null;
}

/** FST m64: returns 0 .. 2^64-1. */
export function fst64(env: FloatEnv, a: Num): bigint | null {
  return store(binary64, env, a) ? pack64(result) : null;
}

function storeInteger(env: FloatEnv, a: Num, width: 16 | 32 | 64, truncate: boolean): boolean {
  const rounding: Rounding = truncate ? TRUNCATE : env.rounding;
  toIntegerNum(env, a, width, rounding, result);
  return !stopped(env);
}

/** FIST m16 or m32; FISTTP with `truncate`. Returns the signed integer. */
export function fist(env: FloatEnv, a: Num, width: 16 | 32, truncate: boolean): number | null {
  return storeInteger(env, a, width, truncate) ? result.lo : null;
}

/** FISTP m64; FISTTP with `truncate`. Returns 0 .. 2^64-1, two's complement. */
export function fist64(env: FloatEnv, a: Num, truncate: boolean): bigint | null {
  return storeInteger(env, a, 64, truncate) ? join64(result.hi, result.lo) : null;
}

/** FBSTP: returns an 80-bit pattern. */
export function fbstp(env: FloatEnv, a: Num): bigint | null {
  const bits = toBcdNum(env, a);
  return stopped(env) ? null : bits;
}
