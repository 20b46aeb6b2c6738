import assert from "node:assert/strict";
import { test } from "node:test";
import { bootFigures, kernelFigures, rate } from "./figures.js";
import type { KernelResult, RunResult } from "./measure.js";

const result = (name: string, units: number, thread: number, checksum = "0"): KernelResult => ({
  name,
  scale: 5,
  units,
  checksum,
  time: { wall: thread * 2, thread },
  section: "",
  note: undefined,
});

const run = (init: number, done = true): RunResult => ({
  linux: undefined,
  init: { wall: init * 2, thread: init },
  kernels: [],
  unfinished: undefined,
  done,
  peak: 100,
  engine: { instructions: 3e8, seconds: 2 },
  thread: 3,
  tail: [],
  notes: [],
});

test("medians of the boots that came to their end", () => {
  const figures = bootFigures([run(3), run(1), run(2), run(100, false)]);
  assert.deepEqual([figures.rounds, figures.initThread, figures.initWall], [3, 2, 4]);
  assert.deepEqual([figures.mips, figures.mipsThread], [150, 100]);
  assert.ok(Number.isNaN(bootFigures([]).initWall));
});

test("a rate comes from the samples that are long enough, if there are any", () => {
  assert.equal(rate([result("sieve", 10, 0.001), result("sieve", 100, 1)]), 100);
  assert.equal(rate([result("sieve", 10, 0.01)]), 1000);
});

test("checksums are compared for equal amounts of work", () => {
  const own = [result("sieve", 10, 1, "a"), result("smc", 10, 1, "a"), result("x87", 10, 1, "a")];
  const reference = [result("sieve", 10, 0.5, "a"), result("smc", 10, 1, "b"), result("x87", 50, 1, "c")];
  const rows = kernelFigures(["sieve", "smc", "x87", "pipe"], own, reference);
  assert.deepEqual(
    rows.map(({ name, verdict }) => [name, verdict]),
    [
      ["sieve", "same"],
      ["x87", "unchecked"],
      ["smc", "WRONG"],
      ["pipe", "FAILED"],
    ],
  );
  assert.equal(rows[0]?.speed, 0.5);
});
