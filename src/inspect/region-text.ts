/** A translated region as text: its blocks, how they are connected, and the guest's instructions in them. */
import type { Edge, Region, RegionBlock } from "../engine/translator/region.js";
import { instructionText } from "./instruction-text.js";
import { hex } from "./text.js";

const plural = (count: number, one: string): string => (count === 1 ? `1 ${one}` : `${count} ${one}s`);

/** `3 blocks, 17 instructions` */
export function regionSize({ blocks }: Region): string {
  const instructions = blocks.reduce((sum, block) => sum + block.instructions.length, 0);
  return `${plural(blocks.length, "block")}, ${plural(instructions, "instruction")}`;
}

const way = ({ to, crosses }: Edge): string => `block ${to}${crosses ? " on another page" : ""}`;

function blockLines(
  { block, page, instructions, next, translated }: RegionBlock,
  i: number,
  memory: Uint8Array,
): string[] {
  const where = page === 0 ? "" : `, page ${page > 0 ? "+" : ""}${page}`;
  const part =
    translated === instructions.length
      ? ""
      : `, the interpreter takes over after ${plural(translated, "instruction")}`;
  const lines = [`block ${i} at .${hex(block.start)}${where}${part}`];
  const home = block.page * 4096;
  const bytes = instructions.map(({ start, next: end }) =>
    Array.from(memory.subarray(home + start, home + end), (byte) => byte.toString(16).padStart(2, "0")).join(
      "",
    ),
  );
  const width = Math.max(...bytes.map((text) => text.length));
  for (const [k, { instruction, start, next: end, taken }] of instructions.entries()) {
    const target = taken ? ` (${way(taken)})` : "";
    const at = start.toString(16).padStart(3, "0");
    // What cannot be decoded raises #UD or #PF.
    const text = instruction.form ? instructionText(instruction, end) : "(no instruction)";
    lines.push(`  .${at}h  ${bytes[k]!.padEnd(width)}  ${text}${target}`);
  }
  if (next) lines.push(`  goes on to ${way(next)}`);
  return lines;
}

/** @param memory the machine's whole memory, now: where code was overwritten, its bytes are the new ones */
export function regionLines(region: Region, memory: Uint8Array): string[] {
  return [
    `slot ${region.slot}: ${regionSize(region)}${region.void ? " (dropped since)" : ""}`,
    ...region.blocks.flatMap((block, i) => blockLines(block, i, memory)),
  ];
}
