/**
 * VMX instructions (Intel SDM volume 3C, chapter 31).
 */

import type { Opcode } from "./encoder.js";
import type { Memory } from "./memory.js";
import type { RegisterOrMemory } from "./operands.js";
import type { Gpr } from "./registers.js";
import { Sse } from "./sse.js";

const op = (...bytes: number[]): Opcode => ({ bytes });

export class Vmx extends Sse {
  /** The operand holds the physical address of the VMXON region. */
  vmxon(pointer: Memory): void {
    this.modrm(0, { prefix: 0xf3, bytes: [0x0f, 0xc7] }, 6, pointer);
  }
  vmxoff(): void {
    this.plain(0x0f, 0x01, 0xc4);
  }
  /** The operand holds the physical address of a VMCS. */
  vmclear(pointer: Memory): void {
    this.modrm(0, { prefix: 0x66, bytes: [0x0f, 0xc7] }, 6, pointer);
  }
  vmptrld(pointer: Memory): void {
    this.modrm(0, op(0x0f, 0xc7), 6, pointer);
  }
  vmptrst(pointer: Memory): void {
    this.modrm(0, op(0x0f, 0xc7), 7, pointer);
  }
  /** `field` holds the encoding of the VMCS field. */
  vmread(target: RegisterOrMemory, field: Gpr): void {
    this.modrm(0, op(0x0f, 0x78), field, target);
  }
  vmwrite(field: Gpr, source: RegisterOrMemory): void {
    this.modrm(0, op(0x0f, 0x79), field, source);
  }
  vmlaunch(): void {
    this.plain(0x0f, 0x01, 0xc2);
  }
  vmresume(): void {
    this.plain(0x0f, 0x01, 0xc3);
  }
  vmcall(): void {
    this.plain(0x0f, 0x01, 0xc1);
  }
  vmfunc(): void {
    this.plain(0x0f, 0x01, 0xd4);
  }
  /** `type` holds 1 (single context) or 2 (global); the descriptor is an EPTP and 8 bytes of 0. */
  invept(type: Gpr, descriptor: Memory): void {
    this.modrm(0, { prefix: 0x66, bytes: [0x0f, 0x38, 0x80] }, type, descriptor);
  }
  invvpid(type: Gpr, descriptor: Memory): void {
    this.modrm(0, { prefix: 0x66, bytes: [0x0f, 0x38, 0x81] }, type, descriptor);
  }
}
