/**
 * Fused multiply-add: VFMADD VFMSUB VFNMADD VFNMSUB VFMADDSUB VFMSUBADD, orders 132, 213, 231 (SDM vol. 2). WebAssembly has
 * no fused operation with one result everywhere: fp-fma-library.ts has one made of others.
 */
import { f32x4, f64x2, v128 } from "../../wasm/simd.js";
import { type F32, type F64, V128, type Value } from "../../wasm/value.js";
import { define, type Emit } from "../emit.js";
import {
  callSlow,
  elementWidth,
  fastOrSlow,
  floatHelper,
  formatName,
  isScalar,
  packedSuffixes,
  type Suffix,
  slowFloat,
  slowLanes,
  suffixes,
} from "./fp-emit.js";
import { fusedMultiplyAdd } from "./fp-fma-library.js";
import { doubles, singles } from "./fp-lanes.js";

/** Operands in the order factor, factor, addend. */
const orders = { "132": [0, 2, 1], "213": [1, 0, 2], "231": [1, 2, 0] } as const;

/** Control words of the helper: negate the product; the even addends; the odd addends. */
const scalarOperations = { vfmadd: 0, vfmsub: 6, vfnmadd: 1, vfnmsub: 7 };
const alternating = { vfmaddsub: 2, vfmsubadd: 4 };

/** Sign bits of the even and the odd elements. */
const signs = (width: 32 | 64, even: boolean, odd: boolean): V128 => {
  const pair = width === 32 ? (even ? 0x80000000n : 0n) | (odd ? 1n << 63n : 0n) : 0n;
  return width === 32 ? V128.const(pair, pair) : V128.const(even ? 1n << 63n : 0n, odd ? 1n << 63n : 0n);
};

function fused(x: Emit, suffix: Suffix, order: readonly number[], control: number): void {
  const width = elementWidth(suffix);
  const helper = floatHelper(`fma_${formatName(suffix)}`, 2);
  const negateProduct = (control & 1) !== 0;
  const [negateEven, negateOdd] = [(control & 2) !== 0, (control & 4) !== 0];
  if (isScalar(suffix)) {
    const operands = order.map((i) => x.read(i));
    const exact = () => callSlow(x, helper, operands, 1, control);
    // The rest of the destination stays, and what is above is cleared.
    const rest = x.readWholeVector(0);
    const negated = <V extends F32 | F64>(values: readonly V[]): Value[] => [
      negateProduct ? values[0]!.neg() : values[0]!,
      values[1]!,
      negateEven ? values[2]!.neg() : values[2]!,
    ];
    if (width === 64) {
      const [result] = fastOrSlow(
        x,
        "f64",
        1,
        (slow) => {
          const values = negated(operands.map((bits) => bits.asF64()));
          const r = x.invoke(fusedMultiplyAdd.f64, ...values);
          x.f.brIf(slow, r.ne(r));
          return [r];
        },
        () => {
          exact();
          return [slowFloat.f64(x)];
        },
      );
      x.writeWholeVector(0, f64x2.replace(rest, 0, result!));
    } else {
      const [result] = fastOrSlow(
        x,
        "f32",
        1,
        (slow) => {
          const values = negated(operands.map((bits) => bits.toI32().asF32()));
          const r = x.invoke(fusedMultiplyAdd.f32, ...values);
          x.f.brIf(slow, r.ne(r));
          return [r];
        },
        () => {
          exact();
          return [slowFloat.f32(x)];
        },
      );
      x.writeWholeVector(0, f32x4.replace(rest, 0, result!));
    }
    return;
  }
  const operands = order.map((i) => x.readLanes(i));
  const parts = operands[0]!.length;
  const lanes = width === 32 ? singles : doubles;
  const callee = width === 32 ? fusedMultiplyAdd.f32x4 : fusedMultiplyAdd.f64x2;
  const flip = (value: V128, even: boolean, odd: boolean) =>
    even || odd ? v128.xor(value, signs(width, even, odd)) : value;
  const results = fastOrSlow(
    x,
    "v128",
    parts,
    (slow) => {
      const [a, b, c] = operands;
      const computed = a!.map((first, i) =>
        x.invoke(
          callee,
          flip(first, negateProduct, negateProduct),
          b![i]!,
          flip(c![i]!, negateEven, negateOdd),
        ),
      );
      lanes.unless(
        computed.map((r) => lanes.eq(r, r)),
        (condition) => x.f.brIf(slow, condition),
      );
      return computed;
    },
    () => {
      callSlow(x, helper, operands, (parts * 128) / width, control);
      return slowLanes(x, parts);
    },
  );
  x.writeLanes(0, results);
}

function defineFused(name: string, control: number, allowed: readonly Suffix[]): void {
  for (const suffix of allowed) {
    floatHelper(`fma_${formatName(suffix)}`, 2);
    for (const [order, operands] of Object.entries(orders)) {
      define(`${name}${order}${suffix}`, (x) => fused(x, suffix, operands, control));
    }
  }
}

for (const [name, control] of Object.entries(scalarOperations)) defineFused(name, control, suffixes);
for (const [name, control] of Object.entries(alternating)) defineFused(name, control, packedSuffixes);
