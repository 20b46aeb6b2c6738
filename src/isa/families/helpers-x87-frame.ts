/**
 * The register stack as the x87 helpers see it: TOP and tags, stack faults, and the status word of one instruction
 * (SDM vol. 1, 8.1.2-8.1.7, 8.5.1.1).
 *
 * Every helper calls `begin`, works through `fpu`, and ends with `end` (or, before a store to memory that can still
 * fault, with `defer`). Until then nothing but the contents of data registers has changed. Not re-entrant.
 */
import { createEnv, IE, loadFcw, stopped } from "../float/env.js";
import type { F80 } from "../float/format.js";
import { fromIntegerNum } from "../float/integral.js";
import {
  FINITE,
  type Num,
  setFinite,
  setInfinity,
  setNaN,
  setUnsupported,
  setZero,
  ZERO,
} from "../float/num.js";
import { unpack32, unpack64 } from "../float/unpack.js";
import { C1, INDEFINITE } from "../float/x87-ops.js";
import { FCW, FPR, FSW, FTW } from "../state.js";
import { Deferred, Fsw, OPERAND, type OperandFormat } from "./x87-protocol.js";

export type X87Helper = (
  memory: DataView,
  cpu: number,
  record: number,
  ...args: number[]
) => number | undefined;

/** The environment of the operation in progress. */
export const env = createEnv();

class Fpu {
  memory!: DataView;
  cpu = 0;
  fsw = 0;
  tags = 0;

  begin(memory: DataView, cpu: number): void {
    this.memory = memory;
    this.cpu = cpu;
    this.fsw = memory.getUint16(cpu + FSW, true);
    this.tags = memory.getUint8(cpu + FTW);
    loadFcw(env, memory.getUint16(cpu + FCW, true));
  }

  /** Physical number of ST(i). */
  private number(i: number): number {
    return ((this.fsw >> 11) + i) & 7;
  }
  /** Address of ST(i). */
  at(i: number): number {
    return this.cpu + FPR + this.number(i) * 16;
  }
  isEmpty(i: number): boolean {
    return ((this.tags >> this.number(i)) & 1) === 0;
  }

  // --- contents ---

  read(i: number, out: Num): void {
    unpackAt(this.memory, this.at(i), out);
  }
  readRaw(i: number): F80 {
    const at = this.at(i);
    return { se: this.memory.getUint16(at + 8, true), sig: this.memory.getBigUint64(at, true) };
  }
  write(i: number, value: Num): void {
    const { memory } = this;
    const at = this.at(i);
    memory.setInt32(at, value.lo, true);
    memory.setInt32(at + 4, value.hi, true);
    memory.setUint16(at + 8, (value.sign << 15) | biasedExponent(value), true);
    this.fill(i);
  }
  writeRaw(i: number, value: F80): void {
    const at = this.at(i);
    this.memory.setBigUint64(at, value.sig, true);
    this.memory.setUint16(at + 8, value.se, true);
    this.fill(i);
  }
  /** ST(to) = ST(from), whatever it holds. */
  copy(from: number, to: number): void {
    const { memory } = this;
    const [source, target] = [this.at(from), this.at(to)];
    memory.setInt32(target, memory.getInt32(source, true), true);
    memory.setInt32(target + 4, memory.getInt32(source + 4, true), true);
    memory.setUint16(target + 8, memory.getUint16(source + 8, true), true);
    this.fill(to);
  }
  writeIndefinite(i: number): void {
    const { memory } = this;
    const at = this.at(i);
    memory.setUint32(at, 0, true);
    memory.setUint32(at + 4, 0xc0000000, true);
    memory.setUint16(at + 8, 0xffff, true);
    this.fill(i);
  }
  /** Exchanges ST(0) and ST(i), whatever they hold. */
  exchange(i: number): void {
    const { memory } = this;
    const [a, b] = [this.at(0), this.at(i)];
    for (let offset = 0; offset < 12; offset += 4) {
      const word = memory.getInt32(a + offset, true);
      memory.setInt32(a + offset, memory.getInt32(b + offset, true), true);
      memory.setInt32(b + offset, word, true);
    }
  }
  /** The operand that the instruction loaded from memory. */
  readOperand(format: OperandFormat, out: Num): void {
    const { memory } = this;
    const at = this.cpu + OPERAND;
    switch (format) {
      case 0:
        unpack32(memory.getInt32(at, true), false, out);
        break;
      case 1:
        unpack64(memory.getBigUint64(at, true), false, out);
        break;
      case 2: {
        const value = memory.getInt16(at, true);
        fromIntegerNum(value >> 31, value, out);
        break;
      }
      case 3: {
        const value = memory.getInt32(at, true);
        fromIntegerNum(value >> 31, value, out);
        break;
      }
      case 4:
        fromIntegerNum(memory.getInt32(at + 4, true), memory.getInt32(at, true), out);
        break;
    }
  }

  // --- TOP and tags ---

  private fill(i: number): void {
    this.tags |= 1 << this.number(i);
  }
  free(i: number): void {
    this.tags &= ~(1 << this.number(i));
  }
  /** TOP += by. */
  rotate(by: number): void {
    this.fsw = (this.fsw & ~Fsw.TOP) | ((this.fsw + (by << 11)) & Fsw.TOP);
  }
  /** The new ST(0) has to be written next. */
  push(): void {
    this.rotate(-1);
  }
  pop(): void {
    this.free(0);
    this.rotate(1);
  }

  // --- exceptions ---

  /** Stack underflow: an operand is empty. Returns whether it is masked: then the results are indefinite. */
  underflow(): boolean {
    env.flags |= IE;
    env.roundedUp = false;
    this.fsw |= Fsw.SF;
    return (env.masks & IE) !== 0;
  }
  /** Stack overflow: there is no room to push. Returns whether it is masked. */
  overflow(): boolean {
    const masked = this.underflow();
    env.roundedUp = true;
    return masked;
  }

  /**
   * An operation with two results: the first replaces ST(0), the second is pushed. Null: the operand is out of range
   * and nothing happens.
   */
  split(operation: () => readonly [F80, F80] | null): void {
    const empty = this.isEmpty(0);
    let values: readonly [F80, F80] | null;
    if (empty || !this.isEmpty(-1)) {
      const masked = empty ? this.underflow() : this.overflow();
      values = masked ? [INDEFINITE, INDEFINITE] : null;
    } else {
      values = operation();
      if (stopped(env)) return;
    }
    if (values === null) return;
    this.writeRaw(0, values[0]);
    this.push();
    this.writeRaw(0, values[1]);
  }

  /** Condition codes that the instruction sets; C1 too, in place of what rounding says. */
  conditions(bits: number): void {
    this.fsw |= bits & ~C1;
    if ((bits & C1) !== 0) env.roundedUp = true;
  }

  /** The status word with the exceptions of the operation, and C1 where an instruction does not define it otherwise. */
  private status(): number {
    const fsw = (this.fsw & ~C1) | env.flags | (env.roundedUp ? C1 : 0);
    return (fsw & ~env.masks & Fsw.EXCEPTIONS) !== 0 ? fsw | Fsw.PENDING : fsw;
  }
  end(): void {
    const { memory, cpu } = this;
    memory.setUint32(cpu + FSW, this.status(), true);
    memory.setUint32(cpu + FTW, this.tags, true);
  }
  /** Leaves status word and tags where the instruction finds them after its store. */
  defer(): void {
    const { memory, cpu } = this;
    memory.setUint32(cpu + Deferred.fsw, this.status(), true);
    memory.setUint32(cpu + Deferred.ftw, this.tags, true);
  }
}

export const fpu = new Fpu();

/** As `pack80` of ../float, without a bigint. */
function biasedExponent(value: Num): number {
  if (value.kind === FINITE) return value.hi < 0 ? value.exp + 16383 : 0;
  return value.kind === ZERO ? 0 : 0x7fff;
}

/** As `unpack80` of ../float (SDM vol. 1, tables 4-3 and 8-3), without a bigint. */
export function unpackAt(memory: DataView, at: number, out: Num): void {
  const se = memory.getUint16(at + 8, true);
  const lo = memory.getInt32(at, true);
  const hi = memory.getInt32(at + 4, true);
  const sign = se >>> 15;
  const biased = se & 0x7fff;
  if (hi < 0 && biased !== 0 && biased !== 0x7fff) setFinite(out, sign, biased - 16383, hi, lo);
  else if (biased === 0) {
    if ((hi | lo) === 0) setZero(out, sign);
    else {
      // Denormals, and pseudo-denormals (integer bit set), which have the value of exponent 1.
      setFinite(out, sign, -16382, hi, lo);
      out.denormal = true;
    }
  } else if (hi >= 0) setUnsupported(out, sign, hi, lo);
  else if (hi << 1 === 0 && lo === 0) setInfinity(out, sign);
  else setNaN(out, sign, hi, lo);
}
