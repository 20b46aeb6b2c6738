/**
 * The common cases of x87 arithmetic (SDM vol. 2, FADD, FMUL, FDIV, FSQRT, FRNDINT); see x87-library.ts for what they are.
 *
 * Exact results come as 128 bits, 64 of them the significand and 64 below it of which the lowest is sticky.
 */
import { F64, I32, I64, select, type ValueType } from "../../wasm/value.js";
import { type LibraryFunction, libraryFunction } from "../library.js";
import { divideNormalized, multiplyHigh } from "./wide.js";
import {
  BIAS,
  EXPONENT,
  exponentOf,
  Fcw,
  Frame,
  fromMemory,
  INTEGER_BIT,
  isNormal,
  isZero,
  type MemorySource,
  memorySources,
  type Operand80,
  PE,
  SIGN,
} from "./x87-library.js";

/** Writes the result of an operation on a and b to a register, pops, and ends. */
type Binary = (frame: Frame, a: Operand80, b: Operand80, destination: I32, pops: I32 | number) => void;

const ZERO = I64.const(0);

/** `signs`: what to flip, of a in the low half and of b in the high half: subtraction in either direction. */
function flip(frame: Frame, { sig, se }: Operand80, signs: I32): Operand80 {
  return { sig, se: frame.f.let(se.xor(signs)) };
}

function addZeros(frame: Frame, a: Operand80, b: Operand80, destination: I32, pops: I32 | number): void {
  const { f, fcw } = frame;
  const [zeroA, zeroB] = [f.let(isZero(a)), f.let(isZero(b))];
  frame.giveUpIf(
    zeroA
      .or(isNormal(a))
      .and(zeroB.or(isNormal(b)))
      .eqz(),
  );
  // With less precision the other operand may need rounding.
  frame.giveUpIf(fcw.and(Fcw.PC).ne(Fcw.EXTENDED));
  const other = f.let(select(zeroA, b.se, a.se));
  // Of zeros with different signs the sum is negative only when rounding down.
  const down = fcw.and(Fcw.RC).eq(Fcw.DOWN).mul(SIGN);
  const se = select(zeroA.and(zeroB).and(a.se.ne(b.se)), down, other);
  frame.write(destination, { sig: f.let(select(zeroA, b.sig, a.sig)), se: f.let(se) });
  frame.end({}, pops);
}

const add: Binary = (frame, a, b, destination, pops) => {
  const { f } = frame;
  f.if(isNormal(a).and(isNormal(b)).eqz(), () => addZeros(frame, a, b, destination, pops));
  const [ea, eb] = [f.let(exponentOf(a)), f.let(exponentOf(b))];
  const swap = f.let(ea.ltU(eb).or(ea.eq(eb).and(a.sig.ltU(b.sig))));
  const large = f.let(select(swap, b.sig, a.sig));
  const small = f.let(select(swap, a.sig, b.sig));
  const negative = f.let(select(swap, b.se, a.se).and(SIGN));
  const exponent = f.local("i32");
  f.set(exponent, select(swap, eb, ea));
  const distance = f.let(select(swap, eb.sub(ea), ea.sub(eb)));
  const shift = f.let(distance.toI64U());
  const [sig, below, addend] = [f.local("i64"), f.local("i64"), f.local("i64")];
  f.if(
    distance.ltU(64),
    () => {
      f.set(addend, small.shrU(shift));
      f.set(below, small.shl(1).shl(shift.xor(63)));
    },
    () => {
      f.set(addend, ZERO);
      // Two bits below the significand, and a sticky one.
      const next = select(shift.eq(65), small.shrU(1).or(small.and(1)), I64.const(1));
      f.set(below, select(shift.eq(64), small, next));
    },
  );
  f.if(
    a.se.xor(b.se).and(SIGN).eqz(),
    () => {
      f.set(sig, large.add(addend.value));
      f.if(sig.value.ltU(large), () => {
        f.set(below, below.value.shrU(1).or(below.value.and(1)).or(sig.value.shl(63)));
        f.set(sig, sig.value.shrU(1).or(INTEGER_BIT));
        f.set(exponent, exponent.value.add(1));
      });
    },
    () => {
      f.set(sig, large.sub(addend.value).sub(below.value.ne(0).toI64U()));
      f.set(below, ZERO.sub(below.value));
      f.if(sig.value.eqz(), () => {
        f.if(below.value.eqz(), () => {
          const down = frame.fcw.and(Fcw.RC).eq(Fcw.DOWN).mul(SIGN);
          frame.write(destination, { sig: ZERO, se: f.let(down) });
          frame.end({}, pops);
        });
        f.set(sig, below.value);
        f.set(below, ZERO);
        f.set(exponent, exponent.value.sub(64));
      });
      const zeros = f.let(sig.value.clz());
      f.set(sig, sig.value.shl(zeros).or(below.value.shrU(1).shrU(zeros.xor(63))));
      f.set(below, below.value.shl(zeros));
      f.set(exponent, exponent.value.sub(zeros.toI32()));
    },
  );
  const rounded = frame.round(sig, below, exponent, negative);
  frame.write(destination, { sig: sig.value, se: exponent.value.or(negative) });
  frame.end(rounded, pops);
};

const multiply: Binary = (frame, a, b, destination, pops) => {
  const { f } = frame;
  const negative = f.let(a.se.xor(b.se).and(SIGN));
  f.if(isNormal(a).and(isNormal(b)).eqz(), () => {
    const [zeroA, zeroB] = [f.let(isZero(a)), f.let(isZero(b))];
    frame.giveUpIf(
      zeroA
        .or(isNormal(a))
        .and(zeroB.or(isNormal(b)))
        .eqz(),
    );
    frame.write(destination, { sig: ZERO, se: negative });
    frame.end({}, pops);
  });
  const [sig, below, exponent] = [f.local("i64"), f.local("i64"), f.local("i32")];
  f.set(sig, multiplyHigh(f, a.sig, b.sig, false));
  f.set(below, a.sig.mul(b.sig));
  f.set(
    exponent,
    exponentOf(a)
      .add(exponentOf(b))
      .sub(BIAS - 1),
  );
  f.if(sig.value.geS(0), () => {
    f.set(sig, sig.value.shl(1).or(below.value.shrU(63)));
    f.set(below, below.value.shl(1));
    f.set(exponent, exponent.value.sub(1));
  });
  const rounded = frame.round(sig, below, exponent, negative);
  frame.write(destination, { sig: sig.value, se: exponent.value.or(negative) });
  frame.end(rounded, pops);
};

/** What lies below an integer quotient or root: less or more than a half, never exactly that. */
const tail = (remainder: I64, aboveHalf: I32): I64 =>
  select(remainder.eqz(), ZERO, select(aboveHalf, I64.const(INTEGER_BIT | 1n), I64.const(1)));

const divide: Binary = (frame, a, b, destination, pops) => {
  const { f } = frame;
  const negative = f.let(a.se.xor(b.se).and(SIGN));
  frame.giveUpIf(isNormal(b).eqz());
  f.if(isNormal(a).eqz(), () => {
    frame.giveUpIf(isZero(a).eqz());
    frame.write(destination, { sig: ZERO, se: negative });
    frame.end({}, pops);
  });
  const [sig, below, exponent] = [f.local("i64"), f.local("i64"), f.local("i32")];
  const less = f.let(a.sig.ltU(b.sig));
  // The dividend is shifted so that the quotient has 64 bits.
  const high = f.let(select(less, a.sig, a.sig.shrU(1)));
  const low = f.let(select(less, ZERO, a.sig.shl(63)));
  f.set(sig, divideNormalized(f, high, low, b.sig));
  const remainder = f.let(low.sub(sig.value.mul(b.sig)));
  f.set(below, tail(remainder, remainder.gtU(b.sig.sub(remainder))));
  f.set(exponent, exponentOf(a).sub(exponentOf(b)).add(BIAS).sub(less));
  const rounded = frame.round(sig, below, exponent, negative);
  frame.write(destination, { sig: sig.value, se: exponent.value.or(negative) });
  frame.end(rounded, pops);
};

// --- forms ---

interface Forms {
  /** On registers: (destination, a, b, pops and, of additions, signs). */
  readonly registers: LibraryFunction<"i32">;
  /** ST(0) = ST(0) · operand: (bits of the operand, of additions signs). */
  readonly memory: Readonly<Record<MemorySource, LibraryFunction<"i32">>>;
}

function forms(name: string, operation: Binary, signs: boolean, reversed = false): Forms {
  const flips: ValueType[] = signs ? ["i32"] : [];
  const registers = libraryFunction(
    `x87_${name}`,
    ["i32", "i32", "i32", "i32", ...flips],
    "i32",
    (f, cpu) => {
      const frame = new Frame(f, cpu, PE);
      const [destination, first, second] = [1, 2, 3].map((i) => frame.number(f.param("i32", i)));
      frame.requireFull(first!, second!);
      let [a, b] = [frame.read(first!), frame.read(second!)];
      if (signs) {
        a = flip(frame, a, f.param("i32", 5).and(SIGN));
        b = flip(frame, b, f.param("i32", 5).shrU(16));
      }
      operation(frame, a, b, destination!, f.param("i32", 4));
    },
  );
  const memory = memorySources.map((source) => {
    const body = libraryFunction(`x87_${name}_${source}`, ["i64", ...flips], "i32", (f, cpu) => {
      const frame = new Frame(f, cpu, PE);
      const top = frame.number(0);
      frame.requireFull(top);
      let operand = fromMemory[source](frame, f.param("i64", 1));
      let register = frame.read(top);
      if (signs) {
        register = flip(frame, register, f.param("i32", 2).and(SIGN));
        operand = flip(frame, operand, f.param("i32", 2).shrU(16));
      }
      if (reversed) operation(frame, operand, register, top, 0);
      else operation(frame, register, operand, top, 0);
    });
    return [source, body] as const;
  });
  return { registers, memory: Object.fromEntries(memory) as unknown as Forms["memory"] };
}

/** Values of `signs`. */
export const Signs = { add: 0, subtract: SIGN << 16, subtractReversed: SIGN } as const;

export const addition = forms("add", add, true);
export const multiplication = forms("mul", multiply, false);
export const division = forms("div", divide, false);
/** Of its forms only those with memory are needed: the operands of the others can be exchanged. */
export const reversedDivision = forms("divr", divide, false, true);

// --- operations on ST(0) ---

/** 2^64. */
const TWO_64 = 2 ** 64;
/** An unsigned 64-bit integer as a double, all but its last bit taken into account. */
const approximate = (a: I64): F64 => a.shrU(1).toF64S().mul(F64.const(2));

/**
 * Square root: of the radicand as an integer of 127 or 128 bits, rounded down to 64 bits. A double gives 52 bits of it,
 * one step of Newton's method all of them but for the last, which is corrected.
 */
export const squareRoot = libraryFunction("x87_sqrt", [], "i32", (f, cpu) => {
  const frame = new Frame(f, cpu, PE);
  const top = frame.number(0);
  frame.requireFull(top);
  const a = frame.read(top);
  frame.giveUpIf(isNormal(a).and(a.se.ltU(SIGN)).eqz());
  // The bias is odd: an even biased exponent is an odd exponent.
  const odd = f.let(a.se.and(1).xor(1));
  const high = f.let(select(odd, a.sig, a.sig.shrU(1)));
  const low = f.let(select(odd, ZERO, a.sig.shl(63)));
  const [root, remainderHigh, remainderLow] = [f.local("i64"), f.local("i64"), f.local("i64")];
  const estimate = approximate(high).mul(F64.const(TWO_64)).sqrt();
  f.set(root, estimate.mul(F64.const(0.5)).truncSatI64S().shl(1));
  const setRemainder = () => {
    const squareLow = f.let(root.value.mul(root.value));
    f.set(remainderLow, low.sub(squareLow));
    f.set(
      remainderHigh,
      high.sub(multiplyHigh(f, root.value, root.value, false)).sub(low.ltU(squareLow).toI64U()),
    );
  };
  setRemainder();
  const distance = remainderHigh.value
    .toF64S()
    .mul(F64.const(TWO_64))
    .add(approximate(remainderLow.value))
    .div(approximate(root.value).mul(F64.const(2)));
  f.set(root, root.value.add(distance.truncSatI64S()));
  // 2^64 is out of range.
  f.if(root.value.eqz(), () => f.set(root, I64.const(-1)));
  setRemainder();
  // Now it is at most one too large or too small.
  f.if(remainderHigh.value.ltS(0), () => {
    f.set(root, root.value.sub(1));
    setRemainder();
  });
  // One more fits if the remainder is larger than twice the root.
  const tooSmall = () => {
    const twiceHigh = f.let(root.value.shrU(63));
    const twiceLow = f.let(root.value.shl(1));
    return remainderHigh.value
      .gtS(twiceHigh)
      .or(remainderHigh.value.eq(twiceHigh).and(remainderLow.value.gtU(twiceLow)));
  };
  f.if(tooSmall(), () => {
    f.set(root, root.value.add(1));
    setRemainder();
  });
  const below = f.local("i64");
  const aboveHalf = remainderHigh.value.ne(0).or(remainderLow.value.gtU(root.value));
  f.set(below, tail(remainderHigh.value.or(remainderLow.value), aboveHalf));
  const exponent = f.local("i32");
  f.set(exponent, a.se.sub(BIAS).sub(odd).shrS(1).add(BIAS));
  const rounded = frame.round(root, below, exponent, I32.const(0));
  frame.write(top, { sig: root.value, se: exponent.value });
  frame.end(rounded);
});

/** FCHS and FABS: (bits of the sign and exponent to keep, bits to change). */
export const changeSign = libraryFunction("x87_sign", ["i32", "i32"], "i32", (f, cpu) => {
  const frame = new Frame(f, cpu, 0);
  const top = frame.number(0);
  frame.requireFull(top);
  const { sig, se } = frame.read(top);
  frame.write(top, { sig, se: se.and(f.param("i32", 1)).xor(f.param("i32", 2)) });
  frame.end();
});

export const roundToIntegral = libraryFunction("x87_rndint", [], "i32", (f, cpu) => {
  const frame = new Frame(f, cpu, PE);
  const top = frame.number(0);
  frame.requireFull(top);
  const a = frame.read(top);
  const exponent = f.let(exponentOf(a).sub(BIAS));
  const negative = f.let(a.se.and(SIGN));
  frame.giveUpIf(isNormal(a).or(isZero(a)).eqz());
  f.if(exponent.geS(63).or(a.sig.eqz()), () => frame.end());
  const { integer, below } = splitInteger(frame, a.sig, exponent);
  const up = f.let(frame.roundsUp(integer.and(1), below, negative));
  const value = f.let(integer.add(up.toI64U()));
  const zeros = f.let(value.clz());
  const se = select(value.eqz(), I32.const(0), I32.const(BIAS + 63).sub(zeros.toI32()));
  frame.write(top, { sig: f.let(value.shl(zeros)), se: f.let(se.and(EXPONENT).or(negative)) });
  frame.end({ inexact: below.ne(0), up });
});

/** The integer part of a value below 2^63, and what lies below it in units of 2^-64, its lowest bit sticky. Fixed. */
export function splitInteger(frame: Frame, sig: I64, exponent: I32): { integer: I64; below: I64 } {
  const { f } = frame;
  const [integer, below] = [f.local("i64"), f.local("i64")];
  f.if(
    exponent.geS(0),
    () => {
      const bits = f.let(exponent.toI64U());
      f.set(integer, sig.shrU(bits.xor(63)));
      f.set(below, sig.shl(bits).shl(1));
    },
    () => {
      f.set(integer, ZERO);
      // At least a half, or less.
      f.set(below, select(exponent.eq(-1), sig, I64.const(1)));
    },
  );
  return { integer: integer.value, below: below.value };
}
