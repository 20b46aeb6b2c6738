/**
 * The lazy flags of a translated function. Inside a block it is known which instruction set them, so that a
 * condition after a comparison is a comparison.
 */
import { type Compared, FlagEmit, type FlagFunctions, type KnownFlags } from "../../isa/flag-emit.js";
import type { Local } from "../../wasm/function.js";
import { I32, type I64 } from "../../wasm/value.js";
import type { RegionCode } from "./region-code.js";

export class LocalFlags extends FlagEmit {
  private now: KnownFlags | undefined;
  private readonly a: Local<I64>;
  private readonly b: Local<I64>;
  private comparedWidth = 0;
  /** Nobody will read the flags of the instruction that is emitted now. */
  unread = false;

  constructor(
    private readonly code: RegionCode,
    functions: FlagFunctions,
  ) {
    super(code.f, functions);
    this.a = code.f.lasting("i64");
    this.b = code.f.lasting("i64");
  }

  /** A block begins, to which several ways may lead. */
  forget(): void {
    this.now = undefined;
    this.comparedWidth = 0;
  }

  protected override get lastResult(): I64 {
    return this.code.flagResult;
  }
  protected override get lastOperand(): I64 {
    return this.code.flagOperand;
  }
  protected override get word(): I32 {
    return this.code.flagWord;
  }
  protected override get known(): KnownFlags | undefined {
    return this.now;
  }
  protected override get compared(): Compared | undefined {
    const width = this.comparedWidth;
    return width === 0 ? undefined : { a: this.a.value, b: this.b.value, width };
  }

  protected override setWord(word: I32): void {
    if (this.unread) return;
    this.code.flagWord = word;
    this.forget();
  }

  protected override keep(known: KnownFlags, result: I64 | undefined, operand: I64 | undefined): void {
    if (this.unread) return;
    if (result) this.code.flagResult = result;
    if (operand) this.code.flagOperand = operand;
    this.code.flagWord = I32.const(known.kind | ((64 - known.width) << 8));
    this.forget();
    if (this.code.unconditional) this.now = known;
  }

  override sub(width: number, a: I64, b: I64, result: I64): void {
    super.sub(width, a, b, result);
    if (this.unread || !this.code.unconditional) return;
    this.f.set(this.a, a);
    this.f.set(this.b, b);
    this.comparedWidth = width;
  }

  override increment(width: number, result: I64): void {
    if (!this.unread) super.increment(width, result);
  }
  override decrement(width: number, result: I64): void {
    if (!this.unread) super.decrement(width, result);
  }
  override replace(mask: number, flags: I64): void {
    if (!this.unread) super.replace(mask, flags);
  }
}
