/**
 * Emits the storing and the deriving of the lazy flags (see flags.ts for the representation).
 */

import { type Callee, type FunctionBuilder, load } from "../wasm/function.js";
import { I32, I64, type IntoI64 } from "../wasm/value.js";
import { Flag, FlagKind } from "./flags.js";
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

/** Functions of the generated module that derive flags; the rare paths are calls. */
export interface FlagFunctions {
  /** (cpu) -> CF as 0 or 1 */
  readonly carry: Callee;
  /** (cpu) -> OF as 0 or 1 */
  readonly overflow: Callee;
  /** (cpu) -> all arithmetic flags at their bits */
  readonly all: Callee;
}

export class FlagEmit {
  constructor(
    private readonly f: FunctionBuilder,
    private readonly cpu: I32,
    private readonly functions: FlagFunctions,
  ) {}

  private align(width: number, value: I64): I64 {
    return value.shl(64 - width);
  }

  private record(kind: number, width: number, result: I64, operand?: I64): void {
    this.f.store(this.cpu, result, FLAG_RESULT);
    if (operand) this.f.store(this.cpu, operand, FLAG_OPERAND);
    this.f.store(this.cpu, I32.const(kind | ((64 - width) << 8)), FLAG_KIND);
  }

  /** After `result = a + b`. */
  add(width: number, a: I64, result: I64): void {
    this.record(FlagKind.add, width, this.align(width, result), this.align(width, a));
  }
  /** After `result = a - b`; also CMP, NEG (a = 0), SCAS, CMPS, CMPXCHG. */
  sub(width: number, a: I64, result: I64): void {
    this.record(FlagKind.sub, width, this.align(width, result), this.align(width, a));
  }
  /** After `result = a + b + carry` (carry is a fixed i32, 0 or 1). */
  addCarry(width: number, a: I64, result: I64, carry: I32): void {
    this.record(FlagKind.add, width, this.align(width, result), this.align(width, a));
    this.f.store8(this.cpu, carry.add(FlagKind.add), FLAG_KIND);
  }
  /** After `result = a - b - borrow`. */
  subBorrow(width: number, a: I64, result: I64, borrow: I32): void {
    this.record(FlagKind.sub, width, this.align(width, result), this.align(width, a));
    this.f.store8(this.cpu, borrow.add(FlagKind.sub), FLAG_KIND);
  }
  /** CF = OF = AF = 0; SF, ZF, PF from the result. */
  logic(width: number, result: I64): void {
    this.record(FlagKind.logic, width, this.align(width, result));
  }
  increment(width: number, result: I64): void {
    const carry = this.carry().toI64U();
    this.record(FlagKind.increment, width, this.align(width, result), this.f.let(carry));
  }
  decrement(width: number, result: I64): void {
    const carry = this.carry().toI64U();
    this.record(FlagKind.decrement, width, this.align(width, result), this.f.let(carry));
  }
  /** SF, ZF, PF from the result; CF, OF, AF from `flags` (an i64 with them at their RFLAGS bits). */
  result(width: number, result: I64, flags: I64): void {
    this.record(FlagKind.result, width, this.align(width, result), flags);
  }
  /** All six flags explicitly, at their RFLAGS bits; other bits are ignored. */
  explicit(flags: I64): void {
    this.f.store(this.cpu, flags, FLAG_OPERAND);
    this.f.store(this.cpu, I32.const(FlagKind.explicit), FLAG_KIND);
  }
  /** Replaces the flags of `mask` by those of `flags` and keeps the others. */
  replace(mask: number, flags: I64): void {
    this.explicit(this.f.let(this.all().toI64U().and(~mask).or(flags.and(mask))));
  }

  /** CF as 0 or 1. Fixed. */
  carry(): I32 {
    return this.f.call("i32", this.functions.carry, this.cpu);
  }
  /** All arithmetic flags at their RFLAGS bits. Fixed. */
  all(): I32 {
    return this.f.call("i32", this.functions.all, this.cpu);
  }
  /** ZF as 0 or 1. */
  zero(): I32 {
    const kind = load.i32_8u(this.cpu, FLAG_KIND);
    return this.f.choose(
      "i32",
      kind,
      () => load.i64(this.cpu, FLAG_RESULT).eqz(),
      () => load.i32(this.cpu, FLAG_OPERAND).shrU(6).and(1),
    );
  }
  private sign(): I32 {
    const kind = load.i32_8u(this.cpu, FLAG_KIND);
    return this.f.choose(
      "i32",
      kind,
      () => load.i64(this.cpu, FLAG_RESULT).ltS(0),
      () => load.i32(this.cpu, FLAG_OPERAND).shrU(7).and(1),
    );
  }
  private overflow(): I32 {
    return this.f.call("i32", this.functions.overflow, this.cpu);
  }
  private parity(): I32 {
    return this.all().and(Flag.PF).ne(0);
  }

  /** `kind` is SUB: the common case of a comparison, for which conditions compare the operands. */
  private afterSub(direct: (a: I64, b: I64) => I32, otherwise: () => I32): I32 {
    const kind = load.i32_8u(this.cpu, FLAG_KIND);
    return this.f.choose(
      "i32",
      kind.eq(FlagKind.sub),
      () => {
        const a = this.f.let(load.i64(this.cpu, FLAG_OPERAND));
        return direct(a, a.sub(load.i64(this.cpu, FLAG_RESULT)));
      },
      otherwise,
    );
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

/** Emits the bodies of {@link FlagFunctions}: each takes the CPU's base as its only parameter. */
export function emitFlagFunction(f: FunctionBuilder, which: keyof FlagFunctions): void {
  const cpu = f.param("i32", 0);
  const kind = f.let(load.i32_8u(cpu, FLAG_KIND));
  const shift = f.let(load.i32_8u(cpu, FLAG_KIND + 1).toI64U());
  const r = f.let(load.i64(cpu, FLAG_RESULT));
  const a = f.let(load.i64(cpu, FLAG_OPERAND));
  const one = f.let(I64.const(1).shl(shift));
  const bit = (value: I64, mask: IntoI64) => value.and(mask).ne(0);
  const returns = (kinds: number[], value: () => I32) => {
    const [first, ...rest] = kinds;
    let condition = kind.eq(first!);
    for (const other of rest) condition = condition.or(kind.eq(other));
    f.if(condition, () => f.return(value()));
  };

  const carry = () => {
    returns([FlagKind.sub], () => a.ltU(a.sub(r)));
    returns([FlagKind.logic], () => I32.const(0));
    returns([FlagKind.add], () => r.ltU(a));
    returns([FlagKind.addCarry], () => r.leU(a));
    returns([FlagKind.subBorrow], () => a.leU(a.sub(r).sub(one)));
    return a.toI32().and(1);
  };
  const overflow = () => {
    returns([FlagKind.sub], () => {
      const b = f.let(a.sub(r));
      return a.xor(b).and(a.xor(r)).ltS(0);
    });
    returns([FlagKind.logic], () => I32.const(0));
    returns([FlagKind.add], () => a.xor(r).and(r.sub(a).xor(r)).ltS(0));
    returns([FlagKind.addCarry], () => a.xor(r).and(r.sub(a).sub(one).xor(r)).ltS(0));
    returns([FlagKind.subBorrow], () => {
      const b = f.let(a.sub(r).sub(one));
      return a.xor(b).and(a.xor(r)).ltS(0);
    });
    returns([FlagKind.increment], () => r.eq(1n << 63n));
    returns([FlagKind.decrement], () => r.eq(I64.const(1n << 63n).sub(one)));
    return bit(a, Flag.OF);
  };

  if (which === "carry") f.return(carry());
  else if (which === "overflow") f.return(overflow());
  else {
    f.if(kind.eqz(), () => f.return(a.toI32().and(0x8d5)));
    const value = f.let(r.shrU(shift));
    const flags = f.local("i32");
    const parity = f.let(value.xor(value.shrU(4)).toI32().and(15));
    f.set(flags, r.eqz().shl(6).or(r.ltS(0).shl(7)).or(I32.const(0x9669).shrU(parity).and(1).shl(2)));
    const or = (value: I32) => f.set(flags, flags.value.or(value));
    const auxiliary = (b: I64) => a.xor(b).xor(r).shrU(shift).toI32().and(Flag.AF);
    const arithmetic = (kinds: number, b: () => I64, c: (b: I64) => I32, o: (b: I64) => I64) =>
      f.if(kind.eq(kinds), () => {
        const other = f.let(b());
        or(c(other).or(o(other).ltS(0).shl(11)).or(auxiliary(other)));
      });
    const addOverflow = (b: I64) => a.xor(r).and(b.xor(r));
    const subOverflow = (b: I64) => a.xor(b).and(a.xor(r));
    arithmetic(
      FlagKind.add,
      () => r.sub(a),
      () => r.ltU(a),
      addOverflow,
    );
    arithmetic(
      FlagKind.addCarry,
      () => r.sub(a).sub(one),
      () => r.leU(a),
      addOverflow,
    );
    arithmetic(
      FlagKind.sub,
      () => a.sub(r),
      (b) => a.ltU(b),
      subOverflow,
    );
    arithmetic(
      FlagKind.subBorrow,
      () => a.sub(r).sub(one),
      (b) => a.leU(b),
      subOverflow,
    );
    f.if(kind.eq(FlagKind.increment), () =>
      or(
        a
          .toI32()
          .and(1)
          .or(r.eq(1n << 63n).shl(11))
          .or(value.and(15).eqz().shl(4)),
      ),
    );
    f.if(kind.eq(FlagKind.decrement), () =>
      or(
        a
          .toI32()
          .and(1)
          .or(r.eq(I64.const(1n << 63n).sub(one)).shl(11))
          .or(value.and(15).eq(15).shl(4)),
      ),
    );
    f.if(kind.eq(FlagKind.result), () => or(a.toI32().and(Flag.CF | Flag.OF | Flag.AF)));
    f.return(flags.value);
  }
}
