/** The first half of a VM exit: the guest-state area (SDM vol. 3, 28.3). */
import { Register } from "../../isa/emit.js";
import { Flag } from "../../isa/flags.js";
import * as S from "../../isa/state.js";
import type { CpuEvent } from "../event.js";
import { Efer } from "../mmu.js";
import { SHADOW_MOV_SS } from "../segment-load.js";
import type { VmExit } from "./contract.js";
import { EntryControl } from "./controls.js";
import type { GuestControls } from "./entry-controls.js";
import { IA32_DEBUGCTL, IA32_PAT, usesPdpteRegisters } from "./entry-load.js";
import { Activity, type VmxProcessor } from "./entry-processor.js";
import { EventVmExit } from "./exit-event.js";
import { BETWEEN_INSTRUCTIONS, KEEPS_DEBUG_EXCEPTIONS, MEMORY_ACCESS } from "./exit-reason.js";
import { segmentField, VmcsField } from "./fields.js";
import { readInterruptibility } from "./interruptibility.js";

const SEGMENTS = 8;
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
  vmcs.write(VmcsField.GUEST_CR0, BigInt(state.cr0));
  vmcs.write(VmcsField.GUEST_CR3, state.cr3);
  vmcs.write(VmcsField.GUEST_CR4, BigInt(state.cr4));
  if (controls.hasExit("saveDebugControls")) {
    vmcs.write(VmcsField.GUEST_DR7, state.dr(7));
    vmcs.write(VmcsField.GUEST_DEBUGCTL, processor.readMsr(IA32_DEBUGCTL));
  }
  vmcs.write(VmcsField.GUEST_SYSENTER_CS, state.u64(S.SYSENTER_CS));
  vmcs.write(VmcsField.GUEST_SYSENTER_ESP, state.u64(S.SYSENTER_ESP));
  vmcs.write(VmcsField.GUEST_SYSENTER_EIP, state.u64(S.SYSENTER_EIP));
  if (controls.hasExit("savePat")) vmcs.write(VmcsField.GUEST_PAT, processor.readMsr(IA32_PAT));
  if (controls.hasExit("saveEfer")) vmcs.write(VmcsField.GUEST_EFER, BigInt(state.efer));
  saveSegments(processor, controls);
  vmcs.write(VmcsField.GUEST_RIP, state.rip);
  vmcs.write(VmcsField.GUEST_RSP, state.gpr(Register.RSP));
  vmcs.write(VmcsField.GUEST_RFLAGS, BigInt(savedFlags(processor, exit, during)));
  savePendingDebug(processor, controls, exit);
  vmcs.write(VmcsField.GUEST_INTERRUPTIBILITY_STATE, BigInt(readInterruptibility(processor)));
  vmcs.write(
    VmcsField.GUEST_ACTIVITY_STATE,
    BigInt(processor.inMwait ? Activity.active : processor.activity),
  );
  if (usesPdpteRegisters(processor) && controls.hasSecondary("enableEpt")) savePdptes(processor, controls);
  const left = guest.timer.stop(processor.ownTsc());
  if (controls.hasExit("savePreemptionTimer")) vmcs.write(VmcsField.PREEMPTION_TIMER_VALUE, left);
  saveEntryControl(processor, controls);
}

function saveSegments(processor: VmxProcessor, { vmcs }: GuestControls): void {
  const { state } = processor;
  for (let index = 0; index < SEGMENTS; index++) {
    const { selector, base, limit, rights } = state.segment(index);
    vmcs.write(segmentField(VmcsField.GUEST_ES_SELECTOR, index), BigInt(selector));
    vmcs.write(segmentField(VmcsField.GUEST_ES_BASE, index), base);
    vmcs.write(segmentField(VmcsField.GUEST_ES_LIMIT, index), BigInt(limit));
    vmcs.write(segmentField(VmcsField.GUEST_ES_ACCESS_RIGHTS, index), BigInt(rights));
  }
  vmcs.write(VmcsField.GUEST_GDTR_BASE, state.u64(S.GDTR_BASE));
  vmcs.write(VmcsField.GUEST_GDTR_LIMIT, BigInt(state.u32(S.GDTR_LIMIT)));
  vmcs.write(VmcsField.GUEST_IDTR_BASE, state.u64(S.IDTR_BASE));
  vmcs.write(VmcsField.GUEST_IDTR_LIMIT, BigInt(state.u32(S.IDTR_LIMIT)));
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
  vmcs.write(VmcsField.GUEST_PENDING_DEBUG_EXCEPTIONS, BigInt(bits));
}

function savePdptes(processor: VmxProcessor, { vmcs }: GuestControls): void {
  const { pdpte } = processor.mmu;
  for (let i = 0; i < 4; i++) {
    const entry = (BigInt(pdpte[i * 2 + 1]! >>> 0) << 32n) | BigInt(pdpte[i * 2]! >>> 0);
    vmcs.write(VmcsField.GUEST_PDPTE0 + i * 2, entry);
  }
}

/** "IA-32e mode guest" follows EFER.LMA (IA32_VMX_MISC bit 5), and the injected event is done (28.2). */
function saveEntryControl(processor: VmxProcessor, controls: GuestControls): void {
  const long = (processor.state.efer & Efer.LMA) !== 0;
  if (long === controls.hasEntry("ia32eModeGuest")) return;
  const entry = controls.entry & ~EntryControl.ia32eModeGuest;
  const value = long ? entry | EntryControl.ia32eModeGuest : entry;
  controls.vmcs.write(VmcsField.ENTRY_CONTROLS, BigInt(value >>> 0));
}
