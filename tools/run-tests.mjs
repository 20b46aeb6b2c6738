#!/usr/bin/env node
/**
 * Runs the built tests with Node's test runner:
 *
 *     node tools/run-tests.mjs [--long] [FILTER...] [NODE-OPTION...]
 *
 * The tests are the files *.test.ts in src (with --long: *.long.ts), as built in dist. A FILTER keeps the files
 * whose path contains it; what begins with a dash goes to node (--test-name-pattern=TEXT, --test-only). Globs
 * are not left to node: version 20 does not know them.
 */
import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { constants } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const words = process.argv.slice(2);
const suffix = words.includes("--long") ? ".long.ts" : ".test.ts";
const options = words.filter((word) => word.startsWith("-") && word !== "--long");
const filters = words.filter((word) => !word.startsWith("-"));

function fail(text) {
  console.error(text);
  process.exit(2);
}

const sources = readdirSync(join(root, "src"), { recursive: true })
  .filter((name) => name.endsWith(suffix))
  .map((name) => name.replaceAll("\\", "/"))
  .filter((name) => filters.length === 0 || filters.some((filter) => `src/${name}`.includes(filter)))
  .sort();
if (sources.length === 0) fail(`No test file (*${suffix}) matches ${filters.join(" ") || "in src"}.`);
const built = sources.map((name) => join(root, "dist", name.replace(/\.ts$/, ".js")));
const missing = built.find((name) => !existsSync(name));
if (missing) fail(`${relative(root, missing)} is not built; run 'npm run build' first.`);

const runner = spawn(
  process.execPath,
  ["--test", "--test-concurrency=2", "--test-reporter=spec", ...options, ...built],
  { cwd: root, stdio: "inherit" },
);
runner.on("exit", (code, signal) => {
  process.exitCode = signal ? 128 + constants.signals[signal] : code;
});
