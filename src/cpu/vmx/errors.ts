/** VM-instruction error numbers (SDM vol. 3, 31.4), and how VMX instructions tell their result (31.2). */
import { Flag, FlagKind } from "../../isa/flags.js";
import { FLAG_KIND, FLAG_OPERAND } from "../../isa/state.js";
import type { CpuState } from "../cpu-state.js";
import type { VmcsAccess } from "./contract.js";
import { VmcsField } from "./fields.js";

export const VmError = {
  vmcallInRoot: 1,
  vmclearInvalidAddress: 2,
  vmclearVmxonPointer: 3,
  vmlaunchNonClear: 4,
  vmresumeNonLaunched: 5,
  entryInvalidControls: 7,
  entryInvalidHostState: 8,
  vmptrldInvalidAddress: 9,
  vmptrldVmxonPointer: 10,
  vmptrldWrongRevision: 11,
  unsupportedComponent: 12,
  readOnlyComponent: 13,
  vmxonInRoot: 15,
  entryBlockedByMovSs: 26,
  invalidInvalidationOperand: 28,
} as const;
export type VmError = (typeof VmError)[keyof typeof VmError];

/** The manual's sentences, for people. */
export const VM_ERROR_TEXT: Readonly<Record<VmError, string>> = {
  1: "VMCALL executed in VMX root operation",
  2: "VMCLEAR with invalid physical address",
  3: "VMCLEAR with VMXON pointer",
  4: "VMLAUNCH with non-clear VMCS",
  5: "VMRESUME with non-launched VMCS",
  7: "VM entry with invalid control field(s)",
  8: "VM entry with invalid host-state field(s)",
  9: "VMPTRLD with invalid physical address",
  10: "VMPTRLD with VMXON pointer",
  11: "VMPTRLD with incorrect VMCS revision identifier",
  12: "VMREAD/VMWRITE from/to unsupported VMCS component",
  13: "VMWRITE to read-only VMCS component",
  15: "VMXON executed in VMX root operation",
  26: "VM entry with events blocked by MOV SS",
  28: "Invalid operand to INVEPT/INVVPID",
};

/** The arithmetic flags become `flag` alone; the others stay. */
function setFlags(state: CpuState, flag: number): void {
  state.setU32(FLAG_OPERAND, flag);
  state.setU32(FLAG_OPERAND + 4, 0);
  state.setU32(FLAG_KIND, FlagKind.explicit);
}

/** VMsucceed: CF PF AF ZF SF OF are 0. */
export const vmSucceed = (state: CpuState): void => setFlags(state, 0);

/** VMfailInvalid: CF. */
export const vmFailInvalid = (state: CpuState): void => setFlags(state, Flag.CF);

/** VMfail: VMfailValid (ZF, and the number in the VM-instruction error field) with a VMCS, else VMfailInvalid. */
export function vmFail(state: CpuState, vmcs: VmcsAccess | undefined, error: VmError): void {
  if (vmcs === undefined) {
    vmFailInvalid(state);
    return;
  }
  setFlags(state, Flag.ZF);
  vmcs.write(VmcsField.INSTRUCTION_ERROR, BigInt(error));
}
