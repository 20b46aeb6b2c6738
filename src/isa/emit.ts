/**
 * What a semantic function is written against.
 *
 * The meaning of an instruction is a function `(x: Emit) => void` that emits WebAssembly through `x`. Two
 * engines implement this class: the interpreter, for which operands are known only at run time (they are
 * addresses in a decoded record), and the translator, for which they are constants. A semantic function
 * cannot tell them apart.
 *
 * Rules for semantic functions:
 * - A fault must leave the state unchanged: read and check everything, access memory, then write registers.
 *   `load`, `store`, `read`, `write`, `push`, `fault` … leave the instruction by themselves when they fault.
 * - Integers are I64, zero-extended from the operand's width; what is written may have garbage above it.
 * - A {@link Value} is evaluated where it is used: fix it with `x.let` before anything it depends on changes.
 * - Nothing but the operand list, `operandSize`, `addressSize`, `long` and `rep` may decide what is emitted.
 */
import type { FunctionBuilder } from "../wasm/function.js";
import type { I32, I64, TypeMap, V128, Value, ValueType } from "../wasm/value.js";
import type { FlagEmit } from "./flag-emit.js";
import type { Helper } from "./helper.js";
import type { AddressSize, OperandSize } from "./instruction.js";
import type { LibraryFunction } from "./library.js";
import type { Operand } from "./operand.js";
import { MXCSR } from "./state.js";

export const Register = {
  RAX: 0,
  RCX: 1,
  RDX: 2,
  RBX: 3,
  RSP: 4,
  RBP: 5,
  RSI: 6,
  RDI: 7,
} as const;

/** Exception vectors (SDM vol. 3, 6.15). */
export const Vector = {
  DE: 0,
  DB: 1,
  NMI: 2,
  BP: 3,
  OF: 4,
  BR: 5,
  UD: 6,
  NM: 7,
  DF: 8,
  TS: 10,
  NP: 11,
  SS: 12,
  GP: 13,
  PF: 14,
  MF: 16,
  AC: 17,
  MC: 18,
  XM: 19,
  VE: 20,
  CP: 21,
} as const;

/** The static facts of what is being emitted: equal facts, equal code. */
export interface Shape {
  readonly mnemonic: string;
  readonly operands: readonly Operand[];
  readonly operandSize: OperandSize;
  readonly addressSize: AddressSize;
  /** 64-bit mode. */
  readonly long: boolean;
  readonly rep: 0 | 0xf2 | 0xf3;
  /** VEX encoding: vector writes clear the register above the vector length. */
  readonly vex: boolean;
  /** 128-bit memory operands must be aligned. */
  readonly aligned: boolean;
}

export abstract class Emit {
  abstract readonly f: FunctionBuilder;
  abstract readonly flags: FlagEmit;
  /** Base address of the CPU's state. */
  abstract readonly cpu: I32;

  constructor(readonly shape: Shape) {}

  get operands(): readonly Operand[] {
    return this.shape.operands;
  }
  get operandSize(): OperandSize {
    return this.shape.operandSize;
  }
  get addressSize(): AddressSize {
    return this.shape.addressSize;
  }
  get long(): boolean {
    return this.shape.long;
  }
  /** Width of operand `i` in bits. */
  width(i: number): number {
    return this.shape.operands[i]!.width;
  }
  isMemory(i: number): boolean {
    return this.shape.operands[i]?.kind === "mem";
  }
  let<V extends Value>(value: V): V {
    return this.f.let(value);
  }

  // --- integer operands -----------------------------------------------------------------------------

  /** Value of operand `i`, zero-extended from its width. For vector registers the low `width` (at most 64) bits. Fixed. */
  abstract read(i: number): I64;
  /** The same, sign-extended from its width. Fixed. */
  abstract readSigned(i: number): I64;
  /** Writes the low bits of `value`. A 32-bit general register is zero-extended; smaller parts leave the rest. A vector register: low `width` bits only, the rest unchanged. */
  abstract write(i: number, value: I64): void;
  /**
   * Reads operand `i`, then writes what `change` returns: for memory, checked for writing before the read,
   * as x86 does. `change` must not fault. If it returns undefined, the old value is written back.
   */
  abstract update(i: number, change: (old: I64) => I64): void;

  /** General register by number and width (8 is the low byte), zero-extended. Not fixed: use `let` before writing it. */
  abstract readRegister(register: number, width: number): I64;
  /** Writes as {@link write} does to a general register. */
  abstract writeRegister(register: number, width: number, value: I64): void;
  /** Register number of operand `i`, for helpers (segment, control, debug, st(i), general). */
  abstract registerNumber(i: number): I32;

  // --- memory -----------------------------------------------------------------------------------------

  /** Effective address of the memory operand (offset in the segment), cut to the address size. Fixed. */
  abstract effectiveAddress(): I64;
  /** Linear address of operand `i` for an access of `bytes`; faults if the segment does not allow it. Fixed. */
  abstract linearAddress(i: number, access: "read" | "write", bytes?: number): I64;
  /** Linear address of `offset` in a segment given by number, or of the instruction's segment (after override) when undefined. Fixed. */
  abstract segmentAddress(
    segment: number | undefined,
    offset: I64,
    access: "read" | "write",
    bytes: number,
  ): I64;
  /** Loads `width` (8-64) bits from a linear address, zero-extended. Fixed. */
  abstract load(width: number, linear: I64): I64;
  /** Stores `width` bits. */
  abstract store(width: number, linear: I64, value: I64): void;
  /**
   * Host address of `bytes` (at most 64) of guest memory at a linear address, good for loads until the next
   * access. Faults as the guest would. For "write" see {@link hostWrite}.
   */
  abstract hostRead(linear: I64, bytes: number): I32;
  /** Calls `fill` with the host address at which to store `bytes`; all of them must be stored. */
  abstract hostWrite(linear: I64, bytes: number, fill: (host: I32) => void): void;
  /** As {@link hostWrite} for read-modify-write: the bytes can be read too. */
  abstract hostUpdate(linear: I64, bytes: number, change: (host: I32) => void): void;
  /**
   * Host address of a byte that the TLB maps for the access, else 0. Good for every byte up to the end of its 4 KiB
   * page, until the next access by other means. Never faults.
   */
  abstract mappedHost(linear: I64, access: "read" | "write"): I32;
  /** Limit of a segment given by number, or of the instruction's segment when undefined. Means nothing in 64-bit mode. */
  abstract segmentLimit(segment: number | undefined): I32;

  // --- stack --------------------------------------------------------------------------------------------

  /** Pushes the low `operandSize` bits. */
  abstract push(value: I64, width?: number): void;
  /** Reads the top of the stack without popping; call {@link dropStack} after everything that can fault. Fixed. */
  abstract peek(width?: number, depth?: number): I64;
  /** Adds to the stack pointer. */
  abstract dropStack(bytes: number | I64): void;

  // --- control ------------------------------------------------------------------------------------------

  /** RIP of the next instruction, cut to the operand size of the code. */
  abstract nextRip(): I64;
  /** RIP of this instruction, cut to 32 bits outside 64-bit mode. Fixed. */
  abstract instructionPointer(): I64;
  /** A jump target cut to the operand size; faults if a jump there would. For what must happen between check and jump. Fixed. */
  abstract branchTarget(target: I64): I64;
  /** The far pointer in the instruction (an operand of kind `far`). Fixed. */
  abstract farPointer(): { readonly selector: I32; readonly offset: I64 };
  /** Ends the instruction so that it is executed again: a REP that lets others have their turn. */
  abstract restart(): void;
  /** Goes to an offset in the current code segment; checks limit (or canonical form). Ends the instruction. */
  abstract jump(target: I64): void;
  /** Goes to next RIP + the relative operand 0, if `condition` (default: always). Ends the instruction. */
  abstract jumpRelative(condition?: I32): void;
  /** Raises an exception. `error` for vectors that push an error code. Ends the instruction. */
  abstract fault(vector: number, error?: I32 | number): void;
  /** Calls a helper for its value. Fixed. */
  abstract call<T extends ValueType>(helper: Helper<T>, ...args: Value[]): TypeMap[T];
  /** Calls a helper for its effects. If it leaves an exception pending, the instruction faults. */
  abstract run(helper: Helper, ...args: Value[]): void;
  /** Whether a call of the helper never comes back, because another engine takes over. */
  leavesAt(_helper: Helper): boolean {
    return false;
  }
  /** Calls a library function, which may change the CPU's state but raises nothing. Fixed. */
  abstract invoke<T extends ValueType>(callee: LibraryFunction<T>, ...args: Value[]): TypeMap[T];
  /** Calls a helper that returns a {@link Control} value and does what it says. Ends the instruction. */
  abstract control(helper: Helper<"i32">, ...args: Value[]): void;
  /**
   * Goes on at an offset that is known to be good, perhaps with another privilege and other views of memory. Ends the
   * instruction.
   */
  abstract resume(target: I64): void;
  /** Completes the instruction, then lets the run loop look for interrupts (after STI, POPF …). Ends the instruction. */
  abstract finishWithAttention(): void;

  /** The time-stamp counter at this instruction. Fixed. */
  abstract timeStamp(): I64;

  // --- vectors --------------------------------------------------------------------------------------------

  /**
   * 128 bits of operand `i`: lane 0 or, of a 256-bit operand, lane 1. A scalar memory operand (width 32 or
   * 64) is loaded into lane 0 with zeros above; an mm operand is the low half. Fixed.
   */
  abstract readVector(i: number, lane?: number): V128;
  /** All 128-bit lanes of operand `i`; memory is accessed once. */
  abstract readLanes(i: number): V128[];
  /**
   * Writes lanes to operand `i` at its full width: xmm 128, ymm 256 bits, mm or mem as wide as they are. With VEX the
   * register above is cleared; without, it keeps its value.
   */
  abstract writeLanes(i: number, lanes: readonly V128[]): void;
  /** Full XMM register (128 bits) behind operand `i`, whatever its width. Fixed. */
  abstract readWholeVector(i: number): V128;
  /** Writes the whole XMM register behind operand `i`; clears above with VEX. */
  abstract writeWholeVector(i: number, value: V128): void;
  /** Linear address of one element of gather operand `i`, whose vector of indices has elements of `indexWidth` bits. Fixed. */
  abstract vectorElementAddress(i: number, element: number, indexWidth: 32 | 64): I64;
  /** Immediate operand `i`, as a run-time or constant i32 (zero-extended from 8 bits). */
  abstract immediate(i: number): I32;

  // --- state ------------------------------------------------------------------------------------------------

  /** A field of the CPU's state (offsets in state.ts). Not fixed. */
  abstract stateI32(offset: number): I32;
  abstract stateI64(offset: number): I64;
  /** MXCSR for tests of its control bits: status flags that were set lately may be missing. Not fixed. */
  floatControl(): I32 {
    return this.stateI32(MXCSR);
  }
  abstract setStateI32(offset: number, value: I32): void;
  abstract setStateI64(offset: number, value: I64): void;
}

/** What an instruction means. */
export type Semantics = (x: Emit) => void;

export interface SemanticsOptions {
  /** The code depends on the address size (string instructions, LOOP, LEA …). */
  readonly addressSize?: boolean;
  /** The code depends on 64-bit mode (stack, branches). */
  readonly long?: boolean;
  /** The code depends on a REP prefix. */
  readonly rep?: boolean;
  /** The code depends on the operand size beyond what the operands show. */
  readonly operandSize?: boolean;
  /** Ends a block: it can change how following bytes decode or execute (CR writes, STI, I/O …). */
  readonly endsBlock?: boolean;
}

interface Definition extends SemanticsOptions {
  readonly emit: Semantics;
}

const definitions = new Map<string, Definition>();

/** Gives one or more mnemonics their meaning. */
export function define(
  mnemonics: string | readonly string[],
  emit: Semantics,
  options: SemanticsOptions = {},
): void {
  for (const mnemonic of typeof mnemonics === "string" ? [mnemonics] : mnemonics) {
    if (definitions.has(mnemonic)) throw new Error(`${mnemonic} is defined twice`);
    definitions.set(mnemonic, { ...options, emit });
  }
}

/** The meaning of a mnemonic, if it has one. */
export function definitionOf(mnemonic: string): Definition | undefined {
  return definitions.get(mnemonic);
}

export function definedMnemonics(): readonly string[] {
  return [...definitions.keys()];
}
