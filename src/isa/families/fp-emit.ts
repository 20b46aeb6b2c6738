/**
 * What all SSE floating-point instructions share: operands, the choice between WebAssembly's arithmetic and the
 * exact one in TypeScript, and the exceptions (SDM vol. 1, 11.5).
 *
 * The protocol of the exact way ("slow"): operands are stored into the state - the first at {@link Slot.first}, the
 * second or only one at {@link Slot.second}, the third at {@link Slot.third} -, a helper (helpers-fp.ts) computes,
 * ORs the exception flags into MXCSR, leaves the result at {@link Slot.result} and returns 1 if an unmasked
 * exception was raised: the destination is then unchanged, as on silicon.
 */

import { type Label, type Local, load } from "../../wasm/function.js";
import { f64x2, i8x16, i32x4, i64x2 } from "../../wasm/simd.js";
import { type F32, type F64, I32, I64, type TypeMap, V128, type ValueType } from "../../wasm/value.js";
import { type Emit, Vector } from "../emit.js";
import { type Helper, helper, pureHelper } from "../helper.js";
import { BOUNCE, CR4, SCRATCH } from "../state.js";

/** Where helpers find operands: state offsets of 32 bytes each. */
export const Slot = {
  result: SCRATCH,
  first: SCRATCH,
  second: SCRATCH + 32,
  /** Only three-operand instructions of 256 bits need it; the bounce buffer is free between memory accesses. */
  third: BOUNCE,
} as const;

/** Bits of MXCSR (SDM vol. 1, 10.2.3). */
export const Mxcsr = {
  PE: 0x20,
  MASKS: 0x1f80,
  PM: 0x1000,
  RC: 0x6000,
} as const;

const OSXMMEXCPT = 0x400;

export type Suffix = "ps" | "pd" | "ss" | "sd";
export const suffixes: readonly Suffix[] = ["ps", "pd", "ss", "sd"];
export const packedSuffixes: readonly Suffix[] = ["ps", "pd"];
export const isScalar = (suffix: Suffix): boolean => suffix[0] === "s";
/** Width of an element. */
export const elementWidth = (suffix: Suffix): 32 | 64 => (suffix[1] === "s" ? 32 : 64);
/** Name of the element's format, as helpers are named after it. */
export const formatName = (suffix: Suffix): "f32" | "f64" => (suffix[1] === "s" ? "f32" : "f64");

/**
 * Declares a helper of the protocol above for what WebAssembly's arithmetic leaves; its arguments are small integers.
 * It is not declared pure, though it is: so translated code has no call in it, and leaves instead (see fp-steps.ts).
 */
export function floatHelper(name: string, args = 1): Helper<"i32"> {
  return helper(`fp_${name}`, Array<ValueType>(args).fill("i32"), "i32");
}

/** The same for what nothing else does. */
export function onlyFloatHelper(name: string, args = 1): Helper<"i32"> {
  return pureHelper(`fp_${name}`, Array<ValueType>(args).fill("i32"), "i32");
}

/**
 * The results of `fast`, or, where that branches to the label it is given, those of `slow`. Both return `count`
 * values of a type.
 */
export function fastOrSlow<T extends ValueType>(
  x: Emit,
  type: T,
  count: number,
  fast: (slow: Label) => readonly TypeMap[T][],
  slow: () => readonly TypeMap[T][],
): TypeMap[T][] {
  return firstOf(x, type, count, [fast], slow);
}

/** The same with several ways, each leaving to the next. */
export function firstOf<T extends ValueType>(
  x: Emit,
  type: T,
  count: number,
  ways: readonly ((next: Label) => readonly TypeMap[T][])[],
  last: () => readonly TypeMap[T][],
): TypeMap[T][] {
  const results: Local<TypeMap[T]>[] = Array.from({ length: count }, () => x.f.local(type));
  const assign = (values: readonly TypeMap[T][]) => {
    for (const [i, result] of results.entries()) x.f.set(result, values[i]!);
  };
  x.f.block((done) => {
    for (const way of ways) {
      x.f.block((next) => {
        assign(way(next));
        x.f.br(done);
      });
    }
    assign(last());
  });
  return results.map((result) => result.value);
}

/** Goes to `slow` unless rounding is to nearest and all exceptions are masked (and `sticky` ones are already set). */
export function requireDefaults(x: Emit, slow: Label, sticky = 0): void {
  const relevant = x.floatControl().and(Mxcsr.RC | Mxcsr.MASKS | sticky);
  x.f.brIf(slow, relevant.ne(Mxcsr.MASKS | sticky));
}

export type SlowOperand = I64 | readonly V128[];

function store(x: Emit, slot: number, value: SlowOperand): void {
  if (value instanceof I64) x.f.store(x.cpu, value, slot);
  else for (const [i, lane] of value.entries()) x.f.store(x.cpu, lane, slot + 16 * i);
}

/** Stores the operands, calls a helper, and raises the exception that it reports. */
export function callSlow(
  x: Emit,
  helper: Helper<"i32">,
  operands: readonly SlowOperand[],
  ...args: readonly (I32 | number)[]
): void {
  const slots = operands.length === 1 ? [Slot.second] : [Slot.first, Slot.second, Slot.third];
  for (const [i, operand] of operands.entries()) store(x, slots[i]!, operand);
  raiseIf(x, x.call(helper, ...args.map((arg) => I32.from(arg))));
}

/** #XM, or #UD where the system does not handle it (SDM vol. 1, 11.5.3). */
export function raiseIf(x: Emit, condition: I32): void {
  x.f.if(condition, () => {
    x.f.if(x.stateI32(CR4).and(OSXMMEXCPT).eqz(), () => x.fault(Vector.UD));
    x.fault(Vector.XM);
  });
}

/** The result of a helper: an element, zero-extended … */
export function slowScalar(x: Emit, width: 32 | 64): I64 {
  return width === 32 ? load.i64_32u(x.cpu, Slot.result) : load.i64(x.cpu, Slot.result);
}

/** … or as what it is … */
export const slowFloat = {
  f32: (x: Emit): F32 => load.f32(x.cpu, Slot.result),
  f64: (x: Emit): F64 => load.f64(x.cpu, Slot.result),
} as const;

/** … or lanes. */
export function slowLanes(x: Emit, count: number): V128[] {
  return Array.from({ length: count }, (_, i) => load.v128(x.cpu, Slot.result + 16 * i));
}

/** Index of the first source: with VEX it is separate from the destination. */
export const firstSource = (x: Emit): number => (x.shape.vex ? 1 : 0);

/**
 * Writes an element of `width` bits to the destination. The rest of an XMM register stays as it was; with VEX it
 * comes from operand 1, and what lies above is cleared.
 */
export function writeScalar(x: Emit, width: 32 | 64, bits: I64): void {
  if (!x.shape.vex) {
    x.write(0, bits);
    return;
  }
  const rest = x.readWholeVector(1);
  const { double } = bits;
  if (width === 32) x.writeWholeVector(0, i32x4.replace(rest, 0, bits.toI32()));
  else x.writeWholeVector(0, double ? f64x2.replace(rest, 0, double) : i64x2.replace(rest, 0, bits));
}

/** Writes a single or double as {@link writeScalar} does. */
export function writeFloat(x: Emit, value: F32 | F64): void {
  if (value.type === "f64") writeScalar(x, 64, value.asI64());
  else writeScalar(x, 32, value.asI32().toI64U());
}

const ZEROS = V128.const(0n, 0n);
const BYTES = Array.from({ length: 32 }, (_, i) => i);

/** The high half of a vector, moved down; zeros above. */
export function highHalf(a: V128): V128 {
  return i8x16.shuffle(a, ZEROS, [...BYTES.slice(8, 16), ...BYTES.slice(16, 24)]);
}

/** The low halves of one (then zeros) or two vectors, side by side. */
export function joinHalves([low, high]: readonly V128[]): V128 {
  return i8x16.shuffle(low!, high ?? ZEROS, [...BYTES.slice(0, 8), ...BYTES.slice(16, 24)]);
}
