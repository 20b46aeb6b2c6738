/**
 * Guests of a few instructions for tests: 32-bit protected mode, flat segments, started by multiboot.
 */
import { Assembler, al, dx } from "./assembler/assembler.js";
import { elfFile, PROGRAM_ADDRESS } from "./elf.js";

const MULTIBOOT_MAGIC = 0x1badb002;
const COM1 = 0x3f8;

/** An ELF file of what `write` assembles; execution must not run off its end. */
export function smallGuest(write: (a: Assembler) => void): { name: string; data: Uint8Array } {
  const a = new Assembler(PROGRAM_ADDRESS, 32);
  a.dd(MULTIBOOT_MAGIC, 0, -MULTIBOOT_MAGIC);
  const entry = a.position;
  write(a);
  const end = a.position;
  const notes = { address: PROGRAM_ADDRESS, length: 0 };
  return { name: "small", data: elfFile({ program: a.finish(), entry, end: end + 4096, notes }) };
}

/** Writes text to the first serial port; a 16550 without a clock is always ready. */
export function say(a: Assembler, text: string): void {
  a.mov(dx, COM1);
  for (const byte of new TextEncoder().encode(text)) {
    a.mov(al, byte);
    a.out(dx, al);
  }
}
