/**
 * The memory map of the loader, and memory on demand: a page fault that is repaired.
 */

import {
  cr2,
  dword,
  eax,
  ecx,
  type Label,
  mem,
  qword,
  r12,
  r13,
  rax,
  rbx,
  rcx,
  rdi,
} from "../assembler/assembler.js";
import { FRAME_ERROR, FRAME_RIP, ON_DEMAND_BASE } from "./layout.js";
import type { Tour } from "./program.js";

const TYPE_RAM = 1;
const PRESENT_WRITE = 3;

/** Bits of the error code (SDM volume 3, 4.7). */
const FAULT_PRESENT = 1 << 0;
const FAULT_WRITE = 1 << 1;

export function showMemory(a: Tour): void {
  const next = a.label("mapNext");
  const done = a.label("mapDone");
  const reserved = a.label("mapReserved");
  const line = a.label("mapLine");
  a.xor(r13, r13); // RAM so far
  a.mov(r12, qword(a.mapStart));
  a.bind(next);
  a.cmp(r12, qword(a.mapEnd));
  a.jae(done);
  a.say("  ");
  a.mov(rax, qword(r12));
  a.call(a.printHex);
  a.say(" - ");
  a.add(rax, qword(r12, 8));
  a.dec(rax);
  a.call(a.printHex);
  a.cmp(dword(r12, 16), TYPE_RAM);
  a.jne(reserved);
  a.add(r13, qword(r12, 8));
  a.say("  RAM\n");
  a.jmp(line);
  a.bind(reserved);
  a.say("  reserved\n");
  a.bind(line);
  a.add(r12, qword(a.mapStride));
  a.jmp(next);
  a.bind(done);
  a.say("  In all ");
  a.mov(rax, r13);
  a.shr(rax, 10);
  a.call(a.printDecimal);
  a.say(" KiB of RAM.\n");
}

const ADDRESS = ON_DEMAND_BASE + 0x5678n;
const PAGE_INDEX = Number((ADDRESS >> 12n) & 511n);
const VALUE = 0x0123456789abcdefn;

/** Writes where nothing is. The handler supplies a page, and the write happens after all. */
export function takePageFault(a: Tour, onDemandTable: Label): void {
  // Without a page at first, also when this runs again.
  a.mov(rbx, ADDRESS);
  a.mov(qword(onDemandTable, 8 * PAGE_INDEX), 0);
  a.invlpg(mem(rbx));
  a.say("  Writing to ");
  a.mov(rax, rbx);
  a.call(a.printHex);
  a.say(", where no page is ...\n");
  a.mov(rax, VALUE);
  a.mov(qword(rbx), rax);
  a.say("  The write was repeated, and a read gives ");
  a.mov(rax, qword(rbx));
  a.call(a.printHex);
  a.say(".\n");
}

export function pageFaultHandler(a: Tour, onDemandTable: Label): void {
  const spare = a.reserve("sparePage", 4096, 4096);
  const present = a.label("faultPresent");
  const cause = a.label("faultCause");
  const read = a.label("faultRead");
  const access = a.label("faultAccess");

  a.bind(a.pageFault);
  a.mov(rbx, qword(rdi, FRAME_ERROR));
  a.say("    Page fault: error code ");
  a.mov(rax, rbx);
  a.call(a.printDecimal);
  a.test(rbx, FAULT_PRESENT);
  a.jnz(present);
  a.say(" (not present, ");
  a.jmp(cause);
  a.bind(present);
  a.say(" (forbidden, ");
  a.bind(cause);
  a.test(rbx, FAULT_WRITE);
  a.jz(read);
  a.say("write");
  a.jmp(access);
  a.bind(read);
  a.say("read");
  a.bind(access);
  a.say("), CR2 ");
  a.mov(rax, cr2);
  a.call(a.printHex);
  a.say("\n    by the instruction at RIP ");
  a.mov(rax, qword(rdi, FRAME_RIP));
  a.call(a.printHex);
  a.say("\n");

  // The one table for memory on demand covers 2 MiB.
  a.test(rbx, FAULT_PRESENT);
  a.jnz(a.unexpected);
  a.mov(rax, cr2);
  a.mov(rcx, ON_DEMAND_BASE);
  a.sub(rax, rcx);
  a.cmp(rax, 0x200000);
  a.jae(a.unexpected);
  a.shr(rax, 12);
  a.lea(rcx, mem(onDemandTable));
  a.lea(rbx, mem(spare));
  a.or(rbx, PRESENT_WRITE);
  a.mov(qword({ base: rcx, index: rax, scale: 8 }), rbx);
  a.say("    The handler maps a fresh page there, and returns.\n");
  a.lea(rdi, mem(spare));
  a.mov(ecx, 512);
  a.xor(eax, eax);
  a.rep().stosq();
  a.ret();
}
