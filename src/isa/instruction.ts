/**
 * One decoded instruction. The decoder fills a caller's object again and again, so that decoding allocates
 * nothing; copy what you keep.
 */
import type { Form } from "./form.js";
import type { Operand } from "./operand.js";

/** Size of the code segment: 16, 32 or 64 bits. */
export type CodeSize = 16 | 32 | 64;
export type OperandSize = 16 | 32 | 64;
export type AddressSize = 16 | 32 | 64;

export const Segment = { ES: 0, CS: 1, SS: 2, DS: 3, FS: 4, GS: 5 } as const;

/** Values of `base` and `index` that are no register number. */
export const NO_REGISTER = -1;
export const RIP_BASE = -2;

/** Values of {@link Instruction.list}. */
export const OPERAND_LISTS = 256;

export class Instruction {
  /** The form that matched. Valid only when decoding succeeded. */
  form!: Form;
  /** Resolved operands, destination first, as in the manual's syntax; implicit ones that the manual writes (`AL`, `CL`, `XMM0`) included. */
  operands: readonly Operand[] = [];
  /** Which of its form's lists of operands that is; operand and address size follow from it. Below {@link OPERAND_LISTS}. */
  list = 0;
  /** Register number of operand i, where it is a register; else 0. For `st` the i of ST(i). */
  readonly registers: number[] = [0, 0, 0, 0, 0];
  /** Length in bytes, 1-15. */
  length = 0;
  /** Effective operand size (also of instructions that ignore it). 64 for near branches and stack operations in 64-bit mode unless 66h is honoured. */
  operandSize: OperandSize = 32;
  addressSize: AddressSize = 32;
  /** LOCK prefix present (and legal). */
  lock = false;
  /** 0xf3 REP/REPE, 0xf2 REPNE, or 0; only where it acts as a repeat (or XACQUIRE/XRELEASE/BND, ignored) prefix, not where it is part of the opcode. */
  rep: 0 | 0xf2 | 0xf3 = 0;
  /** Effective segment of the memory operand, after defaults and overrides (0-5, see {@link Segment}); in 64-bit mode overrides of ES CS SS DS are ignored. */
  segment = 3;
  /** Whether a segment override prefix selected {@link segment}. */
  segmentOverride = false;
  /** The ModRM byte names memory, or the operand is a moffs. */
  memory = false;
  /** Base register number, {@link NO_REGISTER} or {@link RIP_BASE} (RIP-relative; EIP-relative when addressSize is 32). */
  base = NO_REGISTER;
  /** Index register (a vector register for `vmem`) or {@link NO_REGISTER}. */
  index = NO_REGISTER;
  /** log2 of the scale, 0-3. */
  scale = 0;
  /** Displacement, sign-extended to 32 bits; for a 64-bit moffs the low half. */
  displacement = 0;
  /** High half of a 64-bit moffs, else the sign of {@link displacement}. */
  displacementHigh = 0;
  /** The immediate as two signed 32-bit halves. */
  immediate = 0;
  immediateHigh = 0;
  /** Second immediate: ENTER's level, the selector of a far pointer, EXTRQ's index. */
  immediate2 = 0;
  /** VEX.L (0: 128 bits, 1: 256 bits); 0 without VEX. */
  vexL: 0 | 1 = 0;
}
