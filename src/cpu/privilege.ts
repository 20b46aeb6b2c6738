/** Checks of privilege that many instructions begin with. */
import { Vector } from "../isa/emit.js";
import type { CpuContext } from "./context.js";
import { Fault } from "./fault.js";
import { Cr4 } from "./mmu.js";

/** #GP(0) unless CPL is 0. In virtual-8086 mode CPL is 3, in real-address mode 0. */
export function requireRing0(context: CpuContext): void {
  if (context.state.cpl !== 0) throw new Fault(Vector.GP, 0);
}

/** User-mode instruction prevention: SGDT SIDT SLDT SMSW STR with CR4.UMIP (SDM vol. 3, 2.5). */
export function requireUserModeInstructions(context: CpuContext): void {
  const { state } = context;
  if ((state.cr4 & Cr4.UMIP) !== 0 && state.cpl !== 0) throw new Fault(Vector.GP, 0);
}
