import assert from "node:assert/strict";
import { test } from "node:test";
import { busiest } from "./process-clock.js";

test("the busiest thread is the one that did most between the readings, old or new", () => {
  const from = new Map([
    ["10", 5],
    ["11", 1],
  ]);
  assert.equal(busiest(from, new Map([...from, ["11", 3]])), 2);
  assert.equal(busiest(from, new Map([...from, ["11", 3], ["12", 2.5]])), 2.5);
  assert.equal(busiest(from, from), 0);
  assert.ok(Number.isNaN(busiest(from, new Map())));
});
