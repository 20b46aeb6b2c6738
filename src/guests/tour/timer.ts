/**
 * Timer interrupts: the 8254 ticks, its interrupts take the I/O APIC and the local APIC; the time stamp counter
 * and the local APIC's own timer are measured against it.
 */

import { al, dword, eax, ecx, edx, mem, qword, r12, r13, rax, rcx, rdx } from "../assembler/assembler.js";
import { enableSerialInterrupt } from "./console.js";
import { IO_APIC, LOCAL_APIC, SERIAL_VECTOR, SPURIOUS_VECTOR, TICK_RATE, TIMER_VECTOR } from "./layout.js";
import type { Tour } from "./program.js";

const PIT_HERTZ = 1193182;
/** The 8254 has pin 2, not 0, as the ACPI tables of PCs say. */
const TIMER_PIN = 2;
const SERIAL_PIN = 4;

/** Local APIC registers (SDM volume 3, table 11-1). */
const APIC_ID = 0x20;
const TASK_PRIORITY = 0x80;
const SPURIOUS = 0xf0;
const LVT_TIMER = 0x320;
const INITIAL_COUNT = 0x380;
const CURRENT_COUNT = 0x390;
const DIVIDE = 0x3e0;
const APIC_ENABLE = 0x100;
const MASKED = 0x10000;
const DIVIDE_BY_1 = 0xb;

function ioApicWrite(a: Tour, register: number, load: () => void): void {
  a.mov(ecx, IO_APIC);
  a.mov(dword(rcx), register);
  load();
  a.mov(dword(rcx, 0x10), eax);
}

/** Sends an edge-triggered pin to this processor. */
function route(a: Tour, pin: number, vector: number): void {
  ioApicWrite(a, 0x11 + 2 * pin, () => {
    a.mov(edx, LOCAL_APIC);
    a.mov(eax, dword(rdx, APIC_ID));
  });
  ioApicWrite(a, 0x10 + 2 * pin, () => a.mov(eax, vector));
}

export function initialiseTimer(a: Tour): void {
  // The 8259 pair stays silent.
  a.mov(al, 0xff);
  a.out(0x21, al);
  a.out(0xa1, al);
  a.mov(edx, LOCAL_APIC);
  a.mov(dword(rdx, TASK_PRIORITY), 0);
  a.mov(dword(rdx, SPURIOUS), APIC_ENABLE | SPURIOUS_VECTOR);
  route(a, TIMER_PIN, TIMER_VECTOR);
  route(a, SERIAL_PIN, SERIAL_VECTOR);

  // Channel 0, low byte then high byte, mode 2: a pulse each time the count runs out.
  const divisor = Math.round(PIT_HERTZ / TICK_RATE);
  a.mov(al, 0x34);
  a.out(0x43, al);
  a.mov(al, divisor & 0xff);
  a.out(0x40, al);
  a.mov(al, divisor >> 8);
  a.out(0x40, al);
  enableSerialInterrupt(a);
  a.sti();
}

export function timerRoutines(a: Tour): void {
  a.bind(a.timerInterrupt);
  a.inc(qword(a.ticks));
  a.ret();

  a.bind(a.sleepTicks);
  a.push(rax);
  a.add(rax, qword(a.ticks));
  const done = a.label("sleepDone");
  const look = a.here("sleepLook");
  a.cli();
  a.cmp(qword(a.ticks), rax);
  a.jae(done);
  a.sti();
  a.hlt();
  a.jmp(look);
  a.bind(done);
  a.sti();
  a.pop(rax);
  a.ret();

  a.bind(a.readTsc);
  a.push(rdx);
  a.rdtsc();
  a.shl(rdx, 32);
  a.or(rax, rdx);
  a.pop(rdx);
  a.ret();

  a.align(8);
  a.bind(a.ticks);
  a.dq(0);
}

/** Half a second of timer interrupts, between two ticks. */
export function measureTime(a: Tour): void {
  a.say("  The 8254 interrupts 100 times a second, through the I/O APIC and the local APIC.\n");
  a.mov(eax, 1);
  a.call(a.sleepTicks);
  a.mov(r13, qword(a.ticks));
  a.mov(edx, LOCAL_APIC);
  a.mov(dword(rdx, DIVIDE), DIVIDE_BY_1);
  a.mov(dword(rdx, LVT_TIMER), MASKED);
  a.mov(dword(rdx, INITIAL_COUNT), 0xffffffff);
  a.call(a.readTsc);
  a.mov(r12, rax);
  a.mov(eax, TICK_RATE / 2);
  a.call(a.sleepTicks);
  a.call(a.readTsc);
  a.sub(rax, r12);
  a.mov(r12, rax);
  a.mov(edx, LOCAL_APIC);
  a.mov(ecx, dword(rdx, CURRENT_COUNT));
  a.not(ecx);
  a.mov(dword(rdx, INITIAL_COUNT), 0);

  a.say("  Half a second: ");
  a.mov(rax, qword(a.ticks));
  a.sub(rax, r13);
  a.call(a.printDecimal);
  a.say(" interrupts counted.\n  Time stamp counter ");
  a.lea(rax, mem({ base: r12, index: r12 }));
  a.call(a.printMillions);
  a.say(" MHz, local APIC timer ");
  a.lea(rax, mem({ base: rcx, index: rcx }));
  a.call(a.printMillions);
  a.say(" MHz.\n");
}

export function showTicks(a: Tour): void {
  a.say("  ");
  a.mov(rax, qword(a.ticks));
  a.call(a.printDecimal);
  a.say(" timer interrupts since the start, 100 a second: ");
  a.xor(edx, edx);
  a.mov(ecx, TICK_RATE);
  a.div(rcx);
  a.call(a.printDecimal);
  a.say(" seconds.\n");
}
