/**
 * The first layer of the interpreter's {@link Emit}: operands and state. Operands are known only at run time, so
 * every one of them is read through the decoded record (record.ts).
 */
import { Emit, type Shape } from "../../isa/emit.js";
import { FlagEmit } from "../../isa/flag-emit.js";
import type { OperandKind } from "../../isa/operand.js";
import { GPR, PENDING, PENDING_ERROR, Pending } from "../../isa/state.js";
import { type FunctionBuilder, load } from "../../wasm/function.js";
import { I32, type I64 } from "../../wasm/value.js";
import type { Exits } from "./exits.js";
import { Record, slotOf } from "./record.js";
import type { Runtime } from "./runtime.js";

export abstract class RecordEmit extends Emit {
  readonly flags: FlagEmit;

  constructor(
    shape: Shape,
    readonly f: FunctionBuilder,
    readonly cpu: I32,
    protected readonly record: I32,
    protected readonly runtime: Runtime,
    protected readonly exits: Exits,
  ) {
    super(shape);
    this.flags = new FlagEmit(f, cpu, runtime.flags);
  }

  protected kind(i: number): OperandKind {
    return this.operands[i]!.kind;
  }

  /** Address in the state of register operand `i`. */
  protected slot(i: number): I32 {
    const slot = slotOf(this.operands, i);
    const offset = slot === 3 ? Record.fourth : Record.registers + slot * 2;
    return this.cpu.add(load.i32_16u(this.record, offset));
  }

  protected immediate64(i: number, signed: boolean): I64 {
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

  protected loadInt(width: number, address: I32, signed: boolean, offset = 0): I64 {
    switch (width) {
      case 8:
        return signed ? load.i64_8s(address, offset) : load.i64_8u(address, offset);
      case 16:
        return signed ? load.i64_16s(address, offset) : load.i64_16u(address, offset);
      case 32:
        return signed ? load.i64_32s(address, offset) : load.i64_32u(address, offset);
      case 64:
        return load.i64(address, offset);
      default:
        throw new RangeError(`no integer of ${width} bits (${this.shape.mnemonic})`);
    }
  }

  protected writeSlot(kind: OperandKind, width: number, slot: I32, value: I64): void {
    if (kind === "gpr" && width === 32) this.f.store(slot, value.and(0xffffffffn));
    else this.f.storeInt(Math.min(width, 64), slot, value);
    if (kind === "mm") this.f.store16(slot, 0xffff, 8);
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

  override immediate(i: number): I32 {
    const both = i > 0 && this.kind(i - 1) === "imm";
    return this.let(load.i32_8u(this.record, both ? Record.displacement : Record.immediate));
  }

  override fault(vector: number, error?: I32 | number): void {
    this.f.store(this.cpu, I32.const(vector), PENDING);
    if (error !== undefined) this.f.store(this.cpu, I32.from(error), PENDING_ERROR);
    this.exits.fault();
  }

  protected faultIfPending(): void {
    this.f.if(load.i32(this.cpu, PENDING).ne(Pending.none), () => this.exits.fault());
  }

  override stateI32(offset: number): I32 {
    return load.i32(this.cpu, offset);
  }
  override stateI64(offset: number): I64 {
    return load.i64(this.cpu, offset);
  }
  override setStateI32(offset: number, value: I32): void {
    this.f.store(this.cpu, value, offset);
  }
  override setStateI64(offset: number, value: I64): void {
    this.f.store(this.cpu, value, offset);
  }
}
