/** Which bits of RFLAGS a return or POPF may write (SDM vol. 2, IRET and POPF). */
import { ARITHMETIC_FLAGS, Flag } from "../isa/flags.js";
import { Control } from "../isa/helper.js";
import { FLAG_OTHERS, INTERRUPT_PENDING } from "../isa/state.js";
import type { CpuState } from "./cpu-state.js";

/** Writable at every privilege. */
const ALWAYS = ARITHMETIC_FLAGS | Flag.TF | Flag.DF | Flag.NT;
/** The low 16 bits that exist. */
export const FLAGS_16 = ALWAYS | Flag.IF | Flag.IOPL;

/** Bits that IRET loads in protected and IA-32e mode. `cpl` is the one before the return. */
export function returnFlagMask(state: CpuState, operandSize: number): number {
  const { cpl } = state;
  let mask = ALWAYS;
  if (operandSize !== 16) mask |= Flag.RF | Flag.AC | Flag.ID;
  if (cpl <= state.iopl) mask |= Flag.IF;
  if (cpl === 0) mask |= operandSize === 16 ? Flag.IOPL : Flag.IOPL | Flag.VIF | Flag.VIP;
  return mask;
}

/** Replaces the bits of `mask`. */
export function writeFlags(state: CpuState, value: number, mask: number): void {
  // The lazy flags need not be worked out if all are replaced.
  const all = (mask & ARITHMETIC_FLAGS) === ARITHMETIC_FLAGS;
  const old = all ? state.u32(FLAG_OTHERS) : state.rflags;
  state.rflags = (old & ~mask) | (value & mask);
}

/**
 * How execution goes on at the state's RIP after the flags changed: through the run loop when an interrupt has
 * become deliverable or a trap is armed.
 * @param couldInterrupt EFLAGS.IF before
 */
export function continueAfterFlags(state: CpuState, couldInterrupt: boolean): number {
  const enabled = !couldInterrupt && state.flag(Flag.IF) && state.u32(INTERRUPT_PENDING) !== 0;
  return enabled || state.flag(Flag.TF | Flag.RF) ? Control.leave : Control.jump;
}
