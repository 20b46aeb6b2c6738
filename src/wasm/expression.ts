/**
 * What all values have in common: an opcode, operands, and the bytes that follow.
 */
import type { ByteWriter } from "./bytes.js";

export type ValueType = "i32" | "i64" | "f32" | "f64" | "v128";

export const typeByte: Record<ValueType, number> = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b };

/** What follows an opcode in the code (a memory offset, a lane, an index). */
export type Immediates = (out: ByteWriter) => void;

export abstract class Value {
  abstract readonly type: ValueType;
  constructor(
    /** Opcode; SIMD and miscellaneous ones as prefix byte · 0x1000 + number; -1: `immediates` writes everything. */
    private readonly opcode: number,
    private readonly operands: readonly Value[],
    private readonly immediates?: Immediates,
    /** True for a local or a constant: using it twice costs nothing and it never changes by itself. */
    readonly atomic: boolean = false,
  ) {}

  /** Writes the code that leaves this value on the stack. */
  emit(out: ByteWriter): void {
    for (const operand of this.operands) operand.emit(out);
    if (this.opcode >= 0x1000) {
      out.byte(this.opcode >> 12);
      out.u32(this.opcode & 0xfff);
    } else if (this.opcode >= 0) out.byte(this.opcode);
    this.immediates?.(out);
  }
}
