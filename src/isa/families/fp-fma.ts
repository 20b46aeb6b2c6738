/**
 * Fused multiply-add: VFMADD VFMSUB VFNMADD VFNMSUB VFMADDSUB VFMSUBADD, orders 132, 213, 231 (SDM vol. 2). WebAssembly has
 * no fused operation with one result everywhere, so all the work is done by the helper.
 */

import { i32x4, i64x2 } from "../../wasm/simd.js";
import { define, type Emit } from "../emit.js";
import {
  callSlow,
  elementWidth,
  floatHelper,
  formatName,
  isScalar,
  packedSuffixes,
  type Suffix,
  slowLanes,
  slowScalar,
  suffixes,
} from "./fp-emit.js";

/** Operands in the order factor, factor, addend. */
const orders = { "132": [0, 2, 1], "213": [1, 0, 2], "231": [1, 2, 0] } as const;

/** Control words of the helper: negate the product; the even addends; the odd addends. */
const scalarOperations = { vfmadd: 0, vfmsub: 6, vfnmadd: 1, vfnmsub: 7 };
const alternating = { vfmaddsub: 2, vfmsubadd: 4 };

function fused(x: Emit, suffix: Suffix, order: readonly number[], control: number): void {
  const width = elementWidth(suffix);
  const helper = floatHelper(`fma_${formatName(suffix)}`, 2);
  if (isScalar(suffix)) {
    callSlow(
      x,
      helper,
      order.map((i) => x.read(i)),
      1,
      control,
    );
    // The rest of the destination stays, and what is above is cleared.
    const rest = x.readWholeVector(0);
    const bits = slowScalar(x, width);
    x.writeWholeVector(0, width === 32 ? i32x4.replace(rest, 0, bits.toI32()) : i64x2.replace(rest, 0, bits));
    return;
  }
  const operands = order.map((i) => x.readLanes(i));
  const parts = operands[0]!.length;
  callSlow(x, helper, operands, (parts * 128) / width, control);
  x.writeLanes(0, slowLanes(x, parts));
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
