/**
 * The common cases of x87 loads, stores and register moves (SDM vol. 2, FLD, FILD, FST, FIST, FXCH, FCMOVcc); see
 * x87-library.ts for what they are.
 */
import { load } from "../../wasm/function.js";
import { type I32, I64, select } from "../../wasm/value.js";
import { type LibraryFunction, libraryFunction } from "../library.js";
import { FPR } from "../state.js";
import { splitInteger } from "./x87-arith-library.js";
import {
  BIAS,
  exponentOf,
  Fcw,
  Frame,
  fromMemory,
  INTEGER_BIT,
  isNormal,
  type MemorySource,
  memorySources,
  PE,
  SIGN,
} from "./x87-library.js";
import { OPERAND } from "./x87-protocol.js";

type Fast = LibraryFunction<"i32">;

/** Pushes a value as it is: (significand, sign and exponent). */
export const pushExtended: Fast = libraryFunction("x87_push_f80", ["i64", "i32"], "i32", (f, cpu) => {
  new Frame(f, cpu, 0).endPush({ sig: f.param("i64", 1), se: f.param("i32", 2) });
});

/** Pushes a value from memory: (bits). */
export const pushMemory = Object.fromEntries(
  memorySources.map((source) => [
    source,
    libraryFunction(`x87_push_${source}`, ["i64"], "i32", (f, cpu) => {
      const frame = new Frame(f, cpu, 0);
      frame.endPush(fromMemory[source](frame, f.param("i64", 1)));
    }),
  ]),
) as unknown as Readonly<Record<MemorySource, Fast>>;

/** Pushes a constant: (significand rounded down, sign and exponent, whether to nearest it is one more). */
export const pushConstant: Fast = libraryFunction(
  "x87_push_constant",
  ["i64", "i32", "i32"],
  "i32",
  (f, cpu) => {
    const frame = new Frame(f, cpu, 0);
    const rc = f.let(frame.fcw.and(Fcw.RC));
    const up = select(rc, rc.eq(Fcw.UP), f.param("i32", 3)).toI64U();
    frame.endPush({ sig: f.let(f.param("i64", 1).add(up)), se: f.param("i32", 2) });
  },
);

/** Pushes ST(i): (i). */
export const pushRegister: Fast = libraryFunction("x87_push_register", ["i32"], "i32", (f, cpu) => {
  const frame = new Frame(f, cpu, 0);
  const source = frame.number(f.param("i32", 1));
  frame.requireFull(source);
  frame.endPush(frame.read(source));
});

/** ST(i) = ST(0): (i, pops). */
export const copyRegister: Fast = libraryFunction("x87_copy", ["i32", "i32"], "i32", (f, cpu) => {
  const frame = new Frame(f, cpu, 0);
  const top = frame.number(0);
  frame.requireFull(top);
  const target = frame.number(f.param("i32", 1));
  frame.write(target, frame.read(top));
  frame.fill(target);
  frame.end({}, f.param("i32", 2));
});

/** ST(0) = ST(i), on a condition: (i, condition). */
export const moveRegister: Fast = libraryFunction("x87_cmov", ["i32", "i32"], "i32", (f, cpu) => {
  const frame = new Frame(f, cpu, 0);
  const [top, source] = [frame.number(0), frame.number(f.param("i32", 1))];
  frame.requireFull(top, source);
  f.if(f.param("i32", 2), () => frame.write(top, frame.read(source)));
  frame.end();
});

/** Exchanges ST(0) and ST(i): (i). */
export const exchangeRegisters: Fast = libraryFunction("x87_exchange", ["i32"], "i32", (f, cpu) => {
  const frame = new Frame(f, cpu, 0);
  const [a, b] = [frame.number(0), frame.number(f.param("i32", 1))];
  frame.requireFull(a, b);
  const [atA, atB] = [a, b].map((number) => f.let(cpu.add(number.shl(4))));
  const values = [load.i64(atA!, FPR), load.i64(atB!, FPR), load.i32(atA!, FPR + 8), load.i32(atB!, FPR + 8)];
  const [sigA, sigB, seA, seB] = values.map((value) => f.let(value));
  f.store(atA!, sigB!, FPR);
  f.store(atB!, sigA!, FPR);
  f.store(atA!, seB!, FPR + 8);
  f.store(atB!, seA!, FPR + 8);
  frame.end();
});

// --- stores: the value is left at OPERAND, status word and tags are deferred: (pops) ---

export const storeExtended: Fast = libraryFunction("x87_store_f80", ["i32"], "i32", (f, cpu) => {
  const frame = new Frame(f, cpu, 0);
  const top = frame.number(0);
  frame.requireFull(top);
  const { sig, se } = frame.read(top);
  f.store(cpu, sig, OPERAND);
  f.store(cpu, se, OPERAND + 8);
  frame.defer({}, f.param("i32", 1));
});

/** Rounds ST(0) to a shorter format with `precision` bits of significand. */
function storeFloat(name: string, width: 32 | 64, precision: number, bias: number): Fast {
  const dropped = 64 - precision;
  return libraryFunction(name, ["i32"], "i32", (f, cpu) => {
    const frame = new Frame(f, cpu, PE);
    const pops = f.param("i32", 1);
    const top = frame.number(0);
    frame.requireFull(top);
    const a = frame.read(top);
    const exponent = f.let(exponentOf(a).sub(BIAS - bias));
    const sign = f.let(
      a.se
        .shrU(15)
        .toI64U()
        .shl(width - 1),
    );
    // The largest exponent might overflow; a zero is seen only then.
    f.if(
      isNormal(a)
        .and(exponent.sub(1).ltU(2 * bias - 1))
        .eqz(),
      () => {
        frame.giveUpIf(a.se.shl(17).eqz().and(a.sig.eqz()).eqz());
        f.store(cpu, sign, OPERAND);
        frame.defer({}, pops);
      },
    );
    const below = f.let(a.sig.shl(precision));
    const kept = f.let(a.sig.shrU(dropped));
    const up = f.let(frame.roundsUp(kept.and(1), below, a.se.and(SIGN)));
    // The integer bit adds 1 to the exponent, and so does a carry.
    const biased = exponent
      .sub(1)
      .toI64U()
      .shl(precision - 1);
    f.store(cpu, biased.add(kept).add(up.toI64U()).or(sign), OPERAND);
    frame.defer({ inexact: below.ne(0), up }, pops);
  });
}

function storeInteger(name: string, width: 16 | 32 | 64, truncate: boolean): Fast {
  return libraryFunction(name, ["i32"], "i32", (f, cpu) => {
    const frame = new Frame(f, cpu, PE);
    const top = frame.number(0);
    frame.requireFull(top);
    const a = frame.read(top);
    const pops = f.param("i32", 1);
    f.if(isNormal(a).eqz(), () => {
      frame.giveUpIf(a.se.shl(17).eqz().and(a.sig.eqz()).eqz());
      f.store(cpu, I64.const(0), OPERAND);
      frame.defer({}, pops);
    });
    const exponent = f.let(exponentOf(a).sub(BIAS));
    frame.giveUpIf(exponent.geS(width - 1));
    const negative = f.let(a.se.shl(16).shrS(31));
    const { integer, below } = splitInteger(frame, a.sig, exponent);
    const inexact = below.ne(0);
    let magnitude = integer;
    let up: I32 | undefined;
    if (!truncate) {
      up = f.let(frame.roundsUp(integer.and(1), below, negative));
      magnitude = f.let(integer.add(up.toI64U()));
      // Only the negative one fits: a rare case.
      frame.giveUpIf(magnitude.eq(width === 64 ? INTEGER_BIT : 2 ** (width - 1)));
    }
    const sign = negative.toI64S();
    f.store(cpu, magnitude.xor(sign).sub(sign), OPERAND);
    frame.defer(up ? { inexact, up } : { inexact }, pops);
  });
}

/** By the width of the destination. */
export const storeFloats: Readonly<Record<number, Fast>> = {
  32: storeFloat("x87_store_f32", 32, 24, 127),
  64: storeFloat("x87_store_f64", 64, 53, 1023),
  80: storeExtended,
};
const integers = (name: string, truncate: boolean): Readonly<Record<number, Fast>> =>
  Object.fromEntries(
    ([16, 32, 64] as const).map((width) => [width, storeInteger(`x87_${name}${width}`, width, truncate)]),
  );
export const storeIntegers = integers("store_i", false);
export const truncateIntegers = integers("truncate_i", true);
