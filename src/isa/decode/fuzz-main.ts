/**
 * `npm run fuzz:decode -- N [seed]`: N random, N/2 structured and N/2 mutated strings in each mode. Exit code 1 where
 * the decoder and iced-x86 differ.
 */
import type { CodeSize } from "../instruction.js";
import { Fuzzer, type Strategy } from "./fuzz.js";
import { loadIced } from "./oracle.js";

const count = Number(process.argv[2] ?? 1_000_000);
const seed = Number(process.argv[3] ?? Date.now() & 0x7fff_ffff);
if (!Number.isInteger(count) || count < 1 || !Number.isInteger(seed)) {
  console.error("fuzz:decode: the arguments are a number of strings and, optionally, a seed");
  process.exit(2);
}
const fuzzer = new Fuzzer(await loadIced(), seed);
const plan: readonly (readonly [Strategy, number])[] = [
  ["structured", Math.ceil(count / 2)],
  ["mutated", Math.ceil(count / 2)],
  ["random", count],
];
let differences = 0;
console.log(`seed ${seed}`);
for (const codeSize of [16, 32, 64] satisfies CodeSize[]) {
  for (const [strategy, strings] of plan) {
    const started = performance.now();
    const report = fuzzer.run(codeSize, strategy, strings);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(
      `${codeSize}-bit ${strategy}: ${strings} strings, ${report.valid} valid, ${report.differences} differences, ${seconds} s`,
    );
    for (const example of report.examples) console.log(`  ${example}`);
    differences += report.differences;
  }
  const unseen = fuzzer.unseen(codeSize);
  console.log(`${codeSize}-bit: ${unseen.length} instructions not seen: ${unseen.join(" ")}`);
}
process.exitCode = differences === 0 ? 0 : 1;
