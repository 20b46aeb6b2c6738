/**
 * From runs to figures: medians, rates, ratios.
 */
import { kernelNames } from "./kernels.js";
import type { KernelResult, RunResult } from "./measure.js";
import { geometricMean, median } from "./statistics.js";

const MIB = 0x100000;
/** Samples shorter than this lose against longer ones: the accounts of threads are brought up to date at ticks. */
const SHORT = 0.05;

/** Medians over the boots of one machine, in seconds and bytes; NaN where nothing was measured. */
export interface BootFigures {
  readonly rounds: number;
  readonly initWall: number;
  readonly initThread: number;
  readonly peak: number;
  /** Instructions of a whole run, and millions a second by vt86's own clock and by processor time. */
  readonly instructions: number;
  readonly mips: number;
  readonly mipsThread: number;
}

export function bootFigures(runs: readonly RunResult[]): BootFigures {
  const good = runs.filter((run) => run.done);
  const middle = (value: (run: RunResult) => number | undefined) =>
    median(good.map((run) => value(run) ?? Number.NaN));
  return {
    rounds: good.length,
    initWall: middle((run) => run.init?.wall),
    initThread: middle((run) => run.init?.thread),
    peak: middle((run) => run.peak),
    instructions: middle((run) => run.engine?.instructions),
    mips: middle((run) => run.engine && run.engine.instructions / run.engine.seconds / 1e6),
    mipsThread: middle((run) => run.engine && run.engine.instructions / run.thread / 1e6),
  };
}

/** Units a second of processor time of the busiest thread. */
export function rate(results: readonly KernelResult[]): number {
  const long = results.filter((result) => result.time.thread >= SHORT);
  return median((long.length > 0 ? long : results).map(({ units, time }) => units / time.thread));
}

export type Verdict =
  /** Equal to the reference's of the same amount of work. */
  | "same"
  | "WRONG"
  /** There is no reference to compare with. */
  | "unchecked"
  /** It did not run to its end. */
  | "FAILED";

export interface KernelFigures {
  readonly name: string;
  readonly rate: number;
  readonly reference: number;
  /** In the reference's rates: 2 is twice as fast. */
  readonly speed: number;
  readonly verdict: Verdict;
  readonly checksum: string | undefined;
}

/** One row for each kernel asked for. */
export function kernelFigures(
  wanted: readonly string[],
  own: readonly KernelResult[],
  reference: readonly KernelResult[],
): KernelFigures[] {
  return kernelNames
    .filter((name) => wanted.includes(name))
    .map((name) => {
      const mine = own.filter((result) => result.name === name);
      const others = reference.filter((result) => result.name === name);
      const [ownRate, otherRate] = [rate(mine), rate(others)];
      return {
        name,
        rate: ownRate,
        reference: otherRate,
        speed: ownRate / otherRate,
        verdict: verdict(mine, others),
        checksum: mine[0]?.checksum,
      };
    });
}

/** What the checksums of equal amounts of work say. */
export function verdict(mine: readonly KernelResult[], others: readonly KernelResult[]): Verdict {
  if (mine.length === 0) return "FAILED";
  let checked = false;
  for (const result of mine) {
    for (const other of others) {
      if (other.units !== result.units) continue;
      if (other.checksum !== result.checksum) return "WRONG";
      checked = true;
    }
  }
  return checked ? "same" : "unchecked";
}

export const meanSpeed = (rows: readonly KernelFigures[]): number =>
  geometricMean(rows.map((row) => row.speed));

/** Bytes above the guest's memory, in MiB. */
export const aboveGuest = (peak: number, guestMiB: number): number => peak / MIB - guestMiB;
