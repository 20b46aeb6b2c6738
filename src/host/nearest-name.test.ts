import assert from "node:assert/strict";
import test from "node:test";
import { editDistance, nearestName } from "./nearest-name.js";

test("edit distance counts single slips", () => {
  assert.equal(editDistance("avx2", "avx2"), 0);
  assert.equal(editDistance("avx", "avx2"), 1);
  assert.equal(editDistance("Westmree", "Westmere"), 1, "a swap is one slip");
  assert.equal(editDistance("", "abc"), 3);
});

test("only names that are near are offered", () => {
  const known = ["Westmere", "Nehalem", "EPYC"];
  assert.equal(nearestName("westmer", known), "Westmere");
  assert.equal(nearestName("epic", known), "EPYC");
  assert.equal(nearestName("something", known), undefined);
});
