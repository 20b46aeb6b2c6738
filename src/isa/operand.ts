/**
 * Operands as the rest of the machine sees them, after decoding: what kind, how wide, which register.
 *
 * A {@link Operand} is *resolved*: nothing in it depends on prefixes or on the operating mode any more. The
 * list of resolved operands of an instruction, together with its mnemonic, is what selects its meaning.
 */

/**
 * - `gpr`   general register of `width` 8, 16, 32 or 64; number 0-15 (rax rcx rdx rbx rsp rbp rsi rdi r8…)
 * - `gpr8h` AH, CH, DH, BH (numbers 0-3)
 * - `mem`   memory at the instruction's effective address, `width` bits (0: address only, as LEA or INVLPG)
 * - `imm`   immediate, sign- or zero-extended to 64 bits by the decoder as the manual says for the instruction
 * - `rel`   branch displacement, sign-extended
 * - `far`   far pointer in the instruction (ptr16:16 or ptr16:32): offset in `imm`, selector in `imm2`
 * - `seg`, `cr`, `dr`  segment (ES CS SS DS FS GS), control and debug registers
 * - `mm`, `xmm`, `ymm` vector registers; `st` x87 stack register ST(i)
 * - `vmem`  gather: memory with a vector index (VSIB); the index register is `Instruction.index`
 */
export type OperandKind =
  | "gpr"
  | "gpr8h"
  | "mem"
  | "imm"
  | "rel"
  | "far"
  | "seg"
  | "cr"
  | "dr"
  | "mm"
  | "xmm"
  | "ymm"
  | "st"
  | "vmem";

export interface Operand {
  readonly kind: OperandKind;
  /** Width in bits of what is read or written: for a memory operand the access, for a scalar SSE register 32 or 64. */
  readonly width: number;
}
