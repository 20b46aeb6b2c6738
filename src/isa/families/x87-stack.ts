/**
 * What all x87 instructions share, and those that only move values about the register stack: FLD ST(i), FST ST(i), FXCH,
 * FFREE, FINCSTP, FDECSTP, FNOP, FWAIT, FCMOVcc (SDM vol. 1, chapter 8).
 *
 * An unmasked exception is not raised by the instruction that finds it: that one sets FSW.ES, and the next waiting
 * instruction raises #MF. With CR0.NE = 0 a PC would signal FERR# and interrupt 13 instead; here it is #MF too.
 *
 * FIP and FDP are kept for every non-control instruction. FCS and FDS are always 0: this processor is one that
 * deprecates them (CPUID.(7,0):EBX[13], SDM vol. 1, 8.1.8). FOP is not kept: it is what was last loaded into it.
 */

import { load } from "../../wasm/function.js";
import { I32, type I64, type Value, type ValueType } from "../../wasm/value.js";
import { define, type Emit } from "../emit.js";
import type { Condition } from "../flag-emit.js";
import { type Helper, pureHelper } from "../helper.js";
import type { LibraryFunction } from "../library.js";
import { FDP, FIP, FSW, FTW } from "../state.js";
import { signExtend } from "./integer.js";
import { faultIfX87Pending } from "./mmx-state.js";
import type { MemorySource } from "./x87-library.js";
import { exchangeRegisters, moveRegister } from "./x87-move-library.js";
import { Deferred, OPERAND, OperandFormat } from "./x87-protocol.js";

const I32s = (count: number): ValueType[] => Array<ValueType>(count).fill("i32");

/** Declares a helper with `count` small integers as arguments. It knows the x87 state and nothing of the instruction. */
export const x87Helper = (name: string, count = 0): Helper => pureHelper(`x87_${name}`, I32s(count));
/** The same with a result. */
export const x87Function = (name: string, count = 0): Helper<"i32"> =>
  pureHelper(`x87_${name}`, I32s(count), "i32");

type Argument = I32 | I64 | number;
const values = (args: readonly Argument[]): Value[] =>
  args.map((arg) => (typeof arg === "number" ? I32.const(arg) : arg));

/** A call with its arguments: of a library function for the common case, or of the helper for all cases. */
export interface Work<C> {
  readonly callee: C;
  readonly args: readonly Argument[];
}
export const work = <C>(callee: C, ...args: Argument[]): Work<C> => ({ callee, args });
type Fast = Work<LibraryFunction<"i32">>;
type Exact = Work<Helper>;

const setInstructionPointer = (x: Emit): void => x.setStateI64(FIP, x.instructionPointer());

/**
 * A waiting, non-control instruction without memory operand: `fast` does it, or, where that returns 0, `exact`.
 * A pending #MF is among the cases that `fast` does not do.
 */
export function operate(x: Emit, exact: Exact, fast?: Fast): void {
  const wholly = () => {
    faultIfX87Pending(x);
    x.run(exact.callee, ...values(exact.args));
  };
  if (fast) x.f.if(x.invoke(fast.callee, ...values(fast.args)).eqz(), wholly);
  else wholly();
  setInstructionPointer(x);
}

/** The same for instructions with a result, which is that of `fast` where it is not 0. */
export function compute(x: Emit, exact: Work<Helper<"i32">>, fast: Fast): I32 {
  const result = x.f.local("i32");
  x.f.set(result, x.invoke(fast.callee, ...values(fast.args)));
  x.f.if(result.value.eqz(), () => {
    faultIfX87Pending(x);
    x.f.set(result, x.call(exact.callee, ...values(exact.args)));
  });
  setInstructionPointer(x);
  return result.value;
}

/** The format of a memory operand. */
function formatOf(width: number, kind: "float" | "integer" | "bcd"): OperandFormat {
  if (kind === "bcd") return OperandFormat.bcd;
  if (kind === "float") {
    return width === 32 ? OperandFormat.f32 : width === 64 ? OperandFormat.f64 : OperandFormat.f80;
  }
  return width === 16 ? OperandFormat.i16 : width === 32 ? OperandFormat.i32 : OperandFormat.i64;
}

/**
 * An instruction with memory operand 0. The helper finds it at {@link OPERAND} and gets its format as first argument; the
 * library function gets its bits (integers sign-extended; 80 bits as significand, and sign and exponent) as first.
 */
export function operateOnMemory(
  x: Emit,
  kind: "float" | "integer" | "bcd",
  exact: Exact,
  fast?: (source: MemorySource | "f80") => Fast,
): void {
  faultIfX87Pending(x);
  const width = x.width(0);
  const linear = x.linearAddress(0, "read");
  const bits: Value[] = [];
  if (width === 80) {
    const host = x.hostRead(linear, 10);
    bits.push(x.let(load.i64(host)), x.let(load.i32_16u(host, 8)));
  } else {
    const value = x.load(width, linear);
    bits.push(kind === "integer" ? x.let(signExtend(width, value)) : value);
  }
  const wholly = () => {
    x.setStateI64(OPERAND, bits[0] as I64);
    if (width === 80) x.setStateI32(OPERAND + 8, bits[1] as I32);
    x.run(exact.callee, ...values([formatOf(width, kind), ...exact.args]));
  };
  if (fast) {
    const source = width === 80 ? "f80" : kind === "integer" ? "integer" : width === 32 ? "f32" : "f64";
    const { callee, args } = fast(source);
    x.f.if(x.invoke(callee, ...bits, ...values(args)).eqz(), wholly);
  } else wholly();
  x.setStateI64(FDP, x.effectiveAddress());
  setInstructionPointer(x);
}

/**
 * Stores the value that `exact` or `fast` computes into memory operand 0. The helper gets its format as first argument
 * and returns 0 when an unmasked exception forbids the store; pops and flags take effect after it, because it can fault.
 */
export function storeResult(
  x: Emit,
  kind: "float" | "integer" | "bcd",
  exact: Work<Helper<"i32">>,
  fast?: Fast,
): void {
  const { f } = x;
  faultIfX87Pending(x);
  const width = x.width(0);
  const linear = x.linearAddress(0, "write");
  const offset = x.effectiveAddress();
  const wholly = () => x.call(exact.callee, ...values([formatOf(width, kind), ...exact.args]));
  let stored: I32;
  if (fast) {
    const result = f.local("i32");
    f.set(result, x.invoke(fast.callee, ...values(fast.args)));
    f.if(result.value.eqz(), () => f.set(result, wholly()));
    stored = result.value;
  } else stored = wholly();
  f.if(
    stored,
    () => storeOperand(x, linear, width),
    // Whether the memory can be written is checked all the same.
    () => x.hostUpdate(linear, width / 8, () => {}),
  );
  x.setStateI32(FSW, x.stateI32(Deferred.fsw));
  x.setStateI32(FTW, x.stateI32(Deferred.ftw));
  x.setStateI64(FDP, offset);
  setInstructionPointer(x);
}

function storeOperand(x: Emit, linear: I64, width: number): void {
  if (width < 80) x.store(width, linear, x.stateI64(OPERAND));
  else {
    x.hostWrite(linear, 10, (host) => {
      x.f.store(host, x.stateI64(OPERAND));
      x.f.store16(host, x.stateI32(OPERAND + 8), 8);
    });
  }
}

/** Mnemonics with a memory operand depend on the address size, which cuts FDP. */
export const MEMORY = { addressSize: true } as const;

// --- moving registers ---

const fxch = x87Helper("fxch", 1);
define("fxch", (x) => {
  const i = x.registerNumber(1);
  operate(x, work(fxch, i), work(exchangeRegisters, i));
});

const ffree = x87Helper("ffree", 2);
define("ffree", (x) => operate(x, work(ffree, x.registerNumber(0), 0)));
define("ffreep", (x) => operate(x, work(ffree, x.registerNumber(0), 1)));

const rotate = x87Helper("rotate", 1);
define("fincstp", (x) => operate(x, work(rotate, 1)));
define("fdecstp", (x) => operate(x, work(rotate, -1)));

const fnop = x87Helper("fnop");
define("fnop", (x) => operate(x, work(fnop)));

define("fwait", faultIfX87Pending);

const moves: Readonly<Record<string, Condition>> = {
  fcmovb: "b",
  fcmove: "e",
  fcmovbe: "be",
  fcmovu: "p",
  fcmovnb: "ae",
  fcmovne: "ne",
  fcmovnbe: "a",
  fcmovnu: "np",
};
const fcmov = x87Helper("fcmov", 2);
for (const [mnemonic, condition] of Object.entries(moves)) {
  define(mnemonic, (x) => {
    const args = [x.registerNumber(1), x.flags.condition(condition)];
    operate(x, work(fcmov, ...args), work(moveRegister, ...args));
  });
}
