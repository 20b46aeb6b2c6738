import assert from "node:assert/strict";
import { test } from "node:test";
import type { KernelResult, RunResult } from "./measure.js";
import { workFigures, workIsGood, workReport } from "./workload-figures.js";
import { workloadUnits } from "./workload-script.js";

const names = Object.keys(workloadUnits);

/** A run in which every piece of work took that long. */
function run(
  thread: number,
  change: (result: KernelResult) => KernelResult | undefined = (same) => same,
): RunResult {
  const kernels = names.map(
    (name): KernelResult => ({
      ...{ name, scale: 100, units: 1000, checksum: "0", time: { thread, wall: thread * 2 } },
      ...{ section: "", note: `note of ${name}` },
    }),
  );
  return {
    kernels: kernels.map(change).filter((result) => result !== undefined),
    ...{ linux: undefined, init: undefined, unfinished: undefined, done: true },
    ...{ peak: 0, engine: undefined, thread: 1, tail: [], notes: [] },
  };
}

test("times and speeds are medians over the rounds", () => {
  const rows = workFigures([run(2), run(4), run(100)], [run(1)]);
  assert.deepEqual(
    rows.map((row) => row.name),
    names,
  );
  const [grammar] = rows;
  assert.deepEqual([grammar?.own.thread, grammar?.own.wall, grammar?.speed], [4, 8, 0.25]);
  assert.equal(grammar?.note, "note of test_grammar");
  assert.ok(workIsGood(rows));
  assert.match(workReport(rows, "TCG"), /^geometric mean +0\.250x +0\.250x$/m);
  // Fifteen less the two of openssl speed, at 4 and 1 seconds.
  assert.match(workReport(rows, "TCG"), /^all of equal amount +52\.0 +13\.0 +0\.250x/m);
});

test("another result, and a piece that is missing in one round, are not good", () => {
  const other = (result: KernelResult) => (result.name === "xz" ? { ...result, checksum: "1" } : result);
  const without = (result: KernelResult) => (result.name === "gzip" ? undefined : result);
  const of = (name: string, own: RunResult[]) => workFigures(own, [run(1)]).find((row) => row.name === name);
  assert.equal(of("xz", [run(1, other)])?.verdict, "WRONG");
  assert.equal(of("gzip", [run(1), run(1, without)])?.verdict, "FAILED");
  assert.equal(workIsGood(workFigures([run(1, without)], [run(1)])), false);
});

test("without a reference nothing is compared", () => {
  const rows = workFigures([run(1)], []);
  assert.equal(rows[0]?.verdict, "unchecked");
  assert.ok(workIsGood(rows));
});
