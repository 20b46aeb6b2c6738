/**
 * What is said of two machines that came apart (machine/lockstep.ts): registers, and the translated code that ran just
 * before, as instructions of the guest and as WebAssembly.
 */
import type { TranslationObserver } from "../engine/translator/observer.js";
import type { Region } from "../engine/translator/region.js";
import type { Difference, MemoryDifference } from "../machine/lockstep.js";
import { type FunctionText, moduleText } from "../wasm/text.js";
import { regionLines } from "./region-text.js";
import { hex } from "./text.js";

/** Regions that are shown, the last that were entered. */
const MOST_REGIONS = 8;

interface Known {
  readonly region: Region;
  readonly module: Uint8Array;
  readonly name: string;
}

/** Remembers the translations of a machine by the slots of their functions. */
export class TranslationRecord implements TranslationObserver {
  private readonly bySlot = new Map<number, Known>();

  installed(region: Region, module: Uint8Array, name: string): void {
    this.bySlot.set(region.slot, { region, module, name });
  }

  regionAt(slot: number): Region | undefined {
    return this.bySlot.get(slot)?.region;
  }

  /** The generated code of the function at a slot. */
  codeAt(slot: number): FunctionText | undefined {
    const known = this.bySlot.get(slot);
    return known && moduleText(known.module).find(({ name }) => name === known.name);
  }
}

const wordLine = ({ address, expected, actual }: MemoryDifference): string =>
  `  ${hex(address)}: the interpreter has ${hex(expected)}, the translation ${hex(actual)}`;

/** @param most of `differences` that were looked for */
export function memoryLines(differences: readonly MemoryDifference[], most: number): string[] {
  const count = differences.length < most ? `${differences.length}` : `${most} or more`;
  return [`RAM differs in ${count} pages; the first word of each:`, ...differences.map(wordLine)];
}

/** @param memory of the machine that translates */
export function differenceLines(
  { from, to, rip, lines, entered }: Difference,
  record: TranslationRecord,
  memory: Uint8Array,
): string[] {
  const report = [
    `The machines differ after instruction ${to}; at ${from}, with RIP ${hex(rip)}, they were equal.`,
    ...lines.map((line) => `  ${line}`),
  ];
  /** Each once, by when it was entered last. */
  const slots = [...new Set(entered.toReversed())].reverse();
  if (slots.length === 0) return [...report, "No translated code was entered in between."];
  const left = slots.length - MOST_REGIONS;
  report.push(
    `Translated regions entered in between, the last one last${left > 0 ? ` (${left} more before)` : ""}:`,
  );
  for (const slot of slots.slice(-MOST_REGIONS)) {
    const region = record.regionAt(slot);
    report.push(
      ...(region ? regionLines(region, memory) : [`slot ${slot}: unknown`]).map((line) => `  ${line}`),
    );
  }
  const code = record.codeAt(slots.at(-1)!);
  if (code) report.push("The code of the last one:", ...code.lines.map((line) => `  ${line}`));
  return report;
}
