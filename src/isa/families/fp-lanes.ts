/**
 * Floating-point values in four shapes - one single, one double, four singles, two doubles - behind one
 * interface, so that what makes WebAssembly's arithmetic safe to use is written once for all of them.
 *
 * A mask is what a comparison yields: an i32 of 0 or 1 for one value, a lane mask for a vector.
 */
import { f32x4, f64x2, i32x4, i64x2, v128 } from "../../wasm/simd.js";
import { F32, F64, type I32, type I64, select, V128, type Value, type ValueType } from "../../wasm/value.js";

export interface Lanes<V extends Value, M extends Value> {
  /** Width of an element in bits. */
  readonly width: 32 | 64;
  readonly type: ValueType;
  /** A NaN in every element: what a library function answers when it cannot do it. */
  readonly nan: V;
  add(a: V, b: V): V;
  sub(a: V, b: V): V;
  mul(a: V, b: V): V;
  div(a: V, b: V): V;
  sqrt(a: V): V;
  lt(a: V, b: V): M;
  eq(a: V, b: V): M;
  /** Between `low` (included) and `high` (excluded); false for a NaN. */
  within(a: V, low: number, high: number): M;
  /** The same as conditions that together say so. */
  between(a: V, low: number, high: number): M[];
  zero(a: V): M;
  denormal(a: V): M;
  abs(a: V): V;
  /** It is known that no element is a NaN, infinite or denormal. */
  isPlain(a: V): boolean;
  /** Conditions that together say that all these magnitudes are larger than the smallest normal value. */
  above(magnitudes: readonly V[]): M[];
  belowInfinity(magnitude: V): M;
  /** `a < b ? a : b` and `b < a ? a : b`, whatever else they are. */
  smaller(a: V, b: V): V;
  larger(a: V, b: V): V;
  /** Branches away by way of `leave` unless all conditions hold in every element. */
  unless(conditions: readonly M[], leave: (condition: I32) => void): void;
  /** Finite and larger in magnitude than the smallest normal value: neither overflowed nor (even nearly) tiny. */
  ordinary(a: V): M;
  or(a: M, b: M): M;
  and(a: M, b: M): M;
  /** `a` and not `b`. */
  andNot(a: M, b: M): M;
  /** Whether the mask holds for every element. */
  all(mask: M): I32;
  /** Element by element, `mask ? a : b`. */
  choose(mask: M, a: V, b: V): V;
  /** Rounding to integral values in the order of MXCSR.RC: nearest, down, up, to zero. */
  readonly integral: readonly ((a: V) => V)[];
  /** Given that `product` is `a * b` rounded: true only if it is exactly that. Absent where it cannot be told cheaply. */
  exactProduct?(a: V, b: V, product: V): M;
}

const unknown = (): boolean => false;

const bitLogic = {
  // Comparing and branching is one thing, so each condition has a branch of its own.
  unless: (conditions: readonly I32[], leave: (condition: I32) => void) => {
    for (const condition of conditions) leave(condition.eqz());
  },
  or: (a: I32, b: I32) => a.or(b),
  and: (a: I32, b: I32) => a.and(b),
  andNot: (a: I32, b: I32) => a.and(b.eqz()),
  all: (mask: I32) => mask,
};

const every = (masks: readonly V128[]): V128 => masks.reduce((all, mask) => v128.and(all, mask));

const laneLogic = {
  type: "v128" as const,
  isPlain: unknown,
  nan: V128.const(-1n, -1n),
  or: v128.or,
  and: v128.and,
  andNot: v128.andnot,
  choose: (mask: V128, a: V128, b: V128) => v128.bitselect(a, b, mask),
};

// Bit patterns shifted left by one, which drops the sign: zero wraps around to the top when 1 is subtracted, so
// one unsigned comparison tells denormals, and another what lies between the smallest normal value and infinity.
const DENORMALS_32 = 0xffffff;
const SMALLEST_32 = 0x1000001;
const ORDINARY_32 = 0xfdffffff;
const DENORMALS_64 = 0x1fffffffffffffn;
const SMALLEST_64 = 0x20000000000001n;
const ORDINARY_64 = 0xffbfffffffffffffn;

const unary32 = (opcode: number) => (a: F32) => new F32(opcode, [a]);
const unary64 = (opcode: number) => (a: F64) => new F64(opcode, [a]);
const binaryVector = (opcode: number) => (a: V128, b: V128) => new V128(0xfd000 + opcode, [a, b]);

// pmin(a, b) is b < a ? b : a.
const leastSingles = binaryVector(234);
const mostSingles = binaryVector(235);
const leastDoubles = binaryVector(246);
const mostDoubles = binaryVector(247);
// A scalar as a vector and back: there is no selecting between scalars without a branch.
const all32 = (a: F32) => f32x4.splat(a);
const all64 = (a: F64) => f64x2.splat(a);
const first32 = (a: V128) => f32x4.extract(a, 0);
const first64 = (a: V128) => f64x2.extract(a, 0);

const SMALLEST_SINGLE = 2 ** -126;
const SMALLEST_DOUBLE = 2 ** -1022;

export const single: Lanes<F32, I32> = {
  ...bitLogic,
  width: 32,
  type: "f32",
  nan: F32.const(Number.NaN),
  abs: (a) => a.abs(),
  isPlain: unknown,
  above: (magnitudes) => magnitudes.map((a) => a.gt(F32.const(SMALLEST_SINGLE))),
  belowInfinity: (a) => a.lt(F32.const(Number.POSITIVE_INFINITY)),
  smaller: (a, b) => first32(leastSingles(all32(b), all32(a))),
  larger: (a, b) => first32(mostSingles(all32(b), all32(a))),
  add: (a, b) => a.add(b),
  sub: (a, b) => a.sub(b),
  mul: (a, b) => a.mul(b),
  div: (a, b) => a.div(b),
  sqrt: (a) => a.sqrt(),
  lt: (a, b) => a.lt(b),
  eq: (a, b) => a.eq(b),
  within: (a, low, high) => a.ge(F32.const(low)).and(a.lt(F32.const(high))),
  between: (a, low, high) => [a.ge(F32.const(low)), a.lt(F32.const(high))],
  zero: (a) => a.eq(F32.const(0)),
  denormal: (a) => a.asI32().shl(1).sub(1).ltU(DENORMALS_32),
  ordinary: (a) => a.asI32().shl(1).sub(SMALLEST_32).ltU(ORDINARY_32),
  choose: select,
  integral: [unary32(0x90), unary32(0x8e), unary32(0x8d), unary32(0x8f)],
  // The product of two singles always fits a double.
  exactProduct: (a, b, product) => a.toF64().mul(b.toF64()).eq(product.toF64()),
};

/** Trailing zeros of the significand. */
const trailingZeros = (a: F64): I64 => a.asI64().or(0x10000000000000n).ctz();

export const double: Lanes<F64, I32> = {
  ...bitLogic,
  width: 64,
  type: "f64",
  nan: F64.const(Number.NaN),
  abs: (a) => a.abs(),
  isPlain: (a) => a.plain,
  above: (magnitudes) => magnitudes.map((a) => a.gt(F64.const(SMALLEST_DOUBLE))),
  belowInfinity: (a) => a.lt(F64.const(Number.POSITIVE_INFINITY)),
  smaller: (a, b) => first64(leastDoubles(all64(b), all64(a))),
  larger: (a, b) => first64(mostDoubles(all64(b), all64(a))),
  add: (a, b) => a.add(b),
  sub: (a, b) => a.sub(b),
  mul: (a, b) => a.mul(b),
  div: (a, b) => a.div(b),
  sqrt: (a) => a.sqrt(),
  lt: (a, b) => a.lt(b),
  eq: (a, b) => a.eq(b),
  within: (a, low, high) => a.ge(F64.const(low)).and(a.lt(F64.const(high))),
  between: (a, low, high) => [a.ge(F64.const(low)), a.lt(F64.const(high))],
  zero: (a) => a.eq(F64.const(0)),
  denormal: (a) => a.asI64().shl(1).sub(1).ltU(DENORMALS_64),
  ordinary: (a) => a.asI64().shl(1).sub(SMALLEST_64).ltU(ORDINARY_64),
  choose: select,
  integral: [unary64(0x9e), unary64(0x9c), unary64(0x9b), unary64(0x9d)],
  // Two significands of m and n bits (without trailing zeros) have a product of at most m + n bits.
  exactProduct: (a, b, product) => trailingZeros(a).add(trailingZeros(b)).geU(53).and(a.mul(b).eq(product)),
};

/** The same 32 (64) bits in all lanes. */
const splat32 = (bits: number) => splat64((BigInt(bits) << 32n) | BigInt(bits));
const splat64 = (bits: bigint) => V128.const(bits, bits);

const constants = new DataView(new ArrayBuffer(8));
function bitsOfSingle(value: number): number {
  constants.setFloat32(0, value);
  return constants.getUint32(0);
}
function bitsOfDouble(value: number): bigint {
  constants.setFloat64(0, value);
  return constants.getBigUint64(0);
}

const ZEROS = splat64(0n);
const SMALLEST_NORMAL = splat64(0x10000000000000n);
const INFINITY = splat64(0x7ff0000000000000n);
const SMALLEST_NORMALS = splat32(0x800000);
const INFINITIES = splat32(0x7f800000);

export const singles: Lanes<V128, V128> = {
  ...laneLogic,
  width: 32,
  abs: f32x4.abs,
  above: (magnitudes) => [f32x4.gt(magnitudes.reduce(leastSingles), SMALLEST_NORMALS)],
  belowInfinity: (a) => f32x4.lt(a, INFINITIES),
  smaller: (a, b) => leastSingles(b, a),
  larger: (a, b) => mostSingles(b, a),
  unless: (conditions, leave) => leave(i32x4.bitmask(every(conditions)).ne(0xf)),
  add: f32x4.add,
  sub: f32x4.sub,
  mul: f32x4.mul,
  div: f32x4.div,
  sqrt: f32x4.sqrt,
  lt: f32x4.lt,
  eq: f32x4.eq,
  within: (a, low, high) =>
    v128.and(f32x4.ge(a, splat32(bitsOfSingle(low))), f32x4.lt(a, splat32(bitsOfSingle(high)))),
  between: (a, low, high) => [
    f32x4.ge(a, splat32(bitsOfSingle(low))),
    f32x4.lt(a, splat32(bitsOfSingle(high))),
  ],
  zero: (a) => f32x4.eq(a, ZEROS),
  denormal: (a) => i32x4.ltU(i32x4.sub(i32x4.shl(a, 1), splat32(1)), splat32(DENORMALS_32)),
  ordinary: (a) => i32x4.ltU(i32x4.sub(i32x4.shl(a, 1), splat32(SMALLEST_32)), splat32(ORDINARY_32)),
  all: i32x4.allTrue,
  integral: [f32x4.nearest, f32x4.floor, f32x4.ceil, f32x4.trunc],
};

export const doubles: Lanes<V128, V128> = {
  ...laneLogic,
  width: 64,
  abs: f64x2.abs,
  above: (magnitudes) => [f64x2.gt(magnitudes.reduce(leastDoubles), SMALLEST_NORMAL)],
  belowInfinity: (a) => f64x2.lt(a, INFINITY),
  smaller: (a, b) => leastDoubles(b, a),
  larger: (a, b) => mostDoubles(b, a),
  unless: (conditions, leave) => leave(i64x2.bitmask(every(conditions)).ne(3)),
  add: f64x2.add,
  sub: f64x2.sub,
  mul: f64x2.mul,
  div: f64x2.div,
  sqrt: f64x2.sqrt,
  lt: f64x2.lt,
  eq: f64x2.eq,
  within: (a, low, high) =>
    v128.and(f64x2.ge(a, splat64(bitsOfDouble(low))), f64x2.lt(a, splat64(bitsOfDouble(high)))),
  between: (a, low, high) => [
    f64x2.ge(a, splat64(bitsOfDouble(low))),
    f64x2.lt(a, splat64(bitsOfDouble(high))),
  ],
  zero: (a) => f64x2.eq(a, ZEROS),
  // WebAssembly has no unsigned comparison of 64-bit lanes.
  denormal: (a) => v128.andnot(f64x2.lt(f64x2.abs(a), SMALLEST_NORMAL), f64x2.eq(a, ZEROS)),
  ordinary: (a) => v128.and(f64x2.gt(f64x2.abs(a), SMALLEST_NORMAL), f64x2.lt(f64x2.abs(a), INFINITY)),
  all: i64x2.allTrue,
  integral: [f64x2.nearest, f64x2.floor, f64x2.ceil, f64x2.trunc],
};
