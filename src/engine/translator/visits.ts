/**
 * In which translated functions execution stays for long, from samples of calls that lasted and called no other.
 * Such a function is worth a second translation, with the guest's registers in locals: what that costs when the
 * function is entered and left no longer matters.
 */
import type { Region } from "./region.js";

/** Instructions in long visits that were sampled, after which a function is worth it. */
const ENOUGH = 100_000;

export class Visits {
  private readonly of = new Map<Region, number>();

  /** Notes a sample; returns true when the region is to be translated anew. */
  note(region: Region, instructions: number): boolean {
    const sum = (this.of.get(region) ?? 0) + instructions;
    this.of.set(region, sum);
    return sum >= ENOUGH;
  }

  forget(region: Region): void {
    this.of.delete(region);
  }

  clear(): void {
    this.of.clear();
  }
}
