/**
 * A region: blocks that are translated into one function, and how they are connected.
 */
import type { Instruction } from "../../isa/instruction.js";
import type { Block } from "../interpreter/code-cache.js";
import type { RegisterHome } from "./region-code.js";

/** A way to another block of the region. */
export interface Edge {
  readonly to: number;
  /** It leads to another page of linear memory: whether that is still the same code has to be looked up. */
  readonly crosses: boolean;
}

/** An instruction of a block, with its place in the page. */
export interface RegionInstruction {
  /** Target of a relative branch, if it is in the region. */
  taken: Edge | undefined;
  readonly instruction: Instruction;
  readonly start: number;
  readonly next: number;
  /** Number of its handler: what it is, besides its operands. */
  readonly handler: number;
}

export interface RegionBlock {
  readonly block: Block;
  /** Page of linear memory, relative to the first block's. */
  readonly page: number;
  /** Forgotten when the function is installed, unless somebody observes the translator: they are many. */
  instructions: readonly RegionInstruction[];
  /** How many more its records have, because these are instructions of the block that `next` leads to, too. */
  readonly shared: number;
  /** How many of its instructions are translated; the interpreter executes the others. */
  translated: number;
  /** To the instruction behind the block. */
  next: Edge | undefined;
  /** To the instruction behind a CALL, which comes next when what was called returns. */
  back: Edge | undefined;
}

export interface Region {
  /** Entry i is block i. */
  readonly blocks: readonly RegionBlock[];
  /** Decoding mode (cpu/mode.ts) of all blocks. */
  readonly mode: number;
  /** The hot block around which it lies, and the number of the linear page of that when it was found. */
  readonly seed: Block;
  readonly linearPage: number;
  /** Where the guest's registers are while it runs. */
  readonly registers: RegisterHome;
  /** Slot of the function in the table. */
  readonly slot: number;
  /** Code of one of the blocks has changed. */
  void: boolean;
}
