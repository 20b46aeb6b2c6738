import assert from "node:assert/strict";
import { test } from "node:test";
import { geometricMean, median } from "./statistics.js";

test("the median of an odd and of an even number of values", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.equal(median([10, 9]), 9.5);
});

test("what was not measured does not count", () => {
  assert.equal(median([Number.NaN, 5, Number.POSITIVE_INFINITY]), 5);
  assert.ok(Number.isNaN(median([])));
  assert.ok(Number.isNaN(geometricMean([0, Number.NaN])));
});

test("the geometric mean of ratios", () => {
  assert.ok(Math.abs(geometricMean([2, 8]) - 4) < 1e-12);
  assert.ok(Math.abs(geometricMean([0.5, 2]) - 1) < 1e-12);
});
