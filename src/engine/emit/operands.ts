/**
 * What both engines' {@link Emit} share of operands: memory operands of integers and vectors, immediates, and how
 * wide a register part is. Where registers lie is left to the engine.
 */
import { Vector } from "../../isa/emit.js";
import type { OperandKind } from "../../isa/operand.js";
import { load } from "../../wasm/function.js";
import { type I32, I64, V128 } from "../../wasm/value.js";
import { AccessEmit } from "./access.js";

export function signExtend(value: I64, width: number): I64 {
  if (width === 8) return value.extend8S();
  if (width === 16) return value.extend16S();
  if (width === 32) return value.extend32S();
  return value;
}

const lowHalf = (value: V128): I64 => new I64(0xfd000 + 29, [value], 0);
const splatLow = (value: I64): V128 => new V128(0xfd000 + 30, [V128.const(0n, 0n), value], 0);

export abstract class OperandEmit extends AccessEmit {
  /** Register operand `i`, extended from its width. Need not be fixed. */
  protected abstract readOperandRegister(i: number, width: number, signed: boolean): I64;
  /** Writes the low bits of register operand `i`. */
  protected abstract writeOperandRegister(i: number, width: number, value: I64): void;
  /** Immediate or relative operand `i`. */
  protected abstract immediate64(i: number, signed: boolean): I64;
  /** One lane of vector register operand `i`; of one narrower than 128 bits the low bits, zeros above. */
  protected abstract registerLane(i: number, lane: number): V128;
  /** Writes the lanes of vector register operand `i`, clearing above with VEX. */
  protected abstract writeRegisterLanes(i: number, lanes: readonly V128[]): void;

  protected kind(i: number): OperandKind {
    return this.operands[i]!.kind;
  }

  override read(i: number): I64 {
    const kind = this.kind(i);
    const width = Math.min(this.width(i), 64);
    if (kind === "mem") return this.load(width, this.linearAddress(i, "read"));
    if (kind === "imm" || kind === "rel") return this.let(this.immediate64(i, false));
    return this.let(this.readOperandRegister(i, width, false));
  }

  override readSigned(i: number): I64 {
    const kind = this.kind(i);
    const width = Math.min(this.width(i), 64);
    if (kind === "imm" || kind === "rel") return this.let(this.immediate64(i, true));
    if (kind === "mem") {
      const value = this.load(width, this.linearAddress(i, "read"));
      return this.let(signExtend(value, width));
    }
    return this.let(this.readOperandRegister(i, width, true));
  }

  override write(i: number, value: I64): void {
    const width = this.width(i);
    if (this.kind(i) === "mem") {
      const fixed = this.let(value);
      this.store(width, this.linearAddress(i, "write"), fixed);
      return;
    }
    this.writeOperandRegister(i, width, value);
  }

  override update(i: number, change: (old: I64) => I64): void {
    const width = this.width(i);
    if (this.kind(i) === "mem") {
      this.hostUpdate(this.linearAddress(i, "write"), width / 8, (host) => {
        const old = this.let(this.loadInt(width, host, false));
        this.f.storeInt(width, host, change(old));
      });
      return;
    }
    const old = this.let(this.readOperandRegister(i, width, false));
    this.writeOperandRegister(i, width, change(old));
  }

  // --- vectors ---

  override readVector(i: number, lane = 0): V128 {
    return this.isMemory(i) ? this.readLanes(i)[lane]! : this.let(this.registerLane(i, lane));
  }

  override readLanes(i: number): V128[] {
    const width = this.width(i);
    const lanes = width === 256 ? 2 : 1;
    if (!this.isMemory(i)) return Array.from({ length: lanes }, (_, lane) => this.readVector(i, lane));
    const linear = this.linearAddress(i, "read");
    this.checkAlignment(linear, width);
    if (width < 64 && width !== 32) {
      const low = this.let(this.loadInt(width, this.hostRead(linear, width / 8), false));
      return [this.let(splatLow(low))];
    }
    const host = this.hostRead(linear, width / 8);
    if (width === 32) return [this.let(load.v128_32zero(host))];
    if (width === 64) return [this.let(load.v128_64zero(host))];
    return Array.from({ length: lanes }, (_, lane) => this.let(load.v128(host, lane * 16)));
  }

  private checkAlignment(linear: I64, width: number): void {
    if (!this.shape.aligned || width < 128) return;
    this.f.if(linear.and(width / 8 - 1).ne(0), () => this.fault(Vector.GP, 0));
  }

  /** Stores lanes in `width` bits at an address. */
  protected storeLanes(address: I32, width: number, lanes: readonly V128[]): void {
    if (width >= 128) for (const [n, lane] of lanes.entries()) this.f.store(address, lane, n * 16);
    else this.f.storeInt(width, address, lowHalf(lanes[0]!));
  }

  override writeLanes(i: number, lanes: readonly V128[]): void {
    const width = this.width(i);
    const fixed = lanes.map((lane) => this.let(lane));
    if (this.kind(i) !== "mem") {
      this.writeRegisterLanes(i, fixed);
      return;
    }
    const linear = this.linearAddress(i, "write");
    this.checkAlignment(linear, width);
    this.hostWrite(linear, width / 8, (host) => this.storeLanes(host, width, fixed));
  }
}
