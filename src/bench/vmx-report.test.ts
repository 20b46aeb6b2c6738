import assert from "node:assert/strict";
import { test } from "node:test";
import { bochsConfiguration } from "./bochs.js";
import type { KernelResult, RunResult } from "./measure.js";
import { nestedCommandLine } from "./vmx-guest.js";
import { nestedFigures, nestedReport } from "./vmx-report.js";

const result = (name: string, units: number, checksum: string, thread: number): KernelResult => ({
  ...{ name, units, checksum, scale: 100, time: { wall: 2, thread } },
  ...{ section: "", note: undefined },
});

const run = (innerSum: string, done = true): RunResult => ({
  linux: undefined,
  init: undefined,
  kernels: [
    result("outer_loop", 1000, "bb8", 1),
    result("kvm_exits", 50, "32", 1),
    result("kvm_loop", 1000, innerSum, 2),
  ],
  unfinished: undefined,
  done,
  peak: 100,
  engine: undefined,
  thread: 3,
  tail: [],
  notes: [],
});

const timed = { name: "vt86", loopIsTimed: true };

test("rates of the exits and of both loops", () => {
  const { exits, outerLoop, innerLoop, good } = nestedFigures(timed, [run("bb8")]);
  assert.deepEqual([exits, outerLoop, innerLoop, good], [50, 1000, 500, true]);
});

test("the loops must agree, and the guest must come to its end", () => {
  assert.equal(nestedFigures(timed, [run("bb8"), run("bb9")]).good, false);
  assert.equal(nestedFigures(timed, [run("bb8", false)]).good, false);
  assert.equal(nestedFigures(timed, [{ ...run("bb8"), kernels: [] }]).good, false);
});

test("a loop that can't be timed is left out", () => {
  const row = nestedFigures({ name: "Bochs", loopIsTimed: false }, [run("bb8")]);
  assert.ok(Number.isNaN(row.innerLoop));
  assert.match(nestedReport([row]), /Bochs +50\.0 +1\.00 k +- +right$/m);
});

test("what the machines are told", () => {
  assert.match(nestedCommandLine({ exits: 5, loops: 7 }), / vmx\.exits=5 vmx\.loops=7$/);
  assert.match(bochsConfiguration("/tmp/x"), /^com1: enabled=1, mode=file, dev=\/tmp\/x\/serial$/m);
});
