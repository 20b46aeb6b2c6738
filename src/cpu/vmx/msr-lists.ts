/**
 * The MSR areas of a VMCS (SDM vol. 3, 25.7.2 and 25.8.2): entries of 16 bytes, the index in the low 32 bits, then 32
 * reserved bits, then the value. Loading is described in 27.4 and 28.6, storing in 28.4.
 *
 * What happens to an area that is longer than IA32_VMX_MISC allows is undefined: its first entry too many fails.
 */
import { Fault } from "../fault.js";
import { MSR_LIST_SIZE } from "./controls.js";
import type { PhysicalMemory } from "./entry-processor.js";

interface MsrAccess {
  readMsr(index: number): bigint;
  writeMsr(index: number, value: bigint): void;
}

const ENTRY_SIZE = 16;
const IA32_FS_BASE = 0xc000_0100;
const IA32_GS_BASE = 0xc000_0101;
const IA32_SMM_MONITOR_CTL = 0x9b;
const IA32_SMBASE = 0x9e;
/** The MSRs 8xxh of a local APIC in x2APIC mode. */
const isX2apic = (index: number): boolean => index >>> 8 === 8;

/** Does what may raise #GP; false if it did. */
function succeeds(action: () => void): boolean {
  try {
    action();
    return true;
  } catch (thrown) {
    if (thrown instanceof Fault) return false;
    throw thrown;
  }
}

/** Loads the MSRs of an area. Returns the number of the entry that failed, counted from 1, or 0. */
export function loadMsrs(memory: PhysicalMemory, msrs: MsrAccess, area: number, count: number): number {
  for (let entry = 1; entry <= count; entry++) {
    if (entry > MSR_LIST_SIZE) return entry;
    const at = area + (entry - 1) * ENTRY_SIZE;
    const index = memory.read32(at);
    const refused =
      index === IA32_FS_BASE ||
      index === IA32_GS_BASE ||
      index === IA32_SMM_MONITOR_CTL ||
      isX2apic(index) ||
      memory.read32(at + 4) !== 0;
    if (refused || !succeeds(() => msrs.writeMsr(index, memory.read64(at + 8)))) return entry;
  }
  return 0;
}

/** Stores the MSRs of an area. Returns the number of the entry that failed, counted from 1, or 0. */
export function storeMsrs(memory: PhysicalMemory, msrs: MsrAccess, area: number, count: number): number {
  for (let entry = 1; entry <= count; entry++) {
    if (entry > MSR_LIST_SIZE) return entry;
    const at = area + (entry - 1) * ENTRY_SIZE;
    const index = memory.read32(at);
    const refused = index === IA32_SMBASE || isX2apic(index) || memory.read32(at + 4) !== 0;
    if (refused || !succeeds(() => memory.write64(at + 8, msrs.readMsr(index)))) return entry;
  }
  return 0;
}
