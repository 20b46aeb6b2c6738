/**
 * The figures as text: aligned tables.
 */
import { aboveGuest, type BootFigures, type KernelFigures, meanSlower } from "./figures.js";
import { kernelUnits } from "./kernels.js";

/** What vt86 is to reach. */
export const wanted = { bootRatio: 8, mips: 150, aboveGuestMiB: 300 } as const;

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

const times = (value: number) => (Number.isFinite(value) ? `${digits(value)}x` : "-");
const judged = (value: number, good: boolean, text: string) =>
  Number.isFinite(value) ? `${text}: ${good ? "reached" : "not reached"}` : text;

export function bootReport(own: BootFigures, reference: BootFigures | undefined, guestMiB: number): string {
  const ratio = own.initWall / (reference?.initWall ?? Number.NaN);
  const threadRatio = own.initThread / (reference?.initThread ?? Number.NaN);
  const above = aboveGuest(own.peak, guestMiB);
  const other = (value: number | undefined) => digits(value ?? Number.NaN);
  return table([
    ["", "vt86", "QEMU TCG", "ratio", "wanted"],
    [
      "boot to init, busiest thread's seconds",
      digits(own.initThread),
      other(reference?.initThread),
      times(threadRatio),
      judged(threadRatio, threadRatio <= wanted.bootRatio, `at most ${wanted.bootRatio}x`),
    ],
    [
      "boot to init, wall seconds",
      digits(own.initWall),
      other(reference?.initWall),
      times(ratio),
      judged(ratio, ratio <= wanted.bootRatio, `at most ${wanted.bootRatio}x`),
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

export function kernelReport(rows: readonly KernelFigures[]): string {
  const lines = rows.map((row) => [
    row.name,
    kernelUnits[row.name] ?? "",
    quantity(row.rate),
    quantity(row.reference),
    times(row.slower),
    row.verdict,
  ]);
  return table([
    ["kernel", "unit", "vt86 a second", "QEMU TCG a second", "slower", "checksum"],
    ...lines,
    ["geometric mean", "", "", "", times(meanSlower(rows)), ""],
  ]);
}
