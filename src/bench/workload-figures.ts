/**
 * The figures of the workload: for each piece of work the times of both machines, and whether they came to the same.
 */
import { type Verdict, verdict } from "./figures.js";
import type { KernelResult, RunResult, Span } from "./measure.js";
import { digits, quantity, table, times } from "./report.js";
import { geometricMean, median } from "./statistics.js";
import { timedWork, workloadUnits } from "./workload-script.js";

export interface WorkFigures {
  readonly name: string;
  /** Seconds, medians over the rounds; NaN where nothing was measured. */
  readonly own: Span;
  readonly reference: Span;
  /** Units a second of the busiest thread. */
  readonly rate: number;
  readonly referenceRate: number;
  /** In the reference's rate, by the busiest thread and by the wall clock: 2 is twice as fast. */
  readonly speed: number;
  readonly wallSpeed: number;
  readonly verdict: Verdict | "rate only";
  readonly note: string;
}

const middle = (results: readonly KernelResult[], value: (result: KernelResult) => number) =>
  median(results.map(value));

export function workFigures(own: readonly RunResult[], reference: readonly RunResult[]): WorkFigures[] {
  const all = (runs: readonly RunResult[]) => runs.flatMap((run) => run.kernels);
  const [ownResults, otherResults] = [all(own), all(reference)];
  return Object.keys(workloadUnits).map((name) => {
    const mine = ownResults.filter((result) => result.name === name);
    const others = otherResults.filter((result) => result.name === name);
    const span = (results: readonly KernelResult[]): Span => ({
      wall: middle(results, ({ time }) => time.wall),
      thread: middle(results, ({ time }) => time.thread),
    });
    const rate = (kind: keyof Span) => (results: readonly KernelResult[]) =>
      middle(results, ({ units, time }) => units / time[kind]);
    const [thread, wall] = [rate("thread"), rate("wall")];
    // Work that is missing in one of several rounds has failed.
    const ended = mine.length === own.length && own.length > 0;
    const compared = timedWork.includes(name) ? "rate only" : verdict(mine, others);
    return {
      name,
      own: span(mine),
      reference: span(others),
      rate: thread(mine),
      referenceRate: thread(others),
      speed: thread(mine) / thread(others),
      wallSpeed: wall(mine) / wall(others),
      verdict: ended ? compared : "FAILED",
      note: mine[0]?.note ?? "",
    };
  });
}

export const workIsGood = (rows: readonly WorkFigures[]): boolean =>
  rows.every((row) => row.verdict !== "FAILED" && row.verdict !== "WRONG");

export function workReport(rows: readonly WorkFigures[], peer: string): string {
  const equal = rows.filter(({ name }) => !timedWork.includes(name));
  const total = (value: (row: WorkFigures) => number) => equal.reduce((sum, row) => sum + value(row), 0);
  const totals = {
    own: total((row) => row.own.thread),
    reference: total((row) => row.reference.thread),
    ownWall: total((row) => row.own.wall),
    referenceWall: total((row) => row.reference.wall),
  };
  return table([
    [
      ...["work", "vt86, s", `${peer}, s`, `vt86 / ${peer}`],
      ...["vt86, wall s", `${peer}, wall s`, "by the wall", "vt86 a second", "result"],
    ],
    ...rows.map((row) => {
      // Seconds of work that is as much as fits into a time say nothing.
      const seconds = (value: number) => (timedWork.includes(row.name) ? "" : digits(value));
      return [
        row.name,
        ...[seconds(row.own.thread), seconds(row.reference.thread), times(row.speed)],
        ...[seconds(row.own.wall), seconds(row.reference.wall), times(row.wallSpeed)],
        `${quantity(row.rate)} ${workloadUnits[row.name]}`,
        row.verdict,
      ];
    }),
    [
      "all of equal amount",
      ...[digits(totals.own), digits(totals.reference), times(totals.reference / totals.own)],
      ...[digits(totals.ownWall), digits(totals.referenceWall), times(totals.referenceWall / totals.ownWall)],
      ...["", ""],
    ],
    [
      "geometric mean",
      ...["", "", times(geometricMean(rows.map((row) => row.speed)))],
      ...["", "", times(geometricMean(rows.map((row) => row.wallSpeed))), "", ""],
    ],
  ]);
}
