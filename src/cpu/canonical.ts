/** Canonical addresses (SDM vol. 1, 3.3.7.1): bits above the linear-address width repeat its highest bit. */
import type { CpuState } from "./cpu-state.js";
import { highHalf } from "./halves.js";

/** CR4.LA57. */
const LA57 = 0x1000;

/** @param address as an unsigned 64-bit number */
export function isCanonical(state: CpuState, address: bigint): boolean {
  return isCanonicalHigh(state, highHalf(address));
}

/** @param high bits 63:32 of the address */
export function isCanonicalHigh(state: CpuState, high: number): boolean {
  const top = (high | 0) >> ((state.cr4 & LA57) !== 0 ? 24 : 15);
  return top === 0 || top === -1;
}
