/**
 * ADD SUB MUL DIV SQRT MIN MAX and the horizontal and alternating forms HADD HSUB ADDSUB of packed and scalar
 * singles and doubles, legacy and VEX (SDM vol. 2; vol. 1, 11.5.2 for the exceptions). How they are computed is in
 * fp-steps.ts.
 */
import type { Label } from "../../wasm/function.js";
import { i8x16, v128 } from "../../wasm/simd.js";
import { type I32, type TypeMap, V128, type Value } from "../../wasm/value.js";
import { define, type Emit } from "../emit.js";
import type { Helper } from "../helper.js";
import {
  callSlow,
  elementWidth,
  firstOf,
  firstSource,
  floatHelper,
  formatName,
  isScalar,
  packedSuffixes,
  slowFloat,
  slowLanes,
  suffixes,
  writeFloat,
} from "./fp-emit.js";
import { double, doubles, type Lanes, single, singles } from "./fp-lanes.js";
import { add, arithmeticSteps, div, mul, type Operation, selectionSteps, sqrt, sub } from "./fp-steps.js";

/** The ways of an instruction in WebAssembly, for any shape; `operands[k][i]` is part i of operand k. */
interface Ways {
  readonly steps: Steps;
  /** Their results are neither infinite nor NaNs nor denormal. */
  readonly plain: boolean;
}
type Steps = <V extends Value, M extends Value>(
  x: Emit,
  l: Lanes<V, M>,
  operands: readonly (readonly V[])[],
) => ((next: Label) => V[])[];

/** Computes in steps, and by `slow` what is left. */
function computed<T extends "f32" | "f64" | "v128", M extends Value>(
  x: Emit,
  type: T,
  l: Lanes<TypeMap[T], M>,
  steps: Steps,
  operands: readonly (readonly TypeMap[T][])[],
  slow: () => readonly TypeMap[T][],
): TypeMap[T][] {
  const parts = operands.map((operand) => operand.map((part) => x.let(part)));
  return firstOf(x, type, parts[0]!.length, steps(x, l, parts), slow);
}

function scalar(
  x: Emit,
  width: 32 | 64,
  { steps, plain }: Ways,
  helper: Helper<"i32">,
  sources: readonly number[],
): void {
  const bits = sources.map((i) => x.read(i));
  const exact = () => callSlow(x, helper, bits, 1);
  if (width === 64) {
    const operands = bits.map((operand) => [operand.asF64()]);
    const slow = () => {
      exact();
      return [slowFloat.f64(x)];
    };
    const result = computed<"f64", I32>(x, "f64", double, steps, operands, slow)[0]!;
    result.plain = plain && x.leavesAt(helper);
    writeFloat(x, result);
  } else {
    const operands = bits.map((operand) => [operand.toI32().asF32()]);
    const slow = () => {
      exact();
      return [slowFloat.f32(x)];
    };
    writeFloat(x, computed<"f32", I32>(x, "f32", single, steps, operands, slow)[0]!);
  }
}

interface Preparation {
  /** What is done to the operands of a packed instruction first, part by part. */
  readonly prepare?: (a: V128, b: V128) => readonly [V128, V128];
  /** Bits to be changed in the second operand. The exact way does not want that: the sign of a NaN is to be kept. */
  readonly signs?: V128;
}

function packed(
  x: Emit,
  width: 32 | 64,
  { steps }: Ways,
  helper: Helper<"i32">,
  sources: readonly number[],
  { prepare, signs }: Preparation = {},
): void {
  let operands = sources.map((i) => x.readLanes(i));
  if (prepare) {
    const pairs = operands[0]!.map((a, i) => prepare(a, operands[1]![i]!).map((part) => x.let(part)));
    operands = [pairs.map(([a]) => a!), pairs.map(([, b]) => b!)];
  }
  const count = operands[0]!.length;
  const lanes = width === 32 ? singles : doubles;
  const changed = signs ? [operands[0]!, operands[1]!.map((part) => v128.xor(part, signs))] : operands;
  const results = computed<"v128", V128>(x, "v128", lanes, steps, changed, () => {
    callSlow(x, helper, operands, (count * 128) / width);
    return slowLanes(x, count);
  });
  x.writeLanes(0, results);
}

const arithmetic = (operation: Operation): Ways => ({
  steps: (x, l, operands) => arithmeticSteps(x, operation, l, operands),
  plain: true,
});

const selection = (maximum: boolean): Ways => ({
  steps: (x, l, operands) => selectionSteps(x, l, maximum, operands),
  plain: false,
});

const binary: Record<string, Ways> = {
  add: arithmetic(add),
  sub: arithmetic(sub),
  mul: arithmetic(mul),
  div: arithmetic(div),
  min: selection(false),
  max: selection(true),
};
const root = arithmetic(sqrt);

for (const [name, ways] of Object.entries(binary)) {
  for (const suffix of suffixes) {
    const helper = floatHelper(`${name}_${formatName(suffix)}`);
    const emit = isScalar(suffix) ? scalar : packed;
    define([`${name}${suffix}`, `v${name}${suffix}`], (x) => {
      const first = firstSource(x);
      emit(x, elementWidth(suffix), ways, helper, [first, first + 1]);
    });
  }
}

for (const suffix of suffixes) {
  const helper = floatHelper(`sqrt_${formatName(suffix)}`);
  const emit = isScalar(suffix) ? scalar : packed;
  define([`sqrt${suffix}`, `vsqrt${suffix}`], (x) => {
    emit(x, elementWidth(suffix), root, helper, [x.operands.length - 1]);
  });
}

/** Elements of two vectors by number, the second one's after the first one's. */
function shuffle(a: V128, b: V128, width: number, elements: readonly number[]): V128 {
  const bytes = width / 8;
  return i8x16.shuffle(
    a,
    b,
    elements.flatMap((element) => Array.from({ length: bytes }, (_, i) => element * bytes + i)),
  );
}

// Neighbours meet when the even and the odd elements of both operands are brought together.
const neighbours: Record<32 | 64, Preparation["prepare"]> = {
  32: (a, b) => [shuffle(a, b, 32, [0, 2, 4, 6]), shuffle(a, b, 32, [1, 3, 5, 7])],
  64: (a, b) => [shuffle(a, b, 64, [0, 2]), shuffle(a, b, 64, [1, 3])],
};

// ADDSUB subtracts in the even elements.
const evenSigns: Record<32 | 64, V128> = {
  32: V128.const(0x80000000n, 0x80000000n),
  64: V128.const(1n << 63n, 0n),
};

for (const suffix of packedSuffixes) {
  const width = elementWidth(suffix);
  const operands = (x: Emit): number[] => [firstSource(x), firstSource(x) + 1];
  const helper = (name: string) => floatHelper(`${name}_${formatName(suffix)}`);
  const helpers = { add: helper("add"), sub: helper("sub"), addsub: helper("addsub") };
  define([`hadd${suffix}`, `vhadd${suffix}`], (x) =>
    packed(x, width, binary.add!, helpers.add, operands(x), { prepare: neighbours[width] }));
  define([`hsub${suffix}`, `vhsub${suffix}`], (x) =>
    packed(x, width, binary.sub!, helpers.sub, operands(x), { prepare: neighbours[width] }));
  define([`addsub${suffix}`, `vaddsub${suffix}`], (x) =>
    packed(x, width, binary.add!, helpers.addsub, operands(x), { signs: evenSigns[width] }));
}
