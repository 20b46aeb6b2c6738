/**
 * `npm run bench -- --only workload`: programs that were not written to be measured, in a Debian guest, in vt86 and
 * in QEMU's TCG.
 */
import type { Host } from "./host.js";
import { qemuCommand, qemuVersion, vt86Command } from "./machines.js";
import { type Command, measure, type RunResult } from "./measure.js";
import type { BenchOptions } from "./options.js";
import { complain, type Outcome } from "./plain.js";
import { workFigures, workIsGood, workReport } from "./workload-figures.js";
import { workloadGuest } from "./workload-guest.js";
import { pythonTests } from "./workload-script.js";

export const workloadCommandLine = (scale: number): string =>
  `console=ttyS0,115200 quiet nokaslr mitigations=off panic=-1 rdinit=/init work.scale=${scale}`;

export async function benchWorkload(
  options: BenchOptions,
  host: Host,
  say: (text: string) => void,
): Promise<Outcome> {
  const guest = await workloadGuest(say);
  const line = workloadCommandLine(options.scale);
  const qemu = await qemuVersion(64);
  if (qemu === undefined)
    say("QEMU is not installed here, so there are no ratios and no results to compare with.");
  console.log(`Work in a Debian guest, on ${host.title}${qemu === undefined ? "" : `, QEMU ${qemu}`}\n`);

  const own: RunResult[] = [];
  const reference: RunResult[] = [];
  const once = async (name: string, command: Command, runs: RunResult[]) => {
    const run = await measure(command, options.timeout, {
      result: ({ name: work, time }) => say(`${name}: ${work} took ${time.wall.toFixed(1)} s`),
      failed: (work, note) => say(`${name}: ${work} failed${note ? `: ${note}` : ""}`),
    });
    runs.push(run);
    if (!run.done) {
      say(`${name}: the guest did not end; it was at ${run.unfinished ?? "no work"}.`);
      complain(run, say);
    }
  };
  for (let round = 1; round <= options.kernelRounds; round++) {
    if (qemu !== undefined) await once("QEMU TCG", qemuCommand(guest, line), reference);
    await once("vt86", vt86Command(host.settings, guest, line), own);
  }

  const rows = workFigures(own, reference);
  console.log(
    `At ${options.scale} % of the work (Python's tests: all), medians of ${options.kernelRounds}; seconds are those of the busiest thread\n`,
  );
  console.log(`${workReport(rows, "TCG")}\n`);
  for (const { name, note } of rows) {
    if (note !== "" && (pythonTests as readonly string[]).includes(name)) console.log(`${name}: ${note}`);
  }
  const good = workIsGood(rows) && own.every((run) => run.done);
  if (!good) for (const note of new Set(own.flatMap((run) => run.notes))) say(`the guest says: ${note}`);
  const peak = Math.max(...own.map((run) => run.peak)) / 0x100000;
  console.log(`\nPeak memory of vt86: ${peak.toFixed(0)} MiB (guest: ${guest.memory} MiB).\n`);
  return { good, record: { rows, own, reference, peakMiB: peak } };
}
