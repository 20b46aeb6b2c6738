/** The first half of a VM exit: the guest-state area (SDM vol. 3, 28.3). */
import { Flag } from "../../isa/flags.js";
import * as S from "../../isa/state.js";
import type { CpuEvent } from "../event.js";
import { Efer } from "../mmu.js";
import { PmuMsr } from "../pmu/layout.js";
import { SHADOW_MOV_SS } from "../segment-load.js";
import type { VmExit } from "./contract.js";
import { EntryControl, ExitControl, PinControl, SecondaryControl } from "./controls.js";
import type { GuestControls } from "./entry-controls.js";
import { IA32_DEBUGCTL, IA32_PAT, saveMsr, savePdptes, usesPdpteRegisters } from "./entry-load.js";
import { Activity, type VmxProcessor } from "./entry-processor.js";
import { EventVmExit } from "./exit-event.js";
import { BETWEEN_INSTRUCTIONS, KEEPS_DEBUG_EXCEPTIONS, MEMORY_ACCESS } from "./exit-reason.js";
import { VmcsField } from "./fields.js";
import { readInterruptibility } from "./interruptibility.js";
import { GUEST_REGISTERS, saveSelectors } from "./state-transfer.js";
import { fieldOffset } from "./vmcs.js";

const DR7 = S.DR + 7 * 8;
const GUEST_CR0 = fieldOffset(VmcsField.GUEST_CR0);
const GUEST_CR4 = fieldOffset(VmcsField.GUEST_CR4);
const GUEST_DEBUGCTL = fieldOffset(VmcsField.GUEST_DEBUGCTL);
const GUEST_PERF_GLOBAL_CTRL = fieldOffset(VmcsField.GUEST_PERF_GLOBAL_CTRL);
const GUEST_PAT = fieldOffset(VmcsField.GUEST_PAT);
const GUEST_DR7 = fieldOffset(VmcsField.GUEST_DR7);
const GUEST_EFER = fieldOffset(VmcsField.GUEST_EFER);
const GUEST_RFLAGS = fieldOffset(VmcsField.GUEST_RFLAGS);
const GUEST_PENDING_DEBUG_EXCEPTIONS = fieldOffset(VmcsField.GUEST_PENDING_DEBUG_EXCEPTIONS);
const GUEST_INTERRUPTIBILITY_STATE = fieldOffset(VmcsField.GUEST_INTERRUPTIBILITY_STATE);
const GUEST_ACTIVITY_STATE = fieldOffset(VmcsField.GUEST_ACTIVITY_STATE);

/** Pending debug exceptions: a breakpoint was enabled; single step. */
const ENABLED_BREAKPOINT = 0x1000;
const SINGLE_STEP = 0x4000;
const BREAKPOINTS = 0xf;
/** IA32_DEBUGCTL.BTF: TF steps branches. */
const BTF = 2n;

/** @param during the event whose delivery the VM exit interrupted */
export function saveGuestState(
  processor: VmxProcessor,
  controls: GuestControls,
  exit: VmExit,
  during: CpuEvent | undefined,
): void {
  const { state, guest } = processor;
  const { vmcs } = controls;
  vmcs.setWide(GUEST_CR0, state.i32(S.CR0));
  vmcs.setWide(GUEST_CR4, state.i32(S.CR4));
  if ((controls.exit & ExitControl.saveDebugControls) !== 0) {
    vmcs.setWord(GUEST_DR7, state.i32(DR7));
    vmcs.setWord(GUEST_DR7 + 4, state.i32(DR7 + 4));
    saveMsr(processor, IA32_DEBUGCTL, vmcs, GUEST_DEBUGCTL);
  }
  if ((controls.exit & ExitControl.savePerfGlobalCtrl) !== 0) {
    saveMsr(processor, PmuMsr.PERF_GLOBAL_CTRL, vmcs, GUEST_PERF_GLOBAL_CTRL);
  }
  if ((controls.exit & ExitControl.savePat) !== 0) saveMsr(processor, IA32_PAT, vmcs, GUEST_PAT);
  if ((controls.exit & ExitControl.saveEfer) !== 0) vmcs.setWide(GUEST_EFER, state.i32(S.EFER));
  GUEST_REGISTERS.save(state, vmcs);
  saveSelectors(state, vmcs);
  vmcs.setWide(GUEST_RFLAGS, savedFlags(processor, exit, during));
  savePendingDebug(processor, controls, exit);
  vmcs.setWord(GUEST_INTERRUPTIBILITY_STATE, readInterruptibility(processor));
  vmcs.setWord(GUEST_ACTIVITY_STATE, processor.inMwait ? Activity.active : processor.activity);
  if (usesPdpteRegisters(processor) && (controls.secondary & SecondaryControl.enableEpt) !== 0) {
    savePdptes(vmcs, processor.mmu.pdpte);
  }
  if ((controls.pin & PinControl.activatePreemptionTimer) !== 0) {
    const left = guest.timer.stop(processor.now());
    if ((controls.exit & ExitControl.savePreemptionTimer) !== 0)
      vmcs.setLow(VmcsField.PREEMPTION_TIMER_VALUE, left);
  }
  saveEntryControl(processor, controls);
}

/** RFLAGS; what becomes of RF depends on why the guest was left (28.3.3). */
function savedFlags(processor: VmxProcessor, exit: VmExit, during: CpuEvent | undefined): number {
  const { rflags } = processor.state;
  if (during !== undefined) return during.resume ? rflags | Flag.RF : rflags;
  if (exit instanceof EventVmExit) return exit.resume ? rflags | Flag.RF : rflags;
  if (MEMORY_ACCESS.has(exit.reason)) return rflags | Flag.RF;
  return BETWEEN_INSTRUCTIONS.has(exit.reason) ? rflags : rflags & ~Flag.RF;
}

function savePendingDebug(processor: VmxProcessor, controls: GuestControls, exit: VmExit): void {
  const { state, debug, guest } = processor;
  const { vmcs } = controls;
  const movSs = state.u32(S.SHADOW) === SHADOW_MOV_SS;
  let bits = debug.takePending() | guest.pendingDebug;
  guest.pendingDebug = 0;
  if (movSs && state.flag(Flag.TF) && (processor.readMsr(IA32_DEBUGCTL) & BTF) === 0n) bits |= SINGLE_STEP;
  const keeps = KEEPS_DEBUG_EXCEPTIONS.has(exit.reason) || (movSs && !(exit instanceof EventVmExit));
  if (!keeps) bits = 0;
  if ((bits & BREAKPOINTS) !== 0) bits |= ENABLED_BREAKPOINT;
  vmcs.setWide(GUEST_PENDING_DEBUG_EXCEPTIONS, bits);
}

/** "IA-32e mode guest" follows EFER.LMA (IA32_VMX_MISC bit 5), and the injected event is done (28.2). */
function saveEntryControl(processor: VmxProcessor, controls: GuestControls): void {
  const long = (processor.state.efer & Efer.LMA) !== 0;
  if (long === ((controls.entry & EntryControl.ia32eModeGuest) !== 0)) return;
  const entry = controls.entry & ~EntryControl.ia32eModeGuest;
  const value = long ? entry | EntryControl.ia32eModeGuest : entry;
  controls.vmcs.setLow(VmcsField.ENTRY_CONTROLS, value);
}
