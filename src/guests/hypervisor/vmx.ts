/**
 * Into VMX operation: what the processor must have, IA32_FEATURE_CONTROL, the bits that VMX fixes in CR0 and CR4,
 * VMXON (SDM volume 3, 24.6 to 24.8). And how controls are adjusted to what a processor allows (appendix A).
 */

import {
  type ControlRegister,
  cr0,
  cr4,
  dword,
  eax,
  ebx,
  ecx,
  edx,
  type Label,
  qword,
  rax,
  rbx,
  rdx,
  rsp,
} from "../assembler/assembler.js";
import {
  CR4_VMXE,
  IA32_FEATURE_CONTROL,
  IA32_VMX_BASIC,
  IA32_VMX_CR0_FIXED0,
  IA32_VMX_CR0_FIXED1,
  IA32_VMX_CR4_FIXED0,
  IA32_VMX_CR4_FIXED1,
  IA32_VMX_EPT_VPID_CAP,
} from "./layout.js";
import type { Hypervisor } from "./program.js";

/** CPUID leaf 1, ECX. */
const CPUID_VMX = 5;
const FEATURE_LOCKED = 1 << 0;
const FEATURE_VMX_OUTSIDE_SMX = 1 << 2;
/** IA32_VMX_BASIC: the TRUE capability MSRs exist. The bit is in the upper half, which RDMSR leaves in EDX. */
const BASIC_TRUE_CONTROLS = 55 - 32;
/** IA32_VMX_EPT_VPID_CAP: walks of 4 levels, write-back tables, pages of 2 MiB. */
const EPT_NEEDED = (1 << 6) | (1 << 14) | (1 << 16);

export function turnOnVmx(a: Hypervisor, region: Label): void {
  checkProcessor(a);
  featureControl(a);

  // In VMX operation some bits of CR0 and CR4 must be 1 (FIXED0) and some must be 0 (those not in FIXED1).
  a.mov(rax, cr4);
  a.or(rax, CR4_VMXE);
  a.mov(cr4, rax);
  applyFixedBits(a, cr0, IA32_VMX_CR0_FIXED0, IA32_VMX_CR0_FIXED1);
  applyFixedBits(a, cr4, IA32_VMX_CR4_FIXED0, IA32_VMX_CR4_FIXED1);

  a.say("  VMXON with a region of revision ");
  writeRevision(a, region);
  a.mov(eax, ebx);
  a.sayHex();
  withPointer(a, region, (pointer) => a.vmxon(pointer));
  a.say(": the processor is in VMX root operation.\n");
}

/** A VMXON region or a VMCS begins with the revision that the processor expects. EBX = it. */
export function writeRevision(a: Hypervisor, region: Label): void {
  a.mov(ecx, IA32_VMX_BASIC);
  a.rdmsr();
  a.mov(ebx, eax);
  a.mov(dword(region), ebx);
}

/** An instruction whose operand holds the physical address of a region. Failure ends the program. */
export function withPointer(
  a: Hypervisor,
  region: Label,
  instruction: (pointer: ReturnType<typeof qword>) => void,
): void {
  a.mov(rax, region);
  a.push(rax);
  instruction(qword(rsp));
  a.jbe(a.vmxFailed);
  a.pop(rax);
}

function checkProcessor(a: Hypervisor): void {
  const hasVmx = a.label("hasVmx");
  const hasTrueControls = a.label("hasTrueControls");
  const hasEpt = a.label("hasEpt");
  a.mov(eax, 1);
  a.xor(ecx, ecx);
  a.cpuid();
  a.bt(ecx, CPUID_VMX);
  a.jc(hasVmx);
  a.giveUp("  CPUID says that this processor has no VMX. vt86 has it with --cpu Skylake-Server,+vmx");
  a.bind(hasVmx);
  a.mov(ecx, IA32_VMX_BASIC);
  a.rdmsr();
  a.bt(edx, BASIC_TRUE_CONTROLS);
  a.jc(hasTrueControls);
  a.giveUp("  This processor's VMX is from before EPT.");
  a.bind(hasTrueControls);
  a.mov(ecx, IA32_VMX_EPT_VPID_CAP);
  a.rdmsr();
  a.and(eax, EPT_NEEDED);
  a.cmp(eax, EPT_NEEDED);
  a.je(hasEpt);
  a.giveUp("  This processor has no EPT of the kind that is needed.");
  a.bind(hasEpt);
  a.say("  CPUID says that the processor has VMX, and IA32_VMX_EPT_VPID_CAP that EPT is as needed.\n");
}

/** The firmware decides whether VMX may be used, and locks its decision until the next reset. */
function featureControl(a: Hypervisor): void {
  const locked = a.label("featureLocked");
  const allowed = a.label("featureAllowed");
  a.mov(ecx, IA32_FEATURE_CONTROL);
  a.rdmsr();
  a.test(eax, FEATURE_LOCKED);
  a.jnz(locked);
  a.or(eax, FEATURE_LOCKED | FEATURE_VMX_OUTSIDE_SMX);
  a.wrmsr();
  a.say("  IA32_FEATURE_CONTROL was not locked: VMX is allowed now, and the lock is set.\n");
  a.jmp(allowed);
  a.bind(locked);
  a.test(eax, FEATURE_VMX_OUTSIDE_SMX);
  const forbidden = a.label("featureForbidden");
  a.jz(forbidden);
  a.say("  IA32_FEATURE_CONTROL allows VMX, and is locked.\n");
  a.jmp(allowed);
  a.bind(forbidden);
  a.giveUp("  The firmware has forbidden VMX in IA32_FEATURE_CONTROL, and locked that.");
  a.bind(allowed);
}

function applyFixedBits(a: Hypervisor, register: ControlRegister, fixed0: number, fixed1: number): void {
  a.mov(rbx, register);
  for (const [msr, combine] of [
    [fixed0, () => a.or(rbx, rax)],
    [fixed1, () => a.and(rbx, rax)],
  ] as const) {
    a.mov(ecx, msr);
    a.rdmsr();
    a.shl(rdx, 32);
    a.or(rax, rdx);
    combine();
  }
  a.mov(register, rbx);
}

/** The lower half of a capability MSR tells which controls must be 1, the upper half which may be 1. */
export function controlsRoutine(a: Hypervisor): void {
  const possible = a.label("controlsPossible");
  a.bind(a.adjustControls);
  a.mov(ebx, eax);
  a.rdmsr();
  a.or(ebx, eax);
  a.mov(eax, ebx);
  a.and(ebx, edx);
  a.cmp(eax, ebx);
  a.je(possible);
  a.giveUp("  The processor lacks a control that is needed.");
  a.bind(possible);
  a.ret();
}
