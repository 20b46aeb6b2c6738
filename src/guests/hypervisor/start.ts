/**
 * From the boot loader's 32-bit protected mode to 64-bit mode: multiboot header, page tables, GDT. Multiboot 0.6.96;
 * SDM volume 3, 10.8.5.
 */

import {
  ax,
  cr0,
  cr3,
  cr4,
  ds,
  dword,
  eax,
  ecx,
  edi,
  es,
  esp,
  fs,
  gs,
  type Label,
  mem,
  ss,
} from "../assembler/assembler.js";
import { CODE, DATA, IA32_EFER, TASK_STATE, TASK_STATE_LIMIT } from "./layout.js";
import type { Hypervisor } from "./program.js";

const MULTIBOOT_MAGIC = 0x1badb002;
const PRESENT_WRITE = 0x3;
const LARGE_PAGE = 0x80;
/** PCD and PWT: the gigabyte below 4 GiB belongs to devices. */
const UNCACHED = 0x18;
const CR4_PAE = 0x20;
const EFER_LONG_MODE = 0x100;
/** PE, ET, NE, WP, PG. */
const CR0_PAGED = 0x80010031;

export interface StartLabels {
  readonly entry: Label;
  readonly gdt: Label;
  readonly gdtLimit: number;
  readonly taskState: Label;
}

export function start(a: Hypervisor): StartLabels {
  const entry = a.label("entry");
  const gdtPointer = a.label("gdtPointer");
  const pml4 = a.reserve("pml4", 4096, 4096);
  const pdpt = a.reserve("pdpt", 4096, 4096);
  const directories = a.reserve("directories", 4 * 4096, 4096);
  const stackTop = a.reserve("startStack", 4096, 4096).plus(4096);

  a.align(4);
  a.dd(MULTIBOOT_MAGIC, 0, -MULTIBOOT_MAGIC);

  a.bind(entry);
  a.cli();
  a.cld();
  a.mov(esp, stackTop);

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
  for (let i = 0; i < 4; i++) a.mov(dword(pdpt, 8 * i), directories.plus(4096 * i + PRESENT_WRITE));
  a.mov(dword(pml4), pdpt.plus(PRESENT_WRITE));

  // Long mode begins when paging does, in its 32-bit compatibility mode; a code segment with L set ends that.
  a.mov(eax, CR4_PAE);
  a.mov(cr4, eax);
  a.mov(eax, pml4);
  a.mov(cr3, eax);
  a.mov(ecx, IA32_EFER);
  a.rdmsr();
  a.or(eax, EFER_LONG_MODE);
  a.wrmsr();
  a.mov(eax, CR0_PAGED);
  a.mov(cr0, eax);
  a.lgdt(mem(gdtPointer));
  const long = a.label("long");
  a.jmpFar(CODE, long);

  a.bits = 64;
  a.bind(long);
  a.mov(eax, DATA);
  for (const register of [ds, es, ss, fs, gs]) a.mov(register, ax);
  a.jmp(a.main);

  // A VM exit loads the task register from the VMCS, so there must be a task state; nothing else needs it.
  a.align(16);
  const taskState = a.here("taskState");
  a.fill(TASK_STATE_LIMIT + 1);
  a.align(16);
  const gdt = a.here("gdt");
  a.dq(0, 0x00af9b000000ffffn, 0x00cf93000000ffffn); // unused, CODE, DATA
  const base = BigInt(taskState.address!);
  if (a.position - gdt.address! !== TASK_STATE)
    throw new Error("The GDT has another order than its selectors.");
  a.dq(BigInt(TASK_STATE_LIMIT) | ((base & 0xffffffn) << 16n) | (0x89n << 40n) | ((base >> 24n) << 56n), 0);
  const gdtLimit = a.position - gdt.address! - 1;
  a.bind(gdtPointer);
  a.dw(gdtLimit);
  a.dq(gdt);

  return { entry, gdt, gdtLimit, taskState };
}
