/**
 * Faults of code that was entered but has not begun: the transfer to it is complete, so the fault belongs to
 * the new RIP and not to the instruction that made the transfer.
 */
import { Vector } from "../isa/emit.js";
import { Flag } from "../isa/flags.js";
import type { CpuContext } from "./context.js";
import { Fault } from "./fault.js";
import { Cr4 } from "./mmu.js";

/** Whoever runs instructions delivers it at once (exceptions.ts, `enteringCode`) instead of going back to the old RIP. */
export class EnteredFault extends Fault {}

/**
 * With virtual interrupts (VME, PVI) code cannot begin with VIF and VIP both set: #GP(0), so that its monitor
 * delivers the interrupt (SDM vol. 3, 20.3.2 and 20.4). Only IRET and task switches can set both.
 */
export function checkVirtualInterrupt(context: CpuContext): void {
  const { state } = context;
  if (!state.flag(Flag.VIF) || !state.flag(Flag.VIP) || state.cpl !== 3 || state.iopl === 3) return;
  const enabled = state.v86 ? Cr4.VME : Cr4.PVI;
  if ((state.cr4 & enabled) !== 0) throw new EnteredFault(Vector.GP, 0);
}
