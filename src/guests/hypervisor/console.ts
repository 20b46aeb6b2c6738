/**
 * Numbers in columns. Characters and texts are printed by the routines of the tour.
 */

import { byte, dl, edx, mem, r8, r8d, rax, rcx, rdi, rdx, rsi, rsp } from "../assembler/assembler.js";
import type { Hypervisor } from "./program.js";

const BUFFER = 32;
const SPACE = 0x20;

export function numberRoutine(a: Hypervisor): void {
  const saved = [rax, rcx, rdx, rsi, rdi, r8];
  const digits = a.text("0123456789abcdef");
  const done = a.label("numberDone");

  // From the last digit to the first, then the spaces, into a buffer on the stack.
  a.bind(a.printNumber);
  for (const register of saved) a.push(register);
  a.mov(r8d, edx);
  a.sub(rsp, BUFFER);
  a.lea(rdi, mem(rsp, BUFFER - 1));
  a.mov(byte(rdi), 0);
  a.lea(rsi, mem(digits));
  const digit = a.here("numberDigit");
  a.xor(edx, edx);
  a.div(rcx);
  a.mov(dl, byte({ base: rsi, index: rdx }));
  a.dec(rdi);
  a.mov(byte(rdi), dl);
  a.dec(r8d);
  a.test(rax, rax);
  a.jnz(digit);
  const space = a.here("numberSpace");
  a.test(r8d, r8d);
  a.jle(done);
  a.dec(rdi);
  a.mov(byte(rdi), SPACE);
  a.dec(r8d);
  a.jmp(space);
  a.bind(done);
  a.mov(rsi, rdi);
  a.call(a.printText);
  a.add(rsp, BUFFER);
  for (const register of [...saved].reverse()) a.pop(register);
  a.ret();
}
