/**
 * What goes into a VMCS: lists of fields that the program writes one by one, and the few fields whose values are
 * known only when it runs (SDM volume 3, chapter 25 and appendix B).
 */

import {
  EntryControl,
  ExitControl,
  PinControl,
  PrimaryControl,
  SecondaryControl,
} from "../../cpu/vmx/controls.js";
import { VmcsField, type VmcsFieldName } from "../../cpu/vmx/fields.js";
import {
  cr0,
  cr3,
  cr4,
  dword,
  eax,
  ecx,
  type Immediate,
  mem,
  qword,
  rbx,
  rcx,
  rsi,
} from "../assembler/assembler.js";
import type { Ept } from "./ept.js";
import {
  CODE,
  CR4_VMXE,
  DATA,
  EFER_LONG_MODE_ACTIVE,
  IA32_VMX_PROCBASED_CTLS2,
  IA32_VMX_TRUE_ENTRY_CTLS,
  IA32_VMX_TRUE_EXIT_CTLS,
  IA32_VMX_TRUE_PINBASED_CTLS,
  IA32_VMX_TRUE_PROCBASED_CTLS,
  TASK_STATE,
} from "./layout.js";
import type { Hypervisor } from "./program.js";
import type { StartLabels } from "./start.js";
import { withPointer, writeRevision } from "./vmx.js";

const LIST_END = 0xffffffff;

export type FieldList = readonly (readonly [name: VmcsFieldName, value: Immediate])[];

export interface GuestPlan {
  readonly name: string;
  readonly fields: FieldList;
  readonly secondary: number;
  readonly entry: number;
}

const SEGMENTS = ["ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR"] as const;

/** Selector, base, limit and access rights of one segment register. */
export function segment(
  name: (typeof SEGMENTS)[number],
  selector: number,
  base: Immediate,
  limit: number,
  rights: number,
): FieldList {
  return [
    [`GUEST_${name}_SELECTOR`, selector],
    [`GUEST_${name}_BASE`, base],
    [`GUEST_${name}_LIMIT`, limit],
    [`GUEST_${name}_ACCESS_RIGHTS`, rights],
  ];
}

/** The first instruction of the hypervisor after a VM exit, its stack, and the rest of its state. */
function hostState(a: Hypervisor, { gdt, taskState }: StartLabels): FieldList {
  return [
    ["HOST_RIP", a.exited],
    ["HOST_RSP", a.reserve("hostStack", 8192, 4096).plus(8192)],
    ["HOST_CS_SELECTOR", CODE],
    ...(["ES", "SS", "DS", "FS", "GS"] as const).map((name) => [`HOST_${name}_SELECTOR`, DATA] as const),
    ["HOST_TR_SELECTOR", TASK_STATE],
    ["HOST_TR_BASE", taskState],
    ["HOST_GDTR_BASE", gdt],
    ["HOST_EFER", EFER_LONG_MODE_ACTIVE],
    ...(["FS_BASE", "GS_BASE", "IDTR_BASE", "SYSENTER_CS", "SYSENTER_ESP", "SYSENTER_EIP"] as const).map(
      (name) => [`HOST_${name}`, 0] as const,
    ),
  ];
}

/** Every guest begins with these. */
const COMMON: FieldList = [
  ["EXCEPTION_BITMAP", 0],
  ["PAGE_FAULT_ERROR_CODE_MASK", 0],
  ["PAGE_FAULT_ERROR_CODE_MATCH", 0],
  ["CR3_TARGET_COUNT", 0],
  ["EXIT_MSR_STORE_COUNT", 0],
  ["EXIT_MSR_LOAD_COUNT", 0],
  ["ENTRY_MSR_LOAD_COUNT", 0],
  ["ENTRY_INTERRUPTION_INFO", 0],
  ["VMCS_LINK_POINTER", 0xffffffffffffffffn],
  ["GUEST_ACTIVITY_STATE", 0],
  ["GUEST_INTERRUPTIBILITY_STATE", 0],
  ["GUEST_PENDING_DEBUG_EXCEPTIONS", 0],
  ["GUEST_DEBUGCTL", 0],
  ["GUEST_DR7", 0x400],
  ["GUEST_SYSENTER_CS", 0],
  ["GUEST_SYSENTER_ESP", 0],
  ["GUEST_SYSENTER_EIP", 0],
  // The guest may not see that CR4.VMXE is 1, as it must be.
  ["CR4_GUEST_HOST_MASK", CR4_VMXE],
  ["CR4_READ_SHADOW", 0],
];

/** Makes a VMCS current and fills it in. The program does this before each guest. */
export function prepareVmcs(a: Hypervisor, labels: StartLabels, { pointer }: Ept, plan: GuestPlan): void {
  const region = a.reserve(`vmcs ${plan.name}`, 4096, 4096);
  writeRevision(a, region);
  withPointer(a, region, (operand) => a.vmclear(operand));
  withPointer(a, region, (operand) => a.vmptrld(operand));

  // The guest begins with the hypervisor's control registers, unless its plan says otherwise.
  for (const [register, ...names] of [
    [cr0, "HOST_CR0", "GUEST_CR0"],
    [cr3, "HOST_CR3", "GUEST_CR3"],
    [cr4, "HOST_CR4", "GUEST_CR4"],
  ] as const) {
    a.mov(rbx, register);
    for (const name of names) a.writeField(name, rbx);
  }

  const list = a.label(`fields ${plan.name}`);
  a.lea(rsi, mem(list));
  a.call(a.writeFields);
  const filled = a.label(`filled ${plan.name}`);
  a.jmp(filled);
  a.align(8);
  a.bind(list);
  for (const [name, value] of [
    ...hostState(a, labels),
    ...COMMON,
    ...plan.fields,
    ["EPT_POINTER", pointer],
  ] as FieldList) {
    a.dd(VmcsField[name], 0);
    a.dq(value);
  }
  a.dd(LIST_END, 0);
  a.bind(filled);

  const { hltExiting, unconditionalIoExiting, activateSecondaryControls } = PrimaryControl;
  const { hostAddressSpaceSize, acknowledgeInterrupt, saveEfer, loadEfer } = ExitControl;
  const sum = (...bits: readonly number[]): number => bits.reduce((all, bit) => all + bit, 0);
  const controls = [
    ["PIN_CONTROLS", IA32_VMX_TRUE_PINBASED_CTLS, PinControl.externalInterruptExiting],
    [
      "PRIMARY_CONTROLS",
      IA32_VMX_TRUE_PROCBASED_CTLS,
      sum(hltExiting, unconditionalIoExiting, activateSecondaryControls),
    ],
    ["SECONDARY_CONTROLS", IA32_VMX_PROCBASED_CTLS2, sum(SecondaryControl.enableEpt, plan.secondary)],
    [
      "EXIT_CONTROLS",
      IA32_VMX_TRUE_EXIT_CTLS,
      sum(hostAddressSpaceSize, acknowledgeInterrupt, saveEfer, loadEfer),
    ],
    ["ENTRY_CONTROLS", IA32_VMX_TRUE_ENTRY_CTLS, sum(EntryControl.loadEfer, plan.entry)],
  ] as const;
  for (const [name, capability, wanted] of controls) {
    a.mov(eax, wanted);
    a.mov(ecx, capability);
    a.call(a.adjustControls);
    a.writeField(name, rbx);
  }
}

/** RSI points to pairs of an encoding and a value, 8 bytes each. A VMWRITE that fails ends the program. */
export function fieldsRoutine(a: Hypervisor): void {
  const done = a.label("fieldsDone");
  a.bind(a.writeFields);
  const next = a.here("nextField");
  a.mov(ecx, dword(rsi));
  a.cmp(ecx, LIST_END);
  a.je(done);
  a.vmwrite(rcx, qword(rsi, 8));
  a.jbe(a.vmxFailed);
  a.add(rsi, 16);
  a.jmp(next);
  a.bind(done);
  a.ret();
}
