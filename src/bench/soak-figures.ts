/**
 * What became of memory and speed during the soak.
 */
import { digits, table } from "./report.js";
import { median } from "./statistics.js";

const MIB = 0x100000;
/** The part of the time that is warm-up, and the parts at both ends of the rest that are compared. */
const WARM_UP = 0.15;
const END = 0.25;
/** How much memory may grow and speed may fall. */
export const allowed = { growth: 1.1, speed: 0.9 } as const;

/** Seconds since the start, and a value then. */
export interface Sample {
  readonly at: number;
  readonly value: number;
}

/** One interval; NaN where nothing was measured in it. */
export interface SoakRow {
  /** Its end, in seconds since the start. */
  readonly at: number;
  readonly resident: number;
  /** Pieces of work a second of processor time. */
  readonly rate: number;
}

export interface SoakFigures {
  readonly rows: readonly SoakRow[];
  /** Medians after warm-up and at the end. */
  readonly first: Omit<SoakRow, "at">;
  readonly last: Omit<SoakRow, "at">;
  /** Last over first. */
  readonly growth: number;
  readonly speed: number;
  /**
   * How far straight lines through what came after warm-up rise from its beginning to its end: in bytes, and in
   * parts of the first rate.
   */
  readonly residentTrend: number;
  readonly rateTrend: number;
  readonly good: boolean;
}

/** Medians of the samples of each interval. */
export function soakRows(
  resident: readonly Sample[],
  rates: readonly Sample[],
  end: number,
  interval: number,
): SoakRow[] {
  const rows: SoakRow[] = [];
  for (let from = 0; from < end; from += interval) {
    const within = (samples: readonly Sample[]) =>
      median(samples.filter(({ at }) => at >= from && at < from + interval).map(({ value }) => value));
    rows.push({ at: from + interval, resident: within(resident), rate: within(rates) });
  }
  return rows;
}

/** By least squares: how much the value rises in a second; NaN of fewer than two samples. */
export function slope(samples: readonly Sample[]): number {
  const known = samples.filter(({ value }) => Number.isFinite(value));
  const mean = (value: (sample: Sample) => number) =>
    known.reduce((sum, sample) => sum + value(sample), 0) / known.length;
  const [at, level] = [mean((sample) => sample.at), mean((sample) => sample.value)];
  const spread = known.reduce((sum, sample) => sum + (sample.at - at) ** 2, 0);
  return known.reduce((sum, sample) => sum + (sample.at - at) * (sample.value - level), 0) / spread;
}

export function soakFigures(rows: readonly SoakRow[]): SoakFigures {
  const warm = rows.slice(Math.ceil(rows.length * WARM_UP));
  const count = Math.max(1, Math.round(warm.length * END));
  const middle = (part: readonly SoakRow[]) => ({
    resident: median(part.map((row) => row.resident)),
    rate: median(part.map((row) => row.rate)),
  });
  const [first, last] = [middle(warm.slice(0, count)), middle(warm.slice(-count))];
  const span = (warm.at(-1)?.at ?? 0) - (warm[0]?.at ?? 0);
  const growth = last.resident / first.resident;
  const speed = last.rate / first.rate;
  return {
    rows,
    first,
    last,
    growth,
    speed,
    residentTrend: slope(warm.map(({ at, resident }) => ({ at, value: resident }))) * span,
    rateTrend: (slope(warm.map(({ at, rate }) => ({ at, value: rate }))) * span) / first.rate,
    // What was not measured is not good.
    good: growth <= allowed.growth && speed >= allowed.speed,
  };
}

const percent = (part: number): string =>
  Number.isFinite(part) ? `${part >= 0 ? "+" : ""}${(part * 100).toFixed(1)} %` : "-";

export function soakReport(figures: SoakFigures): string {
  const { rows, first, last } = figures;
  const cells = (row: Omit<SoakRow, "at">) => [digits(row.resident / MIB), digits(row.rate)];
  const judged = (good: boolean, text: string) => `${text}: ${good ? "kept" : "not kept"}`;
  return [
    table([
      ["minutes", "memory, MiB", "pieces of work a processor second"],
      ...rows.map((row) => [(row.at / 60).toFixed(1), ...cells(row)]),
    ]),
    table([
      ["", "after warm-up", "at the end", "change", "straight line", "allowed"],
      [
        "memory, MiB",
        ...[digits(first.resident / MIB), digits(last.resident / MIB), percent(figures.growth - 1)],
        percent(figures.residentTrend / first.resident),
        judged(figures.growth <= allowed.growth, "at most +10 %"),
      ],
      [
        "speed",
        ...[digits(first.rate), digits(last.rate), percent(figures.speed - 1), percent(figures.rateTrend)],
        judged(figures.speed >= allowed.speed, "at most -10 %"),
      ],
    ]),
  ].join("\n\n");
}
