/**
 * Moves between registers, memory, the stack and I/O ports; string instructions.
 */

import { Arithmetic, isOperand, type Source } from "./arithmetic.js";
import type { Opcode } from "./encoder.js";
import { type Immediate, isPlace } from "./label.js";
import { Memory } from "./memory.js";
import { byteImmediate, commonWidth, fullImmediate, type RegisterOrMemory } from "./operands.js";
import { al, ControlRegister, DebugRegister, dx, Gpr, SegmentRegister, type Width } from "./registers.js";

type Special = SegmentRegister | ControlRegister | DebugRegister;

const op = (...bytes: number[]): Opcode => ({ bytes });

export class DataMovement extends Arithmetic {
  /** A place as source is its address; `qword(place)` is what lies there. */
  mov(target: RegisterOrMemory | Special, source: Source | Special): void {
    if (isSpecial(target)) {
      if (!(source instanceof Gpr) && !(source instanceof Memory)) throw new Error("MOV from a register.");
      this.#movSpecial(target, source, true);
    } else if (isSpecial(source)) {
      this.#movSpecial(source, target, false);
    } else if (source instanceof Memory) {
      if (!(target instanceof Gpr)) throw new Error("An instruction has at most one memory operand.");
      const width = commonWidth(target, source);
      this.modrm(width, op(width === 8 ? 0x8a : 0x8b), target, source);
    } else if (source instanceof Gpr) {
      const width = commonWidth(target, source);
      this.modrm(width, op(width === 8 ? 0x88 : 0x89), source, target);
    } else if (target instanceof Gpr) {
      this.#movImmediate(target, source);
    } else {
      const width = commonWidth(target);
      this.modrm(width, op(width === 8 ? 0xc6 : 0xc7), 0, target, fullImmediate(source, width));
    }
  }

  /** Zero-extends a byte or a word. */
  movzx(target: Gpr, source: RegisterOrMemory): void {
    this.modrm(target.width, op(0x0f, commonWidth(source) === 8 ? 0xb6 : 0xb7), target, source);
  }

  /** Sign-extends a byte, a word, or (MOVSXD) a doubleword. */
  movsx(target: Gpr, source: RegisterOrMemory): void {
    const width = commonWidth(source);
    this.modrm(target.width, width === 32 ? op(0x63) : op(0x0f, width === 8 ? 0xbe : 0xbf), target, source);
  }

  lea(target: Gpr, source: Memory): void {
    this.modrm(target.width, op(0x8d), target, source);
  }

  xchg(target: RegisterOrMemory, source: Gpr): void {
    const width = commonWidth(target, source);
    this.modrm(width, op(width === 8 ? 0x86 : 0x87), source, target);
  }

  /** Compares rAX with the target: equal, the target becomes `source`; unequal, rAX becomes the target. */
  cmpxchg(target: RegisterOrMemory, source: Gpr): void {
    const width = commonWidth(target, source);
    this.modrm(width, op(0x0f, width === 8 ? 0xb0 : 0xb1), source, target);
  }

  xadd(target: RegisterOrMemory, source: Gpr): void {
    const width = commonWidth(target, source);
    this.modrm(width, op(0x0f, width === 8 ? 0xc0 : 0xc1), source, target);
  }

  /** As a prefix of the next instruction. */
  lock(): this {
    this.db(0xf0);
    return this;
  }

  push(source: RegisterOrMemory | Immediate): void {
    if (isOperand(source)) this.#stack(0x50, op(0xff), 6, source);
    else {
      const width = this.bits;
      const short = byteImmediate(source, width);
      if (short) this.db(0x6a, short.value);
      else if (isPlace(source) || width === 16) this.#pushWide(source);
      else {
        const { value, length } = fullImmediate(source, width);
        this.db(0x68);
        this.immediate(value, length);
      }
    }
  }

  pop(target: RegisterOrMemory): void {
    this.#stack(0x58, op(0x8f), 0, target);
  }

  /** PUSHF, PUSHFD or PUSHFQ by the size of the code. */
  pushf(): void {
    this.plain(0x9c);
  }
  popf(): void {
    this.plain(0x9d);
  }

  /** From a port with a constant number below 256, or in DX. */
  in(target: Gpr, port: number | Gpr): void {
    this.#inOut(0xe4, target, port);
  }
  out(port: number | Gpr, source: Gpr): void {
    this.#inOut(0xe6, source, port);
  }

  /** REP or REPE, as a prefix of the next string instruction. */
  rep(): this {
    this.db(0xf3);
    return this;
  }
  repne(): this {
    this.db(0xf2);
    return this;
  }
  movsb(): void {
    this.#string(0xa4, 8);
  }
  movsw(): void {
    this.#string(0xa4, 16);
  }
  movsd(): void {
    this.#string(0xa4, 32);
  }
  movsq(): void {
    this.#string(0xa4, 64);
  }
  cmpsb(): void {
    this.#string(0xa6, 8);
  }
  stosb(): void {
    this.#string(0xaa, 8);
  }
  stosw(): void {
    this.#string(0xaa, 16);
  }
  stosd(): void {
    this.#string(0xaa, 32);
  }
  stosq(): void {
    this.#string(0xaa, 64);
  }
  lodsb(): void {
    this.#string(0xac, 8);
  }
  lodsw(): void {
    this.#string(0xac, 16);
  }
  lodsd(): void {
    this.#string(0xac, 32);
  }
  lodsq(): void {
    this.#string(0xac, 64);
  }
  scasb(): void {
    this.#string(0xae, 8);
  }

  /** Sign-extends EAX into EDX:EAX. */
  cdq(): void {
    this.sized(32, 0x99);
  }
  /** Sign-extends RAX into RDX:RAX. */
  cqo(): void {
    this.sized(64, 0x99);
  }
  clc(): void {
    this.plain(0xf8);
  }
  stc(): void {
    this.plain(0xf9);
  }
  cld(): void {
    this.plain(0xfc);
  }
  std(): void {
    this.plain(0xfd);
  }

  #movImmediate(target: Gpr, source: Immediate): void {
    const { width } = target;
    const value = isPlace(source) ? undefined : BigInt(source);
    if (width === 64 && value !== undefined && value >= 0n && value < 1n << 32n) {
      // Writing the lower half clears the upper one.
      this.sized(32, 0xb8, target);
      this.immediate(value, 4);
    } else if (width === 64 && value !== undefined && BigInt.asIntN(32, value) === value) {
      this.modrm(64, op(0xc7), 0, target, { value, length: 4 });
    } else {
      this.sized(width, width === 8 ? 0xb0 : 0xb8, target);
      this.immediate(source, (width / 8) as 1 | 2 | 4 | 8);
    }
  }

  #movSpecial(special: Special, other: RegisterOrMemory, load: boolean): void {
    if (special instanceof SegmentRegister) {
      const width = other instanceof Gpr && !load ? other.width : 0;
      if (other.width === 8) throw new Error("Segment registers have 16 bits.");
      this.modrm(width, op(load ? 0x8e : 0x8c), special.number, other);
      return;
    }
    const native = this.bits === 64 ? 64 : 32;
    if (!(other instanceof Gpr) || other.width !== native) {
      throw new Error(`MOV between this register and a ${native}-bit register only.`);
    }
    const opcode = (special instanceof ControlRegister ? 0x20 : 0x21) | (load ? 2 : 0);
    if (special.number >= 8) this.#highControlRegister(special.number, other, opcode);
    else this.modrm(0, op(0x0f, opcode), special.number, other);
  }

  /** CR8 needs REX.R. */
  #highControlRegister(number: number, other: Gpr, opcode: number): void {
    this.db(0x44 | (other.number >> 3), 0x0f, opcode, 0xc0 | ((number & 7) << 3) | (other.number & 7));
  }

  #stack(short: number, long: Opcode, extension: number, operand: RegisterOrMemory): void {
    const width = commonWidth(operand);
    const allowed = width === 16 || width === (this.bits === 16 ? 32 : this.bits);
    if (!allowed) throw new Error(`${this.bits}-bit code has no push or pop of ${width} bits.`);
    // 64 bits are the default in 64-bit code and need no REX.W.
    const prefixed: Width | 0 = width === 64 ? 0 : width;
    if (operand instanceof Memory) this.modrm(prefixed, long, extension, operand);
    else if (width === 64) this.#pushPop64(short, operand);
    else this.sized(width, short, operand);
  }

  #pushPop64(opcode: number, { number }: Gpr): void {
    if (number >= 8) this.db(0x41);
    this.db(opcode + (number & 7));
  }

  #pushWide(value: Immediate): void {
    this.db(0x68);
    this.immediate(value, this.bits === 16 ? 2 : 4);
  }

  #inOut(opcode: number, register: Gpr, port: number | Gpr): void {
    if (register.number !== al.number || register.width === 64)
      throw new Error("IN and OUT use AL, AX, EAX.");
    const wide = register.width === 8 ? 0 : 1;
    if (port instanceof Gpr) {
      if (port !== dx) throw new Error("A port is a constant or DX.");
      this.sized(register.width, opcode | 8 | wide);
    } else {
      this.sized(register.width, opcode | wide);
      this.immediate(port, 1);
    }
  }

  #string(opcode: number, width: Width): void {
    this.sized(width, opcode | (width === 8 ? 0 : 1));
  }
}

function isSpecial(operand: Source | Special): operand is Special {
  return (
    operand instanceof SegmentRegister ||
    operand instanceof ControlRegister ||
    operand instanceof DebugRegister
  );
}
