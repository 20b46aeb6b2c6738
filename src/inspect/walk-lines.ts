/** An explained walk (cpu/paging/explain.ts) as lines of text: one for each entry that is read. */
import type { WalkExplanation, WalkStep } from "../cpu/paging/explain.js";
import { hex, table } from "./text.js";

const SIZES: Readonly<Record<number, string>> = {
  4096: "4 KiB",
  2097152: "2 MiB",
  4194304: "4 MiB",
  1073741824: "1 GiB",
};

function stepCells({ level, entryAddress, entry, bits, outcome, through }: WalkStep): string[] {
  const translated = through?.to === undefined ? "" : ` (physical ${hex(through.to)})`;
  return [
    `  ${level}`,
    `at ${hex(entryAddress)}${translated}`,
    entry === undefined ? "" : `= ${hex(entry)}`,
    bits.join(" "),
    outcome,
  ];
}

function result({ outcome, to, pageSize, error }: WalkExplanation): string {
  if (to !== undefined) {
    const size = pageSize === undefined ? "" : `, in a page of ${SIZES[pageSize] ?? `${pageSize} bytes`}`;
    return `leads to ${hex(to)}${size}`;
  }
  return error === undefined ? outcome : `${outcome}, error code ${hex(error)}`;
}

/** The steps, then where they lead or why they end. */
export function walkLines(walk: WalkExplanation): string[] {
  const kind = walk.format.includes("EPT") ? "guest-physical" : "linear";
  const lines = [`${kind} ${hex(walk.address)}, ${walk.format}:`];
  lines.push(...table(walk.steps.map(stepCells)).map((line) => line.replace(/^ */, "  ")));
  lines.push(`  ${result(walk)}`);
  const blocked = walk.steps.at(-1);
  if (blocked?.outcome === "unreachable" && blocked.through) lines.push(...walkLines(blocked.through));
  if (walk.then !== undefined) lines.push(...walkLines(walk.then));
  return lines;
}
