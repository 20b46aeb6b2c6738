/** Loading CR3, which MOV and task switches share (SDM vol. 3, 4.4.1, 4.10.2 and 4.10.4.1). */
import { Vector } from "../isa/emit.js";
import type { CpuContext } from "./context.js";
import { Fault } from "./fault.js";
import { Cr0, Cr4 } from "./mmu.js";

/** With PCIDs: the translations of the new PCID stay valid. */
export const CR3_NO_FLUSH = 1n << 63n;

/** PAE paging outside IA-32e mode, where the processor keeps the four PDPTEs in registers. */
export function usesPdptes(cr0: number, cr4: number, longModeActive: boolean): boolean {
  return (cr0 & Cr0.PG) !== 0 && (cr4 & Cr4.PAE) !== 0 && !longModeActive;
}

/** Loads CR3 after its reserved bits were checked. #GP(0) for reserved bits in a PDPTE. */
export function loadCr3(context: CpuContext, value: bigint): void {
  const { state } = context;
  const pcids = (state.cr4 & Cr4.PCIDE) !== 0;
  if (usesPdptes(state.cr0, state.cr4, state.longModeActive) && !context.loadPdptes(value)) {
    throw new Fault(Vector.GP, 0);
  }
  state.cr3 = value & ~CR3_NO_FLUSH;
  if (!pcids) context.tlb.flushNonGlobal();
  else if ((value & CR3_NO_FLUSH) === 0n) context.tlb.flushPcid(Number(value & 0xfffn));
  context.modeChanged();
}
