/**
 * Memory operands: `qword(rbx, 8)`, `byte({ base: rsi, index: rcx, scale: 1 })`, `dword(counter)`.
 *
 * A place without base and index is RIP-relative in 64-bit code, absolute in 16- and 32-bit code.
 */

import { isPlace, type Place } from "./label.js";
import { Gpr, type SegmentRegister, type Width } from "./registers.js";

export interface MemoryParts {
  readonly base?: Gpr;
  readonly index?: Gpr;
  readonly scale?: 1 | 2 | 4 | 8;
  /** Signed; without registers it is the address. */
  readonly displacement?: number;
  /** Its address is added to the displacement. */
  readonly place?: Place;
  readonly segment?: SegmentRegister;
}

export class Memory {
  /** 0 where another operand, or the instruction, tells the width. */
  readonly width: Width | 0;
  readonly base: Gpr | undefined;
  readonly index: Gpr | undefined;
  readonly scale: 1 | 2 | 4 | 8;
  readonly displacement: number;
  readonly place: Place | undefined;
  readonly segment: SegmentRegister | undefined;

  constructor(width: Width | 0, parts: MemoryParts) {
    this.width = width;
    this.base = parts.base;
    this.index = parts.index;
    this.scale = parts.scale ?? 1;
    this.displacement = (parts.displacement ?? 0) + (parts.place?.offset ?? 0);
    this.place = parts.place;
    this.segment = parts.segment;
  }
}

/** A base register, a place, an address, or all the parts by name. */
export type Where = Gpr | Place | number | MemoryParts;

function memory(width: Width | 0, where: Where, displacement: number): Memory {
  if (where instanceof Gpr) return new Memory(width, { base: where, displacement });
  if (typeof where === "number") return new Memory(width, { displacement: where + displacement });
  if (isPlace(where)) return new Memory(width, { place: where, displacement });
  return new Memory(width, { ...where, displacement: (where.displacement ?? 0) + displacement });
}

/** Memory whose width another operand tells, or that has none (LEA, LGDT, INVLPG). */
export const mem = (where: Where, displacement = 0): Memory => memory(0, where, displacement);
export const byte = (where: Where, displacement = 0): Memory => memory(8, where, displacement);
export const word = (where: Where, displacement = 0): Memory => memory(16, where, displacement);
export const dword = (where: Where, displacement = 0): Memory => memory(32, where, displacement);
export const qword = (where: Where, displacement = 0): Memory => memory(64, where, displacement);
