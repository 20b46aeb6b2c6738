/**
 * Branches, calls, and what depends on conditions. A backward branch is as short as it can be, a forward one has
 * the long form: the program is written in one pass.
 */

import { DataMovement } from "./data-movement.js";
import type { Opcode } from "./encoder.js";
import { type Immediate, isPlace, type Place } from "./label.js";
import type { Memory } from "./memory.js";
import { commonWidth, type RegisterOrMemory } from "./operands.js";
import type { Gpr } from "./registers.js";

/** Numbers of the conditions (SDM volume 1, appendix B). */
const CONDITIONS = {
  o: 0,
  no: 1,
  b: 2,
  c: 2,
  ae: 3,
  nc: 3,
  e: 4,
  z: 4,
  ne: 5,
  nz: 5,
  be: 6,
  a: 7,
  s: 8,
  ns: 9,
  p: 10,
  np: 11,
  l: 12,
  ge: 13,
  le: 14,
  g: 15,
} as const;
export type Condition = keyof typeof CONDITIONS;

const op = (...bytes: number[]): Opcode => ({ bytes });

export class ControlFlow extends DataMovement {
  jmp(target: Place | RegisterOrMemory): void {
    if (!isPlace(target)) this.#indirect(4, target);
    else if (!this.#short([0xeb], target)) this.#near([0xe9], target);
  }

  call(target: Place | RegisterOrMemory): void {
    if (isPlace(target)) this.#near([0xe8], target);
    else this.#indirect(2, target);
  }

  jcc(condition: Condition, target: Place): void {
    const number = CONDITIONS[condition];
    if (!this.#short([0x70 | number], target)) this.#near([0x0f, 0x80 | number], target);
  }
  jb(target: Place): void {
    this.jcc("b", target);
  }
  jc(target: Place): void {
    this.jcc("c", target);
  }
  jae(target: Place): void {
    this.jcc("ae", target);
  }
  jnc(target: Place): void {
    this.jcc("nc", target);
  }
  je(target: Place): void {
    this.jcc("e", target);
  }
  jz(target: Place): void {
    this.jcc("z", target);
  }
  jne(target: Place): void {
    this.jcc("ne", target);
  }
  jnz(target: Place): void {
    this.jcc("nz", target);
  }
  jbe(target: Place): void {
    this.jcc("be", target);
  }
  ja(target: Place): void {
    this.jcc("a", target);
  }
  js(target: Place): void {
    this.jcc("s", target);
  }
  jns(target: Place): void {
    this.jcc("ns", target);
  }
  jl(target: Place): void {
    this.jcc("l", target);
  }
  jge(target: Place): void {
    this.jcc("ge", target);
  }
  jle(target: Place): void {
    this.jcc("le", target);
  }
  jg(target: Place): void {
    this.jcc("g", target);
  }

  setcc(condition: Condition, target: RegisterOrMemory): void {
    this.modrm(0, op(0x0f, 0x90 | CONDITIONS[condition]), 0, target);
  }

  cmov(condition: Condition, target: Gpr, source: RegisterOrMemory): void {
    this.modrm(commonWidth(target, source), op(0x0f, 0x40 | CONDITIONS[condition]), target, source);
  }

  /** Decrements rCX and branches while it isn't 0. The target is at most 128 bytes away. */
  loop(target: Place): void {
    this.db(0xe2);
    this.relative(target, 1);
  }

  /** Returns; `release` bytes of arguments leave the stack. */
  ret(release = 0): void {
    if (release === 0) this.plain(0xc3);
    else {
      this.db(0xc2);
      this.dw(release);
    }
  }

  /** To a selector and an offset of 16 or 32 bits. 64-bit code has {@link jmpFarIndirect} and RETF instead. */
  jmpFar(selector: Immediate, offset: Immediate, width: 16 | 32 = this.bits === 16 ? 16 : 32): void {
    if (this.bits === 64) throw new Error("64-bit code has no far jump to a constant.");
    this.sized(width, 0xea);
    this.immediate(offset, width === 16 ? 2 : 4);
    this.dw(selector);
  }

  /** Through a far pointer whose offset has `width` bits. */
  jmpFarIndirect(pointer: Memory, width: 16 | 32 | 64): void {
    this.modrm(width, op(0xff), 5, pointer);
  }

  /** With an offset and a selector of `width` bits each on the stack. */
  retf(width: 16 | 32 | 64 = this.bits): void {
    this.sized(width, 0xcb);
  }

  iret(): void {
    this.sized(16, 0xcf);
  }
  iretd(): void {
    this.sized(32, 0xcf);
  }
  iretq(): void {
    this.sized(64, 0xcf);
  }
  int(vector: number): void {
    this.db(0xcd, vector);
  }
  int3(): void {
    this.plain(0xcc);
  }
  ud2(): void {
    this.plain(0x0f, 0x0b);
  }
  nop(): void {
    this.plain(0x90);
  }
  pause(): void {
    this.plain(0xf3, 0x90);
  }

  #indirect(extension: number, target: RegisterOrMemory): void {
    const width = commonWidth(target);
    if (width !== this.bits && (this.bits === 64 || width < 16)) {
      throw new Error(`${this.bits}-bit code has no indirect branch of ${width} bits.`);
    }
    // 64 bits are the default in 64-bit code and need no REX.W.
    this.modrm(width === 64 ? 0 : width, op(0xff), extension, target);
  }

  /** The form with a distance of 8 bits, if the target is known and near enough. */
  #short(opcode: readonly number[], { label, offset }: Place): boolean {
    if (label.address === undefined) return false;
    const distance = label.address + offset - (this.position + opcode.length + 1);
    if (distance < -128 || distance > 127) return false;
    this.db(...opcode, distance);
    return true;
  }

  #near(opcode: readonly number[], target: Place): void {
    this.db(...opcode);
    this.relative(target, this.bits === 16 ? 2 : 4);
  }
}
