/** Loading the guest-state area at VM entry (SDM vol. 3, 27.3.2). */
import { Register } from "../../isa/emit.js";
import * as S from "../../isa/state.js";
import { SegmentIndex } from "../cpu-state.js";
import { Cr0, Cr4, Efer } from "../mmu.js";
import type { VmcsAccess } from "./contract.js";
import type { GuestControls } from "./entry-controls.js";
import type { VmxProcessor } from "./entry-processor.js";
import { segmentField, VmcsField } from "./fields.js";

export const IA32_DEBUGCTL = 0x1d9;
export const IA32_PAT = 0x277;
const CR0_RESERVED = 0x1ffa_ffc0;
/** Bits of CR0 that neither VM entry nor VM exit changes (SDM vol. 3, 27.3.2.1 and 28.5.1). */
export const CR0_KEPT = Cr0.ET | Cr0.NW | Cr0.CD | CR0_RESERVED;
const SEGMENTS = 8;
const DPL_SHIFT = 5;

/** DR7, which is loaded only if it changes: whoever watches memory has to begin anew. */
export function loadDr7(processor: VmxProcessor, value: bigint): void {
  if (processor.state.dr(7) !== value) processor.debug.load(7, value);
}

/** An MSR that seldom changes. */
export function loadMsr(processor: VmxProcessor, index: number, value: bigint): void {
  if (processor.readMsr(index) !== value) processor.writeMsr(index, value);
}

/** SYSENTER's three MSRs, from the guest-state or from the host-state area. */
export function loadSysenter(processor: VmxProcessor, cs: bigint, esp: bigint, eip: bigint): void {
  const { state } = processor;
  state.setU64(S.SYSENTER_CS, cs);
  state.setU64(S.SYSENTER_ESP, esp);
  state.setU64(S.SYSENTER_EIP, eip);
}

export function loadGuestState(processor: VmxProcessor, controls: GuestControls): void {
  const { state } = processor;
  const { vmcs } = controls;
  loadControlRegisters(processor, controls);
  if (controls.hasEntry("loadDebugControls")) {
    loadDr7(processor, vmcs.read(VmcsField.GUEST_DR7));
    loadMsr(processor, IA32_DEBUGCTL, vmcs.read(VmcsField.GUEST_DEBUGCTL));
  }
  loadSysenter(
    processor,
    vmcs.read(VmcsField.GUEST_SYSENTER_CS),
    vmcs.read(VmcsField.GUEST_SYSENTER_ESP),
    vmcs.read(VmcsField.GUEST_SYSENTER_EIP),
  );
  if (controls.hasEntry("loadPat")) loadMsr(processor, IA32_PAT, vmcs.read(VmcsField.GUEST_PAT));
  loadSegments(processor, vmcs);
  state.rip = vmcs.read(VmcsField.GUEST_RIP);
  state.setGpr(Register.RSP, vmcs.read(VmcsField.GUEST_RSP));
  state.rflags = Number(vmcs.read(VmcsField.GUEST_RFLAGS) & 0xffff_ffffn);
}

function loadControlRegisters(processor: VmxProcessor, controls: GuestControls): void {
  const { state } = processor;
  const { vmcs } = controls;
  const cr0 = Number(vmcs.read(VmcsField.GUEST_CR0) & 0xffff_ffffn);
  state.cr0 = (state.cr0 & CR0_KEPT) | (cr0 & ~CR0_KEPT);
  state.cr3 = vmcs.read(VmcsField.GUEST_CR3);
  state.cr4 = Number(vmcs.read(VmcsField.GUEST_CR4));
  if (controls.hasEntry("loadEfer")) state.efer = Number(vmcs.read(VmcsField.GUEST_EFER));
  else {
    const long = controls.hasEntry("ia32eModeGuest");
    let efer = state.efer & ~Efer.LMA;
    if ((state.cr0 & Cr0.PG) !== 0) efer &= ~Efer.LME;
    if (long) efer |= Efer.LMA | Efer.LME;
    state.efer = efer;
  }
}

function loadSegments(processor: VmxProcessor, vmcs: VmcsAccess): void {
  const { state } = processor;
  const word = (field: number) => Number(vmcs.read(field));
  for (let index = 0; index < SEGMENTS; index++) {
    state.setSegment(index, {
      selector: word(segmentField(VmcsField.GUEST_ES_SELECTOR, index)),
      base: vmcs.read(segmentField(VmcsField.GUEST_ES_BASE, index)),
      limit: word(segmentField(VmcsField.GUEST_ES_LIMIT, index)),
      rights: word(segmentField(VmcsField.GUEST_ES_ACCESS_RIGHTS, index)),
    });
  }
  state.cpl = (state.rights(SegmentIndex.SS) >>> DPL_SHIFT) & 3;
  state.setU64(S.GDTR_BASE, vmcs.read(VmcsField.GUEST_GDTR_BASE));
  state.setU32(S.GDTR_LIMIT, word(VmcsField.GUEST_GDTR_LIMIT));
  state.setU64(S.IDTR_BASE, vmcs.read(VmcsField.GUEST_IDTR_BASE));
  state.setU32(S.IDTR_LIMIT, word(VmcsField.GUEST_IDTR_LIMIT));
}

/** PAE paging without IA-32e mode: the four PDPTE registers are in use. */
export function usesPdpteRegisters(processor: VmxProcessor): boolean {
  const { state } = processor;
  return (state.cr0 & Cr0.PG) !== 0 && (state.cr4 & Cr4.PAE) !== 0 && (state.efer & Efer.LMA) === 0;
}

/** With EPT the PDPTEs come from the VMCS, otherwise from memory, where the checks have found them good. */
export function loadGuestPdptes(processor: VmxProcessor, controls: GuestControls): void {
  if (!usesPdpteRegisters(processor)) return;
  if (!controls.hasSecondary("enableEpt")) {
    processor.loadPdptes(processor.state.cr3);
    return;
  }
  const { pdpte } = processor.mmu;
  for (let i = 0; i < 4; i++) {
    const entry = controls.vmcs.read(VmcsField.GUEST_PDPTE0 + i * 2);
    pdpte[i * 2] = Number(BigInt.asIntN(32, entry));
    pdpte[i * 2 + 1] = Number(BigInt.asIntN(32, entry >> 32n));
  }
}
