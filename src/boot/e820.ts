/**
 * The memory map that a guest is given (ACPI 6.5, 15.1, "INT 15H, E820H").
 */

import type { BootMemory } from "./guest-memory.js";
import { ECAM_BASE, ECAM_LENGTH, FOUR_GIB, IOAPIC_BASE, LOW_RAM_END, ONE_MIB } from "./layout.js";

/** Address range types (ACPI 6.5, table 15.5). */
export const E820_RAM = 1;
export const E820_RESERVED = 2;

/** One range; `base` and `length` are in bytes. */
export interface E820Entry {
  readonly base: number;
  readonly length: number;
  readonly type: number;
}

/** The map of a machine with that memory, lowest address first, without overlaps. */
export function memoryMap(memory: Pick<BootMemory, "lowRam" | "highRam">): readonly E820Entry[] {
  const map: E820Entry[] = [
    { base: 0, length: LOW_RAM_END, type: E820_RAM },
    { base: LOW_RAM_END, length: ONE_MIB - LOW_RAM_END, type: E820_RESERVED },
    { base: ONE_MIB, length: memory.lowRam - ONE_MIB, type: E820_RAM },
    { base: ECAM_BASE, length: ECAM_LENGTH, type: E820_RESERVED },
    { base: IOAPIC_BASE, length: FOUR_GIB - IOAPIC_BASE, type: E820_RESERVED },
  ];
  if (memory.highRam > 0) map.push({ base: FOUR_GIB, length: memory.highRam, type: E820_RAM });
  return map;
}
