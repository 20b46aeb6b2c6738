/**
 * What CPUID tells (SDM volume 2A, CPUID), and the control registers.
 */

import {
  al,
  cr0,
  cr3,
  cr4,
  dword,
  eax,
  ebx,
  ecx,
  edx,
  type Label,
  mem,
  qword,
  r12,
  r12d,
  r13d,
  rax,
  rbx,
  rcx,
  rdx,
  rsi,
} from "../assembler/assembler.js";
import { IA32_EFER } from "./layout.js";
import type { Tour } from "./program.js";

/** Offsets of the answers of CPUID, as {@link askCpu} stores them. */
const EBX = 4;
const ECX = 8;
const EDX = 12;

interface Feature {
  readonly name: string;
  readonly leaf: number;
  readonly register: number;
  readonly bit: number;
}

const FEATURES: readonly Feature[] = [
  { name: "SSE2", leaf: 1, register: EDX, bit: 26 },
  { name: "SSE4.2", leaf: 1, register: ECX, bit: 20 },
  { name: "AVX", leaf: 1, register: ECX, bit: 28 },
  { name: "AVX2", leaf: 7, register: EBX, bit: 5 },
  { name: "FMA", leaf: 1, register: ECX, bit: 12 },
  { name: "BMI2", leaf: 7, register: EBX, bit: 8 },
  { name: "POPCNT", leaf: 1, register: ECX, bit: 23 },
  { name: "AES", leaf: 1, register: ECX, bit: 25 },
  { name: "RDRAND", leaf: 1, register: ECX, bit: 30 },
  { name: "NX", leaf: 0x80000001, register: EDX, bit: 20 },
  { name: "1-GiB-pages", leaf: 0x80000001, register: EDX, bit: 26 },
  { name: "PCID", leaf: 1, register: ECX, bit: 17 },
  { name: "SMEP", leaf: 7, register: EBX, bit: 7 },
  { name: "SMAP", leaf: 7, register: EBX, bit: 20 },
  { name: "FSGSBASE", leaf: 7, register: EBX, bit: 0 },
  { name: "x2APIC", leaf: 1, register: ECX, bit: 21 },
  { name: "TSC-deadline", leaf: 1, register: ECX, bit: 24 },
  { name: "invariant-TSC", leaf: 0x80000007, register: EDX, bit: 8 },
  { name: "VMX", leaf: 1, register: ECX, bit: 5 },
  { name: "SVM", leaf: 0x80000001, register: ECX, bit: 2 },
];
/** Of an entry of the table of features: leaf, register, bit, 4 unused bytes, name. */
const FEATURE_LENGTH = 24;
const HYPERVISOR_BIT = 31;

export class CpuStep {
  readonly show: (a: Tour) => void;

  constructor(a: Tour) {
    const askCpu = a.label("askCpu");
    const answer = a.reserve("cpuidAnswer", 16);
    const features = featureTable(a);
    askRoutine(a, askCpu, answer);
    this.show = () => {
      names(a, askCpu, answer);
      featureList(a, askCpu, answer, features);
      hypervisor(a, askCpu, answer);
      controlRegisters(a);
    };
  }
}

/** EAX = leaf, subleaf 0: stores EAX, EBX, ECX, EDX in `answer`; zeros if the processor doesn't have the leaf. */
function askRoutine(a: Tour, askCpu: Label, answer: Label): void {
  a.bind(askCpu);
  for (const register of [rax, rbx, rcx, rdx, r12]) a.push(register);
  a.mov(r12d, eax);
  // The first leaf of the range answers with the last.
  a.and(eax, 0xffff0000);
  a.cpuid();
  const exists = a.label("leafExists");
  const store = a.label("leafStore");
  a.cmp(r12d, eax);
  a.jbe(exists);
  for (const register of [eax, ebx, ecx, edx]) a.xor(register, register);
  a.jmp(store);
  a.bind(exists);
  a.mov(eax, r12d);
  a.xor(ecx, ecx);
  a.cpuid();
  a.bind(store);
  a.mov(dword(answer), eax);
  a.mov(dword(answer, EBX), ebx);
  a.mov(dword(answer, ECX), ecx);
  a.mov(dword(answer, EDX), edx);
  for (const register of [r12, rdx, rcx, rbx, rax]) a.pop(register);
  a.ret();
}

function featureTable(a: Tour): Label {
  a.align(8);
  const table = a.here("features");
  for (const { name, leaf, register, bit } of FEATURES) {
    a.dd(leaf, register, bit, 0);
    a.dq(a.text(` ${name}`));
  }
  return table;
}

function ask(a: Tour, askCpu: Label, leaf: number): void {
  a.mov(eax, leaf);
  a.call(askCpu);
}

function names(a: Tour, askCpu: Label, answer: Label): void {
  const text = a.reserve("cpuName", 64);
  const copy = (to: number, registers: readonly number[]): void => {
    registers.forEach((register, index) => {
      a.mov(eax, dword(answer, register));
      a.mov(dword(text, to + 4 * index), eax);
    });
  };
  a.say("  Vendor ");
  ask(a, askCpu, 0);
  copy(0, [EBX, EDX, ECX]);
  a.mov(dword(text, 12), 0);
  a.lea(rsi, mem(text));
  a.call(a.printText);

  a.say(", model ");
  for (let i = 0; i < 3; i++) {
    ask(a, askCpu, 0x80000002 + i);
    copy(16 * i, [0, EBX, ECX, EDX]);
  }
  // Intel pads the name with spaces in front.
  a.lea(rsi, mem(text));
  const padding = a.here("padding");
  a.lodsb();
  a.cmp(al, 0x20);
  a.je(padding);
  a.dec(rsi);
  a.call(a.printText);

  ask(a, askCpu, 0x80000008);
  a.say("\n  Addresses: ");
  a.mov(eax, dword(answer));
  a.movzx(eax, al);
  a.call(a.printDecimal);
  a.say(" bits physical, ");
  a.mov(eax, dword(answer));
  a.shr(eax, 8);
  a.movzx(eax, al);
  a.call(a.printDecimal);
  a.say(" bits linear\n");
}

function featureList(a: Tour, askCpu: Label, answer: Label, features: Label): void {
  a.say("  Features:");
  a.lea(r12, mem(features));
  a.mov(r13d, FEATURES.length);
  const next = a.here("nextFeature");
  const absent = a.label("featureAbsent");
  a.mov(eax, dword(r12));
  a.call(askCpu);
  a.mov(eax, dword(r12, 4));
  a.lea(rbx, mem(answer));
  a.mov(eax, dword({ base: rbx, index: rax }));
  a.mov(ecx, dword(r12, 8));
  a.bt(eax, ecx);
  a.jnc(absent);
  a.mov(rsi, qword(r12, 16));
  a.call(a.printText);
  a.bind(absent);
  a.add(r12, FEATURE_LENGTH);
  a.dec(r13d);
  a.jnz(next);
  a.say("\n");
}

/** Hypervisors sign at leaf 40000000h. */
function hypervisor(a: Tour, askCpu: Label, answer: Label): void {
  const done = a.label("noHypervisor");
  const signature = a.reserve("signature", 16);
  ask(a, askCpu, 1);
  a.bt(dword(answer, ECX), HYPERVISOR_BIT);
  a.jnc(done);
  ask(a, askCpu, 0x40000000);
  for (const [index, register] of [EBX, ECX, EDX].entries()) {
    a.mov(eax, dword(answer, register));
    a.mov(dword(signature, 4 * index), eax);
  }
  a.say('  It says that it is virtual: "');
  a.lea(rsi, mem(signature));
  a.call(a.printText);
  a.say('"\n');
  a.bind(done);
}

function controlRegisters(a: Tour): void {
  for (const [name, register] of [
    ["  CR0 ", cr0],
    ["  CR3 ", cr3],
    ["\n  CR4 ", cr4],
  ] as const) {
    a.say(name);
    a.mov(rax, register);
    a.call(a.printHex);
  }
  a.say("  EFER ");
  a.mov(ecx, IA32_EFER);
  a.rdmsr();
  a.shl(rdx, 32);
  a.or(rax, rdx);
  a.call(a.printHex);
  a.say("\n");
}
