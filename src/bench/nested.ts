/**
 * `npm run bench -- --only nested`: kernels in a Linux that QEMU runs with KVM inside vt86 (L2), against the same in
 * the Linux that vt86 runs (L1), in one boot.
 */
import type { Host } from "./host.js";
import { vt86Command } from "./machines.js";
import { measure, type RunResult } from "./measure.js";
import { l1CommandLine, twoLevelGuest } from "./nested-guest.js";
import { levelFigures, levelReport } from "./nested-report.js";
import type { BenchOptions } from "./options.js";
import { complain, type Outcome } from "./plain.js";
import { CPU } from "./vmx.js";

export async function benchNested(
  options: BenchOptions,
  host: Host,
  say: (text: string) => void,
): Promise<Outcome> {
  const guest = await twoLevelGuest(say);
  console.log(`The guest's guest, ${CPU}, on ${host.title}\n`);
  const command = vt86Command(host.settings, guest, l1CommandLine(options.scale, options.kernels), [
    ...["--cpu", CPU],
  ]);
  const runs: RunResult[] = [];
  for (let round = 1; round <= options.kernelRounds; round++) {
    const run = await measure(command, options.timeout, {
      result: ({ name, section, time }) => say(`${section}: ${name} took ${time.thread.toFixed(2)} s`),
    });
    runs.push(run);
    say(`round ${round} of ${options.kernelRounds}: ${run.done ? "ended" : "did not end"}`);
    if (!run.done || run.kernels.length < 2 * options.kernels.length) complain(run, say);
  }
  const rows = levelFigures(options.kernels, runs);
  console.log(
    `Kernels at ${options.scale} % of the work, medians of ${options.kernelRounds}\n\n${levelReport(rows)}\n`,
  );
  const good = runs.every((run) => run.done) && rows.every((row) => row.verdict === "same");
  return { good, record: { rows, runs } };
}
