/**
 * What the operands of an instruction say together: their width, and how an immediate is encoded.
 */

import { checkFits } from "./code-buffer.js";
import type { Trailing } from "./encoder.js";
import { type Immediate, isPlace } from "./label.js";
import type { Memory } from "./memory.js";
import type { Gpr, Width } from "./registers.js";

export type RegisterOrMemory = Gpr | Memory;

/** The one width of all operands. @throws Error when they differ, or none of them tells it. */
export function commonWidth(...operands: readonly RegisterOrMemory[]): Width {
  let width: Width | 0 = 0;
  for (const operand of operands) {
    if (operand.width === 0) continue;
    if (width !== 0 && operand.width !== width) {
      throw new Error(`Operands of ${width} and ${operand.width} bits in one instruction.`);
    }
    width = operand.width;
  }
  if (width === 0)
    throw new Error("The width of the memory operand is unknown: use byte, word, dword or qword.");
  return width;
}

/** An immediate operand of up to 32 bits: 64-bit instructions sign-extend it. */
export function fullImmediate(value: Immediate, width: Width): Trailing {
  const length = width === 8 ? 1 : width === 16 ? 2 : 4;
  if (isPlace(value)) return { value, length };
  const number = BigInt(value);
  if (width === 64 && BigInt.asIntN(32, number) !== number) {
    throw new Error(`Immediate ${number} can't be sign-extended from 32 bits.`);
  }
  checkFits(number, width, "Immediate");
  return { value: number, length };
}

/** The immediate as a byte that the instruction sign-extends, if it is one. */
export function byteImmediate(value: Immediate, width: Width): Trailing | undefined {
  if (isPlace(value)) return undefined;
  checkFits(BigInt(value), width, "Immediate");
  const signed = BigInt.asIntN(width, BigInt(value));
  return signed >= -128n && signed <= 127n ? { value: signed, length: 1 } : undefined;
}
