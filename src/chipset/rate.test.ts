import assert from "node:assert/strict";
import test from "node:test";
import { Rate } from "./rate.js";

test("tickAt is the first tick at which the cycle is complete, for any time", () => {
  for (const hertz of [1193182, 3579545, 32768, 1]) {
    const rate = new Rate(hertz);
    for (const cycle of [0, 1, 2, 3, 65535, hertz - 1, hertz, hertz + 1, hertz * 86400 + 7]) {
      const tick = rate.tickAt(cycle);
      assert.equal(rate.cyclesAt(tick), cycle);
      if (tick > 0) assert.equal(rate.cyclesAt(tick - 1), cycle - 1);
    }
  }
});

test("a day has exactly a day's cycles", () => {
  assert.equal(new Rate(1193182).cyclesAt(86400e9), 1193182 * 86400);
});

test("frequencies that would not be exact are refused", () => {
  assert.throws(() => new Rate(14_318_180), RangeError);
});
