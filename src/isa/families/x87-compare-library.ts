/**
 * The common cases of x87 comparisons (SDM vol. 2, FCOM, FCOMI, FTST): of normal values and zeros. They raise nothing,
 * so those that signal for quiet NaNs and those that do not are the same.
 */
import { I32, select } from "../../wasm/value.js";
import { Flag } from "../flags.js";
import { C0, C2, C3 } from "../float/x87-ops.js";
import { type LibraryFunction, libraryFunction } from "../library.js";
import {
  EXPONENT,
  Frame,
  fromMemory,
  isNormal,
  isZero,
  type MemorySource,
  memorySources,
  type Operand80,
  SIGN,
} from "./x87-library.js";

type Fast = LibraryFunction<"i32">;

/** The relation of a and b as `less`, `equal` or `greater`. */
function relate(
  frame: Frame,
  a: Operand80,
  b: Operand80,
  [less, equal, greater]: readonly [number, number, number],
): I32 {
  const { f } = frame;
  const [zeroA, zeroB] = [f.let(isZero(a)), f.let(isZero(b))];
  frame.giveUpIf(
    zeroA
      .or(isNormal(a))
      .and(zeroB.or(isNormal(b)))
      .eqz(),
  );
  const result = f.local("i32");
  f.if(
    a.se.xor(b.se).and(SIGN),
    () => {
      const different = select(a.se.and(SIGN), I32.const(less), I32.const(greater));
      f.set(result, select(zeroA.and(zeroB), I32.const(equal), different));
    },
    () => {
      const [ea, eb] = [f.let(a.se.and(EXPONENT)), f.let(b.se.and(EXPONENT))];
      const smaller = ea.ltU(eb).or(ea.eq(eb).and(a.sig.ltU(b.sig)));
      const different = select(smaller.ne(a.se.shrU(15)), I32.const(less), I32.const(greater));
      f.set(result, select(a.se.eq(b.se).and(a.sig.eq(b.sig)), I32.const(equal), different));
    },
  );
  return result.value;
}

const CONDITIONS = C3 | C2 | C0;

/** Sets the condition codes, pops, and ends. */
function conclude(frame: Frame, a: Operand80, b: Operand80, pops: number | I32): void {
  frame.end({}, pops, CONDITIONS, relate(frame, a, b, [C0, C3, 0]));
}

/** ST(0) with ST(i), by the number of pops: (i). */
export const compareRegisters: readonly Fast[] = [0, 1, 2].map((pops) =>
  libraryFunction(`x87_compare${pops}`, ["i32"], "i32", (f, cpu) => {
    const frame = new Frame(f, cpu, 0);
    const [top, other] = [frame.number(0), frame.number(f.param("i32", 1))];
    frame.requireFull(top, other);
    conclude(frame, frame.read(top), frame.read(other), pops);
  }),
);

/** ST(0) with a value from memory: (bits, pops). */
export const compareMemory = Object.fromEntries(
  memorySources.map((source) => [
    source,
    libraryFunction(`x87_compare_${source}`, ["i64", "i32"], "i32", (f, cpu) => {
      const frame = new Frame(f, cpu, 0);
      const top = frame.number(0);
      frame.requireFull(top);
      conclude(frame, frame.read(top), fromMemory[source](frame, f.param("i64", 1)), f.param("i32", 2));
    }),
  ]),
) as unknown as Readonly<Record<MemorySource, Fast>>;

/** What {@link compareToFlags} adds to its result, which is 0 where it gives up. */
export const DONE = 1 << 31;

/** ST(0) with ST(i): (i, pops) -> ZF and CF at their places, and DONE. */
export const compareToFlags: Fast = libraryFunction("x87_compare_flags", ["i32", "i32"], "i32", (f, cpu) => {
  const frame = new Frame(f, cpu, 0);
  const [top, other] = [frame.number(0), frame.number(f.param("i32", 1))];
  frame.requireFull(top, other);
  const flags = relate(frame, frame.read(top), frame.read(other), [Flag.CF, Flag.ZF, 0]);
  frame.end({}, f.param("i32", 2), 0, 0, flags.or(DONE));
});
