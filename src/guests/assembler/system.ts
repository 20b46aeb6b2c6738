/**
 * System instructions: descriptor tables, MSRs, interrupts, system calls, caches and the TLB.
 */

import { ControlFlow } from "./control-flow.js";
import type { Opcode } from "./encoder.js";
import type { Memory } from "./memory.js";
import type { RegisterOrMemory } from "./operands.js";

const op = (...bytes: number[]): Opcode => ({ bytes });

export class System extends ControlFlow {
  cli(): void {
    this.plain(0xfa);
  }
  sti(): void {
    this.plain(0xfb);
  }
  hlt(): void {
    this.plain(0xf4);
  }
  cpuid(): void {
    this.plain(0x0f, 0xa2);
  }
  /** EDX:EAX = time stamp counter. */
  rdtsc(): void {
    this.plain(0x0f, 0x31);
  }
  /** EDX:EAX = MSR number ECX. */
  rdmsr(): void {
    this.plain(0x0f, 0x32);
  }
  wrmsr(): void {
    this.plain(0x0f, 0x30);
  }
  xgetbv(): void {
    this.plain(0x0f, 0x01, 0xd0);
  }
  xsetbv(): void {
    this.plain(0x0f, 0x01, 0xd1);
  }
  clts(): void {
    this.plain(0x0f, 0x06);
  }
  wbinvd(): void {
    this.plain(0x0f, 0x09);
  }
  mfence(): void {
    this.plain(0x0f, 0xae, 0xf0);
  }
  swapgs(): void {
    this.plain(0x0f, 0x01, 0xf8);
  }
  syscall(): void {
    this.plain(0x0f, 0x05);
  }
  /** Back to 64-bit code. */
  sysretq(): void {
    this.sized(64, 0x0f);
    this.db(0x07);
  }

  sgdt(target: Memory): void {
    this.modrm(0, op(0x0f, 0x01), 0, target);
  }
  sidt(target: Memory): void {
    this.modrm(0, op(0x0f, 0x01), 1, target);
  }
  /** From a 16-bit limit and a base of 32 bits, or of 64 in 64-bit code. */
  lgdt(source: Memory): void {
    this.modrm(0, op(0x0f, 0x01), 2, source);
  }
  lidt(source: Memory): void {
    this.modrm(0, op(0x0f, 0x01), 3, source);
  }
  invlpg(target: Memory): void {
    this.modrm(0, op(0x0f, 0x01), 7, target);
  }
  /** The selector is 16 bits wide whatever the register. */
  lldt(selector: RegisterOrMemory): void {
    this.modrm(0, op(0x0f, 0x00), 2, selector);
  }
  ltr(selector: RegisterOrMemory): void {
    this.modrm(0, op(0x0f, 0x00), 3, selector);
  }
  str(target: RegisterOrMemory): void {
    this.modrm(target.width, op(0x0f, 0x00), 1, target);
  }
}
