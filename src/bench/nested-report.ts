/**
 * How fast the kernels are in the guest's guest, against the same in the guest.
 */
import { rate, type Verdict, verdict } from "./figures.js";
import type { RunResult } from "./measure.js";
import { LEVELS } from "./nested-guest.js";
import { quantity, table, times } from "./report.js";
import { geometricMean } from "./statistics.js";

/** What L2 is to reach of L1's rate. */
export const WANTED = 0.85;

export interface LevelFigures {
  readonly name: string;
  /** Units a second of the busiest thread. */
  readonly outer: number;
  readonly inner: number;
  /** Inner over outer. */
  readonly speed: number;
  readonly verdict: Verdict;
}

export function levelFigures(wanted: readonly string[], runs: readonly RunResult[]): LevelFigures[] {
  const all = runs.flatMap((run) => run.kernels);
  return wanted.map((name) => {
    const [outer, inner] = LEVELS.map((level) =>
      all.filter((result) => result.name === name && result.section === level),
    ) as [typeof all, typeof all];
    const ended = [outer, inner].every((results) => results.length === runs.length && runs.length > 0);
    const [outerRate, innerRate] = [rate(outer), rate(inner)];
    return {
      name,
      outer: outerRate,
      inner: innerRate,
      speed: innerRate / outerRate,
      verdict: ended ? verdict(inner, outer) : "FAILED",
    };
  });
}

export function levelReport(rows: readonly LevelFigures[]): string {
  const reached = (speed: number) => (speed >= WANTED ? "reached" : "not reached");
  const mean = geometricMean(rows.map((row) => row.speed));
  return table([
    ["kernel", "L1 a second", "L2 a second", "L2 / L1", `wanted ${WANTED}`, "checksum"],
    ...rows.map((row) => [
      row.name,
      ...[quantity(row.outer), quantity(row.inner), times(row.speed), reached(row.speed), row.verdict],
    ]),
    ["geometric mean", "", "", times(mean), reached(mean), ""],
  ]);
}
