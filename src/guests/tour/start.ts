/**
 * From the loader's 32-bit protected mode to 64-bit mode: the headers that loaders look for, the memory map that
 * they hand over, page tables, GDT. Multiboot 0.6.96; Xen's PVH ABI; SDM volume 3, 9.8.5.
 */

import {
  ax,
  cr0,
  cr3,
  cr4,
  ds,
  dword,
  eax,
  ebx,
  ecx,
  edi,
  edx,
  es,
  esp,
  fs,
  gs,
  type Label,
  mem,
  ss,
} from "../assembler/assembler.js";
import { IA32_EFER, KERNEL_CODE, KERNEL_DATA, TASK_STATE } from "./layout.js";
import type { Tour } from "./program.js";

const MULTIBOOT_MAGIC = 0x1badb002;
/** Wants memory information. */
const MULTIBOOT_FLAGS = 0x2;
const MULTIBOOT_HAS_MAP = 1 << 6;
const PVH_START_INFO = 0x336ec578;
const XEN_ELFNOTE_PHYS32_ENTRY = 18;

const PRESENT_WRITE = 0x3;
const PRESENT_WRITE_USER = 0x7;
const PRESENT_USER = 0x5;
const LARGE_PAGE = 0x80;
/** PCD and PWT: the gigabyte below 4 GiB belongs to devices. */
const UNCACHED = 0x18;

const CR4_PAE_FXSR_XMM = 0x620;
const EFER_LONG_MODE_SYSCALL = 0x101;
/** PE, MP, ET, NE, WP, PG. */
const CR0_PAGED = 0x80010033;

export interface StartLabels {
  readonly entry: Label;
  readonly noteAddress: number;
  readonly noteLength: number;
  /** The leaf page table of {@link ON_DEMAND_BASE}: nothing is present at first. */
  readonly onDemandTable: Label;
  readonly taskState: Label;
  readonly taskDescriptor: Label;
}

export function start(a: Tour, taskStateLimit: number): StartLabels {
  const entry = a.label("entry");
  const gdt = a.label("gdt");
  const gdtEnd = a.label("gdtEnd");
  const gdtPointer = a.label("gdtPointer");

  const table = (name: string, pages = 1): Label => a.reserve(name, 4096 * pages, 4096);
  const pml4 = table("pml4");
  const pdpt = table("pdpt");
  const directories = table("directories", 4);
  const [userPdpt, userDirectory, userTable] = [
    table("userPdpt"),
    table("userDirectory"),
    table("userTable"),
  ];
  const [lazyPdpt, lazyDirectory, lazyTable] = [
    table("lazyPdpt"),
    table("lazyDirectory"),
    table("lazyTable"),
  ];
  const userStack = table("userStack");
  const stackTop = a.reserve("stack", 16384, 4096).plus(16384);
  const taskState = a.reserve("taskState", taskStateLimit + 1, 16);

  a.align(4);
  a.dd(MULTIBOOT_MAGIC, MULTIBOOT_FLAGS, -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS));

  const noteAddress = a.position;
  a.dd(4, 4, XEN_ELFNOTE_PHYS32_ENTRY);
  a.asciz("Xen");
  a.dd(entry);
  const noteLength = a.position - noteAddress;

  a.bits = 32;
  a.bind(entry);
  a.cli();
  a.cld();
  a.mov(esp, stackTop);
  memoryMap(a);

  // The first four gigabytes, as they are, in pages of 2 MiB: 2048 entries of 8 bytes.
  a.mov(edi, directories);
  a.mov(eax, PRESENT_WRITE | LARGE_PAGE);
  a.xor(ecx, ecx);
  const next = a.here("nextPage");
  const cached = a.label("cached");
  a.cmp(ecx, 3 * 512);
  a.jb(cached);
  a.or(eax, UNCACHED);
  a.bind(cached);
  a.mov(dword({ base: edi, index: ecx, scale: 8 }), eax);
  a.add(eax, 0x200000);
  a.inc(ecx);
  a.cmp(ecx, 4 * 512);
  a.jb(next);

  const link = (place: Label, index: number, target: Label, flags: number, offset = 0): void => {
    a.mov(dword(place, 8 * index), target.plus(offset + flags));
  };
  for (let i = 0; i < 4; i++) link(pdpt, i, directories, PRESENT_WRITE, 4096 * i);
  link(pml4, 0, pdpt, PRESENT_WRITE);
  link(pml4, 1, userPdpt, PRESENT_WRITE_USER);
  link(userPdpt, 0, userDirectory, PRESENT_WRITE_USER);
  link(userDirectory, 0, userTable, PRESENT_WRITE_USER);
  link(userTable, 0, a.userPage, PRESENT_USER);
  link(userTable, 1, userStack, PRESENT_WRITE_USER);
  link(pml4, 2, lazyPdpt, PRESENT_WRITE);
  link(lazyPdpt, 0, lazyDirectory, PRESENT_WRITE);
  link(lazyDirectory, 0, lazyTable, PRESENT_WRITE);

  // Long mode begins when paging does, in its 32-bit compatibility mode; a code segment with L set ends that.
  a.mov(eax, cr4);
  a.or(eax, CR4_PAE_FXSR_XMM);
  a.mov(cr4, eax);
  a.mov(eax, pml4);
  a.mov(cr3, eax);
  a.mov(ecx, IA32_EFER);
  a.rdmsr();
  a.or(eax, EFER_LONG_MODE_SYSCALL);
  a.wrmsr();
  a.mov(eax, CR0_PAGED);
  a.mov(cr0, eax);
  a.lgdt(mem(gdtPointer));
  const long = a.label("long");
  a.jmpFar(KERNEL_CODE, long);

  a.bits = 64;
  a.bind(long);
  a.mov(eax, KERNEL_DATA);
  for (const register of [ds, es, ss, fs, gs]) a.mov(register, ax);
  a.jmp(a.main);

  a.align(8);
  a.bind(gdt);
  a.dq(0);
  a.dq(0x00af9b000000ffffn, 0x00cf93000000ffffn); // code and data of ring 0
  a.dq(0x00cff3000000ffffn, 0x00affb000000ffffn); // data and code of ring 3
  const taskDescriptor = a.here("taskDescriptor");
  if (a.position - gdt.address! !== TASK_STATE)
    throw new Error("The GDT has another order than its selectors.");
  a.dq(0, 0);
  a.bind(gdtEnd);
  a.bind(gdtPointer);
  a.dw(gdtEnd.address! - gdt.address! - 1);
  a.dq(gdt);

  return { entry, noteAddress, noteLength, onDemandTable: lazyTable, taskState, taskDescriptor };
}

/** EBX points to the boot information. Notes where the memory map is; both loaders use the layout of E820. */
function memoryMap(a: Tour): void {
  const multiboot = a.label("multiboot");
  const done = a.label("mapKnown");
  a.cmp(dword(ebx), PVH_START_INFO);
  a.jne(multiboot);
  a.mov(eax, dword(ebx, 40));
  a.mov(dword(a.mapStart), eax);
  a.imul(ecx, dword(ebx, 48), 24);
  a.add(eax, ecx);
  a.mov(dword(a.mapEnd), eax);
  a.mov(dword(a.mapStride), 24);
  a.jmp(done);

  // Each multiboot entry begins with its length, not counting the length itself.
  a.bind(multiboot);
  a.test(dword(ebx), MULTIBOOT_HAS_MAP);
  a.jz(done);
  a.mov(eax, dword(ebx, 48));
  a.mov(edx, dword(eax));
  a.add(edx, 4);
  a.mov(dword(a.mapStride), edx);
  a.add(eax, 4);
  a.mov(dword(a.mapStart), eax);
  a.add(eax, dword(ebx, 44));
  a.mov(dword(a.mapEnd), eax);
  a.bind(done);
}
