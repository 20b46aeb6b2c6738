/**
 * The serial console: a 16550 at COM1. Output waits for the transmitter; input comes by interrupt into a ring of
 * 256 characters.
 */

import {
  al,
  byte,
  cl,
  dl,
  dx,
  eax,
  ecx,
  edx,
  type Gpr,
  mem,
  r8,
  rax,
  rbx,
  rcx,
  rdx,
  rsi,
} from "../assembler/assembler.js";
import { COM1, LINE_STATUS, RECEIVED, TRANSMITTER_EMPTY } from "./layout.js";
import type { Tour } from "./program.js";

function writePort(a: Tour, port: number, value: number): void {
  a.mov(dx, port);
  a.mov(al, value);
  a.out(dx, al);
}

/** 115200 baud, 8 bits, no parity; FIFOs on; interrupts off for now. */
export function initialiseSerial(a: Tour): void {
  writePort(a, COM1 + 1, 0x00);
  writePort(a, COM1 + 3, 0x80); // divisor latch
  writePort(a, COM1 + 0, 0x01);
  writePort(a, COM1 + 1, 0x00);
  writePort(a, COM1 + 3, 0x03); // 8 bits
  writePort(a, COM1 + 2, 0x01); // FIFOs
  writePort(a, COM1 + 4, 0x0b); // DTR, RTS, and OUT2, which lets interrupts through
}

/** From now on a received character interrupts. */
export function enableSerialInterrupt(a: Tour): void {
  writePort(a, COM1 + 1, 0x01);
}

export function consoleRoutines(a: Tour): void {
  output(a);
  numbers(a);
  input(a);
}

function preserving(a: Tour, registers: readonly Gpr[], body: () => void): void {
  for (const register of registers) a.push(register);
  body();
  for (const register of [...registers].reverse()) a.pop(register);
  a.ret();
}

function output(a: Tour): void {
  a.bind(a.printCharacter);
  preserving(a, [rax, rcx, rdx], () => {
    a.mov(ecx, eax);
    a.mov(dx, LINE_STATUS);
    const busy = a.here("transmitterBusy");
    a.in(al, dx);
    a.test(al, TRANSMITTER_EMPTY);
    a.jz(busy);
    a.mov(eax, ecx);
    a.mov(dx, COM1);
    a.out(dx, al);
  });

  // A line feed becomes carriage return and line feed.
  a.bind(a.printText);
  preserving(a, [rax, rsi], () => {
    const end = a.label("textEnd");
    const print = a.label("textPrint");
    const next = a.here("textNext");
    a.lodsb();
    a.test(al, al);
    a.jz(end);
    a.cmp(al, 0x0a);
    a.jne(print);
    a.mov(al, 0x0d);
    a.call(a.printCharacter);
    a.mov(al, 0x0a);
    a.bind(print);
    a.call(a.printCharacter);
    a.jmp(next);
    a.bind(end);
  });
}

function numbers(a: Tour): void {
  // The last digit comes first: digits wait on the stack, below a 0 that ends them.
  a.bind(a.printDecimal);
  preserving(a, [rax, rcx, rdx], () => {
    a.mov(ecx, 10);
    a.push(0);
    const digit = a.here("decimalDigit");
    a.xor(edx, edx);
    a.div(rcx);
    a.add(dl, 0x30);
    a.push(rdx);
    a.test(rax, rax);
    a.jnz(digit);
    const done = a.label("decimalDone");
    const print = a.here("decimalPrint");
    a.pop(rax);
    a.test(al, al);
    a.jz(done);
    a.call(a.printCharacter);
    a.jmp(print);
    a.bind(done);
  });

  a.bind(a.printHex);
  preserving(a, [rax, rcx, rdx], () => {
    const digits = a.text("0123456789abcdef");
    a.mov(rdx, rax);
    a.mov(ecx, 16);
    const digit = a.here("hexDigit");
    a.rol(rdx, 4);
    a.mov(eax, edx);
    a.and(eax, 15);
    a.push(rdx);
    a.lea(rdx, mem(digits));
    a.mov(al, byte({ base: rdx, index: rax }));
    a.pop(rdx);
    a.call(a.printCharacter);
    a.dec(ecx);
    a.jnz(digit);
  });

  a.bind(a.printMillions);
  preserving(a, [rax, rcx, rdx], () => {
    a.mov(ecx, 1000000);
    a.xor(edx, edx);
    a.div(rcx);
    a.call(a.printDecimal);
    a.mov(al, 0x2e);
    a.call(a.printCharacter);
    // The first decimals of the remainder, with leading zeros.
    for (const place of [100000, 10000, 1000]) {
      a.mov(rax, rdx);
      a.xor(edx, edx);
      a.mov(ecx, place);
      a.div(rcx);
      a.add(al, 0x30);
      a.call(a.printCharacter);
    }
  });
}

function input(a: Tour): void {
  const ring = a.reserve("inputRing", 256);
  // One byte each, so that they wrap with the ring.
  const head = a.reserve("inputHead", 1, 1);
  const tail = a.reserve("inputTail", 1, 1);

  a.bind(a.serialInterrupt);
  const done = a.label("serialDone");
  a.lea(r8, mem(ring));
  const next = a.here("serialNext");
  a.mov(dx, LINE_STATUS);
  a.in(al, dx);
  a.test(al, RECEIVED);
  a.jz(done);
  a.mov(dx, COM1);
  a.in(al, dx);
  a.movzx(ecx, byte(head));
  a.mov(byte({ base: r8, index: rcx }), al);
  a.inc(byte(head));
  a.jmp(next);
  a.bind(done);
  a.ret();

  // STI takes effect after the next instruction: no interrupt can get between the look and the sleep.
  a.bind(a.readCharacter);
  preserving(a, [rcx, rbx], () => {
    const ready = a.label("characterReady");
    const look = a.here("characterLook");
    a.cli();
    a.movzx(ecx, byte(tail));
    a.cmp(byte(head), cl);
    a.jne(ready);
    a.sti();
    a.hlt();
    a.jmp(look);
    a.bind(ready);
    a.lea(rbx, mem(ring));
    a.movzx(eax, byte({ base: rbx, index: rcx }));
    a.inc(byte(tail));
    a.sti();
  });
}
