/**
 * What the x87 instructions (x87-*.ts, which emit code) and their helpers (helpers-x87*.ts) agree on.
 *
 * A memory operand is loaded by the instruction and left at {@link OPERAND}; a value to be stored is left there by
 * the helper. The effects of a storing instruction on status word and tags wait at {@link Deferred} until the store
 * has succeeded.
 */
import { SCRATCH } from "../state.js";

/** Bits of the status word (SDM vol. 1, 8.1.3); the condition codes are in ../float/x87-ops.ts. */
export const Fsw = {
  /** IE DE ZE OE UE PE. */
  EXCEPTIONS: 0x3f,
  /** Stack fault. */
  SF: 0x40,
  /** Exception summary. */
  ES: 0x80,
  TOP: 0x3800,
  /** ES and B, which is a copy of it. */
  PENDING: 0x8080,
} as const;

/** State offset of a memory operand, at most 16 bytes. */
export const OPERAND = SCRATCH;

/** State offsets of the status word and the tags to come. */
export const Deferred = {
  fsw: SCRATCH + 16,
  ftw: SCRATCH + 20,
} as const;

/** State offset of an environment image, 28 bytes in the 32-bit format. */
export const IMAGE = SCRATCH + 24;

/** Formats of memory operands. */
export const OperandFormat = {
  f32: 0,
  f64: 1,
  i16: 2,
  i32: 3,
  i64: 4,
  f80: 5,
  bcd: 6,
} as const;
export type OperandFormat = (typeof OperandFormat)[keyof typeof OperandFormat];
