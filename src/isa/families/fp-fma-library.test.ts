/** Fused multiply-add made of ordinary operations agrees with the exact one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MXCSR } from "../state.js";
import { Slot } from "./fp-emit.js";
import { fusedMultiplyAdd } from "./fp-fma-library.js";
import { fpHelpers } from "./helpers-fp.js";
import { instantiateLibrary, Random } from "./library.test.helper.js";

const CPU = 0x1000;
const { view, functions } = instantiateLibrary();
const random = new Random();

/** A number of few or many bits, with an exponent near 0 or anywhere. */
function operand(single: boolean): number {
  const bits = random.below(2)
    ? random.below(0x1000000) * 2 ** 29 + random.below(0x1000000)
    : random.below(64) + 1;
  const range = random.below(4) ? 40 : single ? 200 : 1600;
  const value = bits * 2 ** (random.below(range) - range / 2 - 40) * (random.below(2) ? 1 : -1);
  return single ? Math.fround(value) : value;
}

/** What nearly cancels the product shows every lost bit. */
function addend(single: boolean, a: number, b: number): number {
  if (random.below(3) !== 0) return random.below(20) === 0 ? 0 : operand(single);
  const value = -a * b * (1 + (random.below(5) - 2) * 2 ** -(single ? 23 : 52));
  return single ? Math.fround(value) : value;
}

for (const format of ["f32", "f64"] as const) {
  test(`fused multiply-add of ${format}`, () => {
    const single = format === "f32";
    const write = (at: number, value: number) =>
      single ? view.setFloat32(CPU + at, value, true) : view.setFloat64(CPU + at, value, true);
    const bits = () =>
      single ? view.getUint32(CPU + Slot.result, true) : view.getBigUint64(CPU + Slot.result, true);
    const fused = functions[fusedMultiplyAdd[format].name] as unknown as (
      cpu: number,
      ...operands: number[]
    ) => number;
    const exact = fpHelpers[`fp_fma_${format}`]!;
    let done = 0;
    for (let i = 0; i < 30000; i++) {
      const [a, b] = [operand(single), operand(single)];
      const operands = [a, b, addend(single, a, b)];
      view.setUint32(CPU + MXCSR, 0x1fa0, true);
      const result = fused(CPU, ...operands);
      if (Number.isNaN(result)) continue;
      done++;
      write(Slot.result, result);
      const quick = bits();
      for (const [n, value] of operands.entries()) write([Slot.first, Slot.second, Slot.third][n]!, value);
      assert.equal(exact(view, CPU, 0, 1, 0), 0);
      assert.equal(bits(), quick, `${operands}`);
      assert.equal(view.getUint32(CPU + MXCSR, true), 0x1fa0, `${operands}`);
    }
    assert.ok(done > 20000, `${done}`);
  });
}

test("it gives up where rounding or flags are not as it needs them", () => {
  for (const mxcsr of [0x1f80, 0x3fa0, 0x1f20]) {
    view.setUint32(CPU + MXCSR, mxcsr, true);
    for (const format of ["f32", "f64"] as const) {
      const fused = functions[fusedMultiplyAdd[format].name] as unknown as (...args: number[]) => number;
      assert.ok(Number.isNaN(fused(CPU, 1.5, 2.5, 3.5)));
    }
  }
});
