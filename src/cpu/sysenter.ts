/** SYSENTER and SYSEXIT (SDM vol. 2; vol. 3, 5.8.7). */
import { Register, Vector } from "../isa/emit.js";
import { Flag } from "../isa/flags.js";
import { Control } from "../isa/helper.js";
import { SYSENTER_CS, SYSENTER_EIP, SYSENTER_ESP } from "../isa/state.js";
import { isCanonical } from "./canonical.js";
import type { CpuContext } from "./context.js";
import { Rights, SegmentIndex } from "./cpu-state.js";
import { Fault } from "./fault.js";
import { requireRing0 } from "./privilege.js";
import { FLAT_CODE, FLAT_DATA, FLAT_LIMIT, writeSegment } from "./segment-write.js";

/** The selector in IA32_SYSENTER_CS; #GP(0) in real-address mode or when it is null. */
function sysenterSelector(context: CpuContext): number {
  const { state } = context;
  // AMD processors have neither instruction in long mode (APM vol. 3).
  if (context.features.vendor === "amd" && state.longModeActive) throw new Fault(Vector.UD);
  const selector = state.u32(SYSENTER_CS) & 0xffff;
  if (!state.protectedMode || (selector & 0xfffc) === 0) throw new Fault(Vector.GP, 0);
  return selector & 0xfffc;
}

function load(context: CpuContext, selector: number, cpl: number, long: boolean): void {
  const { state } = context;
  const dpl = cpl << Rights.dplShift;
  const size = long ? Rights.L : Rights.DB;
  writeSegment(state, SegmentIndex.CS, (selector & 0xfffc) | cpl, 0, FLAT_LIMIT, FLAT_CODE | dpl | size);
  writeSegment(state, SegmentIndex.SS, ((selector + 8) & 0xfffc) | cpl, 0, FLAT_LIMIT, FLAT_DATA | dpl);
  state.cpl = cpl;
}

export function systemEnter(context: CpuContext): number {
  const { state } = context;
  const selector = sysenterSelector(context);
  state.setFlag(Flag.VM | Flag.IF | Flag.RF, false);
  const long = state.longModeActive;
  const width = long ? 64 : 32;
  load(context, selector, 0, long);
  state.setGpr(Register.RSP, BigInt.asUintN(width, state.u64(SYSENTER_ESP)));
  state.rip = BigInt.asUintN(width, state.u64(SYSENTER_EIP));
  context.modeChanged();
  return Control.jump;
}

/** @param operandSize 64 returns to 64-bit code */
export function systemExit(context: CpuContext, operandSize: number): number {
  const { state } = context;
  const selector = sysenterSelector(context);
  requireRing0(context);
  const long = operandSize === 64;
  const rip = state.gpr(Register.RDX);
  const rsp = state.gpr(Register.RCX);
  if (long && (!isCanonical(state, rip) || !isCanonical(state, rsp))) throw new Fault(Vector.GP, 0);
  load(context, selector + (long ? 32 : 16), 3, long);
  const width = long ? 64 : 32;
  state.setGpr(Register.RSP, BigInt.asUintN(width, rsp));
  state.rip = BigInt.asUintN(width, rip);
  context.modeChanged();
  return Control.jump;
}
