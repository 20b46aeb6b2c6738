/**
 * The smallest hypervisor: a multiboot guest that enters VMX operation by itself, runs a guest of its own, and tells
 * every VM exit on the serial console, a letter each. For tests of VMX by nothing but instructions.
 */
import {
  Assembler,
  al,
  ax,
  byte,
  cr0,
  cr3,
  cr4,
  ds,
  dword,
  dx,
  eax,
  ebx,
  ecx,
  es,
  fs,
  gs,
  type Label,
  mem,
  qword,
  rax,
  rbx,
  rcx,
  rdx,
  rsi,
  rsp,
  ss,
} from "./assembler/assembler.js";
import { elfFile, PROGRAM_ADDRESS } from "./elf.js";

const MULTIBOOT_MAGIC = 0x1badb002;
const COM1 = 0x3f8;
const DEBUG_EXIT = 0xf4;
const CODE = 0x08;
const DATA = 0x10;
const TASK_STATE = 0x18;
const IA32_EFER = 0xc000_0080;
const IA32_VMX_BASIC = 0x480;
const LONG_MODE = 0x100;
/** PE, ET, NE, PG. */
const CR0_PAGED = 0x8000_0031;
const CR4_PAE = 0x20;
const CR4_PAE_VMXE = 0x2020;
const PRESENT_WRITE = 3;
const LARGE_PAGE = 0x80;
/** Where page tables and VMX regions lie: a page each. */
const AREA = 0x20_0000;
const page = (index: number): number => AREA + index * 0x1000;
const [PML4, PDPT, DIRECTORY, VMXON, VMCS, HOST_STACK, GUEST_STACK] = [0, 1, 2, 3, 4, 6, 8].map(page) as [
  number,
  number,
  number,
  number,
  number,
  number,
  number,
];

export interface VmxGuest {
  /** VMCS fields by encoding, besides those that every guest of this hypervisor has. */
  readonly fields: readonly (readonly [encoding: number, value: number | bigint])[];
  /** Letters by exit reason. Others print "?" and end the program. */
  readonly letters: Readonly<Record<number, string>>;
  /** Exit reasons behind whose instruction the guest goes on. */
  readonly skip: readonly number[];
  /** The guest's 64-bit code. A VMCALL ends the program. */
  readonly code: (a: Assembler) => void;
}

/** Segments, tables and controls for 64-bit code with the hypervisor's own page tables. */
function commonFields(guest: Label, exited: Label, gdt: Label): [number, number | bigint | Label][] {
  const list: [number, number | bigint | Label][] = [
    [0x4000, 0x16],
    [0x4002, 0x0400_6172],
    [0x400c, 0x36fff],
    [0x4012, 0x13ff],
    [0x2800, 0xffff_ffff_ffff_ffffn],
    [0x6800, CR0_PAGED],
    [0x6802, PML4],
    [0x6804, CR4_PAE_VMXE],
    [0x681a, 0x400],
    [0x681c, GUEST_STACK],
    [0x681e, guest],
    [0x6820, 2],
    [0x6816, gdt],
    [0x4810, 0x27],
    [0x6c00, CR0_PAGED],
    [0x6c02, PML4],
    [0x6c04, CR4_PAE_VMXE],
    [0x6c0c, gdt],
    [0x6c14, HOST_STACK],
    [0x6c16, exited],
    [0x0c02, CODE],
    [0x0c04, DATA],
    [0x0c0c, TASK_STATE],
  ];
  for (let segment = 0; segment < 8; segment++) {
    const [selector, limit, rights] =
      segment === 1
        ? [CODE, 0xffff_ffff, 0xa09b]
        : segment === 6
          ? [0, 0, 0x10000]
          : segment === 7
            ? [TASK_STATE, 0x67, 0x8b]
            : [DATA, 0xffff_ffff, 0xc093];
    list.push([0x800 + segment * 2, selector], [0x4800 + segment * 2, limit], [0x4814 + segment * 2, rights]);
  }
  return list;
}

/** From 32-bit protected mode without paging to 64-bit mode with the first 1 GiB mapped as it is. */
function enterLongMode(a: Assembler, gdtPointer: Label, long: Label): void {
  a.mov(dword(PML4), PDPT | PRESENT_WRITE);
  a.mov(dword(PDPT), DIRECTORY | PRESENT_WRITE);
  a.xor(ecx, ecx);
  a.mov(eax, PRESENT_WRITE | LARGE_PAGE);
  const next = a.here("nextPage");
  a.mov(dword({ index: ecx, scale: 8, displacement: DIRECTORY }), eax);
  a.add(eax, 0x200000);
  a.inc(ecx);
  a.cmp(ecx, 512);
  a.jb(next);
  a.mov(eax, CR4_PAE);
  a.mov(cr4, eax);
  a.mov(eax, PML4);
  a.mov(cr3, eax);
  a.mov(ecx, IA32_EFER);
  a.rdmsr();
  a.or(eax, LONG_MODE);
  a.wrmsr();
  a.mov(eax, CR0_PAGED);
  a.mov(cr0, eax);
  a.lgdt(mem(gdtPointer));
  a.jmpFar(CODE, long);
  a.bits = 64;
  a.bind(long);
  a.mov(eax, DATA);
  for (const register of [ds, es, ss, fs, gs]) a.mov(register, ax);
  a.mov(rsp, HOST_STACK);
}

/** VMXON, VMCLEAR and VMPTRLD. */
function enterVmx(a: Assembler, failed: Label): void {
  a.mov(eax, CR4_PAE_VMXE);
  a.mov(cr4, rax);
  a.mov(ecx, IA32_VMX_BASIC);
  a.rdmsr();
  a.mov(dword(VMXON), eax);
  a.mov(dword(VMCS), eax);
  const operand = qword(rsp, -8);
  a.mov(rax, VMXON);
  a.mov(operand, rax);
  a.vmxon(operand);
  a.jbe(failed);
  a.mov(rax, VMCS);
  a.mov(operand, rax);
  a.vmclear(operand);
  a.jbe(failed);
  a.vmptrld(operand);
  a.jbe(failed);
}

/** The program as an ELF file; it ends by writing to the debug-exit port. */
export function vmxGuest({ fields, letters, skip, code }: VmxGuest): { name: string; data: Uint8Array } {
  const a = new Assembler(PROGRAM_ADDRESS, 32);
  a.dd(MULTIBOOT_MAGIC, 0, -MULTIBOOT_MAGIC);
  const labels = ["gdt", "gdtPointer", "long", "failed", "guest", "exited", "fields", "fieldsEnd", "letters"];
  const [gdt, gdtPointer, long, failed, guest, exited, table, tableEnd, letterTable] = labels.map((name) =>
    a.label(name),
  ) as [Label, Label, Label, Label, Label, Label, Label, Label, Label];
  const entry = a.position;
  enterLongMode(a, gdtPointer, long);
  enterVmx(a, failed);

  a.mov(rsi, table);
  const next = a.here("nextField");
  a.mov(rdx, qword(rsi));
  a.mov(rax, qword(rsi, 8));
  a.vmwrite(rdx, rax);
  a.jbe(failed);
  a.add(rsi, 16);
  a.cmp(rsi, tableEnd);
  a.jb(next);
  a.vmlaunch();

  a.bind(failed);
  a.mov(al, 0x21);
  const say = a.here("say");
  a.mov(dx, COM1);
  a.out(dx, al);
  const end = a.here("end");
  a.mov(dx, DEBUG_EXIT);
  a.out(dx, al);
  a.hlt();
  a.jmp(end);

  a.bind(exited);
  a.push(rax);
  a.push(rbx);
  a.push(rcx);
  a.push(rdx);
  a.mov(ecx, 0x4402);
  a.vmread(rbx, rcx);
  a.cmp(ebx, 64);
  a.mov(al, 0x3f);
  a.jae(say);
  a.mov(al, byte({ base: rbx, place: letterTable }));
  a.mov(dx, COM1);
  a.out(dx, al);
  a.cmp(ebx, 18);
  a.je(end);
  const resume = a.label("resume");
  const skipping = a.label("skipping");
  for (const reason of skip) {
    a.cmp(ebx, reason);
    a.je(skipping);
  }
  a.jmp(resume);
  a.bind(skipping);
  a.mov(ecx, 0x440c);
  a.vmread(rbx, rcx);
  a.mov(ecx, 0x681e);
  a.vmread(rdx, rcx);
  a.add(rbx, rdx);
  a.vmwrite(rcx, rbx);
  a.bind(resume);
  a.pop(rdx);
  a.pop(rcx);
  a.pop(rbx);
  a.pop(rax);
  a.vmresume();
  a.jmp(failed);

  a.bind(guest);
  code(a);
  a.vmcall();

  a.align(16);
  a.bind(gdt);
  a.dq(0, 0x00af9b000000ffffn, 0x00cf93000000ffffn, 0, 0);
  a.bind(gdtPointer);
  a.dw(0x27);
  a.dq(gdt);
  a.bind(letterTable);
  a.db(...Array.from({ length: 64 }, (_, reason) => (letters[reason] ?? "?").charCodeAt(0)));
  a.align(16);
  a.bind(table);
  for (const [field, value] of [...commonFields(guest, exited, gdt), ...fields]) a.dq(field, value);
  a.bind(tableEnd);
  const stop = a.position;
  const notes = { address: PROGRAM_ADDRESS, length: 0 };
  return { name: "vmx", data: elfFile({ program: a.finish(), entry, end: stop + 4096, notes }) };
}
