/**
 * The repository's sample of the silicon vectors, through the interpreter, and a part of it through the translator: all
 * must pass.
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { describeFailure, VectorSuite, vectorFiles } from "./suite.js";

const sample = fileURLToPath(new URL("../../../vectors", import.meta.url));

describe("silicon vectors", () => {
  const suite = new VectorSuite(sample);
  for (const file of vectorFiles(sample)) {
    test(file, () => {
      const { passed, failures } = suite.run(file);
      assert.deepEqual(failures.slice(0, 10).map(describeFailure), []);
      assert.ok(passed > 0);
    });
  }
});

for (const home of ["state", "locals"] as const)
  describe(`silicon vectors, translated with the registers in ${home === "state" ? "the state" : "locals"}`, () => {
    const suite = new VectorSuite(sample, home);
    // Each function takes milliseconds to compile: one vector in so many.
    const EVERY = 80;
    for (const file of vectorFiles(sample)) {
      test(file, () => {
        const { passed, failures } = suite.run(file, EVERY);
        assert.deepEqual(failures.slice(0, 10).map(describeFailure), []);
        assert.ok(passed > 0);
      });
    }
    test("most of them are translated", () => {
      const { translated, interpreted } = suite.counts;
      assert.ok(translated > interpreted, `${translated} translated, ${interpreted} interpreted`);
    });
  });

describe("npm run test:silicon", () => {
  const main = fileURLToPath(new URL("./silicon-main.js", import.meta.url));
  const folder = mkdtempSync(join(tmpdir(), "vt86-silicon-"));
  after(() => rmSync(folder, { recursive: true }));

  test("says in one sentence that a folder has no vectors, or is none", () => {
    for (const path of [folder, join(folder, "missing")]) {
      const { status, stderr } = spawnSync(process.execPath, [main, path], { encoding: "utf8" });
      assert.equal(status, 2);
      assert.match(stderr, /^vt86: [^\n]+\.\n$/);
    }
  });

  test("passes a right vector and fails a wrong one", () => {
    const gpr = Array.from({ length: 16 }, () => "0000000000000000");
    const vector = {
      code: "ffc0",
      asm: "inc eax",
      form: "Inc_rm32",
      in: { rip: "0000000000100400", rflags: "0202", gpr },
      out: { rip: "0000000000100402", rflags: "0202", gpr: { 0: "0000000000000001" } },
      fault: null,
      undefFlags: "0000",
      approx: false,
    };
    const file = join(folder, "x64-made-up.jsonl.gz");
    writeFileSync(file, gzipSync(JSON.stringify(vector)));
    assert.match(
      execFileSync(process.execPath, [main, folder], { encoding: "utf8" }),
      /^1 passed, 0 failed$/m,
    );

    const wrong = { ...vector, out: { ...vector.out, gpr: { 0: "0000000000000002" } } };
    writeFileSync(file, gzipSync(`${JSON.stringify(vector)}\n${JSON.stringify(wrong)}\n`));
    const { status, stdout } = spawnSync(process.execPath, [main, folder], { encoding: "utf8" });
    assert.equal(status, 1);
    assert.match(stdout, /gpr 0: 0000000000000001, the CPU has 0000000000000002/);
    assert.match(stdout, /^1 passed, 1 failed$/m);
  });
});
