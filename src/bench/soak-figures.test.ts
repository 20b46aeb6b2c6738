import assert from "node:assert/strict";
import { test } from "node:test";
import { type SoakRow, slope, soakFigures, soakReport, soakRows } from "./soak-figures.js";

const MIB = 0x100000;
/** Twenty minutes whose memory and speed follow from the minute. */
const hour = (memory: (minute: number) => number, rate: (minute: number) => number): SoakRow[] =>
  Array.from({ length: 20 }, (_, minute) => ({
    at: (minute + 1) * 60,
    resident: memory(minute) * MIB,
    rate: rate(minute),
  }));

test("what stays the same is good, whatever the warm-up was", () => {
  const figures = soakFigures(
    hour(
      (minute) => (minute < 3 ? 100 : 500),
      (minute) => (minute < 3 ? 9 : 2),
    ),
  );
  assert.deepEqual([figures.growth, figures.speed, figures.good], [1, 1, true]);
  assert.ok(Math.abs(figures.residentTrend) < 1e-6);
});

test("a leak and a slow-down are found", () => {
  const leak = soakFigures(
    hour(
      (minute) => 500 + minute * 6,
      () => 2,
    ),
  );
  assert.equal(leak.good, false);
  // Six MiB a minute, from the fourth minute to the twentieth.
  assert.ok(Math.abs(leak.residentTrend / MIB - 96) < 0.01);
  const slower = soakFigures(
    hour(
      () => 500,
      (minute) => 2 - minute * 0.03,
    ),
  );
  assert.equal(slower.good, false);
  assert.match(soakReport(slower), /^speed .*at most -10 %: not kept$/m);
  assert.match(soakReport(slower), /^memory, MiB .*\+0\.0 %.*at most \+10 %: kept$/m);
});

test("a single minute does not decide, and nothing measured is not good", () => {
  const spike = soakFigures(
    hour(
      (minute) => (minute === 19 ? 900 : 500),
      (minute) => (minute === 18 ? 0.5 : 2),
    ),
  );
  assert.equal(spike.good, true);
  assert.equal(soakFigures([]).good, false);
  assert.equal(
    soakFigures(
      hour(
        () => 500,
        () => Number.NaN,
      ),
    ).good,
    false,
  );
});

test("rows are medians of the samples in them", () => {
  const memory = [1, 2, 3, 61].map((at) => ({ at, value: at * 10 }));
  const rows = soakRows(memory, [{ at: 70, value: 4 }], 100, 60);
  assert.deepEqual(rows, [
    { at: 60, resident: 20, rate: Number.NaN },
    { at: 120, resident: 610, rate: 4 },
  ]);
});

test("the slope of a straight line, with a hole", () => {
  const line = [0, 1, 2, 3].map((at) => ({ at, value: at === 2 ? Number.NaN : 5 - 2 * at }));
  assert.ok(Math.abs(slope(line) + 2) < 1e-12);
  assert.ok(Number.isNaN(slope([])));
});
