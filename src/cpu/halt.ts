/** HLT, MONITOR and MWAIT; INVD and its kin, whose caches do not exist here (SDM vol. 2). */
import { Register, Vector } from "../isa/emit.js";
import { Control } from "../isa/helper.js";
import type { CpuContext } from "./context.js";
import { Fault } from "./fault.js";
import type { InterceptedInstruction } from "./intercepts.js";
import { requireRing0 } from "./privilege.js";

export function halt(context: CpuContext): number {
  requireRing0(context);
  context.intercepts?.instruction("hlt");
  const { state } = context;
  state.rip = state.nextRip;
  context.halt("hlt", false);
  return Control.leave;
}

/** MONITOR: arms nothing, because MWAIT may always end early. @param linear address to monitor */
export function monitor(context: CpuContext, linear: bigint): void {
  const { state } = context;
  if (state.cpl !== 0) throw new Fault(Vector.UD);
  context.intercepts?.instruction("monitor");
  if (state.gpr32(Register.RCX) !== 0) throw new Fault(Vector.GP, 0);
  context.memory.read(BigInt.asUintN(64, linear), 1);
}

/** MWAIT: extension bit 0 of ECX makes interrupts break events even while EFLAGS.IF is 0. */
export function monitorWait(context: CpuContext): number {
  const { state } = context;
  if (state.cpl !== 0) throw new Fault(Vector.UD);
  context.intercepts?.instruction("mwait");
  const extensions = state.gpr32(Register.RCX);
  if (extensions > 1) throw new Fault(Vector.GP, 0);
  state.rip = state.nextRip;
  context.halt("mwait", extensions === 1);
  return Control.leave;
}

/** INVD, WBINVD, WBNOINVD: nothing is cached that memory does not have. */
export function cacheInstruction(context: CpuContext, which: InterceptedInstruction): void {
  requireRing0(context);
  context.intercepts?.instruction(which);
}
