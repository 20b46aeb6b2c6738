/**
 * Ways from one translated function to another, as they are met by sampling. Where a function is often left for the same
 * few blocks (functions that are called indirectly, returns to callers that were not known), they belong together.
 */
import type { Block } from "../interpreter/code-cache.js";
import type { Region } from "./region.js";

/** Samples after which a region is translated anew, with the blocks that it is left for. */
const ENOUGH = 512;

export class Hops {
  /** Where a region is left for: blocks, with their pages relative to the region's. */
  private readonly ways = new Map<Region, { readonly targets: Map<Block, number>; count: number }>();
  /**
   * Blocks around which a region was merged. Once is enough: more of it costs more translations than it saves calls
   * (measured with CPython: a sixth of the time).
   */
  private readonly seeds = new Set<Block>();

  /** Notes a sample; returns the blocks to be taken in when there are enough. */
  note(from: Region, to: Block, page: number): ReadonlyMap<Block, number> | undefined {
    if (this.seeds.has(from.seed)) return undefined;
    let way = this.ways.get(from);
    if (!way) {
      way = { targets: new Map(), count: 0 };
      this.ways.set(from, way);
    }
    way.targets.set(to, page);
    return ++way.count >= ENOUGH ? way.targets : undefined;
  }

  /** The region was translated anew. */
  merged(from: Region): void {
    this.ways.delete(from);
    this.seeds.add(from.seed);
  }

  forget(region: Region): void {
    this.ways.delete(region);
  }

  clear(): void {
    this.ways.clear();
    this.seeds.clear();
  }
}
