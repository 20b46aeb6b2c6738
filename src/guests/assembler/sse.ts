/**
 * Scalar double-precision arithmetic of SSE2.
 */

import type { Opcode } from "./encoder.js";
import type { Memory } from "./memory.js";
import { commonWidth, type RegisterOrMemory } from "./operands.js";
import { type Gpr, Xmm } from "./registers.js";
import { System } from "./system.js";

const op = (prefix: 0x66 | 0xf2 | 0xf3, ...bytes: number[]): Opcode => ({ prefix, bytes });

export class Sse extends System {
  /** MOVSD of a double; the string instruction is {@link movsd} without operands. */
  movDouble(target: Xmm | Memory, source: Xmm | Memory): void {
    if (target instanceof Xmm) this.modrm(0, op(0xf2, 0x0f, 0x10), target, source);
    else if (source instanceof Xmm) this.modrm(0, op(0xf2, 0x0f, 0x11), source, target);
    else throw new Error("An instruction has at most one memory operand.");
  }
  /** Copies a whole register. */
  movapd(target: Xmm, source: Xmm): void {
    this.modrm(0, op(0x66, 0x0f, 0x28), target, source);
  }
  /** MOVQ, or MOVD with a register of 32 bits. */
  movq(target: Xmm | Gpr, source: Xmm | Gpr): void {
    if (target instanceof Xmm && !(source instanceof Xmm)) {
      this.modrm(source.width, op(0x66, 0x0f, 0x6e), target, source);
    } else if (source instanceof Xmm && !(target instanceof Xmm)) {
      this.modrm(target.width, op(0x66, 0x0f, 0x7e), source, target);
    } else throw new Error("MOVQ between a general-purpose and an XMM register.");
  }
  addsd(target: Xmm, source: Xmm | Memory): void {
    this.modrm(0, op(0xf2, 0x0f, 0x58), target, source);
  }
  mulsd(target: Xmm, source: Xmm | Memory): void {
    this.modrm(0, op(0xf2, 0x0f, 0x59), target, source);
  }
  subsd(target: Xmm, source: Xmm | Memory): void {
    this.modrm(0, op(0xf2, 0x0f, 0x5c), target, source);
  }
  divsd(target: Xmm, source: Xmm | Memory): void {
    this.modrm(0, op(0xf2, 0x0f, 0x5e), target, source);
  }
  sqrtsd(target: Xmm, source: Xmm | Memory): void {
    this.modrm(0, op(0xf2, 0x0f, 0x51), target, source);
  }
  ucomisd(left: Xmm, right: Xmm | Memory): void {
    this.modrm(0, op(0x66, 0x0f, 0x2e), left, right);
  }
  xorpd(target: Xmm, source: Xmm): void {
    this.modrm(0, op(0x66, 0x0f, 0x57), target, source);
  }
  /** From a signed integer. */
  cvtsi2sd(target: Xmm, source: RegisterOrMemory): void {
    this.modrm(commonWidth(source), op(0xf2, 0x0f, 0x2a), target, source);
  }
  /** To a signed integer, by truncation. */
  cvttsd2si(target: Gpr, source: Xmm | Memory): void {
    this.modrm(target.width, op(0xf2, 0x0f, 0x2c), target, source);
  }
}
