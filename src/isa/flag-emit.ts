/**
 * Emits the storing and the deriving of the lazy flags (see flags.ts for the representation). Where the three parts
 * are kept, and whether their kind is known while code is emitted, is the engine's business.
 */

import { type Callee, type FunctionBuilder, load } from "../wasm/function.js";
import { I32, I64 } from "../wasm/value.js";
import { carryOf, type FlagFunction, overflowOf, type Triple } from "./flag-functions.js";
import { Flag, FlagKind, Override } from "./flags.js";
import { FLAG_KIND, FLAG_OPERAND, FLAG_RESULT } from "./state.js";

/** Condition codes, in the order of the opcode's low four bits (SDM vol. 1, appendix B). */
export const conditions = [
  "o",
  "no",
  "b",
  "ae",
  "e",
  "ne",
  "be",
  "a",
  "s",
  "ns",
  "p",
  "np",
  "l",
  "ge",
  "le",
  "g",
] as const;
export type Condition = (typeof conditions)[number];

/** Functions of the generated module that derive flags from (result, operand, FLAG_KIND); the rare paths are calls. */
export type FlagFunctions = Readonly<Record<FlagFunction, Callee>>;

/** What is known of the last flags while code is emitted. */
export interface KnownFlags {
  readonly kind: number;
  readonly width: number;
}

/** The operands of the last subtraction, as they were given. */
export interface Compared {
  readonly a: I64;
  readonly b: I64;
  readonly width: number;
}

export abstract class FlagEmit {
  constructor(
    protected readonly f: FunctionBuilder,
    private readonly functions: FlagFunctions,
  ) {}

  protected abstract get lastResult(): I64;
  protected abstract get lastOperand(): I64;
  /** FLAG_KIND. */
  protected abstract get word(): I32;
  protected abstract setWord(word: I32): void;
  /** Keeps new flags; without operand the last one stays. */
  protected abstract keep(known: KnownFlags, result: I64 | undefined, operand: I64 | undefined): void;
  /** The last flags' kind and width, without overrides, if known. */
  protected get known(): KnownFlags | undefined {
    return undefined;
  }
  /** The operands of the last flags, if these are known to come from a subtraction. */
  protected get compared(): Compared | undefined {
    return undefined;
  }

  private align(width: number, value: I64): I64 {
    return value.shl(64 - width);
  }

  private record(kind: number, width: number, result: I64, operand?: I64): void {
    this.keep({ kind, width }, this.align(width, result), operand);
  }

  /** After `result = a + b`. */
  add(width: number, a: I64, result: I64): void {
    this.record(FlagKind.add, width, result, this.align(width, a));
  }
  /** After `result = a - b`; also CMP, NEG (a = 0), SCAS, CMPS, CMPXCHG. Fixed values. */
  sub(width: number, a: I64, _b: I64, result: I64): void {
    this.record(FlagKind.sub, width, result, this.align(width, a));
  }
  /** After `result = a + b + carry` (carry is a fixed i32, 0 or 1). */
  addCarry(width: number, a: I64, result: I64, carry: I32): void {
    this.record(FlagKind.add, width, result, this.align(width, a));
    this.setWord(this.word.add(carry));
  }
  /** After `result = a - b - borrow`. */
  subBorrow(width: number, a: I64, result: I64, borrow: I32): void {
    this.record(FlagKind.sub, width, result, this.align(width, a));
    this.setWord(this.word.add(borrow));
  }
  /** CF = OF = AF = 0; SF, ZF, PF from the result. */
  logic(width: number, result: I64): void {
    this.record(FlagKind.logic, width, result);
  }
  increment(width: number, result: I64): void {
    this.record(FlagKind.increment, width, result, this.f.let(this.carry().toI64U()));
  }
  decrement(width: number, result: I64): void {
    this.record(FlagKind.decrement, width, result, this.f.let(this.carry().toI64U()));
  }
  /** SF, ZF, PF from the result; CF, OF, AF from `flags` (an i64 with them at their RFLAGS bits). */
  result(width: number, result: I64, flags: I64): void {
    this.record(FlagKind.result, width, result, flags);
  }
  /** All six flags explicitly, at their RFLAGS bits; other bits are ignored. */
  explicit(flags: I64): void {
    this.keep({ kind: FlagKind.explicit, width: 64 }, undefined, flags);
  }
  /** Replaces the flags of `mask` by those of `flags` and keeps the others. */
  replace(mask: number, flags: I64): void {
    if ((mask & ~(Flag.CF | Flag.OF)) !== 0) {
      this.explicit(this.f.let(this.all().toI64U().and(~mask).or(flags.and(mask))));
      return;
    }
    const low = this.f.let(flags.toI32());
    let word = this.word;
    const override = (flag: number, at: number, present: number, place: number) => {
      if ((mask & flag) === 0) return;
      word = word
        .and(~(1 << place))
        .or(present)
        .or(low.shrU(at).and(1).shl(place));
    };
    override(Flag.CF, 0, Override.carry, Override.carryShift);
    override(Flag.OF, 11, Override.overflow, Override.overflowShift);
    this.setWord(this.f.let(word));
  }

  /** The kind alone. */
  protected get kind(): I32 {
    return this.word.and(0xff);
  }
  private derive(which: FlagFunction): I32 {
    return this.f.call("i32", this.functions[which], this.lastResult, this.lastOperand, this.word);
  }
  private triple(known: KnownFlags): Triple {
    const one = I64.const(1n << BigInt(64 - known.width));
    return { result: this.lastResult, operand: this.lastOperand, one };
  }

  /** CF as 0 or 1. Fixed. */
  carry(): I32 {
    const { known } = this;
    return known ? this.f.let(carryOf(known.kind, this.triple(known))) : this.derive("carry");
  }
  private overflow(): I32 {
    const { known } = this;
    return known ? this.f.let(overflowOf(known.kind, this.triple(known))) : this.derive("overflow");
  }
  /** All arithmetic flags at their RFLAGS bits. Fixed. */
  all(): I32 {
    return this.derive("all");
  }
  /** A flag that follows from the result, or is bit `bit` of explicit flags. */
  private ofResult(bit: number, derived: () => I32): I32 {
    const { known } = this;
    const explicit = () => this.lastOperand.toI32().shrU(bit).and(1);
    if (known) return this.f.let(known.kind === FlagKind.explicit ? explicit() : derived());
    return this.f.choose("i32", this.kind, derived, explicit);
  }
  /** ZF as 0 or 1. */
  zero(): I32 {
    return this.ofResult(6, () => this.lastResult.eqz());
  }
  private sign(): I32 {
    return this.ofResult(7, () => this.lastResult.ltS(0));
  }
  private parity(): I32 {
    const { known } = this;
    if (!known) return this.all().and(Flag.PF).ne(0);
    return this.ofResult(2, () => {
      const value = this.f.let(this.lastResult.shrU(64 - known.width).toI32());
      return I32.const(0x9669)
        .shrU(value.xor(value.shrU(4)).and(15))
        .and(1);
    });
  }

  /** The common case of a comparison, for which conditions compare the operands. */
  private afterSub(direct: (a: I64, b: I64) => I32, otherwise: () => I32): I32 {
    const aligned = () => {
      const a = this.f.let(this.lastOperand);
      return direct(a, a.sub(this.lastResult));
    };
    const { known, compared } = this;
    if (compared) {
      const { a, b, width } = compared;
      return this.f.let(direct(this.align(width, a), this.align(width, b)));
    }
    if (known) return this.f.let(known.kind === FlagKind.sub ? aligned() : otherwise());
    const isSub = this.word.and(0xff | Override.all).eq(FlagKind.sub);
    return this.f.choose("i32", isSub, aligned, otherwise);
  }

  /** Whether a condition holds, as 0 or 1. Fixed. */
  condition(code: Condition | number): I32 {
    const name = typeof code === "number" ? conditions[code]! : code;
    const f = this.f;
    const not = (value: I32) => f.let(value.eqz());
    switch (name) {
      case "o":
        return this.overflow();
      case "no":
        return not(this.overflow());
      case "b":
        return this.afterSub(
          (a, b) => a.ltU(b),
          () => this.carry(),
        );
      case "ae":
        return this.afterSub(
          (a, b) => a.geU(b),
          () => this.carry().eqz(),
        );
      case "e":
        return this.zero();
      case "ne":
        return not(this.zero());
      case "be":
        return this.afterSub(
          (a, b) => a.leU(b),
          () => this.carry().or(this.zero()),
        );
      case "a":
        return this.afterSub(
          (a, b) => a.gtU(b),
          () => this.carry().or(this.zero()).eqz(),
        );
      case "s":
        return this.sign();
      case "ns":
        return not(this.sign());
      case "p":
        return this.parity();
      case "np":
        return not(this.parity());
      case "l":
        return this.afterSub(
          (a, b) => a.ltS(b),
          () => this.sign().ne(this.overflow()),
        );
      case "ge":
        return this.afterSub(
          (a, b) => a.geS(b),
          () => this.sign().eq(this.overflow()),
        );
      case "le":
        return this.afterSub(
          (a, b) => a.leS(b),
          () => this.sign().ne(this.overflow()).or(this.zero()),
        );
      case "g":
        return this.afterSub(
          (a, b) => a.gtS(b),
          () => this.sign().ne(this.overflow()).or(this.zero()).eqz(),
        );
    }
  }
}

/** The flags in the CPU's state: for an engine that knows nothing of the instructions before. */
export class StateFlags extends FlagEmit {
  constructor(
    f: FunctionBuilder,
    private readonly cpu: I32,
    functions: FlagFunctions,
  ) {
    super(f, functions);
  }
  protected override get lastResult(): I64 {
    return load.i64(this.cpu, FLAG_RESULT);
  }
  protected override get lastOperand(): I64 {
    return load.i64(this.cpu, FLAG_OPERAND);
  }
  protected override get word(): I32 {
    return load.i32(this.cpu, FLAG_KIND);
  }
  protected override get kind(): I32 {
    return load.i32_8u(this.cpu, FLAG_KIND);
  }
  protected override setWord(word: I32): void {
    this.f.store(this.cpu, word, FLAG_KIND);
  }
  protected override keep(known: KnownFlags, result: I64 | undefined, operand: I64 | undefined): void {
    if (result) this.f.store(this.cpu, result, FLAG_RESULT);
    if (operand) this.f.store(this.cpu, operand, FLAG_OPERAND);
    this.setWord(I32.const(known.kind | ((64 - known.width) << 8)));
  }
}
