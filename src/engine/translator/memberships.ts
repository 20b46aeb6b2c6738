/** In which regions the blocks of decoded code take part. */
import type { Block } from "../interpreter/code-cache.js";
import type { Region } from "./region.js";

export class Memberships {
  private readonly of = new Map<Block, Set<Region>>();

  has(block: Block): boolean {
    return this.of.has(block);
  }

  /** Whether a function with the guest's registers in locals has the block. */
  inLocals(block: Block): boolean {
    for (const { registers } of this.of.get(block) ?? []) if (registers === "locals") return true;
    return false;
  }

  /** The regions of a block; a copy, as they may be dropped one by one. */
  regions(block: Block): Region[] {
    return [...(this.of.get(block) ?? [])];
  }

  add(region: Region): void {
    for (const { block } of region.blocks) {
      let regions = this.of.get(block);
      if (!regions) {
        regions = new Set();
        this.of.set(block, regions);
      }
      regions.add(region);
    }
  }

  remove(region: Region): void {
    for (const { block } of region.blocks) {
      const regions = this.of.get(block);
      regions?.delete(region);
      if (regions?.size === 0) this.of.delete(block);
    }
  }

  clear(): void {
    this.of.clear();
  }
}
