/** The second half of a VM exit: back to VMX root operation with the host's state (SDM vol. 3, 28.5-28.7). */
import * as S from "../../isa/state.js";
import { type CpuState, Rights, SegmentIndex } from "../cpu-state.js";
import { Cr0, Cr4, Efer } from "../mmu.js";
import { PmuMsr } from "../pmu/layout.js";
import { ExitControl } from "./controls.js";
import {
  CR0_KEPT,
  clearMsr,
  IA32_DEBUGCTL,
  IA32_PAT,
  loadDr7,
  loadMsr,
  setWide,
  usesPdpteRegisters,
} from "./entry-load.js";
import { Activity, type VmxProcessor } from "./entry-processor.js";
import { VmcsField } from "./fields.js";
import { loadMsrs } from "./msr-lists.js";
import { HOST_REGISTERS, Transfer } from "./state-transfer.js";
import { fieldOffset, type Vmcs } from "./vmcs.js";

/** VMX-abort indicators (28.7). */
export const VmxAbort = {
  savingGuestMsrs: 1,
  hostPdptes: 2,
  corruptedVmcs: 3,
  loadingHostMsrs: 4,
  machineCheck: 5,
  leavingIa32eMode: 6,
} as const;

const DR7_AFTER_EXIT = 0x400;
const CODE = Rights.P | Rights.S | Rights.G | 0xb;
const DATA = Rights.P | Rights.S | Rights.G | Rights.DB | 0x3;
const TSS_BUSY = Rights.P | 0xb;
const TSS_LIMIT = 0x67;
const FLAT = 0xffff_ffff;
const TABLE_LIMIT = 0xffff;

const EXIT_CONTROLS = fieldOffset(VmcsField.EXIT_CONTROLS);
const HOST_CR0 = fieldOffset(VmcsField.HOST_CR0);
const HOST_CR4 = fieldOffset(VmcsField.HOST_CR4);
const HOST_EFER = fieldOffset(VmcsField.HOST_EFER);
const HOST_PAT = fieldOffset(VmcsField.HOST_PAT);
const HOST_PERF_GLOBAL_CTRL = fieldOffset(VmcsField.HOST_PERF_GLOBAL_CTRL);
const HOST_SELECTORS = fieldOffset(VmcsField.HOST_ES_SELECTOR);

/** VMX abort: the indicator goes to bytes 4-7 of the VMCS region, and the processor stops. */
export function abort(processor: VmxProcessor, vmcs: Vmcs, indicator: number): void {
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
  processor.tscOffset.end();
  processor.mmu.leaveNonRoot();
}

/** Loads the host-state area and what VM exits set to fixed values. */
export function loadHostState(processor: VmxProcessor, vmcs: Vmcs): void {
  const { state } = processor;
  const controls = vmcs.word(EXIT_CONTROLS);
  const long = (controls & ExitControl.hostAddressSpaceSize) !== 0;
  loadControlRegisters(state, vmcs, controls, long);
  loadDr7(processor, DR7_AFTER_EXIT, 0);
  clearMsr(processor, IA32_DEBUGCTL);
  if ((controls & ExitControl.loadPerfGlobalCtrl) !== 0) {
    loadMsr(processor, PmuMsr.PERF_GLOBAL_CTRL, vmcs, HOST_PERF_GLOBAL_CTRL);
  }
  if ((controls & ExitControl.loadPat) !== 0) loadMsr(processor, IA32_PAT, vmcs, HOST_PAT);
  HOST_REGISTERS.load(state, vmcs);
  state.setU32(S.SYSENTER_CS + 4, 0);
  loadSegments(state, vmcs, long);
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

function loadControlRegisters(state: CpuState, vmcs: Vmcs, controls: number, long: boolean): void {
  // The bits that VMX operation fixes stay set (28.5.1), whatever has been written over the VMCS region since the checks.
  const fixed = Cr0.PE | Cr0.NE | Cr0.PG;
  setWide(state, S.CR0, (state.i32(S.CR0) & CR0_KEPT) | (vmcs.word(HOST_CR0) & ~CR0_KEPT) | fixed);
  const cr4 = vmcs.word(HOST_CR4);
  setWide(state, S.CR4, (long ? cr4 | Cr4.PAE : cr4 & ~Cr4.PCIDE) | Cr4.VMXE);
  if ((controls & ExitControl.loadEfer) !== 0) setWide(state, S.EFER, vmcs.word(HOST_EFER));
  else {
    const kept = state.i32(S.EFER) & ~(Efer.LMA | Efer.LME);
    setWide(state, S.EFER, long ? kept | Efer.LMA | Efer.LME : kept);
  }
}

/** What a VM exit makes of the segment registers whatever the VMCS holds (28.5.2): bases, limits, rights, as they lie in the state. */
const FIXED_SEGMENTS = new Int32Array((S.SEGMENT_SELECTOR - S.SEGMENT_BASE) / 4);

function fixSegment(index: number, limit: number, rights: number): void {
  FIXED_SEGMENTS[(S.SEGMENT_LIMIT - S.SEGMENT_BASE) / 4 + index] = limit;
  FIXED_SEGMENTS[(S.SEGMENT_RIGHTS - S.SEGMENT_BASE) / 4 + index] = rights;
}
for (const index of [SegmentIndex.ES, SegmentIndex.SS, SegmentIndex.DS, SegmentIndex.FS, SegmentIndex.GS]) {
  fixSegment(index, FLAT, DATA);
}
fixSegment(SegmentIndex.CS, FLAT, CODE);
fixSegment(SegmentIndex.TR, TSS_LIMIT, TSS_BUSY);
fixSegment(SegmentIndex.LDTR, 0, Rights.unusable);

const BASES = new Transfer(
  [
    [S.SEGMENT_BASE + SegmentIndex.FS * 8, VmcsField.HOST_FS_BASE],
    [S.SEGMENT_BASE + SegmentIndex.GS * 8, VmcsField.HOST_GS_BASE],
    [S.SEGMENT_BASE + SegmentIndex.TR * 8, VmcsField.HOST_TR_BASE],
  ],
  [],
);

function loadSelector(state: CpuState, index: number, selector: number): void {
  state.setU32(S.SEGMENT_SELECTOR + index * 4, selector);
}

/** A data segment, or SS: null makes it unusable. */
function loadData(state: CpuState, index: number, selector: number): void {
  loadSelector(state, index, selector);
  if (selector === 0) state.setU32(S.SEGMENT_RIGHTS + index * 4, Rights.unusable);
}

function loadSegments(state: CpuState, vmcs: Vmcs, long: boolean): void {
  state.words.set(FIXED_SEGMENTS, (state.base + S.SEGMENT_BASE) >> 2);
  BASES.load(state, vmcs);
  // Two selectors in a word, in the order of the segment registers; there is no LDTR, and TR is in its place.
  const esCs = vmcs.word(HOST_SELECTORS);
  const ssDs = vmcs.word(HOST_SELECTORS + 4);
  const fsGs = vmcs.word(HOST_SELECTORS + 8);
  loadData(state, SegmentIndex.ES, esCs & 0xffff);
  loadSelector(state, SegmentIndex.CS, esCs >>> 16);
  state.setU32(S.SEGMENT_RIGHTS + SegmentIndex.CS * 4, CODE | (long ? Rights.L : Rights.DB));
  loadData(state, SegmentIndex.SS, ssDs & 0xffff);
  loadData(state, SegmentIndex.DS, ssDs >>> 16);
  loadData(state, SegmentIndex.FS, fsGs & 0xffff);
  loadData(state, SegmentIndex.GS, fsGs >>> 16);
  loadSelector(state, SegmentIndex.LDTR, 0);
  loadSelector(state, SegmentIndex.TR, vmcs.word(HOST_SELECTORS + 12) & 0xffff);
  state.cpl = 0;
  state.setU32(S.GDTR_LIMIT, TABLE_LIMIT);
  state.setU32(S.IDTR_LIMIT, TABLE_LIMIT);
}

/** The VM-exit MSR-load area (28.6). */
export function loadHostMsrs(processor: VmxProcessor, vmcs: Vmcs): void {
  const count = vmcs.low(VmcsField.EXIT_MSR_LOAD_COUNT);
  if (count === 0) return;
  const area = Number(vmcs.read(VmcsField.EXIT_MSR_LOAD_ADDRESS));
  const failed = loadMsrs(processor.physicalMemory, processor, area, count);
  processor.modeChanged();
  if (failed !== 0) abort(processor, vmcs, VmxAbort.loadingHostMsrs);
}
