/** The bits of CR0 and CR4 that VMX operation fixes (SDM vol. 3, 24.8; A.7 and A.8). */
import { CR0_FIXED0, CR0_FIXED1, CR4_FIXED0, type VmxCapabilities } from "./capabilities.js";

const PE_AND_PG = 0x8000_0001;

/**
 * @param value bits 31:0; those above must be 0 anyway
 * @param unrestricted an unrestricted guest: PE and PG may be 0
 */
export function isCr0Allowed(value: number, unrestricted = false): boolean {
  const fixed0 = unrestricted ? CR0_FIXED0 & ~PE_AND_PG : CR0_FIXED0;
  return (~value & fixed0) === 0 && (value & ~CR0_FIXED1) === 0;
}

export function isCr4Allowed(value: number, capabilities: VmxCapabilities): boolean {
  return (~value & CR4_FIXED0) === 0 && (value & ~capabilities.cr4Fixed1) === 0;
}
