/**
 * Fused multiply-add in WebAssembly: first * second + third, rounded once, where rounding is to nearest and only the
 * sticky precision flag can be raised.
 *
 * The result comes from ordinary doubles by rounding to odd (Boldo and Melquiond, "Emulation of a FMA and correctly rounded
 * sums: proved algorithms using rounding to odd", 2008). The functions answer a NaN in any element they can't do.
 */
import { type FunctionBuilder, load } from "../../wasm/function.js";
import { f32x4, f64x2, i64x2, v128 } from "../../wasm/simd.js";
import { F64, type I32, I64, select, V128, type Value } from "../../wasm/value.js";
import { libraryFunction } from "../library.js";
import { MXCSR } from "../state.js";
import { highHalf, joinHalves, Mxcsr } from "./fp-emit.js";
import { double, doubles, type Lanes, single, singles } from "./fp-lanes.js";

/** Doubles, and what is done to their bits. */
interface Doubles<V extends Value, M extends Value> {
  readonly l: Lanes<V, M>;
  constant(value: number): V;
  /** `sum` with what rounding took away from it, `error`, jammed into its lowest bit. */
  toOdd(sum: V, error: V): V;
  /** `ok ? value : NaN` */
  check(ok: M, value: V): V;
}

const scalarDouble = (f: FunctionBuilder): Doubles<F64, I32> => ({
  l: double,
  constant: (value) => F64.const(value),
  toOdd: (sum, error) => {
    const bits = f.let(sum.asI64());
    // Away from zero if they have the same sign, else towards it.
    const step = bits.xor(error.asI64()).shrS(63).or(1);
    const needed = error.ne(F64.const(0)).and(bits.toI32().and(1).eqz());
    return f.let(bits.add(select(needed, step, I64.const(0)))).asF64();
  },
  check: (ok, value) => select(ok, value, F64.const(Number.NaN)),
});

const ONES = V128.const(1n, 1n);

const vectorDoubles = (f: FunctionBuilder): Doubles<V128, V128> => ({
  l: doubles,
  constant: (value) => {
    const view = new DataView(new ArrayBuffer(8));
    view.setFloat64(0, value);
    const bits = view.getBigUint64(0);
    return V128.const(bits, bits);
  },
  toOdd: (sum, error) => {
    const step = v128.or(i64x2.shrS(v128.xor(sum, error), 63), ONES);
    const even = i64x2.eq(v128.and(sum, ONES), V128.const(0n, 0n));
    const needed = v128.andnot(even, doubles.zero(error));
    return f.let(i64x2.add(sum, v128.and(step, needed)));
  },
  check: (ok, value) => v128.or(value, v128.not(ok)),
});

/** What `a + b` lost in the rounding to `sum`. All fixed. */
function sumError<V extends Value, M extends Value>(
  f: FunctionBuilder,
  l: Lanes<V, M>,
  a: V,
  b: V,
  sum: V,
): V {
  const b1 = f.let(l.sub(sum, a));
  return f.let(l.add(l.sub(a, l.sub(sum, b1)), l.sub(b, b1)));
}

const SPLIT = 2 ** 27 + 1;
// Far from overflow, and no error term can be denormal.
const FACTOR = [2 ** -400, 2 ** 400] as const;
const ADDEND = [2 ** -800, 2 ** 800] as const;

/** a * b + c of doubles, all fixed. */
function fusedDouble<V extends Value, M extends Value>(
  f: FunctionBuilder,
  { l, constant, toOdd, check }: Doubles<V, M>,
  a: V,
  b: V,
  c: V,
): V {
  const within = (value: V, [low, high]: readonly [number, number]) => l.within(l.abs(value), low, high);
  const ok = l.and(l.and(within(a, FACTOR), within(b, FACTOR)), l.or(within(c, ADDEND), l.zero(c)));
  /** Two halves of the significand (Dekker). */
  const split = (value: V): readonly [V, V] => {
    const scaled = f.let(l.mul(value, constant(SPLIT)));
    const high = f.let(l.sub(scaled, l.sub(scaled, value)));
    return [high, f.let(l.sub(value, high))];
  };
  const product = f.let(l.mul(a, b));
  const [highA, lowA] = split(a);
  const [highB, lowB] = split(b);
  const cross = l.add(l.add(l.sub(l.mul(highA, highB), product), l.mul(highA, lowB)), l.mul(lowA, highB));
  const rest = f.let(l.add(cross, l.mul(lowA, lowB)));
  const low = f.let(l.add(c, rest));
  const lowError = sumError(f, l, c, rest, low);
  const high = f.let(l.add(product, low));
  const highError = sumError(f, l, product, low, high);
  const tail = f.let(l.add(lowError, highError));
  const odd = toOdd(tail, sumError(f, l, lowError, highError, tail));
  return f.let(check(ok, l.add(high, odd)));
}

/** a * b + c of singles as doubles, to be rounded to singles: a double holds the product, and two bits more than needed. */
function fusedSingle<V extends Value, M extends Value>(
  f: FunctionBuilder,
  { l, toOdd }: Doubles<V, M>,
  a: V,
  b: V,
  c: V,
): V {
  const product = f.let(l.mul(a, b));
  const sum = f.let(l.add(product, c));
  return toOdd(sum, sumError(f, l, product, c, sum));
}

/** Whether MXCSR is as the functions want it. */
const suitable = (cpu: I32): I32 =>
  load
    .i32(cpu, MXCSR)
    .and(Mxcsr.RC | Mxcsr.MASKS | Mxcsr.PE)
    .eq(Mxcsr.MASKS | Mxcsr.PE);

/** Whether singles and their result allow it: nothing is denormal, the result neither tiny nor overflowed. */
function singlesAllow<V extends Value, M extends Value>(
  l: Lanes<V, M>,
  operands: readonly V[],
  result: V,
): M {
  const denormal = operands.map((operand) => l.denormal(operand)).reduce((any, mask) => l.or(any, mask));
  return l.andNot(l.or(l.ordinary(result), l.zero(result)), denormal);
}

export const fusedMultiplyAdd = {
  f64: libraryFunction("fp_fma_f64", ["f64", "f64", "f64"], "f64", (f, cpu) => {
    f.if(suitable(cpu).eqz(), () => f.return(F64.const(Number.NaN)));
    f.return(fusedDouble(f, scalarDouble(f), f.param("f64", 1), f.param("f64", 2), f.param("f64", 3)));
  }),
  f64x2: libraryFunction("fp_fma_f64x2", ["v128", "v128", "v128"], "v128", (f, cpu) => {
    f.if(suitable(cpu).eqz(), () => f.return(doubles.nan));
    f.return(fusedDouble(f, vectorDoubles(f), f.param("v128", 1), f.param("v128", 2), f.param("v128", 3)));
  }),
  f32: libraryFunction("fp_fma_f32", ["f32", "f32", "f32"], "f32", (f, cpu) => {
    const operands = [1, 2, 3].map((i) => f.param("f32", i));
    const [a, b, c] = operands.map((operand) => f.let(operand.toF64()));
    const exact = fusedSingle(f, scalarDouble(f), a!, b!, c!);
    const result = f.let(exact.toF32());
    // A result of zero may be one that was tiny.
    const ok = singlesAllow(single, operands, result).and(single.zero(result).eqz().or(double.zero(exact)));
    f.return(select(ok.and(suitable(cpu)), result, single.nan));
  }),
  f32x4: libraryFunction("fp_fma_f32x4", ["v128", "v128", "v128"], "v128", (f, cpu) => {
    const operands = [1, 2, 3].map((i) => f.param("v128", i));
    const half = (select: (operand: V128) => V128): readonly [V128, V128] => {
      const [a, b, c] = operands.map((operand) => f.let(f64x2.promoteLowF32(select(operand))));
      const exact = fusedSingle(f, vectorDoubles(f), a!, b!, c!);
      // All of a tiny result is lost, and that shows.
      const tiny = v128.andnot(
        f64x2.lt(f64x2.abs(exact), vectorDoubles(f).constant(2 ** -126)),
        doubles.zero(exact),
      );
      return [f.let(f32x4.demoteF64Zero(exact)), f.let(tiny)];
    };
    const [low, lowTiny] = half((operand) => operand);
    const [high, highTiny] = half(highHalf);
    const result = f.let(joinHalves([low, high]));
    f.if(v128.anyTrue(v128.or(lowTiny, highTiny)).or(suitable(cpu).eqz()), () => f.return(singles.nan));
    f.return(v128.or(result, v128.not(singlesAllow(singles, operands, result))));
  }),
} as const;
