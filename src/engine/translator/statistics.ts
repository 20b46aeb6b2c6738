/** What the translator counts, for `--stats engine`. */
import type { RegionBlock } from "./region.js";

export class TranslatorStatistics {
  regions = 0;
  /** Regions whose functions keep the guest's registers in locals. */
  inLocals = 0;
  modules = 0;
  instructions = 0;
  bytes = 0;
  invalidated = 0;
  flushes = 0;
  /** Blocks of which the interpreter executes a part. */
  handedOver = 0;
  /** By the interpreter: it takes one every SAMPLE_INTERVAL (interpreter/module.ts) instructions that it executes. */
  samples = 0;
  /** Milliseconds of the host spent in finding and emitting, and in compiling. */
  emitting = 0;
  compiling = 0;

  /** A block was translated. */
  count({ translated, instructions }: RegionBlock): void {
    if (translated < instructions.length) this.handedOver++;
    this.instructions += instructions.length;
  }
}
