/**
 * The decoded record: what the interpreter executes instead of instruction bytes, 32 bytes in the machine's
 * memory. A block is a run of records; falling off a record goes to the next one.
 *
 * | offset | size | content |
 * |--------|------|---------|
 * | 0      | 2    | handler number |
 * | 2      | 2    | page offset of the instruction |
 * | 4      | 2    | page offset of the following one (may exceed 4095) |
 * | 6      | 2    | instructions left in the block, this one included |
 * | 8-13   | 3·2  | register operands in order: offset in the CPU state, or a plain number (seg, cr, dr, st) |
 * | 14     | 2    | base register (state offset), or the fourth register operand when there is no memory operand |
 * | 16     | 2    | index register (state offset) |
 * | 18     | 2    | segment base (state offset; ZERO in 64-bit mode but for FS and GS) |
 * | 20     | 1    | log2 of the scale |
 * | 21     | 1    | segment number; bit 7: the address needs the slow path (legacy mode or 32-bit addresses); bit 6: 32-bit address in a flat segment |
 * | 22     | 1    | address size in bits (16, 32, 64) |
 * | 23     | 1    | bit 0: the branch stays in its page and can be linked |
 * | 24     | 4    | displacement, or the low half of a 64-bit immediate or moffs, or the second immediate |
 * | 28     | 4    | immediate, or the high half of the above, or the linked record of a branch |
 */

import { type Instruction, NO_REGISTER, RIP_BASE } from "../../isa/instruction.js";
import type { OperandKind } from "../../isa/operand.js";
import { FPR, GPR, IP_DELTA, SEGMENT_BASE, YMM, ZERO } from "../../isa/state.js";

export const RECORD_SIZE = 32;

export const Record = {
  handler: 0,
  start: 2,
  next: 4,
  left: 6,
  registers: 8,
  fourth: 14,
  base: 14,
  index: 16,
  segmentBase: 18,
  scale: 20,
  segment: 21,
  addressSize: 22,
  link: 23,
  displacement: 24,
  immediate: 28,
} as const;

/** Bit of the segment byte: take the slow path to the linear address. */
export const SLOW_ADDRESS = 0x80;
/** Bit of the segment byte: legacy mode with flat segments, so the linear address is the offset, cut to 32 bits. */
export const FLAT_ADDRESS = 0x40;
export const LINKABLE = 1;

/** What the record holds for a register operand. */
export function registerSlot(kind: OperandKind, register: number): number {
  switch (kind) {
    case "gpr":
      return GPR + register * 8;
    case "gpr8h":
      return GPR + register * 8 + 1;
    case "xmm":
    case "ymm":
      return YMM + register * 32;
    case "mm":
      return FPR + register * 16;
    default:
      return register;
  }
}

const isRegister = (kind: OperandKind): boolean =>
  kind !== "mem" && kind !== "imm" && kind !== "rel" && kind !== "far" && kind !== "vmem";

/** Position among the register operands of operand `i`. */
export function slotOf(operands: Instruction["operands"], i: number): number {
  let slot = 0;
  for (let k = 0; k < i; k++) if (isRegister(operands[k]!.kind)) slot++;
  return slot;
}

/** ES, SS and DS: those that the FLAT mode speaks of. */
export const FLAT_SEGMENTS: ReadonlySet<number> = new Set([0, 2, 3]);

/** Writes operands and address of a decoded instruction (offsets 8-31) at host address `at`. @param flat the data segments are flat (legacy modes) */
export function writeOperands(
  memory: DataView,
  at: number,
  instruction: Instruction,
  long: boolean,
  flat: boolean,
): void {
  const { operands } = instruction;
  for (let offset = 8; offset < RECORD_SIZE; offset += 4) memory.setInt32(at + offset, 0, true);
  let slot = 0;
  let hasVmem = false;
  let isWide = false;
  for (let i = 0; i < operands.length; i++) {
    const { kind, width } = operands[i]!;
    if (kind === "vmem") hasVmem = true;
    else if (kind === "imm" && width === 64) isWide = true;
    if (!isRegister(kind)) continue;
    memory.setUint16(at + Record.registers + slot * 2, registerSlot(kind, instruction.registers[i]!), true);
    slot++;
  }
  memory.setUint8(at + Record.addressSize, instruction.addressSize);
  const isFlat = flat && instruction.addressSize === 32 && FLAT_SEGMENTS.has(instruction.segment);
  const slow = !long || instruction.addressSize !== 64 || isMoffs64(instruction);
  memory.setUint8(
    at + Record.segment,
    instruction.segment | (isFlat ? FLAT_ADDRESS : slow ? SLOW_ADDRESS : 0),
  );
  const segmentBase = long && instruction.segment < 4 ? ZERO : SEGMENT_BASE + instruction.segment * 8;
  memory.setUint16(at + Record.segmentBase, segmentBase, true);
  const memoryOperand = instruction.memory || hasVmem;
  if (memoryOperand) {
    const base =
      instruction.base === NO_REGISTER
        ? ZERO
        : instruction.base === RIP_BASE
          ? IP_DELTA
          : GPR + instruction.base * 8;
    const index =
      instruction.index === NO_REGISTER
        ? ZERO
        : hasVmem
          ? YMM + instruction.index * 32
          : GPR + instruction.index * 8;
    memory.setUint16(at + Record.base, base, true);
    memory.setUint16(at + Record.index, index, true);
    memory.setUint8(at + Record.scale, instruction.scale);
    let { displacement } = instruction;
    if (instruction.base === RIP_BASE) displacement += memory.getUint16(at + Record.next, true);
    memory.setInt32(at + Record.displacement, displacement, true);
    memory.setInt32(at + Record.immediate, instruction.immediate, true);
    if (isMoffs64(instruction)) memory.setInt32(at + Record.immediate, instruction.displacementHigh, true);
    return;
  }
  const last = operands.at(-1);
  if (last?.kind === "rel") {
    memory.setInt32(at + Record.displacement, instruction.immediate, true);
  } else if (
    last?.kind === "far" ||
    (last?.kind === "imm" && operands.length > 1 && operands[operands.length - 2]!.kind === "imm")
  ) {
    memory.setInt32(at + Record.displacement, instruction.immediate2, true);
    memory.setInt32(at + Record.immediate, instruction.immediate, true);
  } else if (isWide) {
    memory.setInt32(at + Record.displacement, instruction.immediate, true);
    memory.setInt32(at + Record.immediate, instruction.immediateHigh, true);
  } else {
    memory.setInt32(at + Record.immediate, instruction.immediate, true);
  }
}

/** A moffs with a 64-bit address: no base, no index, and a displacement that 32 bits do not hold. */
export function isMoffs64(instruction: Instruction): boolean {
  return (
    instruction.addressSize === 64 &&
    instruction.base === NO_REGISTER &&
    instruction.index === NO_REGISTER &&
    instruction.displacementHigh !== instruction.displacement >> 31
  );
}
