/**
 * Scalar operations on bit patterns with SSE semantics: one element of an SSE, AVX, FMA or F16C instruction.
 *
 * Intel SDM vol. 1, chapters 10, 11 and 14. Doubles are bigint patterns, singles and halves number patterns, as
 * they cross the WebAssembly boundary (i64, i32): operands may be signed or unsigned, results are unsigned.
 * Every function adds to `env.flags`; the caller clears it before each element (`beginOperation`), and takes no
 * result when `faults(env)`.
 */

import { addNum } from "./add.js";
import { compareNum, predicateHolds, predicateSignals, type Relation, selectNum } from "./compare.js";
import { convertNum } from "./convert.js";
import { divNum } from "./div.js";
import { type FloatEnv, type Rounding, TRUNCATE } from "./env.js";
import { fmaNum } from "./fma.js";
import { binary16, binary32, binary64, type Format } from "./format.js";
import { fromIntegerNum, roundIntegralNum, toIntegerNum } from "./integral.js";
import { mulNum } from "./mul.js";
import { highHalf, join64, lowHalf, Num } from "./num.js";
import { pack16, pack32, pack64 } from "./pack.js";
import { sqrtNum } from "./sqrt.js";
import { unpack16, unpack32, unpack64 } from "./unpack.js";

const a = new Num();
const b = new Num();
const c = new Num();
const result = new Num();

/** The operations of one format; `P` is the type of its bit patterns. */
export interface ScalarOps<P> {
  add(x: P, y: P, env: FloatEnv): P;
  sub(x: P, y: P, env: FloatEnv): P;
  mul(x: P, y: P, env: FloatEnv): P;
  div(x: P, y: P, env: FloatEnv): P;
  sqrt(x: P, env: FloatEnv): P;
  /**
   * (-1)^negateProduct * (x * y) + (-1)^negateAddend * z, rounded once: FMADD 0,0; FMSUB 0,1; FNMADD 1,0;
   * FNMSUB 1,1. NaN priority is x, y, z.
   */
  fma(x: P, y: P, z: P, negateProduct: 0 | 1, negateAddend: 0 | 1, env: FloatEnv): P;
  /** MINSD: y if either is a NaN or both are zero. */
  min(x: P, y: P, env: FloatEnv): P;
  /** MAXSD: y if either is a NaN or both are zero. */
  max(x: P, y: P, env: FloatEnv): P;
  /** COMISD with `signal`, else UCOMISD. */
  compare(x: P, y: P, signal: boolean, env: FloatEnv): Relation;
  /** CMPSD: whether the predicate (imm8 & 31; & 7 for legacy SSE) holds. */
  test(x: P, y: P, predicate: number, env: FloatEnv): boolean;
  /** ROUNDSD: bits 1:0 of `imm` are the rounding unless bit 2 selects MXCSR.RC; bit 3 suppresses PE. */
  round(x: P, imm: number, env: FloatEnv): P;
  /** Returns int32; invalid gives 0x80000000 (as int32). */
  toInt32(x: P, truncate: boolean, env: FloatEnv): number;
  /** Returns 0 .. 2^64-1, two's complement; invalid gives 2^63. */
  toInt64(x: P, truncate: boolean, env: FloatEnv): bigint;
  fromInt32(x: number, env: FloatEnv): P;
  fromInt64(x: bigint, env: FloatEnv): P;
}

function scalarOps<P>(
  format: Format,
  unpack: (bits: P, daz: boolean, out: Num) => void,
  pack: (value: Num) => P,
): ScalarOps<P> {
  function load(x: P, y: P, env: FloatEnv): void {
    unpack(x, env.daz, a);
    unpack(y, env.daz, b);
  }

  function fromInteger(hi: number, lo: number, env: FloatEnv): P {
    fromIntegerNum(hi, lo, a);
    convertNum(format, env, a, false, result);
    return pack(result);
  }

  return {
    add(x, y, env) {
      load(x, y, env);
      addNum(format, env, a, b, 0, result);
      return pack(result);
    },
    sub(x, y, env) {
      load(x, y, env);
      addNum(format, env, a, b, 1, result);
      return pack(result);
    },
    mul(x, y, env) {
      load(x, y, env);
      mulNum(format, env, a, b, result);
      return pack(result);
    },
    div(x, y, env) {
      load(x, y, env);
      divNum(format, env, a, b, result);
      return pack(result);
    },
    sqrt(x, env) {
      unpack(x, env.daz, a);
      sqrtNum(format, env, a, result);
      return pack(result);
    },
    fma(x, y, z, negateProduct, negateAddend, env) {
      load(x, y, env);
      unpack(z, env.daz, c);
      fmaNum(format, env, a, b, c, negateProduct, negateAddend, result);
      return pack(result);
    },
    min(x, y, env) {
      load(x, y, env);
      selectNum(format, env, a, b, -1, result);
      return pack(result);
    },
    max(x, y, env) {
      load(x, y, env);
      selectNum(format, env, a, b, 1, result);
      return pack(result);
    },
    compare(x, y, signal, env) {
      load(x, y, env);
      return compareNum(env, a, b, signal);
    },
    test(x, y, predicate, env) {
      load(x, y, env);
      return predicateHolds(predicate, compareNum(env, a, b, predicateSignals(predicate)));
    },
    round(x, imm, env) {
      unpack(x, env.daz, a);
      const rounding = (imm & 4) !== 0 ? env.rounding : ((imm & 3) as Rounding);
      roundIntegralNum(env, a, rounding, (imm & 8) === 0, result);
      return pack(result);
    },
    toInt32(x, truncate, env) {
      unpack(x, env.daz, a);
      toIntegerNum(env, a, 32, truncate ? TRUNCATE : env.rounding, result);
      return result.lo;
    },
    toInt64(x, truncate, env) {
      unpack(x, env.daz, a);
      toIntegerNum(env, a, 64, truncate ? TRUNCATE : env.rounding, result);
      return join64(result.hi, result.lo);
    },
    fromInt32(x, env) {
      return fromInteger(x >> 31, x | 0, env);
    },
    fromInt64(x, env) {
      const hi = highHalf(x);
      return fromInteger(hi, lowHalf(), env);
    },
  };
}

/** Double precision on bigint patterns. */
export const f64: ScalarOps<bigint> = scalarOps(binary64, unpack64, pack64);
/** Single precision on number patterns. */
export const f32: ScalarOps<number> = scalarOps(binary32, unpack32, pack32);

/** CVTSS2SD. */
export function f32ToF64(x: number, env: FloatEnv): bigint {
  unpack32(x, env.daz, a);
  convertNum(binary64, env, a, true, result);
  return pack64(result);
}

/** CVTSD2SS. */
export function f64ToF32(x: bigint, env: FloatEnv): number {
  unpack64(x, env.daz, a);
  convertNum(binary32, env, a, true, result);
  return pack32(result);
}

/** VCVTPH2PS: exact; neither DAZ nor DE concerns half precision. */
export function f16ToF32(x: number, env: FloatEnv): number {
  unpack16(x, a);
  convertNum(binary32, env, a, false, result);
  return pack32(result);
}

/** VCVTPS2PH: the rounding comes from `imm` as in ROUNDSD; MXCSR.FZ does not apply to the half result. */
export function f32ToF16(x: number, imm: number, env: FloatEnv): number {
  const { ftz, rounding } = env;
  env.ftz = false;
  if ((imm & 4) === 0) env.rounding = (imm & 3) as Rounding;
  unpack32(x, env.daz, a);
  convertNum(binary16, env, a, true, result);
  env.ftz = ftz;
  env.rounding = rounding;
  return pack16(result);
}
