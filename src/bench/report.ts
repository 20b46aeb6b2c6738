/**
 * The figures as text: aligned tables.
 */
import { aboveGuest, type BootFigures, type KernelFigures, meanSpeed } from "./figures.js";
import { kernelUnits } from "./kernels.js";

/** What vt86 is to reach; the boot's ratio is that of the 64-bit guest to QEMU. */
export const wanted = { bootRatio: 1.5, mips: 150, aboveGuestMiB: 400 } as const;
/** The same for the kernels, in the rates of what it is compared with. */
const wantedSpeeds = {
  qemu: { mean: 1, least: 0.4, floating: 3 },
  v86: { mean: 1.5, least: undefined, floating: undefined },
} as const;
const floatingKernels: readonly string[] = ["nbody", "matmul", "mandel"];

/** Lines up cells: the first column to the left, the others to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  return rows
    .map((row) =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** Three significant digits, `-` for what was not measured. */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return "-";
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** A rate with its power of a thousand: `64.8 M`. */
export function quantity(value: number): string {
  for (const [unit, size] of [
    ["G", 1e9],
    ["M", 1e6],
    ["k", 1e3],
  ] as const) {
    // 999.6 rounds up into the next power.
    if (value >= size * 0.9995) return `${digits(value / size)} ${unit}`;
  }
  return digits(value);
}

export const times = (value: number) => (Number.isFinite(value) ? `${digits(value)}x` : "-");
const judged = (value: number, good: boolean, text: string) =>
  Number.isFinite(value) ? `${text}: ${good ? "reached" : "not reached"}` : text;

export function bootReport(
  own: BootFigures,
  reference: BootFigures | undefined,
  { peer, most, guestMiB }: { peer: string; most: number | undefined; guestMiB: number },
): string {
  const ratio = own.initWall / (reference?.initWall ?? Number.NaN);
  const threadRatio = own.initThread / (reference?.initThread ?? Number.NaN);
  const ratioIs = (value: number) =>
    most === undefined ? "" : judged(value, value <= most, `at most ${most}x`);
  const above = aboveGuest(own.peak, guestMiB);
  const other = (value: number | undefined) => digits(value ?? Number.NaN);
  return table([
    ["", "vt86", peer, "ratio", "wanted"],
    [
      "boot to init, busiest thread's seconds",
      digits(own.initThread),
      other(reference?.initThread),
      times(threadRatio),
      ratioIs(threadRatio),
    ],
    [
      "boot to init, wall seconds",
      digits(own.initWall),
      other(reference?.initWall),
      times(ratio),
      ratioIs(ratio),
    ],
    [
      "million instructions a processor second",
      digits(own.mipsThread),
      "-",
      "",
      judged(own.mipsThread, own.mipsThread >= wanted.mips, `at least ${wanted.mips}`),
    ],
    ["the same by the wall clock, without start-up", digits(own.mips), "-", "", ""],
    ["million instructions, boot to power-off", digits(own.instructions / 1e6), "-", "", ""],
    ["peak memory, MiB", digits(own.peak / 0x100000), other(reference && reference.peak / 0x100000), "", ""],
    [
      "peak memory above the guest's, MiB",
      digits(above),
      other(reference && aboveGuest(reference.peak, guestMiB)),
      "",
      judged(above, above <= wanted.aboveGuestMiB, `at most ${wanted.aboveGuestMiB}`),
    ],
  ]);
}

export function kernelReport(rows: readonly KernelFigures[], peer: string): string {
  const lines = rows.map((row) => [
    row.name,
    kernelUnits[row.name] ?? "",
    quantity(row.rate),
    quantity(row.reference),
    times(row.speed),
    row.verdict,
  ]);
  return table([
    ["kernel", "unit", "vt86 a second", `${peer} a second`, `vt86 / ${peer}`, "checksum"],
    ...lines,
    ["geometric mean", "", "", "", times(meanSpeed(rows)), ""],
  ]);
}

/** What of the wanted speeds was reached: a line for each that can be told from these kernels. */
export function speedReport(rows: readonly KernelFigures[], peer: keyof typeof wantedSpeeds): string {
  const lines: string[] = [];
  const judge = (what: string, value: number, least: number | undefined) => {
    if (least === undefined || !Number.isFinite(value)) return;
    lines.push(judged(value, value >= least, `${what} ${times(value)}, wanted at least ${times(least)}`));
  };
  const measured = rows.filter(({ speed }) => Number.isFinite(speed)).sort((a, b) => a.speed - b.speed);
  const { mean, least, floating } = wantedSpeeds[peer];
  judge("geometric mean", meanSpeed(rows), mean);
  const [slowest] = measured;
  if (slowest) judge(`slowest kernel (${slowest.name})`, slowest.speed, least);
  for (const { name, speed } of measured) if (floatingKernels.includes(name)) judge(name, speed, floating);
  return lines.join("\n");
}
