#!/usr/bin/env node
/**
 * Makes the repository's sample of the silicon vectors from the whole set:
 *
 *     node tools/sample-vectors.mjs DIR [OUT [LIMIT]]
 *
 * The rule: of every form of every file the first K vectors, and besides them the first two of every kind of
 * fault that the form has. K is the largest number with which all files together stay under LIMIT bytes
 * (default 8,000,000). The same input gives the same sample.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";

const PER_FAULT = 2;
const [from, to = "vectors", limitText = "8000000"] = process.argv.slice(2);
const limit = Number(limitText);
if (!from || !(limit > 0)) {
  console.error("usage: node tools/sample-vectors.mjs DIR [OUT [LIMIT]]");
  process.exit(2);
}

/** Lines of each file with what the rule looks at. */
const files = readdirSync(from)
  .filter((name) => name.endsWith(".jsonl.gz"))
  .sort()
  .map((name) => {
    const lines = gunzipSync(readFileSync(join(from, name)))
      .toString()
      .split("\n")
      .filter(Boolean);
    return { name, vectors: lines.map((line) => ({ line, ...describe(line) })) };
  });
if (files.length === 0) {
  console.error(`${from} holds no *.jsonl.gz files`);
  process.exit(2);
}

function describe(line) {
  const { form, fault } = JSON.parse(line);
  return { form, fault: fault?.vector };
}

function pick(vectors, perForm) {
  const forms = new Map();
  const faults = new Map();
  const next = (counts, key) => {
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    return count;
  };
  return vectors.filter(({ form, fault }) => {
    const early = next(forms, form) <= perForm;
    const rare = fault !== undefined && next(faults, `${form} ${fault}`) <= PER_FAULT;
    return early || rare;
  });
}

function sample(perForm) {
  return files.map(({ name, vectors }) => {
    const chosen = pick(vectors, perForm);
    const data = gzipSync(`${chosen.map(({ line }) => line).join("\n")}\n`, { level: 9 });
    // Byte 9 of a gzip file names the system that made it; the sample is the same wherever it was made.
    data[9] = 255;
    return { name, count: chosen.length, data };
  });
}

const bytes = (outputs) => outputs.reduce((sum, { data }) => sum + data.length, 0);
let [low, high] = [1, 200];
while (low < high) {
  const middle = (low + high + 1) >> 1;
  if (bytes(sample(middle)) <= limit) low = middle;
  else high = middle - 1;
}
const outputs = sample(low);
if (bytes(outputs) > limit) {
  console.error(`one vector of each form is more than ${limit} bytes already`);
  process.exit(1);
}
rmSync(to, { recursive: true, force: true });
mkdirSync(to, { recursive: true });
for (const { name, data } of outputs) writeFileSync(join(to, name), data);
const count = outputs.reduce((sum, output) => sum + output.count, 0);
console.log(
  `${to}: ${outputs.length} files, ${count} vectors, ${bytes(outputs)} bytes: the first ${low} of each form`,
);
