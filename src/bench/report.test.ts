import assert from "node:assert/strict";
import { test } from "node:test";
import { digits, quantity, table } from "./report.js";

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
