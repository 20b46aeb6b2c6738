/**
 * What follows the opcode: ModRM memory operands, displacements and immediates (Intel SDM vol. 2A, 2.1.3 to 2.1.5 and
 * 2.2.1). Each function reads at `p`, fills `out`, and returns the next position, or -1 where the bytes end at `end`.
 */
import { type Instruction, NO_REGISTER, RIP_BASE, Segment } from "../instruction.js";
import { Immediate } from "./operand-codes.js";

/** Base and index of 16-bit addressing (SDM vol. 2A, table 2-1): BX BP SI DI are 3 5 6 7. */
const BASE16 = Int8Array.of(3, 3, 5, 5, 6, 7, 5, 3);
const INDEX16 = Int8Array.of(6, 7, 6, 7, NO_REGISTER, NO_REGISTER, NO_REGISTER, NO_REGISTER);

/** ModRM and displacement with 16-bit addressing (SDM table 2-1). */
export function decodeMemory16(
  bytes: Uint8Array,
  p: number,
  end: number,
  modrm: number,
  out: Instruction,
): number {
  const rm = modrm & 7;
  const mod = modrm >> 6;
  const direct = mod === 0 && rm === 6;
  out.memory = true;
  if (!direct) {
    out.base = BASE16[rm]!;
    out.index = INDEX16[rm]!;
    if (out.base === 5 && !out.segmentOverride) out.segment = Segment.SS;
  }
  return decodeDisplacement(bytes, p, end, direct || mod === 2 ? 2 : mod, out);
}

/** ModRM, SIB and displacement with 32- and 64-bit addressing (SDM tables 2-2 and 2-3). */
export function decodeMemory32(
  bytes: Uint8Array,
  p: number,
  end: number,
  modrm: number,
  rexX: number,
  rexB: number,
  mode64: boolean,
  vectorIndex: boolean,
  out: Instruction,
): number {
  const rm = modrm & 7;
  const mod = modrm >> 6;
  let displacementBytes = mod === 2 ? 4 : mod;
  let next = p;
  out.memory = true;
  if (rm === 4) {
    if (next >= end) return -1;
    const sib = bytes[next++]!;
    const index = ((sib >> 3) & 7) | rexX;
    if (index !== 4 || vectorIndex) {
      out.index = index;
      out.scale = sib >> 6;
    }
    if ((sib & 7) === 5 && mod === 0) displacementBytes = 4;
    else out.base = (sib & 7) | rexB;
  } else if (rm === 5 && mod === 0) {
    displacementBytes = 4;
    if (mode64) out.base = RIP_BASE;
  } else {
    out.base = rm | rexB;
  }
  if ((out.base === 4 || out.base === 5) && !out.segmentOverride) out.segment = Segment.SS;
  return decodeDisplacement(bytes, next, end, displacementBytes, out);
}

function decodeDisplacement(
  bytes: Uint8Array,
  p: number,
  end: number,
  size: number,
  out: Instruction,
): number {
  if (p + size > end) return -1;
  const value = size === 0 ? 0 : signed(bytes, p, size);
  out.displacement = value;
  out.displacementHigh = value >> 31;
  return p + size;
}

/** Little-endian integer of 1, 2 or 4 bytes, sign-extended. */
function signed(bytes: Uint8Array, p: number, size: number): number {
  if (size === 1) return (bytes[p]! << 24) >> 24;
  const low = bytes[p]! | (bytes[p + 1]! << 8);
  if (size === 2) return (low << 16) >> 16;
  return low | (bytes[p + 2]! << 16) | (bytes[p + 3]! << 24);
}

/** `size` and `addressBits`: 0, 1, 2 for 16, 32, 64. */
export function decodeImmediate(
  bytes: Uint8Array,
  p: number,
  end: number,
  kind: number,
  size: number,
  addressBits: number,
  out: Instruction,
): number {
  const bytesOfSize = size === 0 ? 2 : 4;
  switch (kind) {
    case Immediate.Ub:
      if (p >= end) return -1;
      out.immediate = bytes[p]!;
      return p + 1;
    case Immediate.Sb:
      if (p >= end) return -1;
      out.immediate = signed(bytes, p, 1);
      out.immediateHigh = out.immediate >> 31;
      return p + 1;
    case Immediate.Uw:
      if (p + 2 > end) return -1;
      out.immediate = signed(bytes, p, 2) & 0xffff;
      return p + 2;
    case Immediate.Sv:
      if (size === 2) {
        if (p + 8 > end) return -1;
        out.immediate = signed(bytes, p, 4);
        out.immediateHigh = signed(bytes, p + 4, 4);
        return p + 8;
      }
      break;
    case Immediate.Far:
      if (p + bytesOfSize + 2 > end) return -1;
      out.immediate = size === 0 ? signed(bytes, p, 2) & 0xffff : signed(bytes, p, 4);
      out.immediate2 = signed(bytes, p + bytesOfSize, 2) & 0xffff;
      return p + bytesOfSize + 2;
    case Immediate.UwUb:
      if (p + 3 > end) return -1;
      out.immediate = signed(bytes, p, 2) & 0xffff;
      out.immediate2 = bytes[p + 2]!;
      return p + 3;
    case Immediate.UbUb:
      if (p + 2 > end) return -1;
      out.immediate = bytes[p]!;
      out.immediate2 = bytes[p + 1]!;
      return p + 2;
    case Immediate.Moffs: {
      const length = 2 << addressBits;
      if (p + length > end) return -1;
      out.memory = true;
      out.displacement = length === 2 ? signed(bytes, p, 2) & 0xffff : signed(bytes, p, 4);
      if (length === 8) out.displacementHigh = signed(bytes, p + 4, 4);
      return p + length;
    }
    case Immediate.One:
      out.immediate = 1;
      return p;
  }
  // Sz, and Sv of 16 and 32 bits.
  if (p + bytesOfSize > end) return -1;
  out.immediate = signed(bytes, p, bytesOfSize);
  out.immediateHigh = out.immediate >> 31;
  return p + bytesOfSize;
}
