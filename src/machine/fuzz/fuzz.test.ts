/** The fuzzer, a fixed set of programs. For other ones: `node dist/machine/fuzz/fuzz-main.js 100000 <seed>`. */
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { prepareTier0 } from "../../engine/interpreter/tier0.js";
import { fuzz } from "./fuzz.js";

const PROGRAMS = 100_000;
const PARTS = 10;

describe("random programs in every mode", () => {
  before(prepareTier0);
  for (let part = 0; part < PARTS; part++) {
    const programs = PROGRAMS / PARTS;
    it(`${programs} programs, from ${part * programs}`, () => {
      const report = fuzz({ programs, seed: 86, first: part * programs });
      const text = report.failures.map(
        (failure) => `program ${failure.program} (${failure.mode}): ${failure.text}`,
      );
      assert.deepEqual(text, []);
      assert.ok(report.compared >= programs / 10, `${report.compared} programs were compared`);
      // Every few chunks the programs are translated, too.
      if (part === 0) assert.ok(report.translated > 0);
      assert.ok(
        report.outcomes.running > programs / 2 && report.outcomes.shutdown > 0 && report.outcomes.halted > 0,
      );
    });
  }
});
