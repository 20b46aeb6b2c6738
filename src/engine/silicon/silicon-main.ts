/**
 * `npm run test:silicon -- [--translate|--translate-locals] [DIR [FILTER]]`: runs every vector of a folder and says, per
 * file, how many pass; with `--translate` through the translator, which makes a function of each instruction (with
 * `--translate-locals` of the kind that keeps registers in locals).
 *
 * Without DIR: the whole set beside the checkout (../shared/silicon) where there is one, else the
 * repository's sample. Exit status: 0 all pass, 1 some fail, 2 there is nothing to run.
 */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { UsageError } from "../../host/usage-error.js";
import { describeFailure, VectorSuite, vectorFiles } from "./suite.js";

const WHOLE_SET = fileURLToPath(new URL("../../../../shared/silicon", import.meta.url));
const SAMPLE = fileURLToPath(new URL("../../../vectors", import.meta.url));
/** Failures that are shown in full: of one form, and of one file. */
const SHOWN = { form: 3, file: 20 } as const;

function main(words: readonly string[]): number {
  const translate =
    words[0] === "--translate" ? "state" : words[0] === "--translate-locals" ? "locals" : undefined;
  const [folder = existsSync(WHOLE_SET) ? WHOLE_SET : SAMPLE, filter = ""] = words.slice(translate ? 1 : 0);
  const files = vectorFiles(folder, filter);
  const suite = new VectorSuite(folder, translate);
  let passed = 0;
  let failed = 0;
  for (const file of files) {
    const result = suite.run(file);
    const byForm = new Map<string, number>();
    let shown = 0;
    for (const failure of result.failures) {
      const { form } = failure.vector;
      const count = (byForm.get(form) ?? 0) + 1;
      byForm.set(form, count);
      if (count <= SHOWN.form && shown++ < SHOWN.file) console.log(`     ${describeFailure(failure)}`);
    }
    const bad = result.failures.length;
    console.log(`${bad === 0 ? "ok  " : "FAIL"} ${file}: ${result.passed} of ${result.passed + bad} pass`);
    for (const [form, count] of byForm) console.log(`     ${form}: ${count} fail`);
    passed += result.passed;
    failed += bad;
  }
  console.log(`${files.length} files from ${folder}`);
  if (translate) {
    const { translated, interpreted } = suite.counts;
    console.log(`${translated} translated, ${interpreted} left to the interpreter`);
  }
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

try {
  process.exitCode = main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`vt86: ${error.message}`);
  process.exitCode = 2;
}
