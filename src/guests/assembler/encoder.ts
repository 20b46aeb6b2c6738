/**
 * The instruction format: prefixes, opcode, ModRM, SIB, displacement (Intel SDM volume 2A, chapter 2).
 */

import { CodeBuffer } from "./code-buffer.js";
import type { Immediate } from "./label.js";
import type { Memory } from "./memory.js";
import { Gpr, type Width, Xmm } from "./registers.js";

/** The opcode bytes, and a mandatory prefix (66, F2, F3) in front. */
export interface Opcode {
  readonly prefix?: 0x66 | 0xf2 | 0xf3;
  readonly bytes: readonly number[];
}

/** What the reg field of ModRM holds: a register, or an extension of the opcode (the manual's `/digit`). */
export type RegField = Gpr | Xmm | number;
export type RmField = Gpr | Xmm | Memory;

/** Of a register or memory operand in the rm field, an immediate operand after it. */
export interface Trailing {
  readonly value: Immediate;
  readonly length: 1 | 2 | 4;
}

const SEGMENT_PREFIXES = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65];

/** The rm field of 16-bit addressing by base and index (SDM volume 2A, table 2-1). */
const RM16: Readonly<Record<string, number>> = {
  "bx+si": 0,
  "bx+di": 1,
  "bp+si": 2,
  "bp+di": 3,
  si: 4,
  di: 5,
  bp: 6,
  bx: 7,
};

const isByte = (value: number): boolean => value >= -128 && value <= 127;

function rexOf(rexW: boolean, reg: RegField, rm: RmField): number {
  const regNumber = typeof reg === "number" ? 0 : reg.number;
  const isRegister = rm instanceof Gpr || rm instanceof Xmm;
  const base = isRegister ? rm.number : (rm.base?.number ?? 0);
  const index = isRegister ? 0 : (rm.index?.number ?? 0);
  const operands = [reg, rm].filter((operand) => operand instanceof Gpr);
  const bits = (rexW ? 8 : 0) | ((regNumber >> 3) << 2) | ((index >> 3) << 1) | (base >> 3);
  const rex = bits !== 0 || operands.some((operand) => operand.needsRex) ? 0x40 | bits : 0;
  if (rex !== 0 && operands.some((operand) => operand.excludesRex)) {
    throw new Error("AH, CH, DH and BH can't be used in an instruction with a REX prefix.");
  }
  return rex;
}

export class Encoder extends CodeBuffer {
  /** An instruction that is always the same bytes. */
  protected plain(...bytes: readonly number[]): void {
    this.db(...bytes);
  }

  /** An instruction whose operands are implied, or a register in the low bits of the opcode. */
  protected sized(width: Width, opcode: number, register?: Gpr): void {
    this.#operandSizePrefix(width);
    const rex = (width === 64 ? 8 : 0) | ((register?.number ?? 0) >> 3);
    if (rex !== 0 || register?.needsRex) this.#rex(0x40 | rex);
    this.db(opcode + ((register?.number ?? 0) & 7));
  }

  /**
   * An instruction with ModRM. `width` is the operand size as prefixes have to tell it: 0 where the opcode
   * implies it, as 8 does.
   */
  protected modrm(width: Width | 0, opcode: Opcode, reg: RegField, rm: RmField, trailing?: Trailing): void {
    const memory = rm instanceof Gpr || rm instanceof Xmm ? undefined : rm;
    if (memory?.segment !== undefined) this.db(SEGMENT_PREFIXES[memory.segment.number]!);
    const addressSize = memory === undefined ? this.bits : this.#addressSize(memory);
    if (addressSize !== this.bits) this.db(0x67);
    this.#operandSizePrefix(width);
    if (opcode.prefix !== undefined) this.db(opcode.prefix);
    const rex = rexOf(width === 64, reg, rm);
    if (rex !== 0) this.#rex(rex);
    this.db(...opcode.bytes);
    const regBits = ((typeof reg === "number" ? reg : reg.number) & 7) << 3;
    if (memory === undefined) this.db(0xc0 | regBits | ((rm as Gpr | Xmm).number & 7));
    else if (addressSize === 16) this.#memory16(regBits, memory);
    else this.#memory32(regBits, memory, trailing?.length ?? 0);
    if (trailing !== undefined) this.immediate(trailing.value, trailing.length);
  }

  #rex(rex: number): void {
    if (this.bits !== 64) throw new Error("64-bit operands and new registers exist in 64-bit code only.");
    this.db(rex);
  }

  #operandSizePrefix(width: Width | 0): void {
    if ((width === 16 && this.bits !== 16) || (width === 32 && this.bits === 16)) this.db(0x66);
  }

  #addressSize({ base, index }: Memory): Width {
    const size = base?.width ?? index?.width ?? this.bits;
    if (base !== undefined && index !== undefined && base.width !== index.width) {
      throw new Error(`Base ${base.name} and index ${index.name} have different widths.`);
    }
    if (size === 8 || (size === 64 && this.bits !== 64) || (size === 16 && this.bits === 64)) {
      throw new Error(`${this.bits}-bit code can't address memory by ${base?.name ?? index?.name}.`);
    }
    return size;
  }

  #memory16(regBits: number, { base, index, scale, displacement, place }: Memory): void {
    if (base === undefined && index === undefined) {
      this.db(regBits | 6);
      this.#displacement(2, displacement, place);
      return;
    }
    const names = [base?.name, index?.name].filter((name) => name !== undefined).join("+");
    const rm = RM16[names];
    if (rm === undefined || scale !== 1) throw new Error(`16-bit addressing has no [${names}].`);
    const length =
      place !== undefined ? 2 : displacement === 0 && rm !== 6 ? 0 : isByte(displacement) ? 1 : 2;
    this.db((length << 6) | regBits | rm);
    this.#displacement(length, displacement, place);
  }

  #memory32(regBits: number, memory: Memory, trailing: number): void {
    const { base, index, scale, displacement, place } = memory;
    if (index?.number === 4) throw new Error(`${index.name} can't be an index.`);
    if (base === undefined && index === undefined && place !== undefined && this.bits === 64) {
      this.db(regBits | 5);
      this.relative({ label: place.label, offset: displacement }, 4, trailing);
      return;
    }
    // RBP and R13 as base always have a displacement; no base has one of 4 bytes.
    const short = place === undefined && isByte(displacement);
    const none = place === undefined && displacement === 0 && base !== undefined && (base.number & 7) !== 5;
    const length = base === undefined ? 4 : none ? 0 : short ? 1 : 4;
    const mod = base === undefined ? 0 : length === 4 ? 2 : length;
    // In 64-bit code an absolute address takes the longer form, since the shorter one is RIP-relative.
    if (index === undefined && base !== undefined && (base.number & 7) !== 4) {
      this.db((mod << 6) | regBits | (base.number & 7));
    } else if (index === undefined && base === undefined && this.bits !== 64) {
      this.db(regBits | 5);
    } else {
      const sib = (Math.log2(scale) << 6) | (((index?.number ?? 4) & 7) << 3) | ((base?.number ?? 5) & 7);
      this.db((mod << 6) | regBits | 4, sib);
    }
    if (length === 4 && this.bits === 64 && displacement !== (displacement | 0)) {
      throw new Error(`Address ${displacement} can't be sign-extended from 32 bits: use a register.`);
    }
    this.#displacement(length, displacement, place);
  }

  #displacement(length: number, displacement: number, place: Memory["place"]): void {
    if (length === 0) return;
    const value = place === undefined ? displacement : { label: place.label, offset: displacement };
    this.immediate(value, length as 1 | 2 | 4);
  }
}
