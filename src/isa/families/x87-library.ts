/**
 * What the x87 library functions (x87-*-library.ts) are built from: the register stack, operands, rounding.
 *
 * A library function does the common case of an instruction with integer arithmetic: no NaN, infinity or denormal, no
 * stack fault, no exception but a masked precision exception, no pending #MF. It returns 1 when it has done everything
 * and 0 when it has changed nothing, because the case is another: then the exact way in TypeScript (helpers-x87.ts) has
 * to do it. Rounding is written as in ../float/round.ts.
 */
import { type FunctionBuilder, type Local, load } from "../../wasm/function.js";
import { I32, I64, type IntoI32, select } from "../../wasm/value.js";
import { FCW, FPR, FSW, FTW } from "../state.js";
import { Deferred, Fsw } from "./x87-protocol.js";

/** Bits of the control word (SDM vol. 1, 8.1.5). */
export const Fcw = {
  MASKS: 0x3f,
  PC: 0x300,
  /** Precision control: 64 bits. */
  EXTENDED: 0x300,
  RC: 0xc00,
  DOWN: 0x400,
  UP: 0x800,
  TRUNCATE: 0xc00,
} as const;

/** Precision exception and round-up in the status word, as shift counts. */
const PE_SHIFT = 5;
const C1_SHIFT = 9;
export const PE = 1 << PE_SHIFT;
const C1 = 1 << C1_SHIFT;
const TOP_SHIFT = 11;

export const SIGN = 0x8000;
export const EXPONENT = 0x7fff;
export const BIAS = 16383;
/** The explicit integer bit. */
export const INTEGER_BIT = 1n << 63n;

/** A value in the extended format: significand, and sign and exponent in 16 bits. Both fixed. */
export interface Operand80 {
  readonly sig: I64;
  readonly se: I32;
}

export const exponentOf = ({ se }: Operand80): I32 => se.and(EXPONENT);
export const isNormal = (a: Operand80): I32 => exponentOf(a).sub(1).ltU(0x7ffe).and(a.sig.ltS(0));
export const isZero = (a: Operand80): I32 => exponentOf(a).or(a.sig.ne(0)).eqz();

/** What rounding did, each 0 or 1. */
export interface Rounded {
  readonly inexact: I32;
  readonly up: I32;
}

/** The state with which a function starts, and how it ends. */
export class Frame {
  readonly fsw: I32;
  readonly fcw: I32;
  private tags: I32;

  /** @param raises the exception flags that the common case may set: they must be masked, or it is not the common case */
  constructor(
    readonly f: FunctionBuilder,
    readonly cpu: I32,
    raises: typeof PE | 0,
  ) {
    this.fsw = f.let(load.i32(cpu, FSW));
    this.fcw = f.let(load.i32(cpu, FCW));
    this.tags = f.let(load.i32(cpu, FTW));
    // Unmasked flags, or ES.
    const critical = this.fcw.and(Fcw.MASKS).xor(Fcw.MASKS | Fsw.ES);
    this.giveUpIf(this.fsw.or(raises).and(critical));
  }

  /** Leaves what follows to the exact way. */
  giveUpIf(condition: I32): void {
    this.f.if(condition, () => this.f.return(I32.const(0)));
  }

  /** Physical number of ST(i). Fixed. */
  number(i: IntoI32): I32 {
    return this.f.let(this.fsw.shrU(TOP_SHIFT).add(i).and(7));
  }
  isFull(number: I32): I32 {
    return this.tags.shrU(number).and(1);
  }
  requireFull(...numbers: I32[]): void {
    const all = numbers.map((number) => this.tags.shrU(number)).reduce((a, b) => a.and(b));
    this.giveUpIf(all.and(1).eqz());
  }

  read(number: I32): Operand80 {
    const at = this.f.let(this.cpu.add(number.shl(4)));
    return { sig: this.f.let(load.i64(at, FPR)), se: this.f.let(load.i32_16u(at, FPR + 8)) };
  }
  write(number: I32, { sig, se }: Operand80): void {
    const at = this.f.let(this.cpu.add(number.shl(4)));
    this.f.store(at, sig, FPR);
    this.f.store16(at, se, FPR + 8);
  }

  fill(number: I32): void {
    this.tags = this.f.let(this.tags.or(I32.const(1).shl(number)));
  }

  /** The status word with the outcome of rounding, after `pops` pops (at most 2, or 0 or 1 at run time). */
  private status({ inexact, up }: Partial<Rounded>, pops: IntoI32, cleared: number, set: IntoI32): I32 {
    let fsw = this.fsw.and(~(C1 | cleared)).or(set);
    if (inexact) fsw = fsw.or(inexact.shl(PE_SHIFT));
    if (up) fsw = fsw.or(up.shl(C1_SHIFT));
    if (pops === 0) return fsw;
    const top = this.fsw.add(I32.from(pops).shl(TOP_SHIFT)).and(Fsw.TOP);
    return fsw.and(~Fsw.TOP).or(top);
  }
  private popped(pops: IntoI32): I32 {
    let tags = this.tags;
    if (typeof pops !== "number") return tags.and(pops.shl(this.number(0)).xor(-1));
    for (let i = 0; i < pops; i++) tags = tags.and(I32.const(1).shl(this.number(i)).xor(-1));
    return tags;
  }

  /** Completes the instruction: status word and tags, and condition codes if it has any. */
  end(
    rounded: Partial<Rounded> = {},
    pops: IntoI32 = 0,
    cleared = 0,
    set: IntoI32 = 0,
    result: IntoI32 = 1,
  ): void {
    const { f, cpu } = this;
    f.store(cpu, this.status(rounded, pops, cleared, set), FSW);
    if (pops !== 0) f.store(cpu, this.popped(pops), FTW);
    f.return(I32.from(result));
  }
  /** Completes a push of `value`, for which there must be room. */
  endPush(value: Operand80): void {
    const { f, cpu } = this;
    const number = this.number(-1);
    this.giveUpIf(this.isFull(number));
    this.write(number, value);
    f.store(cpu, this.fsw.and(~(C1 | Fsw.TOP)).or(number.shl(TOP_SHIFT)), FSW);
    f.store(cpu, this.tags.or(I32.const(1).shl(number)), FTW);
    f.return(I32.const(1));
  }
  /** Leaves status word and tags where a storing instruction finds them after its store. */
  defer(rounded: Partial<Rounded>, pops: IntoI32): void {
    const { f, cpu } = this;
    f.store(cpu, this.status(rounded, pops, 0, 0), Deferred.fsw);
    f.store(cpu, this.popped(pops), Deferred.ftw);
    f.return(I32.const(1));
  }

  /**
   * Whether an integer is incremented by rounding as FCW.RC says, as 0 or 1.
   * @param odd its lowest bit, as an i64 of 0 or 1
   * @param below what lies below it, in units of 2^-64, its lowest bit sticky
   * @param negative 0 or not
   */
  roundsUp(odd: I64, below: I64, negative: I32): I32 {
    const { f } = this;
    const rc = f.let(this.fcw.and(Fcw.RC));
    return f.choose(
      "i32",
      rc,
      () => rc.eq(select(negative, I32.const(Fcw.DOWN), I32.const(Fcw.UP))).and(below.ne(0)),
      () => below.gtU(I64.const(INTEGER_BIT).sub(odd)),
    );
  }

  /**
   * Rounds sig:below, the top bit of `sig` set, to the precision of the control word; a carry increments `exponent`.
   * Gives up where the result may overflow or be tiny.
   */
  round(sig: Local<I64>, below: Local<I64>, exponent: Local<I32>, negative: I32): Rounded {
    const { f, fcw } = this;
    this.giveUpIf(exponent.value.sub(1).geU(0x7ffd));
    const up = f.local("i32");
    f.if(
      fcw.and(Fcw.PC | Fcw.RC).eq(Fcw.EXTENDED),
      () => {
        f.set(up, below.value.gtU(I64.const(INTEGER_BIT).sub(sig.value.and(1))));
        f.set(sig, sig.value.add(up.value.toI64U()));
      },
      () => {
        // 24, 64 (reserved), 53 or 64 bits.
        const step = f.local("i64");
        f.set(step, I64.const(0));
        f.if(fcw.and(0x100).eqz(), () => {
          f.set(step, select(fcw.and(0x200), I64.const(11), I64.const(40)));
          f.set(below, sig.value.shl(I64.const(64).sub(step.value)).or(below.value.ne(0).toI64U()));
          f.set(sig, sig.value.shrU(step.value).shl(step.value));
        });
        f.set(up, this.roundsUp(sig.value.shrU(step.value).and(1), below.value, negative));
        f.set(sig, sig.value.add(up.value.toI64U().shl(step.value)));
      },
    );
    f.if(sig.value.eqz(), () => {
      f.set(sig, I64.const(INTEGER_BIT));
      f.set(exponent, exponent.value.add(1));
    });
    return { inexact: below.value.ne(0), up: up.value };
  }
}

// --- operands from memory; NaNs, infinities and denormals are left to the exact way ---

/** `bits`: 64 bits. */
export function fromF64(frame: Frame, bits: I64): Operand80 {
  const { f } = frame;
  const exponent = f.let(bits.shrU(52).toI32().and(0x7ff));
  const sign = f.let(bits.shrU(48).toI32().and(SIGN));
  const [sig, se] = [f.local("i64"), f.local("i32")];
  f.if(
    exponent.sub(1).ltU(0x7fe),
    () => {
      f.set(sig, bits.shl(11).or(INTEGER_BIT));
      f.set(se, exponent.add(BIAS - 1023).or(sign));
    },
    () => {
      frame.giveUpIf(bits.shl(1).ne(0));
      f.set(sig, I64.const(0));
      f.set(se, sign);
    },
  );
  return { sig: sig.value, se: se.value };
}

/** `bits`: 32 bits, zero-extended. */
export function fromF32(frame: Frame, bits: I64): Operand80 {
  const { f } = frame;
  const exponent = f.let(bits.shrU(23).toI32().and(0xff));
  const sign = f.let(bits.shrU(16).toI32().and(SIGN));
  const [sig, se] = [f.local("i64"), f.local("i32")];
  f.if(
    exponent.sub(1).ltU(0xfe),
    () => {
      f.set(sig, bits.shl(40).or(INTEGER_BIT));
      f.set(se, exponent.add(BIAS - 127).or(sign));
    },
    () => {
      frame.giveUpIf(bits.shl(33).ne(0));
      f.set(sig, I64.const(0));
      f.set(se, sign);
    },
  );
  return { sig: sig.value, se: se.value };
}

/** `value`: signed. */
export function fromInteger(frame: Frame, value: I64): Operand80 {
  const { f } = frame;
  const sign = f.let(value.shrS(63));
  const magnitude = f.let(value.xor(sign).sub(sign));
  const zeros = f.let(magnitude.clz());
  const se = I32.const(BIAS + 63)
    .sub(zeros.toI32())
    .or(sign.toI32().and(SIGN));
  return { sig: f.let(magnitude.shl(zeros)), se: f.let(select(value.eqz(), I32.const(0), se)) };
}

/** Where an operand comes from: another register, or memory in one of three formats. */
export type MemorySource = "f32" | "f64" | "integer";
export const memorySources: readonly MemorySource[] = ["f32", "f64", "integer"];
export const fromMemory: Readonly<Record<MemorySource, (frame: Frame, bits: I64) => Operand80>> = {
  f32: fromF32,
  f64: fromF64,
  integer: fromInteger,
};
