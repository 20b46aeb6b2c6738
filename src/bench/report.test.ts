import assert from "node:assert/strict";
import { test } from "node:test";
import type { KernelFigures } from "./figures.js";
import { digits, quantity, speedReport, table } from "./report.js";

test("columns are lined up", () => {
  const text = table([
    ["kernel", "rate"],
    ["sieve", "1.00 M"],
  ]);
  assert.equal(text, "kernel    rate\nsieve   1.00 M");
});

test("numbers have three digits and a unit", () => {
  assert.equal(digits(0.01234), "0.0123");
  assert.equal(digits(1234.5), "1235");
  assert.equal(digits(Number.NaN), "-");
  assert.equal(quantity(64_812_345), "64.8 M");
  assert.equal(quantity(999_900), "1.00 M");
  assert.equal(quantity(2e9), "2.00 G");
  assert.equal(quantity(57.76), "57.8");
});

test("what of the wanted speeds was reached", () => {
  const row = (name: string, speed: number): KernelFigures => ({
    ...{ name, speed, rate: speed, reference: 1 },
    ...{ verdict: "same", checksum: undefined },
  });
  const rows = [row("sieve", 0.5), row("nbody", 2), row("smc", Number.NaN)];
  assert.deepEqual(speedReport(rows, "qemu").split("\n"), [
    "geometric mean 1.00x, wanted at least 1.00x: reached",
    "slowest kernel (sieve) 0.500x, wanted at least 0.400x: reached",
    "nbody 2.00x, wanted at least 3.00x: not reached",
  ]);
  assert.equal(speedReport(rows, "v86"), "geometric mean 1.00x, wanted at least 1.50x: not reached");
  assert.equal(speedReport([row("smc", Number.NaN)], "qemu"), "");
});
