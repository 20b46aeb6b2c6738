/** A processor with VMX for tests, and VMCSs with which VM entry succeeds. It holds no tests of its own. */
import { PhysicalMap } from "../../memory/physical.js";
import { SegmentIndex } from "../cpu-state.js";
import { parseCpu } from "../models/cpu-string.js";
import { TestCpu } from "../system-fixture.test.helper.js";
import { VMCS_REVISION, VmxCapabilities } from "./capabilities.js";
import { VmExit } from "./contract.js";
import { VmcsField as F, type VmcsFieldName } from "./fields.js";
import { Vmcs } from "./vmcs.js";
import { VmxOperation } from "./vmx-unit.js";

/** Where TestCpu's memory lies, and how much of it there is. */
const MEMORY_AT = 0x2000;
const MEMORY_SIZE = 0x10_0000;

/** Physical addresses. */
export const VMXON_REGION = 0x20000n;
export const VMCS_A = 0x21000n;
export const VMCS_B = 0x22000n;
export const SHADOW_VMCS = 0x23000n;
export const FREE = 0x30000;

/** mov [rax], rcx with a VMREAD encoding: what runs whenever a VM exit asks. */
const VMREAD_BYTES = Uint8Array.of(0x0f, 0x78, 0x88, 0x10, 0, 0, 0);

export class VmxTestCpu extends TestCpu {
  readonly physical = new PhysicalMap();
  readonly vmx: VmxOperation;
  readonly calls: string[] = [];
  readonly releaseInit = (): void => void this.calls.push("releaseInit");
  /** What VM entry's loading of MSRs says. */
  entrySucceeds = true;

  constructor(model = "Skylake-Server,+vmx") {
    super();
    this.physical.addRam(0, MEMORY_SIZE, MEMORY_AT);
    const { calls } = this;
    this.vmx = new VmxOperation({
      processor: this,
      capabilities: new VmxCapabilities(parseCpu(model)),
      physical: this.physical,
      translations: {
        invalidateEpt: (type, eptp) => calls.push(`invept ${type} ${eptp.toString(16)}`),
        invalidateVpid: (type, vpid, linear) => calls.push(`invvpid ${type} ${vpid} ${linear.toString(16)}`),
        switchEptp: (eptp) => calls.push(`eptp ${eptp.toString(16)}`),
      },
      transitions: {
        enterGuest: () => {
          calls.push("enter");
          this.vmx.nonRoot = this.entrySucceeds;
          return this.entrySucceeds;
        },
        failEntry: (_vmcs, reason, qualification) => calls.push(`fail ${reason} ${qualification}`),
        exitGuest: (_vmcs, exit) => calls.push(`exit ${exit.reason}`),
      },
    });
    this.msrs.set(0x3a, 5n);
    this.state.cr0 = 0x8005_0033;
    this.state.cr4 = 0x2020;
    this.state.efer = 0xd01;
    this.state.setSegment(SegmentIndex.CS, { selector: 8, base: 0n, limit: 0xffff_ffff, rights: 0xa09b });
    for (const region of [VMXON_REGION, VMCS_A, VMCS_B]) this.setWord(region, VMCS_REVISION);
    this.setWord(SHADOW_VMCS, VMCS_REVISION + 0x8000_0000);
  }

  /** Of VmxProcessor: for instruction information. */
  instructionBytes(): Uint8Array {
    return VMREAD_BYTES;
  }

  setWord(physical: bigint | number, value: number): void {
    this.state.view.setUint32(MEMORY_AT + Number(physical), value, true);
  }
  setQuad(physical: bigint | number, value: bigint): void {
    this.state.view.setBigUint64(MEMORY_AT + Number(physical), value, true);
  }
  region(pointer: bigint): Vmcs {
    return Vmcs.at(this.state.view, this.physical, pointer)!;
  }
}

/** What an instruction does: nothing special, an exception ("fault 13"), or a VM exit. */
export function outcome(action: () => unknown): VmExit | string {
  try {
    action();
  } catch (thrown) {
    if (thrown instanceof VmExit) return thrown;
    const { vector } = thrown as { readonly vector?: number };
    if (vector === undefined) throw thrown;
    return `fault ${vector}`;
  }
  return "done";
}

export type FieldValues = Partial<Record<VmcsFieldName, bigint | number>>;

export function writeFields(vmcs: Vmcs, values: FieldValues): void {
  for (const [name, value] of Object.entries(values)) vmcs.write(F[name as VmcsFieldName], BigInt(value));
}

const SEGMENTS: FieldValues = {};
for (const [name, rights] of [
  ["CS", 0xa09b],
  ["SS", 0xc093],
  ["DS", 0xc093],
  ["ES", 0xc093],
  ["FS", 0xc093],
  ["GS", 0xc093],
  ["LDTR", 0x10000],
  ["TR", 0x8b],
] as const) {
  SEGMENTS[`GUEST_${name}_SELECTOR`] = name === "CS" ? 8 : name === "LDTR" ? 0 : 16;
  SEGMENTS[`GUEST_${name}_LIMIT`] = name === "TR" ? 0x67 : 0xffff_ffff;
  SEGMENTS[`GUEST_${name}_ACCESS_RIGHTS`] = rights;
}

const ALL_ONES = 0xffff_ffff_ffff_ffffn;
const PAT = 0x0007_0406_0007_0406n;

/** A 64-bit guest of a 64-bit host, on a processor with TRUE capability MSRs. */
export const LONG_GUEST: FieldValues = {
  PIN_CONTROLS: 0x16,
  PRIMARY_CONTROLS: 0x8400_6172,
  SECONDARY_CONTROLS: 0,
  EXIT_CONTROLS: 0x0003_6dfb | (1 << 9),
  ENTRY_CONTROLS: 0x11fb | (1 << 9),
  VMCS_LINK_POINTER: ALL_ONES,
  HOST_CR0: 0x8005_0033,
  HOST_CR3: 0x1000,
  HOST_CR4: 0x2020,
  HOST_CS_SELECTOR: 8,
  HOST_SS_SELECTOR: 16,
  HOST_DS_SELECTOR: 16,
  HOST_ES_SELECTOR: 16,
  HOST_FS_SELECTOR: 16,
  HOST_GS_SELECTOR: 16,
  HOST_TR_SELECTOR: 24,
  HOST_PAT: PAT,
  HOST_EFER: 0xd01,
  HOST_RIP: 0xffff_8000_0000_1000n,
  GUEST_CR0: 0x8005_0033,
  GUEST_CR3: 0x2000,
  GUEST_CR4: 0x2020,
  GUEST_DR7: 0x400,
  GUEST_RFLAGS: 2,
  GUEST_RIP: 0x1000,
  GUEST_PAT: PAT,
  GUEST_EFER: 0xd01,
  GUEST_GDTR_LIMIT: 0xffff,
  GUEST_IDTR_LIMIT: 0xffff,
  TSC_MULTIPLIER: 1n << 48n,
  VPID: 1,
  EPT_POINTER: 0x401e,
  ...SEGMENTS,
};

/** A 32-bit guest with PAE paging. */
export const PAE_GUEST: FieldValues = {
  ...LONG_GUEST,
  ENTRY_CONTROLS: 0x11fb,
  GUEST_EFER: 0,
  GUEST_CS_ACCESS_RIGHTS: 0xc09b,
};

const v86: FieldValues = {};
for (const name of ["CS", "SS", "DS", "ES", "FS", "GS"] as const) {
  v86[`GUEST_${name}_SELECTOR`] = 0x123;
  v86[`GUEST_${name}_BASE`] = 0x1230;
  v86[`GUEST_${name}_LIMIT`] = 0xffff;
  v86[`GUEST_${name}_ACCESS_RIGHTS`] = 0xf3;
}
/** A guest in virtual-8086 mode. */
export const V86_GUEST: FieldValues = { ...PAE_GUEST, ...v86, GUEST_RFLAGS: 0x20002 };

const real: FieldValues = {};
for (const name of ["CS", "SS", "DS", "ES", "FS", "GS"] as const) {
  real[`GUEST_${name}_SELECTOR`] = 0x123;
  real[`GUEST_${name}_BASE`] = 0x1230;
  real[`GUEST_${name}_LIMIT`] = 0xffff;
  real[`GUEST_${name}_ACCESS_RIGHTS`] = name === "CS" ? 0x9b : 0x93;
}
/** An unrestricted guest in real-address mode. */
export const REAL_GUEST: FieldValues = {
  ...PAE_GUEST,
  ...real,
  SECONDARY_CONTROLS: 0x82,
  GUEST_CR0: 0x20,
};
