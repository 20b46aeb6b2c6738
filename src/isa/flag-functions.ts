/**
 * Deriving flags from the lazy triple (see flags.ts) as functions of the generated module: what remains of a flag after
 * the cases that are worth emitting in place.
 */
import type { FunctionBuilder } from "../wasm/function.js";
import { I32, I64 } from "../wasm/value.js";
import { Flag, FlagKind, Override } from "./flags.js";

export type FlagFunction = "carry" | "overflow" | "all";

/** The lazy flags in a form from which formulas follow. */
export interface Triple {
  readonly result: I64;
  readonly operand: I64;
  /** The least significant bit of a value that is aligned to the top. */
  readonly one: I64;
}

/** The other operand of an addition or subtraction. */
const otherOperand = {
  [FlagKind.add]: ({ result, operand }: Triple) => result.sub(operand),
  [FlagKind.addCarry]: ({ result, operand, one }: Triple) => result.sub(operand).sub(one),
  [FlagKind.sub]: ({ result, operand }: Triple) => operand.sub(result),
  [FlagKind.subBorrow]: ({ result, operand, one }: Triple) => operand.sub(result).sub(one),
};

/** CF of a kind that is known, without override. */
export function carryOf(kind: number, t: Triple): I32 {
  const { result: r, operand: a } = t;
  switch (kind) {
    case FlagKind.sub:
      return a.ltU(otherOperand[FlagKind.sub](t));
    case FlagKind.subBorrow:
      return a.leU(otherOperand[FlagKind.subBorrow](t));
    case FlagKind.add:
      return r.ltU(a);
    case FlagKind.addCarry:
      return r.leU(a);
    case FlagKind.logic:
      return I32.const(0);
    default:
      return a.toI32().and(Flag.CF);
  }
}

/** OF of a kind that is known, without override. */
export function overflowOf(kind: number, t: Triple): I32 {
  const { result: r, operand: a, one } = t;
  switch (kind) {
    case FlagKind.sub:
    case FlagKind.subBorrow:
      return a.xor(otherOperand[kind](t)).and(a.xor(r)).ltS(0);
    case FlagKind.add:
    case FlagKind.addCarry:
      return a.xor(r).and(otherOperand[kind](t).xor(r)).ltS(0);
    case FlagKind.logic:
      return I32.const(0);
    case FlagKind.increment:
      return r.eq(1n << 63n);
    case FlagKind.decrement:
      return r.eq(I64.const(1n << 63n).sub(one));
    default:
      return a.toI32().shrU(11).and(1);
  }
}

const arithmeticKinds = [FlagKind.add, FlagKind.addCarry, FlagKind.sub, FlagKind.subBorrow] as const;

/** Emits the body of a function (result, operand, FLAG_KIND) -> CF or OF as 0 or 1, or all flags at their bits. */
export function emitFlagFunction(f: FunctionBuilder, which: FlagFunction): void {
  const word = f.param("i32", 2);
  const kind = f.let(word.and(0xff));
  const shift = f.let(word.shrU(8).and(0xff).toI64U());
  const [result, operand] = [f.param("i64", 0), f.param("i64", 1)];
  const triple: Triple = { result, operand, one: f.let(I64.const(1).shl(shift)) };
  if (which === "all") {
    emitAll(f, triple, word, kind, shift);
    return;
  }
  const [present, place] =
    which === "carry" ? [Override.carry, Override.carryShift] : [Override.overflow, Override.overflowShift];
  f.if(word.and(present), () => f.return(word.shrU(place).and(1)));
  const derive = which === "carry" ? carryOf : overflowOf;
  const special =
    which === "carry"
      ? [FlagKind.logic, ...arithmeticKinds]
      : [FlagKind.logic, ...arithmeticKinds, FlagKind.increment, FlagKind.decrement];
  for (const number of special) f.if(kind.eq(number), () => f.return(derive(number, triple)));
  f.return(derive(FlagKind.explicit, triple));
}

function emitAll(f: FunctionBuilder, triple: Triple, word: I32, kind: I32, shift: I64): void {
  const { result: r, operand: a } = triple;
  const flags = f.local("i32");
  const or = (value: I32) => f.set(flags, flags.value.or(value));
  f.if(
    kind.eqz(),
    () => f.set(flags, a.toI32().and(0x8d5)),
    () => {
      const value = f.let(r.shrU(shift));
      const parity = f.let(value.xor(value.shrU(4)).toI32().and(15));
      f.set(flags, r.eqz().shl(6).or(r.ltS(0).shl(7)).or(I32.const(0x9669).shrU(parity).and(1).shl(2)));
      for (const number of arithmeticKinds) {
        f.if(kind.eq(number), () => {
          const b = otherOperand[number](triple);
          or(carryOf(number, triple).or(overflowOf(number, triple).shl(11)));
          or(a.xor(b).xor(r).shrU(shift).toI32().and(Flag.AF));
        });
      }
      for (const [number, nibble] of [
        [FlagKind.increment, 0],
        [FlagKind.decrement, 15],
      ] as const) {
        f.if(kind.eq(number), () => {
          or(a.toI32().and(Flag.CF).or(overflowOf(number, triple).shl(11)));
          or(value.and(15).eq(nibble).shl(4));
        });
      }
      f.if(kind.eq(FlagKind.result), () => or(a.toI32().and(Flag.CF | Flag.OF | Flag.AF)));
    },
  );
  const override = (present: number, place: number, flag: number, at: number) =>
    f.if(word.and(present), () => {
      f.set(flags, flags.value.and(~flag).or(word.shrU(place).and(1).shl(at)));
    });
  override(Override.carry, Override.carryShift, Flag.CF, 0);
  override(Override.overflow, Override.overflowShift, Flag.OF, 11);
  f.return(flags.value);
}
