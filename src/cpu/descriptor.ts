/**
 * Segment, system and gate descriptors (SDM vol. 3, 3.4.5, 3.5, 5.8.3, 6.11, 6.14.1, 8.2.2).
 *
 * A descriptor is kept as its 32-bit words; the fields are read out of them by the manual's names.
 */
import { Rights } from "./cpu-state.js";
import { join } from "./halves.js";

/** Types of system descriptors (S = 0), table 3-2. In IA-32e mode the 32-bit ones are 64 bits wide, the 16-bit ones reserved. */
export const SystemType = {
  tss16Available: 1,
  ldt: 2,
  tss16Busy: 3,
  callGate16: 4,
  taskGate: 5,
  interruptGate16: 6,
  trapGate16: 7,
  tss32Available: 9,
  tss32Busy: 11,
  callGate32: 12,
  interruptGate32: 14,
  trapGate32: 15,
} as const;

/** Bits of the type of a code or data segment (S = 1), table 3-1. */
export const SegmentType = {
  accessed: 1,
  /** Data: writable. Code: readable. */
  writable: 2,
  readable: 2,
  /** Data: expand-down. Code: conforming. */
  expandDown: 4,
  conforming: 4,
  code: 8,
} as const;

/** Words of the high doubleword that are the same in descriptor and VMCS access rights. */
const RIGHTS_MASK =
  Rights.type | Rights.S | (3 << Rights.dplShift) | Rights.P | Rights.AVL | Rights.L | Rights.DB | Rights.G;

export class Descriptor {
  /**
   * @param low bytes 0-3
   * @param high bytes 4-7
   * @param addressLow linear address in its table, bits 31:0
   * @param addressHigh bits 63:32
   * @param upper bytes 8-11 of a 16-byte descriptor: bits 63:32 of base or offset
   * @param last bytes 12-15
   */
  constructor(
    readonly low: number,
    readonly high: number,
    readonly addressLow: number,
    readonly addressHigh: number,
    readonly upper = 0,
    readonly last = 0,
  ) {}

  /** Linear address in its table. */
  get address(): bigint {
    return join(this.addressLow, this.addressHigh);
  }
  get type(): number {
    return (this.high >>> 8) & 0xf;
  }
  /** Code or data, not system. */
  get s(): boolean {
    return (this.high & 0x1000) !== 0;
  }
  get dpl(): number {
    return (this.high >>> 13) & 3;
  }
  get present(): boolean {
    return (this.high & 0x8000) !== 0;
  }
  /** 64-bit code segment. */
  get l(): boolean {
    return (this.high & 0x20_0000) !== 0;
  }
  /** Default operation size. */
  get db(): boolean {
    return (this.high & 0x40_0000) !== 0;
  }

  get isCode(): boolean {
    return (this.high & 0x1800) === 0x1800;
  }
  get isData(): boolean {
    return (this.high & 0x1800) === 0x1000;
  }
  get isConformingCode(): boolean {
    return (this.high & 0x1c00) === 0x1c00;
  }
  get isWritableData(): boolean {
    return (this.high & 0x1a00) === 0x1200;
  }
  /** Data, or code that can be read. */
  get isReadable(): boolean {
    return this.s && (this.high & 0xa00) !== 0x800;
  }

  /** Bits 31:0 of the base. */
  get base(): number {
    return ((this.low >>> 16) | ((this.high & 0xff) << 16) | (this.high & 0xff00_0000)) >>> 0;
  }
  /** All 64 bits of a 16-byte descriptor's base. */
  get base64(): bigint {
    return (BigInt(this.upper >>> 0) << 32n) | BigInt(this.base);
  }
  /** In bytes, granularity applied. */
  get limit(): number {
    const limit = (this.low & 0xffff) | (this.high & 0xf_0000);
    return (this.high & 0x80_0000) !== 0 ? ((limit << 12) | 0xfff) >>> 0 : limit;
  }
  /** In the VMCS format. */
  get rights(): number {
    return (this.high >>> 8) & RIGHTS_MASK;
  }

  // Gates.

  /** Code segment, or TSS of a task gate. */
  get gateSelector(): number {
    return this.low >>> 16;
  }
  /** Bits 31:0 of the entry point; 16-bit gates have 16 bits. */
  get gateOffset(): number {
    const offset = this.low & 0xffff;
    return (this.type & 8) !== 0 ? (offset | (this.high & 0xffff_0000)) >>> 0 : offset;
  }
  get gateOffset64(): bigint {
    return (BigInt(this.upper >>> 0) << 32n) | BigInt(this.gateOffset);
  }
  /** Call gate: words or doublewords copied to the new stack. */
  get parameterCount(): number {
    return this.high & 0x1f;
  }
  /** Interrupt or trap gate in IA-32e mode: interrupt stack table entry, 0 for none. */
  get ist(): number {
    return this.high & 7;
  }
}

/** What software can load into a segment register: 0-3 mean "no segment". */
export const isNullSelector = (selector: number): boolean => (selector & 0xfffc) === 0;
/** Requested privilege level. */
export const rplOf = (selector: number): number => selector & 3;
/** Error code that names a selector. */
export const selectorError = (selector: number, external = 0): number => (selector & 0xfffc) | external;
