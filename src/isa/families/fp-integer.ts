/**
 * Conversions to and from integers: CVTSI2SS … CVTTPD2DQ, and those with MMX registers (SDM vol. 2).
 *
 * Where the conversion is exact nothing in MXCSR matters. Otherwise only the precision exception can occur: if it
 * is masked and its flag set, and rounding is as wanted, WebAssembly's conversion serves too.
 */
import type { Label } from "../../wasm/function.js";
import { f32x4, f64x2, i32x4, i64x2, v128 } from "../../wasm/simd.js";
import { type F32, type F64, type I32, type I64, V128, type Value } from "../../wasm/value.js";
import { define, type Emit } from "../emit.js";
import {
  callSlow,
  fastOrSlow,
  floatHelper,
  highHalf,
  joinHalves,
  Mxcsr,
  slowFloat,
  slowLanes,
  slowScalar,
  writeFloat,
} from "./fp-emit.js";
import { double, doubles, type Lanes, single, singles } from "./fp-lanes.js";
import { faultIfX87Pending, resetX87Stack } from "./mmx-state.js";

/** Goes to `slow` unless `exact`, or inexactness needs no attention; `nearest`: and MXCSR rounds to nearest. */
function requireExactOrSticky(x: Emit, slow: Label, exact: I32, nearest: boolean): void {
  const sticky = Mxcsr.PM | Mxcsr.PE;
  x.f.if(exact.eqz(), () => {
    const relevant = x.floatControl().and(sticky | (nearest ? Mxcsr.RC : 0));
    x.f.brIf(slow, relevant.ne(sticky));
  });
}

// --- from integers ---

/** Whether a signed integer has at most `bits` bits besides its sign: it fits a significand. */
const fits = (a: I64, bits: number): I32 =>
  a
    .shl(63 - bits)
    .shrS(63 - bits)
    .eq(a);

function fromScalar(x: Emit, width: 32 | 64): void {
  const source = x.operands.length - 1;
  const a = x.readSigned(source);
  // A doubleword fits a double.
  if (width === 64 && x.width(source) === 32) {
    writeFloat(x, a.toI32().toF64S());
    return;
  }
  const exact = () => callSlow(x, width === 64 ? fromI64.f64 : fromI64.f32, [a], 1);
  const require = (slow: Label) => requireExactOrSticky(x, slow, fits(a, width === 64 ? 53 : 24), true);
  if (width === 64) {
    const [result] = fastOrSlow(
      x,
      "f64",
      1,
      (slow) => {
        require(slow);
        return [a.toF64S()];
      },
      () => {
        exact();
        return [slowFloat.f64(x)];
      },
    );
    writeFloat(x, result!);
  } else {
    const [result] = fastOrSlow(
      x,
      "f32",
      1,
      (slow) => {
        require(slow);
        return [a.toF32S()];
      },
      () => {
        exact();
        return [slowFloat.f32(x)];
      },
    );
    writeFloat(x, result!);
  }
}
const fromI64 = { f32: floatHelper("i64_to_f32"), f64: floatHelper("i64_to_f64") };
const fromI32 = floatHelper("i32_to_f32");

define(["cvtsi2ss", "vcvtsi2ss"], (x) => fromScalar(x, 32));
define(["cvtsi2sd", "vcvtsi2sd"], (x) => fromScalar(x, 64));

/** Doublewords to singles; `lanes` may have unused zeros. */
function toSingles(x: Emit, lanes: readonly V128[], count: number): V128[] {
  return fastOrSlow(
    x,
    "v128",
    lanes.length,
    (slow) => {
      const exact = lanes.map((a) => i32x4.eq(i32x4.shrS(i32x4.shl(a, 7), 7), a));
      const all = i32x4.allTrue(exact.reduce((every, mask) => v128.and(every, mask)));
      requireExactOrSticky(x, slow, all, true);
      return lanes.map((a) => f32x4.convertI32S(a));
    },
    () => {
      callSlow(x, fromI32, [lanes], count);
      return slowLanes(x, lanes.length);
    },
  );
}

define(["cvtdq2ps", "vcvtdq2ps"], (x) => {
  const lanes = x.readLanes(1);
  x.writeLanes(0, toSingles(x, lanes, lanes.length * 4));
});

define(["cvtdq2pd", "vcvtdq2pd"], (x) => {
  const source = x.readVector(1);
  const halves = x.width(0) === 256 ? [source, highHalf(source)] : [source];
  x.writeLanes(
    0,
    halves.map((half) => f64x2.convertLowI32S(half)),
  );
});

/**
 * Operand 1 of an instruction with MMX registers. The x87 state changes when the operands are there, also if
 * the conversion then raises #XM. Where no operand is an MMX register, as in CVTPI2PS from memory, it does not
 * change: the SDM says so for CVTPI2PD only, silicon does it for both.
 */
function readForMmx(x: Emit): V128[] {
  if (!x.operands.some((operand) => operand.kind === "mm")) return x.readLanes(1);
  faultIfX87Pending(x);
  const lanes = x.readLanes(1);
  resetX87Stack(x, 0xff);
  return lanes;
}

define("cvtpi2ps", (x) => {
  const [result] = toSingles(x, readForMmx(x), 2);
  x.write(0, i64x2.extract(result!, 0));
});

define("cvtpi2pd", (x) => x.writeLanes(0, [f64x2.convertLowI32S(readForMmx(x)[0]!)]));

// --- to integers ---

/** The operands rounded to integral values that fit a signed integer of `bits` bits. */
function integral<V extends Value, M extends Value>(
  x: Emit,
  l: Lanes<V, M>,
  values: readonly V[],
  truncate: boolean,
  bits: number,
  slow: Label,
): V[] {
  const operands = values.map((value) => x.let(value));
  const results = operands.map((a) => x.let(l.integral[truncate ? 3 : 0]!(a)));
  const limit = 2 ** (bits - 1);
  l.unless(
    results.flatMap((r) => l.between(r, -limit, limit)),
    (condition) => x.f.brIf(slow, condition),
  );
  const exact = l.all(results.map((r, i) => l.eq(r, operands[i]!)).reduce((all, mask) => l.and(all, mask)));
  requireExactOrSticky(x, slow, exact, !truncate);
  return results;
}

function toScalar(x: Emit, width: 32 | 64, truncate: boolean): void {
  const bits = x.read(1);
  const size = x.width(0);
  const convert = (value: F32 | F64): I64 =>
    size === 64 ? value.truncSatI64S() : value.truncSatI32S().toI64U();
  const [result] = fastOrSlow(
    x,
    "i64",
    1,
    (slow) =>
      width === 64
        ? integral(x, double, [bits.asF64() as F64], truncate, size, slow).map(convert)
        : integral(x, single, [bits.toI32().asF32() as F32], truncate, size, slow).map(convert),
    () => {
      callSlow(x, toHelper(width, size === 64 ? 64 : 32), [bits], 1, truncate ? 1 : 0);
      return [slowScalar(x, size === 64 ? 64 : 32)];
    },
  );
  x.write(0, result!);
}

const toHelper = (width: 32 | 64, size: 32 | 64) => floatHelper(`f${width}_to_i${size}`, 2);
for (const width of [32, 64] as const) for (const size of [32, 64] as const) toHelper(width, size);

/** Singles to doublewords. */
function singlesToIntegers(x: Emit, lanes: readonly V128[], count: number, truncate: boolean): V128[] {
  return fastOrSlow(
    x,
    "v128",
    lanes.length,
    (slow) => integral(x, singles, lanes, truncate, 32, slow).map((r) => truncSatF32(r)),
    () => {
      callSlow(x, toHelper(32, 32), [lanes], count, truncate ? 1 : 0);
      return slowLanes(x, lanes.length);
    },
  );
}

/** Doubles to doublewords, side by side in one vector. */
function doublesToIntegers(x: Emit, lanes: readonly V128[], truncate: boolean): V128 {
  const [result] = fastOrSlow(
    x,
    "v128",
    1,
    (slow) => [joinHalves(integral(x, doubles, lanes, truncate, 32, slow).map((r) => truncSatF64(r)))],
    () => {
      callSlow(x, toHelper(64, 32), [lanes], lanes.length * 2, truncate ? 1 : 0);
      const [whole] = slowLanes(x, 1);
      return [lanes.length === 1 ? joinHalves([whole!]) : whole!];
    },
  );
  return result!;
}

/** i32x4.trunc_sat_f32x4_s and i32x4.trunc_sat_f64x2_s_zero. */
const truncSatF32 = (a: V128) => new V128(0xfd000 + 248, [a]);
const truncSatF64 = (a: V128) => new V128(0xfd000 + 252, [a]);

for (const truncate of [false, true]) {
  const cvt = truncate ? "cvtt" : "cvt";
  for (const [suffix, width] of [
    ["ss", 32],
    ["sd", 64],
  ] as const) {
    define([`${cvt}${suffix}2si`, `v${cvt}${suffix}2si`], (x) => toScalar(x, width, truncate));
  }
  define([`${cvt}ps2dq`, `v${cvt}ps2dq`], (x) => {
    const lanes = x.readLanes(1);
    x.writeLanes(0, singlesToIntegers(x, lanes, lanes.length * 4, truncate));
  });
  define([`${cvt}pd2dq`, `v${cvt}pd2dq`], (x) =>
    x.writeLanes(0, [doublesToIntegers(x, x.readLanes(1), truncate)]));
  define(`${cvt}ps2pi`, (x) => {
    const [result] = singlesToIntegers(x, readForMmx(x), 2, truncate);
    x.write(0, i64x2.extract(result!, 0));
  });
  define(`${cvt}pd2pi`, (x) => {
    x.write(0, i64x2.extract(doublesToIntegers(x, readForMmx(x), truncate), 0));
  });
}
