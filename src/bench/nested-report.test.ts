import assert from "node:assert/strict";
import { test } from "node:test";
import type { KernelResult, RunResult } from "./measure.js";
import { l1CommandLine } from "./nested-guest.js";
import { levelFigures, levelReport } from "./nested-report.js";

const result = (section: string, name: string, thread: number, checksum = "a"): KernelResult => ({
  ...{ section, name, checksum, scale: 5, units: 100, note: undefined },
  time: { wall: thread, thread },
});

const run = (...kernels: KernelResult[]): RunResult => ({
  kernels,
  ...{ linux: undefined, init: undefined, unfinished: undefined, done: true },
  ...{ peak: 0, engine: undefined, thread: 1, tail: [], notes: [] },
});

test("the inner guest's rate against the outer one's", () => {
  const kernels = [
    ...[result("L1", "sieve", 1), result("L1", "qsort", 1), result("L1", "nbody", 1)],
    ...[result("L2", "sieve", 1.25), result("L2", "qsort", 1, "b")],
  ];
  const rows = levelFigures(["sieve", "qsort", "nbody"], [run(...kernels)]);
  assert.deepEqual(
    rows.map(({ name, verdict }) => [name, verdict]),
    [
      ["sieve", "same"],
      ["qsort", "WRONG"],
      ["nbody", "FAILED"],
    ],
  );
  assert.equal(rows[0]?.speed, 0.8);
  assert.match(levelReport(rows), /^sieve +100 +80\.0 +0\.800x +not reached +same$/m);
  assert.match(levelReport(rows), /^qsort +100 +100 +1\.00x +reached +WRONG$/m);
});

test("what the outer guest is told", () => {
  assert.match(l1CommandLine(5, ["sieve", "smc"]), / vt\.scale=5 vt\.sel=sieve,smc$/);
});
