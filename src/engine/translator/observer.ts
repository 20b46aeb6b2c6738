/**
 * Who wants to know what the translator does: a trace, a comparison of machines. Without an observer nothing of this
 * is computed.
 */
import type { Block } from "../interpreter/code-cache.js";
import type { Region } from "./region.js";

/** Why the translation of a region is not entered any more. */
export type DropReason =
  | "code overwritten"
  | "superseded by a newer region"
  | "table full"
  | "all code dropped";

/** Why a hot block is not translated, or not entered. */
export type Refusal =
  | "it crosses a page, or lies where its segment may end"
  | "its code keeps changing"
  | "an instruction of it cannot be decoded"
  | "there is no room for a copy of its records"
  | "its first instructions belong to the interpreter";

/** A region that was emitted now; it waits for its module. */
export interface Emission {
  /** RIP of the hot block around which it lies. */
  readonly rip: bigint;
  /** The function's body: what of it is changed is in the module, too. */
  readonly body: Uint8Array;
  /** Of the host, for finding and emitting. */
  readonly milliseconds: number;
}

export interface TranslationObserver {
  emitted?(region: Region, emission: Emission): void;
  /** The module was compiled, and the region is entered from now on. @param name of its function among the exports */
  installed?(region: Region, module: Uint8Array, name: string): void;
  dropped?(region: Region, why: DropReason): void;
  /** Told every time that the block is met. */
  refused?(block: Block, why: Refusal): void;
}

/** One observer that tells several. */
export function tellAll(observers: readonly TranslationObserver[]): TranslationObserver {
  const each = (tell: (observer: TranslationObserver) => void) => {
    for (const observer of observers) tell(observer);
  };
  return {
    emitted: (region, emission) => each((observer) => observer.emitted?.(region, emission)),
    installed: (region, module, name) => each((observer) => observer.installed?.(region, module, name)),
    dropped: (region, why) => each((observer) => observer.dropped?.(region, why)),
    refused: (block, why) => each((observer) => observer.refused?.(block, why)),
  };
}
