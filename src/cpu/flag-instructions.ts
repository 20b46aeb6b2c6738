/**
 * POPF, CLI and STI with the rules of IOPL, virtual-8086 mode (VME) and protected-mode virtual
 * interrupts (PVI) (SDM vol. 2; vol. 3, 20.3.2 and 20.4).
 */
import { Vector } from "../isa/emit.js";
import { ARITHMETIC_FLAGS, Flag } from "../isa/flags.js";
import { Control } from "../isa/helper.js";
import { SHADOW } from "../isa/state.js";
import type { CpuContext } from "./context.js";
import { Fault } from "./fault.js";
import { continueAfterFlags, writeFlags } from "./flag-write.js";
import { Cr4 } from "./mmu.js";
import { StackCursor } from "./stack-cursor.js";

/** Value of SHADOW after STI: maskable interrupts wait for one instruction. */
export const SHADOW_STI = 1;

/** Bits that POPF may always write. */
const USER_16 = ARITHMETIC_FLAGS | Flag.TF | Flag.DF | Flag.NT;
const USER_32 = USER_16 | Flag.AC | Flag.ID;

/** In virtual-8086 mode with IOPL below 3 the program has VIF in place of IF, if VME is on and operands have 16 bits. */
function usesVirtualFlag(context: CpuContext, operandSize: number): boolean {
  const { state } = context;
  if (!state.v86 || state.iopl === 3) return false;
  if ((state.cr4 & Cr4.VME) === 0 || operandSize !== 16) throw new Fault(Vector.GP, 0);
  return true;
}

/** POPF, POPFD, POPFQ. @param operandSize in bits */
export function popFlags(context: CpuContext, operandSize: number): number {
  const { state } = context;
  const virtual = usesVirtualFlag(context, operandSize);
  context.intercepts?.instruction("popf");
  const stack = StackCursor.current(context);
  const value = Number(stack.pop((operandSize / 8) as 2 | 4 | 8) & 0xffff_ffffn);
  if (virtual) {
    if (((value & Flag.IF) !== 0 && state.flag(Flag.VIP)) || (value & Flag.TF) !== 0) {
      throw new Fault(Vector.GP, 0);
    }
  }
  const couldInterrupt = state.flag(Flag.IF);
  const accessControl = state.flag(Flag.AC);
  let mask = operandSize === 16 ? USER_16 : USER_32;
  if (state.cpl === 0) mask |= Flag.IF | Flag.IOPL;
  else if (!virtual && state.cpl <= state.iopl) mask |= Flag.IF;
  stack.commit();
  writeFlags(state, value, mask);
  state.setFlag(Flag.RF, false);
  if (virtual) state.setFlag(Flag.VIF, (value & Flag.IF) !== 0);
  if (state.flag(Flag.AC) !== accessControl) context.accessRightsChanged();
  if (continueAfterFlags(state, couldInterrupt) === Control.jump) return Control.next;
  state.rip = state.nextRip;
  return Control.leave;
}

/** Which flag CLI and STI work on: IF, or VIF, or none (then #GP). */
function interruptFlag(context: CpuContext): number {
  const { state } = context;
  if (state.cpl <= state.iopl || !state.protectedMode) return Flag.IF;
  const virtual = state.v86 ? (state.cr4 & Cr4.VME) !== 0 : state.cpl === 3 && (state.cr4 & Cr4.PVI) !== 0;
  if (!virtual) throw new Fault(Vector.GP, 0);
  return Flag.VIF;
}

export function clearInterruptFlag(context: CpuContext): void {
  context.state.setFlag(interruptFlag(context), false);
}

/** STI. Setting IF where it was clear blocks interrupts for one more instruction. */
export function setInterruptFlag(context: CpuContext): number {
  const { state } = context;
  const flag = interruptFlag(context);
  if (flag === Flag.VIF) {
    if (state.flag(Flag.VIP)) throw new Fault(Vector.GP, 0);
    state.setFlag(Flag.VIF, true);
    return Control.next;
  }
  if (state.flag(Flag.IF)) return Control.next;
  state.setFlag(Flag.IF, true);
  state.setU32(SHADOW, SHADOW_STI);
  state.rip = state.nextRip;
  return Control.leave;
}

/** STAC and CLAC: EFLAGS.AC at privilege 0. */
export function setAccessControl(context: CpuContext, on: number): void {
  const { state } = context;
  if (state.cpl !== 0) throw new Fault(Vector.UD);
  if (state.flag(Flag.AC) === (on !== 0)) return;
  state.setFlag(Flag.AC, on !== 0);
  context.accessRightsChanged();
}
