/** Loading the guest-state area at VM entry (SDM vol. 3, 27.3.2). */
import * as S from "../../isa/state.js";
import { type CpuState, SegmentIndex } from "../cpu-state.js";
import { highHalf, join, lowHalf } from "../halves.js";
import { Cr0, Cr4, Efer } from "../mmu.js";
import { PmuMsr } from "../pmu/layout.js";
import { EntryControl, SecondaryControl } from "./controls.js";
import type { GuestControls } from "./entry-controls.js";
import type { VmxProcessor } from "./entry-processor.js";
import { VmcsField } from "./fields.js";
import { GUEST_REGISTERS, loadSelectors } from "./state-transfer.js";
import { fieldOffset, type Vmcs } from "./vmcs.js";

export const IA32_DEBUGCTL = 0x1d9;
export const IA32_PAT = 0x277;
const CR0_RESERVED = 0x1ffa_ffc0;
/** Bits of CR0 that neither VM entry nor VM exit changes (SDM vol. 3, 27.3.2.1 and 28.5.1). */
export const CR0_KEPT = Cr0.ET | Cr0.NW | Cr0.CD | CR0_RESERVED;
const DPL_SHIFT = 5;
const DR7 = S.DR + 7 * 8;

const GUEST_CR0 = fieldOffset(VmcsField.GUEST_CR0);
const GUEST_CR4 = fieldOffset(VmcsField.GUEST_CR4);
const GUEST_DEBUGCTL = fieldOffset(VmcsField.GUEST_DEBUGCTL);
const GUEST_PERF_GLOBAL_CTRL = fieldOffset(VmcsField.GUEST_PERF_GLOBAL_CTRL);
const GUEST_PAT = fieldOffset(VmcsField.GUEST_PAT);
const GUEST_DR7 = fieldOffset(VmcsField.GUEST_DR7);
const GUEST_EFER = fieldOffset(VmcsField.GUEST_EFER);
const GUEST_RFLAGS = fieldOffset(VmcsField.GUEST_RFLAGS);

/** DR7, which is loaded only if it changes: whoever watches memory has to begin anew. */
export function loadDr7(processor: VmxProcessor, low: number, high: number): void {
  const { state } = processor;
  if (state.i32(DR7) === low && state.i32(DR7 + 4) === high) return;
  processor.debug.load(7, (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0));
}

/** An MSR that seldom changes. @param low bits 31:0 of its value */
function loadHalves(processor: VmxProcessor, index: number, low: number, high: number): void {
  const stored = processor.storedMsr(index);
  const same =
    stored === undefined
      ? processor.readMsr(index) === join(low, high)
      : stored.low === low && stored.high === high;
  if (!same) processor.writeMsr(index, join(low, high));
}

/** The same, from a 64-bit field. @param offset from {@link fieldOffset} */
export function loadMsr(processor: VmxProcessor, index: number, vmcs: Vmcs, offset: number): void {
  loadHalves(processor, index, vmcs.word(offset), vmcs.word(offset + 4));
}

/** VM exits clear IA32_DEBUGCTL. */
export function clearMsr(processor: VmxProcessor, index: number): void {
  loadHalves(processor, index, 0, 0);
}

/** An MSR into a 64-bit field. */
export function saveMsr(processor: VmxProcessor, index: number, vmcs: Vmcs, offset: number): void {
  const stored = processor.storedMsr(index);
  if (stored === undefined) {
    const value = processor.readMsr(index);
    vmcs.setWord(offset, lowHalf(value));
    vmcs.setWord(offset + 4, highHalf(value));
    return;
  }
  vmcs.setWord(offset, stored.low);
  vmcs.setWord(offset + 4, stored.high);
}

/** A register of 64 bits whose upper half is 0. */
export function setWide(state: CpuState, offset: number, low: number): void {
  state.setU32(offset, low);
  state.setU32(offset + 4, 0);
}

export function loadGuestState(processor: VmxProcessor, controls: GuestControls): void {
  const { state } = processor;
  const { vmcs } = controls;
  loadControlRegisters(state, controls);
  if ((controls.entry & EntryControl.loadDebugControls) !== 0) {
    loadDr7(processor, vmcs.word(GUEST_DR7), vmcs.word(GUEST_DR7 + 4));
    loadMsr(processor, IA32_DEBUGCTL, vmcs, GUEST_DEBUGCTL);
  }
  if ((controls.entry & EntryControl.loadPerfGlobalCtrl) !== 0) {
    loadMsr(processor, PmuMsr.PERF_GLOBAL_CTRL, vmcs, GUEST_PERF_GLOBAL_CTRL);
  }
  if ((controls.entry & EntryControl.loadPat) !== 0) loadMsr(processor, IA32_PAT, vmcs, GUEST_PAT);
  GUEST_REGISTERS.load(state, vmcs);
  state.setU32(S.SYSENTER_CS + 4, 0);
  loadSelectors(state, vmcs);
  state.cpl = (state.rights(SegmentIndex.SS) >>> DPL_SHIFT) & 3;
  state.rflags = vmcs.word(GUEST_RFLAGS) >>> 0;
}

function loadControlRegisters(state: CpuState, controls: GuestControls): void {
  const { vmcs } = controls;
  const cr0 = (state.i32(S.CR0) & CR0_KEPT) | (vmcs.word(GUEST_CR0) & ~CR0_KEPT);
  setWide(state, S.CR0, cr0);
  setWide(state, S.CR4, vmcs.word(GUEST_CR4));
  let efer: number;
  if ((controls.entry & EntryControl.loadEfer) !== 0) efer = vmcs.word(GUEST_EFER);
  else {
    efer = state.i32(S.EFER) & ~Efer.LMA;
    if ((cr0 & Cr0.PG) !== 0) efer &= ~Efer.LME;
    if ((controls.entry & EntryControl.ia32eModeGuest) !== 0) efer |= Efer.LMA | Efer.LME;
  }
  setWide(state, S.EFER, efer);
}

/** PAE paging without IA-32e mode: the four PDPTE registers are in use. */
export function usesPdpteRegisters({ state }: VmxProcessor): boolean {
  return (
    (state.i32(S.CR0) & Cr0.PG) !== 0 &&
    (state.i32(S.CR4) & Cr4.PAE) !== 0 &&
    (state.i32(S.EFER) & Efer.LMA) === 0
  );
}

/** With EPT the PDPTEs come from the VMCS, otherwise from memory, where the checks have found them good. */
export function loadGuestPdptes(processor: VmxProcessor, controls: GuestControls): void {
  if (!usesPdpteRegisters(processor)) return;
  if ((controls.secondary & SecondaryControl.enableEpt) === 0) {
    processor.loadPdptes(processor.state.cr3);
    return;
  }
  copyPdptes(controls.vmcs, processor.mmu.pdpte);
}

const GUEST_PDPTES = fieldOffset(VmcsField.GUEST_PDPTE0);

function copyPdptes(vmcs: Vmcs, pdpte: Int32Array): void {
  for (let i = 0; i < 8; i++) pdpte[i] = vmcs.word(GUEST_PDPTES + i * 4);
}

export function savePdptes(vmcs: Vmcs, pdpte: Int32Array): void {
  for (let i = 0; i < 8; i++) vmcs.setWord(GUEST_PDPTES + i * 4, pdpte[i]!);
}
