/**
 * `npm run bench -- --only soak`: one machine at varied work for an hour. Its memory has to stay flat, and its speed
 * what it was.
 */
import type { Host } from "./host.js";
import { vt86Command } from "./machines.js";
import { type KernelResult, measure } from "./measure.js";
import type { BenchOptions } from "./options.js";
import { complain, type Outcome } from "./plain.js";
import { resident } from "./process-clock.js";
import { type Sample, soakFigures, soakReport, soakRows } from "./soak-figures.js";
import { PIECE, pieceKernels, soakCommandLine, soakGuest } from "./soak-guest.js";

/** A row a minute, but never fewer than twenty. */
const interval = (minutes: number): number => Math.min(60, (minutes * 60) / 20);
/** Seconds between two looks at the memory. */
const LOOK = 2;

export async function benchSoak(
  options: BenchOptions,
  host: Host,
  say: (text: string) => void,
): Promise<Outcome> {
  const guest = await soakGuest(say);
  console.log(`${options.minutes} minutes of varied work, on ${host.title}\n`);
  const started = performance.now();
  const now = () => (performance.now() - started) / 1000;
  const memory: Sample[] = [];
  const rates: Sample[] = [];
  const checksums = new Map<string, string>();
  let wrong: string | undefined;
  let piece: KernelResult[] = [];
  let look: NodeJS.Timeout | undefined;

  const result = (one: KernelResult) => {
    // The same work has the same result each time.
    const key = `${one.section} ${one.name}`;
    if ((checksums.get(key) ?? one.checksum) !== one.checksum) wrong ??= one.name;
    checksums.set(key, one.checksum);
    if (one.section !== PIECE) return;
    if (one.name === pieceKernels[0]) piece = [];
    piece.push(one);
    if (piece.length < pieceKernels.length) return;
    const rate = 1 / piece.reduce((sum, { time }) => sum + time.thread, 0);
    rates.push({ at: now(), value: rate });
    const MiB = ((memory.at(-1)?.value ?? 0) / 0x100000).toFixed(0);
    say(`after ${(now() / 60).toFixed(1)} minutes: ${rate.toFixed(3)} pieces a second, ${MiB} MiB`);
  };
  const command = vt86Command(
    host.settings,
    guest,
    soakCommandLine(options.minutes * 60, options.scale),
    // A guest that starts again has failed.
    ["--no-reboot"],
  );
  const run = await measure(command, options.minutes * 60 + options.timeout, {
    started: (pid) => {
      look = setInterval(() => {
        const value = resident(pid);
        if (value > 0) memory.push({ at: now(), value });
      }, LOOK * 1000);
    },
    result,
  }).finally(() => clearInterval(look));

  const figures = soakFigures(soakRows(memory, rates, now(), interval(options.minutes)));
  console.log(`${soakReport(figures)}\n`);
  for (const note of run.notes) console.log(note);
  if (!run.done) {
    say(`the guest did not come to its end; it was at ${run.unfinished ?? "no kernel"}.`);
    complain(run, say);
  }
  if (wrong !== undefined) say(`${wrong} did not come to the same result each time.`);
  if (rates.length < 4)
    say("too few rounds of work to compare beginning and end: more --minutes or a smaller --scale.");
  return {
    good: run.done && wrong === undefined && figures.good,
    record: { figures, memory, rates, run },
  };
}
