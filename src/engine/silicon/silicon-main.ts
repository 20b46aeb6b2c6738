/**
 * `npm run test:silicon -- DIR [FILTER]`: runs every vector of a folder and reports, per file, how many pass.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { SiliconEnvironment } from "./environment.js";
import { runVector } from "./run-vector.js";
import { modeOf, readVectors, type VectorMode } from "./vector.js";

const directory = process.argv[2] ?? "../shared/silicon";
const filter = process.argv[3] ?? "";
const shown = Number(process.env.VT86_SHOW ?? 3);

const environments = new Map<VectorMode, SiliconEnvironment>();
let passed = 0;
let failed = 0;
let files: string[];
try {
  files = readdirSync(directory).filter((name) => name.endsWith(".jsonl.gz") && name.includes(filter)).sort();
} catch {
  console.error(`vt86: there is no folder ${directory} to read vectors from`);
  process.exit(2);
}
for (const file of files) {
  const mode = modeOf(file);
  let environment = environments.get(mode);
  if (!environment) {
    environment = new SiliconEnvironment(mode);
    environments.set(mode, environment);
  }
  let good = 0;
  let bad = 0;
  const byForm = new Map<string, number>();
  for (const vector of readVectors(join(directory, file))) {
    let problems: string[];
    try {
      problems = runVector(environment, vector);
    } catch (error) {
      problems = [`the interpreter failed: ${error instanceof Error ? error.message : String(error)}`];
    }
    if (problems.length === 0) {
      good++;
      continue;
    }
    bad++;
    const count = (byForm.get(vector.form) ?? 0) + 1;
    byForm.set(vector.form, count);
    if (count <= shown) console.log(`  ${file} ${vector.form} ${vector.code} ${vector.asm}: ${problems.slice(0, 4).join("; ")}`);
  }
  console.log(`${bad === 0 ? "ok  " : "FAIL"} ${file}: ${good} of ${good + bad} pass`);
  for (const [form, count] of byForm) console.log(`       ${form}: ${count} fail`);
  passed += good;
  failed += bad;
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
