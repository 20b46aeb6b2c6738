/**
 * Integer arithmetic, logic, shifts and bit tests.
 */

import { Encoder, type Opcode } from "./encoder.js";
import { type Immediate, isPlace } from "./label.js";
import { Memory } from "./memory.js";
import { byteImmediate, commonWidth, fullImmediate, type RegisterOrMemory } from "./operands.js";
import { cl, Gpr } from "./registers.js";

export type Source = RegisterOrMemory | Immediate;

export function isOperand(source: Source): source is RegisterOrMemory {
  return source instanceof Gpr || source instanceof Memory;
}

const op = (...bytes: number[]): Opcode => ({ bytes });

export class Arithmetic extends Encoder {
  add(target: RegisterOrMemory, source: Source): void {
    this.#binary(0, target, source);
  }
  or(target: RegisterOrMemory, source: Source): void {
    this.#binary(1, target, source);
  }
  adc(target: RegisterOrMemory, source: Source): void {
    this.#binary(2, target, source);
  }
  sbb(target: RegisterOrMemory, source: Source): void {
    this.#binary(3, target, source);
  }
  and(target: RegisterOrMemory, source: Source): void {
    this.#binary(4, target, source);
  }
  sub(target: RegisterOrMemory, source: Source): void {
    this.#binary(5, target, source);
  }
  xor(target: RegisterOrMemory, source: Source): void {
    this.#binary(6, target, source);
  }
  cmp(target: RegisterOrMemory, source: Source): void {
    this.#binary(7, target, source);
  }

  test(target: RegisterOrMemory, source: Gpr | Immediate): void {
    const width = source instanceof Gpr ? commonWidth(target, source) : commonWidth(target);
    const wide = width === 8 ? 0 : 1;
    if (source instanceof Gpr) this.modrm(width, op(0x84 | wide), source, target);
    else this.modrm(width, op(0xf6 | wide), 0, target, fullImmediate(source, width));
  }

  inc(target: RegisterOrMemory): void {
    this.#unary(0xfe, 0, target);
  }
  dec(target: RegisterOrMemory): void {
    this.#unary(0xfe, 1, target);
  }
  not(target: RegisterOrMemory): void {
    this.#unary(0xf6, 2, target);
  }
  neg(target: RegisterOrMemory): void {
    this.#unary(0xf6, 3, target);
  }
  /** rDX:rAX = rAX * source, unsigned. */
  mul(source: RegisterOrMemory): void {
    this.#unary(0xf6, 4, source);
  }
  /** rAX = rDX:rAX / source, rDX = remainder, unsigned. */
  div(source: RegisterOrMemory): void {
    this.#unary(0xf6, 6, source);
  }
  idiv(source: RegisterOrMemory): void {
    this.#unary(0xf6, 7, source);
  }

  /** With one operand rDX:rAX = rAX * target; with three, target = source * factor. */
  imul(target: RegisterOrMemory, source?: RegisterOrMemory, factor?: Immediate): void {
    if (source === undefined) {
      this.#unary(0xf6, 5, target);
      return;
    }
    if (!(target instanceof Gpr)) throw new Error("IMUL writes to a register.");
    const width = commonWidth(target, source);
    if (width === 8) throw new Error("IMUL of bytes has one operand.");
    if (factor === undefined) {
      this.modrm(width, op(0x0f, 0xaf), target, source);
    } else {
      const short = byteImmediate(factor, width);
      this.modrm(width, op(short ? 0x6b : 0x69), target, source, short ?? fullImmediate(factor, width));
    }
  }

  rol(target: RegisterOrMemory, count: number | Gpr): void {
    this.#shift(0, target, count);
  }
  ror(target: RegisterOrMemory, count: number | Gpr): void {
    this.#shift(1, target, count);
  }
  shl(target: RegisterOrMemory, count: number | Gpr): void {
    this.#shift(4, target, count);
  }
  shr(target: RegisterOrMemory, count: number | Gpr): void {
    this.#shift(5, target, count);
  }
  sar(target: RegisterOrMemory, count: number | Gpr): void {
    this.#shift(7, target, count);
  }

  bt(target: RegisterOrMemory, bit: number | Gpr): void {
    this.#bitTest(4, target, bit);
  }
  bts(target: RegisterOrMemory, bit: number | Gpr): void {
    this.#bitTest(5, target, bit);
  }
  btr(target: RegisterOrMemory, bit: number | Gpr): void {
    this.#bitTest(6, target, bit);
  }
  btc(target: RegisterOrMemory, bit: number | Gpr): void {
    this.#bitTest(7, target, bit);
  }
  bsf(target: Gpr, source: RegisterOrMemory): void {
    this.modrm(commonWidth(target, source), op(0x0f, 0xbc), target, source);
  }
  bsr(target: Gpr, source: RegisterOrMemory): void {
    this.modrm(commonWidth(target, source), op(0x0f, 0xbd), target, source);
  }

  #binary(operation: number, target: RegisterOrMemory, source: Source): void {
    const width = isOperand(source) ? commonWidth(target, source) : commonWidth(target);
    const wide = width === 8 ? 0 : 1;
    if (source instanceof Memory) {
      if (!(target instanceof Gpr)) throw new Error("An instruction has at most one memory operand.");
      this.modrm(width, op((operation << 3) | 2 | wide), target, source);
    } else if (source instanceof Gpr) {
      this.modrm(width, op((operation << 3) | wide), source, target);
    } else {
      const short = width === 8 && isPlace(source) ? undefined : byteImmediate(source, width);
      const opcode = width === 8 ? 0x80 : short ? 0x83 : 0x81;
      this.modrm(width, op(opcode), operation, target, short ?? fullImmediate(source, width));
    }
  }

  #unary(opcode: number, extension: number, operand: RegisterOrMemory): void {
    const width = commonWidth(operand);
    this.modrm(width, op(opcode | (width === 8 ? 0 : 1)), extension, operand);
  }

  #shift(extension: number, target: RegisterOrMemory, count: number | Gpr): void {
    const width = commonWidth(target);
    const wide = width === 8 ? 0 : 1;
    if (count instanceof Gpr) {
      if (count !== cl) throw new Error("Shift counts are constants or CL.");
      this.modrm(width, op(0xd2 | wide), extension, target);
    } else {
      this.modrm(width, op(0xc0 | wide), extension, target, { value: count, length: 1 });
    }
  }

  #bitTest(extension: number, target: RegisterOrMemory, bit: number | Gpr): void {
    const width = bit instanceof Gpr ? commonWidth(target, bit) : commonWidth(target);
    if (width === 8) throw new Error("Bit tests have no byte operands.");
    if (bit instanceof Gpr) this.modrm(width, op(0x0f, 0x83 | (extension << 3)), bit, target);
    else this.modrm(width, op(0x0f, 0xba), extension, target, { value: bit, length: 1 });
  }
}
