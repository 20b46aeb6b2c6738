/**
 * Ways from one translated function to another, as they are met by sampling. Where a function is often left for the same
 * few blocks (functions that are called indirectly, returns to callers that were not known), they belong together.
 */
import type { Block } from "../interpreter/code-cache.js";
import type { Region } from "./region.js";

/** Samples after which a region is translated anew, with the blocks that it is left for. */
const ENOUGH = 512;
/**
 * How often that is done around one block. More of it costs more translations than it saves calls (measured with CPython:
 * a sixth of the time).
 */
const MOST_MERGES = 1;

export class Hops {
  /** Where a region is left for: blocks, with their pages relative to the region's. Absent: once was enough. */
  private readonly ways = new Map<
    Region,
    { readonly targets: Map<Block, number>; count: number } | undefined
  >();
  private readonly merges = new Map<Block, number>();

  /** Notes a sample; returns the blocks to be taken in when there are enough. */
  note(from: Region, to: Block, page: number): ReadonlyMap<Block, number> | undefined {
    if ((this.merges.get(from.seed) ?? 0) >= MOST_MERGES) return undefined;
    let way = this.ways.get(from);
    if (!way) {
      if (this.ways.has(from)) return undefined;
      way = { targets: new Map(), count: 0 };
      this.ways.set(from, way);
    }
    way.targets.set(to, page);
    return ++way.count >= ENOUGH ? way.targets : undefined;
  }

  /** The region was translated anew. */
  merged(from: Region): void {
    this.ways.set(from, undefined);
    this.merges.set(from.seed, (this.merges.get(from.seed) ?? 0) + 1);
  }

  forget(region: Region): void {
    this.ways.delete(region);
  }

  clear(): void {
    this.ways.clear();
    this.merges.clear();
  }
}
