/**
 * The third layer of the interpreter's {@link Emit}: MMX, XMM and YMM operands, a 128-bit lane at a time.
 */
import { Vector } from "../../isa/emit.js";
import { load } from "../../wasm/function.js";
import { type I32, I64, V128 } from "../../wasm/value.js";
import { MemoryEmit } from "./emit-memory.js";
import { Record } from "./record.js";

const lowHalf = (value: V128): I64 => new I64(0xfd000 + 29, [value], (out) => out.byte(0));
const splatLow = (value: I64): V128 =>
  new V128(0xfd000 + 30, [V128.const(0n, 0n), value], (out) => out.byte(0));

export abstract class VectorEmit extends MemoryEmit {
  override readVector(i: number, lane = 0): V128 {
    return this.isMemory(i) ? this.readLanes(i)[lane]! : this.let(this.registerLane(i, lane));
  }

  protected registerLane(i: number, lane: number): V128 {
    const slot = this.slot(i);
    if (this.kind(i) === "mm") return load.v128_64zero(slot);
    const width = this.width(i);
    if (width === 32) return load.v128_32zero(slot);
    if (width === 64) return load.v128_64zero(slot);
    return load.v128(slot, lane * 16);
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

  protected checkAlignment(linear: I64, width: number): void {
    if (!this.shape.aligned || width < 128) return;
    this.f.if(linear.and(width / 8 - 1).ne(0), () => this.fault(Vector.GP, 0));
  }

  override writeLanes(i: number, lanes: readonly V128[]): void {
    const width = this.width(i);
    const kind = this.kind(i);
    const fixed = lanes.map((lane) => this.let(lane));
    const storeTo = (address: I32) => {
      if (width >= 128) for (const [n, lane] of fixed.entries()) this.f.store(address, lane, n * 16);
      else this.f.storeInt(width, address, lowHalf(fixed[0]!));
    };
    if (kind === "mem") {
      const linear = this.linearAddress(i, "write");
      this.checkAlignment(linear, width);
      this.hostWrite(linear, width / 8, storeTo);
      return;
    }
    const slot = this.let(this.slot(i));
    storeTo(slot);
    if (kind === "mm") this.f.store16(slot, 0xffff, 8);
    else if (this.shape.vex) this.clearAbove(slot, fixed.length * 16);
  }

  protected clearAbove(slot: I32, from: number): void {
    if (from < 32) this.f.store(slot, V128.const(0n, 0n), 16);
  }

  override readWholeVector(i: number): V128 {
    return this.let(load.v128(this.slot(i)));
  }

  override writeWholeVector(i: number, value: V128): void {
    const fixed = this.let(value);
    const slot = this.let(this.slot(i));
    this.f.store(slot, fixed);
    if (this.shape.vex) this.clearAbove(slot, 16);
  }

  override vectorElementAddress(i: number, element: number, indexWidth: 32 | 64): I64 {
    const indices = this.cpu.add(load.i32_16u(this.record, Record.index));
    const index = indexWidth === 32 ? load.i64_32s(indices, element * 4) : load.i64(indices, element * 8);
    const base = load.i64(this.cpu.add(load.i32_16u(this.record, Record.base)));
    const scaled = index.shl(load.i64_8u(this.record, Record.scale));
    const raw = base.add(scaled).add(load.i64_32s(this.record, Record.displacement));
    // VSIB does not exist with 16-bit addresses.
    const offset = this.let(this.addressSize === 64 ? raw : raw.and(0xffffffffn));
    return this.segmentAddress(undefined, offset, "read", this.width(i) / 8);
  }
}
