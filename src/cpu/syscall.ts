/**
 * SYSCALL and SYSRET (SDM vol. 2; APM vol. 3). The segments come from IA32_STAR without looking at the
 * descriptor tables.
 */
import { Register, Vector } from "../isa/emit.js";
import { Flag, SYSRET_FLAGS } from "../isa/flags.js";
import { Control } from "../isa/helper.js";
import { CSTAR, FMASK, GPR, LSTAR, NEXT_RIP, RIP, STAR } from "../isa/state.js";
import { isCanonicalHigh } from "./canonical.js";
import type { CpuContext } from "./context.js";
import { type CpuState, Rights, SegmentIndex } from "./cpu-state.js";
import { Dr6 } from "./debug.js";
import { deliverException } from "./exceptions.js";
import { Fault } from "./fault.js";
import { continueAfterFlags } from "./flag-write.js";
import { Efer } from "./mmu.js";
import { requireRing0 } from "./privilege.js";
import { FLAT_CODE, FLAT_DATA, FLAT_LIMIT, writeSegment } from "./segment-write.js";

const R11 = 11;
const DPL3 = 3 << Rights.dplShift;

function requireSyscall(context: CpuContext): void {
  const { state } = context;
  // Intel's SYSCALL exists in 64-bit mode only (SDM vol. 2, SYSCALL).
  const exists = context.features.vendor === "amd" ? state.protectedMode : state.long;
  if ((state.efer & Efer.SCE) === 0 || !exists) throw new Fault(Vector.UD);
}

function flatCode(state: CpuState, selector: number, size: 32 | 64, dpl: number): void {
  writeSegment(
    state,
    SegmentIndex.CS,
    selector,
    0,
    FLAT_LIMIT,
    FLAT_CODE | dpl | (size === 64 ? Rights.L : Rights.DB),
  );
}

function flatStack(state: CpuState, selector: number, dpl: number): void {
  writeSegment(state, SegmentIndex.SS, selector, 0, FLAT_LIMIT, FLAT_DATA | dpl);
}

export function systemCall(context: CpuContext): number {
  requireSyscall(context);
  const { state } = context;
  const selector = state.u32(STAR + 4) & 0xfffc;
  if (!state.longModeActive) return legacySystemCall(context, selector);
  const flags = state.rflags & ~Flag.RF;
  const { long } = state;
  const target = long ? LSTAR : CSTAR;
  state.copy64(NEXT_RIP, GPR + Register.RCX * 8);
  state.setGpr32(R11, flags);
  state.rflags = flags & ~state.u32(FMASK);
  flatCode(state, selector, 64, 0);
  flatStack(state, selector + 8, 0);
  state.cpl = 0;
  state.copy64(target, RIP);
  if (long) context.accessRightsChanged();
  else context.modeChanged();
  return concludeStep(context, Control.jump);
}

/**
 * The TF that SYSCALL or SYSRET has loaded, not the one before, decides on a single-step trap after it. So a
 * stepped SYSCALL whose mask clears TF does not trap in the kernel, and SYSRET with TF traps at its target.
 */
function concludeStep(context: CpuContext, control: number): number {
  context.debug.cancelStep();
  if (!context.state.flag(Flag.TF)) return control;
  deliverException(context, new Fault(Vector.DB, 0, BigInt(Dr6.BS)));
  return Control.leave;
}

/** AMD's SYSCALL outside long mode: EIP is in the low half of STAR. */
function legacySystemCall(context: CpuContext, selector: number): number {
  const { state } = context;
  state.setGpr(Register.RCX, state.nextRip);
  state.setFlag(Flag.IF | Flag.VM | Flag.RF, false);
  flatCode(state, selector, 32, 0);
  flatStack(state, selector + 8, 0);
  state.cpl = 0;
  state.rip = BigInt(state.u32(STAR));
  context.modeChanged();
  return Control.jump;
}

/** @param operandSize 64 returns to 64-bit code, 32 to compatibility mode */
export function systemReturn(context: CpuContext, operandSize: number): number {
  requireSyscall(context);
  requireRing0(context);
  const { state } = context;
  const couldInterrupt = state.flag(Flag.IF);
  const staysLong = operandSize === 64 && state.long;
  const selector = state.u32(STAR + 4) >>> 16;
  const rcx = GPR + Register.RCX * 8;
  if (operandSize === 64 && state.longModeActive) {
    // Intel checks RCX while still in ring 0; AMD loads it, and the fetch in ring 3 faults.
    if (context.features.vendor === "intel" && !isCanonicalHigh(state, state.i32(rcx + 4))) {
      throw new Fault(Vector.GP, 0);
    }
    flatCode(state, ((selector + 16) & 0xffff) | 3, 64, DPL3);
    state.copy64(rcx, RIP);
  } else {
    flatCode(state, selector | 3, 32, DPL3);
    state.setHalves(RIP, state.u32(rcx), 0);
  }
  flatStack(state, ((selector + 8) & 0xffff) | 3, DPL3);
  if (state.longModeActive) state.rflags = (state.gpr32(R11) & SYSRET_FLAGS) | 2;
  else state.setFlag(Flag.IF, true);
  state.cpl = 3;
  if (staysLong) context.accessRightsChanged();
  else context.modeChanged();
  return concludeStep(context, continueAfterFlags(state, couldInterrupt));
}
