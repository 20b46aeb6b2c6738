/** A short differential fuzz of the decoder against iced-x86. For a long one: `npm run fuzz:decode -- N`. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { CodeSize } from "../instruction.js";
import { Fuzzer, type Strategy } from "./fuzz.js";
import { loadIced } from "./oracle.js";

const STRINGS = 300_000;

describe("decoder against iced-x86", async () => {
  const iced = await loadIced();
  for (const codeSize of [16, 32, 64] satisfies CodeSize[]) {
    it(`${codeSize}-bit code`, () => {
      const fuzzer = new Fuzzer(iced, 86);
      for (const strategy of ["structured", "mutated", "random"] satisfies Strategy[]) {
        const report = fuzzer.run(codeSize, strategy, STRINGS);
        assert.deepEqual(report.examples, [], `${strategy}: ${report.differences} differences`);
        assert.ok(report.valid > STRINGS / 4, `${strategy}: ${report.valid} valid`);
      }
    });
  }
});
