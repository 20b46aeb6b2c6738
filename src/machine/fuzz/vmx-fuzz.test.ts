/** The fuzzer of VMX, a fixed set of cases. */
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { prepareTier0 } from "../../engine/interpreter/tier0.js";
import { fuzzVmx } from "./vmx-fuzz.js";

const CASES = 100_000;
const PARTS = 5;

describe("hostile VMCSs, VMX instructions and EPT structures", () => {
  before(prepareTier0);
  for (let part = 0; part < PARTS; part++) {
    const cases = CASES / PARTS;
    it(`${cases} cases, from ${part * cases}`, () => {
      const { failures, counts, reasons } = fuzzVmx({ cases, seed: 86, first: part * cases });
      assert.deepEqual(failures, []);
      // Every way that a VM entry can go is taken.
      assert.ok(counts.entries > cases / 4, `${counts.entries} VM entries`);
      assert.ok(counts.exits > cases / 4, `${counts.exits} VM exits`);
      assert.ok(counts.vmFails > cases / 50 && counts.entryFailures > cases / 50 && counts.aborts > 0);
      assert.ok(reasons.size > 20, `${reasons.size} exit reasons`);
    });
  }
});
