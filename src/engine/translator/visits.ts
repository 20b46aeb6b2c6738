/**
 * How long execution stays in translated functions, from samples of their calls.
 *
 * A function that is left again after a few dozen instructions gains nothing where a guest's work is spread over much
 * code: each call brings other machine code into the host's caches, while the interpreter is there already (measured:
 * a kernel's file operations run twice as fast interpreted). Where few functions call each other, they stay.
 */
import type { Region } from "./region.js";

/** Samples of one region before it is judged. */
const ENOUGH = 16;
/** Instructions a call, below which a function is brief. */
const BRIEF = 80;
/** Samples over which the functions are counted that are at work, and how many of them are many. */
const WINDOW = 256;
const MANY = 48;

export class Visits {
  private readonly of = new Map<Region, { count: number; instructions: number }>();
  private current = new Set<Region>();
  private samples = 0;
  /** Functions met in the last full window. */
  private atWork = 0;

  /** Notes a sample; returns true when the region is better left to the interpreter. */
  note(region: Region, instructions: number): boolean {
    this.current.add(region);
    if (++this.samples >= WINDOW) {
      this.atWork = this.current.size;
      this.current = new Set();
      this.samples = 0;
    }
    let sum = this.of.get(region);
    if (!sum) {
      sum = { count: 0, instructions: 0 };
      this.of.set(region, sum);
    }
    sum.count++;
    sum.instructions += instructions;
    if (sum.count < ENOUGH) return false;
    const isBrief = sum.instructions < BRIEF * sum.count;
    this.of.delete(region);
    return isBrief && this.atWork >= MANY;
  }

  forget(region: Region): void {
    this.of.delete(region);
  }
}
