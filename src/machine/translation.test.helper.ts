/** What guests of tests of translated code have in common, and how they run together with an interpreting machine. */
import assert from "node:assert/strict";
import {
  type Assembler,
  al,
  ax,
  cr0,
  cr3,
  ds,
  dword,
  dx,
  eax,
  edi,
  es,
  esp,
  word as half,
  type Label,
  mem,
  ss,
} from "../guests/assembler/assembler.js";
import { smallGuest } from "../guests/small-guest.test.helper.js";
import type { Engine } from "./config.js";
import { Lockstep } from "./lockstep.js";
import { Machine } from "./machine.js";

export const DATA = 0x400000;
export const PAGE_DIRECTORY = 0x200000;
export const PAGE_TABLES = 0x201000;
export const IDT = 0x2f0000;
export const IDT_POINTER = 0x2f1000;
export const STACK = 0x300000;
export const DONE = 0x2a;

export const create = (kernel: { name: string; data: Uint8Array }, engine: Engine): Promise<Machine> =>
  Machine.create({ kernel, memory: 16 << 20, clock: "virtual", onReset: "stop", engine });

export function finish(a: Assembler): void {
  a.mov(dx, 0xf4);
  a.mov(al, DONE);
  a.out(dx, al);
  const forever = a.here("forever");
  a.hlt();
  a.jmp(forever);
}

/** Flat segments of our own, and a stack. */
export function segments(a: Assembler): void {
  const table = a.label("gdt");
  const pointer = a.label("gdtPointer");
  const start = a.label("start");
  a.lgdt(mem(pointer));
  a.jmpFar(8, start);
  a.align(8);
  a.bind(table);
  a.dd(0, 0, 0x0000ffff, 0x00cf9b00, 0x0000ffff, 0x00cf9300);
  a.bind(pointer);
  a.dw(23);
  a.dd(table);
  a.bind(start);
  a.mov(ax, 16);
  for (const segment of [ds, es, ss]) a.mov(segment, ax);
  a.mov(esp, STACK);
}

/** Sends a vector to a handler. */
export function gate(a: Assembler, vector: number, handler: Label): void {
  a.mov(eax, handler);
  a.mov(half(IDT + vector * 8), ax);
  a.mov(half(IDT + vector * 8 + 2), 8);
  a.shr(eax, 16);
  a.mov(half(IDT + vector * 8 + 4), 0x8e00);
  a.mov(half(IDT + vector * 8 + 6), ax);
  a.mov(half(IDT_POINTER), 0x7ff);
  a.mov(dword(IDT_POINTER + 2), IDT);
  a.lidt(mem(IDT_POINTER));
}

/** Identity paging of the first 16 MiB, in pages of 4 KiB. */
export function paging(a: Assembler): void {
  a.mov(edi, PAGE_TABLES);
  a.mov(eax, 3);
  const entry = a.here("entry");
  a.mov(dword(edi), eax);
  a.add(edi, 4);
  a.add(eax, 4096);
  a.cmp(eax, 16 << 20);
  a.jb(entry);
  for (let i = 0; i < 4; i++) a.mov(dword(PAGE_DIRECTORY + i * 4), (PAGE_TABLES + i * 4096) | 3);
  a.mov(eax, PAGE_DIRECTORY);
  a.mov(cr3, eax);
  a.mov(eax, cr0);
  a.or(eax, 0x80000000 | 0);
  a.mov(cr0, eax);
}

/** Runs a guest to its end on both, at most `step` instructions at a time. Returns the machine that translates. */
export async function together(
  write: (a: Assembler) => void,
  step: number,
  engine: Engine = "translator",
): Promise<Machine> {
  const kernel = smallGuest((a) => {
    segments(a);
    write(a);
    finish(a);
  });
  const reference = await create(kernel, "interpreter");
  const subject = await create(kernel, engine);
  const lockstep = new Lockstep(reference, subject, step);
  assert.deepEqual(lockstep.run(20_000_000), undefined);
  assert.deepEqual(reference.conclude(), { reason: "debug-exit", code: DONE });
  assert.deepEqual(lockstep.memoryDifferences(4), []);
  assert.equal(await subject.hash(), await reference.hash());
  assert.ok(subject.statistics.translator!.regions > 0);
  reference.dispose();
  return subject;
}
