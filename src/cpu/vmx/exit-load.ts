/** The second half of a VM exit: back to VMX root operation with the host's state (SDM vol. 3, 28.5-28.7). */
import { Register } from "../../isa/emit.js";
import * as S from "../../isa/state.js";
import { Rights, SegmentIndex } from "../cpu-state.js";
import { Cr0, Cr4, Efer } from "../mmu.js";
import type { VmcsAccess } from "./contract.js";
import { ExitControl } from "./controls.js";
import {
  CR0_KEPT,
  IA32_DEBUGCTL,
  IA32_PAT,
  loadDr7,
  loadMsr,
  loadSysenter,
  usesPdpteRegisters,
} from "./entry-load.js";
import { Activity, type VmxProcessor } from "./entry-processor.js";
import { VmcsField } from "./fields.js";
import { loadMsrs } from "./msr-lists.js";

/** VMX-abort indicators (28.7). */
export const VmxAbort = {
  savingGuestMsrs: 1,
  hostPdptes: 2,
  corruptedVmcs: 3,
  loadingHostMsrs: 4,
  machineCheck: 5,
  leavingIa32eMode: 6,
} as const;

const DR7_AFTER_EXIT = 0x400n;
const CODE = Rights.P | Rights.S | Rights.G | 0xb;
const DATA = Rights.P | Rights.S | Rights.G | Rights.DB | 0x3;
const TSS_BUSY = Rights.P | 0xb;
const TSS_LIMIT = 0x67;
const FLAT = 0xffff_ffff;
const TABLE_LIMIT = 0xffff;

/** VMX abort: the indicator goes to bytes 4-7 of the VMCS region, and the processor stops. */
export function abort(processor: VmxProcessor, vmcs: VmcsAccess, indicator: number): void {
  processor.physicalMemory.write32(Number(vmcs.pointer) + 4, indicator);
  processor.vmx.observer?.onAbort({ vmcs: vmcs.pointer, indicator });
  processor.stop();
}

/** VMX non-root operation ends: what belongs to the guest is taken away. */
export function leaveGuest(processor: VmxProcessor): void {
  processor.guest.end();
  processor.vmx.nonRoot = false;
  processor.intercepts = processor.vmx.rootIntercepts;
  processor.state.setU32(S.INTERCEPTING, 0);
  processor.tscChanged();
  processor.mmu.leaveNonRoot();
}

/** Loads the host-state area and what VM exits set to fixed values. */
export function loadHostState(processor: VmxProcessor, vmcs: VmcsAccess): void {
  const { state } = processor;
  const controls = Number(vmcs.read(VmcsField.EXIT_CONTROLS));
  const long = (controls & ExitControl.hostAddressSpaceSize) !== 0;
  loadControlRegisters(processor, vmcs, controls, long);
  loadDr7(processor, DR7_AFTER_EXIT);
  loadMsr(processor, IA32_DEBUGCTL, 0n);
  loadSysenter(
    processor,
    vmcs.read(VmcsField.HOST_SYSENTER_CS),
    vmcs.read(VmcsField.HOST_SYSENTER_ESP),
    vmcs.read(VmcsField.HOST_SYSENTER_EIP),
  );
  if ((controls & ExitControl.loadPat) !== 0) loadMsr(processor, IA32_PAT, vmcs.read(VmcsField.HOST_PAT));
  loadSegments(processor, vmcs, long);
  state.rip = vmcs.read(VmcsField.HOST_RIP);
  state.setGpr(Register.RSP, vmcs.read(VmcsField.HOST_RSP));
  state.rflags = 2;
  state.setU32(S.SHADOW, 0);
  processor.activity = Activity.active;
  processor.delivering = undefined;
  processor.debug.cancelStep();
  processor.debug.takePending();
  processor.modeChanged();
  if (usesPdpteRegisters(processor) && !processor.loadPdptes(state.cr3)) {
    abort(processor, vmcs, VmxAbort.hostPdptes);
  }
}

function loadControlRegisters(
  processor: VmxProcessor,
  vmcs: VmcsAccess,
  controls: number,
  long: boolean,
): void {
  const { state } = processor;
  const cr0 = Number(vmcs.read(VmcsField.HOST_CR0) & 0xffff_ffffn);
  // The bits that VMX operation fixes stay set (28.5.1), whatever has been written over the VMCS region since the checks.
  state.cr0 = (state.cr0 & CR0_KEPT) | (cr0 & ~CR0_KEPT) | Cr0.PE | Cr0.NE | Cr0.PG;
  state.cr3 = vmcs.read(VmcsField.HOST_CR3);
  const cr4 = Number(vmcs.read(VmcsField.HOST_CR4));
  state.cr4 = (long ? cr4 | Cr4.PAE : cr4 & ~Cr4.PCIDE) | Cr4.VMXE;
  if ((controls & ExitControl.loadEfer) !== 0) state.efer = Number(vmcs.read(VmcsField.HOST_EFER));
  else {
    const kept = state.efer & ~(Efer.LMA | Efer.LME);
    state.efer = long ? kept | Efer.LMA | Efer.LME : kept;
  }
}

/** Hidden parts are fixed, but for the bases of FS, GS and TR (28.5.2). */
function loadSegments(processor: VmxProcessor, vmcs: VmcsAccess, long: boolean): void {
  const { state } = processor;
  const selector = (index: number) => Number(vmcs.read(VmcsField.HOST_ES_SELECTOR + index * 2));
  const code = CODE | (long ? Rights.L : Rights.DB);
  state.setSegment(SegmentIndex.CS, {
    selector: selector(SegmentIndex.CS),
    base: 0n,
    limit: FLAT,
    rights: code,
  });
  const bases = new Map([
    [SegmentIndex.FS as number, vmcs.read(VmcsField.HOST_FS_BASE)],
    [SegmentIndex.GS as number, vmcs.read(VmcsField.HOST_GS_BASE)],
  ]);
  for (const index of [SegmentIndex.ES, SegmentIndex.SS, SegmentIndex.DS, SegmentIndex.FS, SegmentIndex.GS]) {
    const value = selector(index);
    const rights = value === 0 ? Rights.unusable : DATA;
    state.setSegment(index, { selector: value, base: bases.get(index) ?? 0n, limit: FLAT, rights });
  }
  state.setSegment(SegmentIndex.TR, {
    selector: Number(vmcs.read(VmcsField.HOST_TR_SELECTOR)),
    base: vmcs.read(VmcsField.HOST_TR_BASE),
    limit: TSS_LIMIT,
    rights: TSS_BUSY,
  });
  state.setSegment(SegmentIndex.LDTR, { selector: 0, base: 0n, limit: 0, rights: Rights.unusable });
  state.cpl = 0;
  state.setU64(S.GDTR_BASE, vmcs.read(VmcsField.HOST_GDTR_BASE));
  state.setU32(S.GDTR_LIMIT, TABLE_LIMIT);
  state.setU64(S.IDTR_BASE, vmcs.read(VmcsField.HOST_IDTR_BASE));
  state.setU32(S.IDTR_LIMIT, TABLE_LIMIT);
}

/** The VM-exit MSR-load area (28.6). */
export function loadHostMsrs(processor: VmxProcessor, vmcs: VmcsAccess): void {
  const count = Number(vmcs.read(VmcsField.EXIT_MSR_LOAD_COUNT));
  if (count === 0) return;
  const area = Number(vmcs.read(VmcsField.EXIT_MSR_LOAD_ADDRESS));
  const failed = loadMsrs(processor.physicalMemory, processor, area, count);
  processor.modeChanged();
  if (failed !== 0) abort(processor, vmcs, VmxAbort.loadingHostMsrs);
}
