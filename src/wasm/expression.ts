/**
 * What all values have in common: an opcode, operands, and the bytes that follow.
 */
import type { ByteWriter } from "./bytes.js";

export type ValueType = "i32" | "i64" | "f32" | "f64" | "v128";

export const typeByte: Record<ValueType, number> = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b };

/**
 * What follows an opcode in the code: what a function writes, or a number (a constant, the offset of a load, an index, a
 * lane), of which very many values are made.
 */
export type Immediates = number | ((out: ByteWriter) => void);

const I32_CONST = 0x41;
const I64_CONST = 0x42;

/** Loads and stores: their alignment comes first, and is not promised to be natural. */
const hasAlignment = (opcode: number): boolean =>
  (opcode >= 0x28 && opcode <= 0x3e) ||
  (opcode >= 0xfd000 && opcode <= 0xfd00b) ||
  opcode === 0xfd05c ||
  opcode === 0xfd05d;

/** @param opcode SIMD and miscellaneous ones as prefix byte * 0x1000 + number */
export function writeOpcode(out: ByteWriter, opcode: number): void {
  if (opcode >= 0x1000) {
    out.byte(opcode >> 12);
    out.u32(opcode & 0xfff);
  } else out.byte(opcode);
}

/** The operands of what has none. */
export const NONE: readonly Value[] = [];

export abstract class Value {
  abstract readonly type: ValueType;
  constructor(
    /** As {@link writeOpcode} has it; -1: `immediates` writes everything. */
    private readonly opcode: number,
    private readonly operands: readonly Value[],
    private readonly immediates?: Immediates,
    /** True for a local or a constant: using it twice costs nothing and it never changes by itself. */
    readonly atomic: boolean = false,
  ) {}

  /** Writes the code that leaves this value on the stack. */
  emit(out: ByteWriter): void {
    const { opcode, operands, immediates } = this;
    for (let i = 0; i < operands.length; i++) operands[i]!.emit(out);
    if (opcode >= 0) writeOpcode(out, opcode);
    if (immediates === undefined) return;
    if (typeof immediates !== "number") immediates(out);
    else if (opcode === I32_CONST || opcode === I64_CONST) out.s32(immediates);
    else {
      if (hasAlignment(opcode)) out.byte(0);
      out.u32(immediates);
    }
  }
}
