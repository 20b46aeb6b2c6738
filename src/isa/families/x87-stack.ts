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
import { type Helper, helper } from "../helper.js";
import { FDP, FIP, FSW, FTW, RIP } from "../state.js";
import { faultIfX87Pending } from "./mmx-state.js";
import { Deferred, OPERAND, OperandFormat } from "./x87-protocol.js";

const I32s = (count: number): ValueType[] => Array<ValueType>(count).fill("i32");

/** Declares a helper with `count` small integers as arguments. */
export const x87Helper = (name: string, count = 0): Helper => helper(`x87_${name}`, I32s(count));
/** The same with a result. */
export const x87Function = (name: string, count = 0): Helper<"i32"> =>
  helper(`x87_${name}`, I32s(count), "i32");

type Argument = I32 | number;
const values = (args: readonly Argument[]): Value[] => args.map((arg) => I32.from(arg));

/** A helper has run, so RIP in the state is exact. */
const setInstructionPointer = (x: Emit): void => x.setStateI64(FIP, x.stateI64(RIP));

/** A waiting, non-control instruction without memory operand: all of it is done by a helper. */
export function operate(x: Emit, work: Helper, ...args: Argument[]): void {
  faultIfX87Pending(x);
  finish(x, work, ...args);
}

function finish(x: Emit, work: Helper, ...args: Argument[]): void {
  x.run(work, ...values(args));
  setInstructionPointer(x);
}

/** The same for a helper with a result. */
export function compute(x: Emit, work: Helper<"i32">, ...args: Argument[]): I32 {
  faultIfX87Pending(x);
  const result = x.call(work, ...values(args));
  setInstructionPointer(x);
  return result;
}

/** The format of memory operand 0. */
export function formatOf(x: Emit, kind: "float" | "integer" | "bcd"): OperandFormat {
  const width = x.width(0);
  if (kind === "bcd") return OperandFormat.bcd;
  if (kind === "float") {
    return width === 32 ? OperandFormat.f32 : width === 64 ? OperandFormat.f64 : OperandFormat.f80;
  }
  return width === 16 ? OperandFormat.i16 : width === 32 ? OperandFormat.i32 : OperandFormat.i64;
}

/** The same with memory operand 0, which the helper finds at {@link OPERAND}. */
export function operateOnMemory(x: Emit, work: Helper, ...args: Argument[]): void {
  faultIfX87Pending(x);
  const width = x.width(0);
  const linear = x.linearAddress(0, "read");
  if (width === 80) {
    const host = x.hostRead(linear, 10);
    x.setStateI64(OPERAND, load.i64(host));
    x.setStateI32(OPERAND + 8, load.i32_16u(host, 8));
  } else {
    x.setStateI64(OPERAND, x.load(width, linear));
  }
  x.setStateI64(FDP, x.effectiveAddress());
  finish(x, work, ...args);
}

/**
 * Stores the value that `work` computes into memory operand 0. The helper returns 0 when an unmasked exception forbids
 * the store; pops and flags take effect after it, because it can fault.
 */
export function storeResult(x: Emit, work: Helper<"i32">, ...args: Argument[]): void {
  const { f } = x;
  faultIfX87Pending(x);
  const width = x.width(0);
  const linear = x.linearAddress(0, "write");
  const offset = x.effectiveAddress();
  f.if(
    x.call(work, ...values(args)),
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
define("fxch", (x) => operate(x, fxch, x.registerNumber(1)));

const ffree = x87Helper("ffree", 2);
define("ffree", (x) => operate(x, ffree, x.registerNumber(0), 0));
define("ffreep", (x) => operate(x, ffree, x.registerNumber(0), 1));

const rotate = x87Helper("rotate", 1);
define("fincstp", (x) => operate(x, rotate, 1));
define("fdecstp", (x) => operate(x, rotate, -1));

const fnop = x87Helper("fnop");
define("fnop", (x) => operate(x, fnop));

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
  define(mnemonic, (x) => operate(x, fcmov, x.registerNumber(1), x.flags.condition(condition)));
}
