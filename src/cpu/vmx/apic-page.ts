/**
 * The virtual-APIC page: 4 KiB in which a guest's local APIC registers are kept, at the offsets of the xAPIC page
 * (SDM vol. 3, 30.1).
 */
import type { PhysicalMemory } from "./entry-processor.js";

/** Offsets of registers that APIC virtualization knows. */
export const VirtualRegister = {
  ID: 0x020,
  VERSION: 0x030,
  TPR: 0x080,
  PPR: 0x0a0,
  EOI: 0x0b0,
  LDR: 0x0d0,
  DFR: 0x0e0,
  SVR: 0x0f0,
  ISR: 0x100,
  TMR: 0x180,
  IRR: 0x200,
  ESR: 0x280,
  ICR: 0x300,
  ICR_HIGH: 0x310,
  LVT_TIMER: 0x320,
  LVT_ERROR: 0x370,
  INITIAL_COUNT: 0x380,
  DIVIDE: 0x3e0,
  SELF_IPI: 0x3f0,
} as const;

export class VirtualApicPage {
  constructor(
    private readonly memory: PhysicalMemory,
    private readonly address: number,
  ) {}

  read(register: number): number {
    return this.memory.read32(this.address + register);
  }

  write(register: number, value: number): void {
    this.memory.write32(this.address + register, value >>> 0);
  }

  /** Adds to or removes from one of the bit sets IRR, ISR and TMR. */
  setVector(set: number, vector: number, on: boolean): void {
    const word = set + (vector >> 5) * 16;
    const bit = 1 << (vector & 31);
    this.write(word, on ? this.read(word) | bit : this.read(word) & ~bit);
  }

  /** The highest vector of a bit set, or 0. */
  highest(set: number): number {
    for (let index = 7; index >= 0; index--) {
      const word = this.read(set + index * 16);
      if (word !== 0) return index * 32 + 31 - Math.clz32(word);
    }
    return 0;
  }
}
