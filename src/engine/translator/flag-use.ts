/**
 * Which instructions of a block set flags that nobody reads: the next ones set them anew before anything could look.
 * What an instruction does with flags is found out by emitting it once into nowhere.
 */
import { FlagEmit, type FlagFunctions, type KnownFlags } from "../../isa/flag-emit.js";
import { I32, I64 } from "../../wasm/value.js";
import type { RegionCode } from "./region-code.js";

/** What an instruction does with the arithmetic flags. */
export interface FlagUse {
  /** It needs them, or can leave the function (after which everybody can). */
  readonly reads: boolean;
  /** It sets all of them in any case. */
  readonly replaces: boolean;
  /** It sets some of them. */
  readonly sets: boolean;
  /** It looks at flags that it has set itself, as REPE SCAS does. */
  readonly readsOwn: boolean;
}

/** Notes what is done with the flags. */
export class FlagProbe extends FlagEmit {
  reads = false;
  replaces = false;
  sets = false;
  readsOwn = false;

  constructor(
    private readonly code: RegionCode,
    functions: FlagFunctions,
  ) {
    super(code.f, functions);
  }
  private note(): void {
    if (this.sets) this.readsOwn = true;
    if (!this.replaces) this.reads = true;
  }
  protected override get lastResult(): I64 {
    this.note();
    return I64.const(0);
  }
  protected override get lastOperand(): I64 {
    this.note();
    return I64.const(0);
  }
  protected override get word(): I32 {
    this.note();
    return I32.const(0);
  }
  protected override setWord(): void {
    this.sets = true;
  }
  protected override keep(_known: KnownFlags): void {
    this.sets = true;
    if (this.code.unconditional) this.replaces = true;
  }
  override addCarry(width: number, a: I64, result: I64): void {
    this.add(width, a, result);
  }
  override subBorrow(width: number, a: I64, result: I64): void {
    this.sub(width, a, a, result);
  }
  // Those that keep other flags only pass them on.
  override increment(): void {
    this.sets = true;
  }
  override decrement(): void {
    this.sets = true;
  }
  override replace(): void {
    this.sets = true;
  }
}

/** For each instruction of a block, whether the flags that it sets are unread. */
export function unreadFlags(uses: readonly FlagUse[]): boolean[] {
  const unread: boolean[] = new Array(uses.length).fill(false);
  let read = true;
  for (let i = uses.length - 1; i >= 0; i--) {
    const use = uses[i]!;
    unread[i] = use.sets && !use.readsOwn && !read;
    if (use.reads) read = true;
    else if (use.replaces) read = false;
  }
  return unread;
}
