/** What `--stats engine` prints below its first line: a table of what the engine has done. */
import { SAMPLE_INTERVAL } from "../engine/interpreter/module.js";
import type { PcStatistics } from "../machine/pc.js";

/** `1,234,567` */
const grouped = (value: number): string => Math.round(value).toLocaleString("en-US");
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
const milliseconds = (value: number): string => `${grouped(value)} ms`;

function bytes(value: number): string {
  if (value < 1024) return `${value} B`;
  return value < 1024 * 1024 ? `${(value / 1024).toFixed(1)} KiB` : `${(value / 1024 / 1024).toFixed(1)} MiB`;
}

/**
 * How much of the instructions the interpreter has executed, from the samples that it takes of itself. What it steps
 * through one by one takes none, so a guest that is stepped a lot is taken for translated.
 */
export const interpretedShare = (samples: number, instructions: number): number =>
  instructions === 0 ? 0 : Math.min(1, (samples * SAMPLE_INTERVAL) / instructions);

/** Label, value with its unit, and what is to be said about it. */
type Row = readonly [label: string, value: string, remark?: string];

/** @param instructions retired since power-on */
export function engineStatistics(statistics: PcStatistics, instructions: number): string[] {
  const { exceptions, interrupts, vmExits, decodedInstructions, codeFlushes, translator } = statistics;
  const rows: Row[] = [
    ["exceptions", grouped(exceptions)],
    ["interrupts", grouped(interrupts)],
    ["VM exits", grouped(vmExits)],
    ["decoded instructions", grouped(decodedInstructions)],
    ["times that all decoded code was dropped", grouped(codeFlushes)],
  ];
  if (translator) {
    const { regions, modules, emitting, compiling, invalidated, flushes, handedOver } = translator;
    const interpreted = regions === 0 ? 1 : interpretedShare(translator.samples, instructions);
    rows.push(
      ["executed by translated code", percent(1 - interpreted), "estimated from samples"],
      ["executed by the interpreter", percent(interpreted)],
      ["translated regions", grouped(regions)],
      ["of these with registers in locals", grouped(translator.inLocals)],
      ["translated instructions", grouped(translator.instructions)],
      ["blocks with a part for the interpreter", grouped(handedOver)],
      ["modules", grouped(modules)],
      ["WebAssembly", bytes(translator.bytes)],
      ["host time to find and emit", milliseconds(emitting)],
      ["host time to compile", milliseconds(compiling), "without what V8 does in the background"],
      ["regions whose code was overwritten", grouped(invalidated)],
      ["times that all translations were dropped", grouped(flushes)],
    );
  }
  const labels = Math.max(...rows.map(([label]) => label.length));
  const numbers = rows.map(([, value]) => /^[\d.,]+/.exec(value)![0].length);
  const width = Math.max(...numbers);
  return rows.map(([label, value, remark], i) => {
    const aligned = " ".repeat(width - numbers[i]!) + value;
    return `${label.padEnd(labels)}  ${aligned}${remark === undefined ? "" : ` (${remark})`}`;
  });
}
