/**
 * The memory operand of an instruction as VM exits report it: VM-exit instruction information and the displacement in
 * the exit qualification (SDM vol. 3, 28.2.5, tables 28-8 to 28-15).
 */

export interface MemoryOperand {
  /** Bits. */
  readonly addressSize: 16 | 32 | 64;
  /** Segment register by number, after overrides. */
  readonly segment: number;
  /** General registers by number, or -1: none. */
  readonly base: number;
  readonly index: number;
  /** Log2 of the factor of the index. */
  readonly scale: 0 | 1 | 2 | 3;
  /** Sign-extended; with RIP-relative addressing the whole address. */
  readonly displacement: bigint;
}

/** What takes the place of a register operand that the instruction does not have. */
export const NO_REGISTER_OPERAND = -1;

const REGISTER_FORM = 1 << 10;
const INDEX_INVALID = 1 << 22;
const BASE_INVALID = 1 << 27;

/**
 * VM-exit instruction information of an instruction with a ModRM byte, unsigned.
 *
 * @param operand undefined where ModRM selects a register
 * @param rm number of that register
 * @param register number of the register operand that ModRM.reg selects (Reg2)
 */
export function instructionInformation(
  operand: MemoryOperand | undefined,
  rm = NO_REGISTER_OPERAND,
  register = NO_REGISTER_OPERAND,
): number {
  let info = register >= 0 ? register << 28 : 0;
  if (operand === undefined) return (info | REGISTER_FORM | (rm << 3)) >>> 0;
  info |= (operand.addressSize >> 5) << 7;
  info |= operand.segment << 15;
  info |= operand.index < 0 ? INDEX_INVALID : operand.scale | (operand.index << 18);
  info |= operand.base < 0 ? BASE_INVALID : operand.base << 23;
  return info >>> 0;
}
