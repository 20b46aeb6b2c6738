/**
 * Operands for the interpreter: known only at run time, so every one of them is read through the decoded record
 * (record.ts).
 */
import type { Shape } from "../../isa/emit.js";
import { type FlagEmit, StateFlags } from "../../isa/flag-emit.js";
import type { OperandKind } from "../../isa/operand.js";
import { GPR, PENDING, PENDING_ERROR, Pending, TLB_READ, TLB_WRITE } from "../../isa/state.js";
import { type FunctionBuilder, load } from "../../wasm/function.js";
import { I32, type I64, V128 } from "../../wasm/value.js";
import { OperandEmit } from "../emit/operands.js";
import type { Exits } from "./exits.js";
import { FLAT_ADDRESS, Record, SLOW_ADDRESS, slotOf } from "./record.js";
import { Access, type Runtime } from "./runtime.js";

export abstract class RecordEmit extends OperandEmit {
  readonly flags: FlagEmit;

  constructor(
    shape: Shape,
    f: FunctionBuilder,
    cpu: I32,
    protected readonly record: I32,
    runtime: Runtime,
    protected readonly exits: Exits,
  ) {
    super(shape, f, cpu, runtime);
    this.flags = new StateFlags(f, cpu, runtime.flags);
  }

  protected override leaveFaulting(): void {
    this.exits.fault();
  }

  override fault(vector: number, error?: I32 | number): void {
    this.f.store(this.cpu, I32.const(vector), PENDING);
    if (error !== undefined) this.f.store(this.cpu, I32.from(error), PENDING_ERROR);
    this.exits.fault();
  }

  protected override faultIfPending(): void {
    this.f.if(load.i32(this.cpu, PENDING).ne(Pending.none), () => this.exits.fault());
  }

  // --- registers ---

  /** Address in the state of register operand `i`. */
  private slot(i: number): I32 {
    const slot = slotOf(this.operands, i);
    const offset = slot === 3 ? Record.fourth : Record.registers + slot * 2;
    return this.cpu.add(load.i32_16u(this.record, offset));
  }

  private writeSlot(kind: OperandKind, width: number, slot: I32, value: I64): void {
    if (kind === "gpr" && width === 32) this.f.store(slot, value.and(0xffffffffn));
    else this.f.storeInt(Math.min(width, 64), slot, value);
    if (kind === "mm") this.f.store16(slot, 0xffff, 8);
  }

  protected override readOperandRegister(i: number, width: number, signed: boolean): I64 {
    return this.loadInt(width, this.slot(i), signed);
  }

  protected override writeOperandRegister(i: number, width: number, value: I64): void {
    this.writeSlot(this.kind(i), width, this.slot(i), value);
  }

  override update(i: number, change: (old: I64) => I64): void {
    if (this.kind(i) === "mem") {
      super.update(i, change);
      return;
    }
    // The slot is looked up once.
    const width = this.width(i);
    const slot = this.let(this.slot(i));
    const old = this.let(this.loadInt(width, slot, false));
    this.writeSlot(this.kind(i), width, slot, change(old));
  }

  override readRegister(register: number, width: number): I64 {
    return this.loadInt(width, this.cpu, false, GPR + register * 8);
  }

  override writeRegister(register: number, width: number, value: I64): void {
    const offset = GPR + register * 8;
    if (width === 32) this.f.store(this.cpu, value.and(0xffffffffn), offset);
    else this.f.storeInt(width, this.cpu, value, offset);
  }

  override registerNumber(i: number): I32 {
    const slot = slotOf(this.operands, i);
    const number = load.i32_16u(this.record, slot === 3 ? Record.fourth : Record.registers + slot * 2);
    const kind = this.kind(i);
    return this.let(kind === "gpr" || kind === "gpr8h" ? number.shrU(3) : number);
  }

  protected override immediate64(i: number, signed: boolean): I64 {
    const width = this.width(i);
    if (this.kind(i) === "rel") return load.i64_32s(this.record, Record.displacement);
    const both = i > 0 && this.kind(i - 1) === "imm";
    const offset = both ? Record.displacement : Record.immediate;
    if (width === 64) {
      return this.operands.some((o) => o.kind === "mem" || o.kind === "vmem")
        ? load.i64_32s(this.record, Record.immediate)
        : load.i64(this.record, Record.displacement);
    }
    return this.loadInt(width, this.record, signed, offset);
  }

  override immediate(i: number): I32 {
    const both = i > 0 && this.kind(i - 1) === "imm";
    return this.let(load.i32_8u(this.record, both ? Record.displacement : Record.immediate));
  }

  // --- addresses ---

  protected override tlb(access: "read" | "write"): I32 {
    return load.i32(this.cpu, access === "read" ? TLB_READ : TLB_WRITE);
  }

  protected override segmentBase(): I64 {
    return load.i64(this.cpu.add(load.i32_16u(this.record, Record.segmentBase)));
  }

  protected override segmentNumber(): I32 {
    return load.i32_8u(this.record, Record.segment).and(7);
  }

  protected override isFlatSegment(): I32 {
    return load.i32_8u(this.record, Record.segment).and(FLAT_ADDRESS);
  }

  private rawAddress(): I64 {
    const register = (offset: number) => load.i64(this.cpu.add(load.i32_16u(this.record, offset)));
    const scaled = register(Record.index).shl(load.i64_8u(this.record, Record.scale));
    return register(Record.base).add(scaled).add(load.i64_32s(this.record, Record.displacement));
  }

  override effectiveAddress(): I64 {
    const raw = this.rawAddress();
    const size = this.addressSize;
    return this.let(size === 64 ? raw : raw.and(size === 32 ? 0xffffffffn : 0xffffn));
  }

  override linearAddress(i: number, access: "read" | "write", bytes = Math.max(1, this.width(i) / 8)): I64 {
    const raw = this.let(this.rawAddress());
    const kind = this.let(load.i32_8u(this.record, Record.segment).and(SLOW_ADDRESS | FLAT_ADDRESS));
    const legacy = () =>
      this.f.choose(
        "i64",
        kind.eq(FLAT_ADDRESS),
        () => raw.and(0xffffffffn),
        () => slow(),
      );
    const slow = () => {
      const code = Access.encode(access, bytes);
      const linear = this.f.call(
        "i64",
        this.runtime.operandAddress,
        this.cpu,
        this.record,
        raw,
        I32.const(code),
      );
      this.faultIfPending();
      return linear;
    };
    return this.f.choose("i64", kind, legacy, () => raw.add(this.segmentBase()));
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

  // --- vectors ---

  protected override registerLane(i: number, lane: number): V128 {
    const slot = this.slot(i);
    if (this.kind(i) === "mm") return load.v128_64zero(slot);
    const width = this.width(i);
    if (width === 32) return load.v128_32zero(slot);
    if (width === 64) return load.v128_64zero(slot);
    return load.v128(slot, lane * 16);
  }

  protected override writeRegisterLanes(i: number, lanes: readonly V128[]): void {
    const slot = this.let(this.slot(i));
    this.storeLanes(slot, this.width(i), lanes);
    if (this.kind(i) === "mm") this.f.store16(slot, 0xffff, 8);
    else if (this.shape.vex) this.clearAbove(slot, lanes.length * 16);
  }

  private clearAbove(slot: I32, from: number): void {
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
}
