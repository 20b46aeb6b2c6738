/**
 * A translated function that keeps the guest's registers in the CPU's state. Inside a block, what was loaded or stored
 * is known in locals; nothing is kept from one block to the next, so there is nothing to load when the function is
 * entered, to store when it is left, or to move where ways meet.
 */
import { Control } from "../../isa/helper.js";
import {
  BUDGET,
  FLAG_KIND,
  FLAG_OPERAND,
  FLAG_RESULT,
  GPR,
  IP_DELTA,
  JUMP_CACHE,
  MODE_TAG,
  MXCSR,
  RETURN_RIP,
  RIP,
  TLB_READ,
  TLB_WRITE,
  YMM,
} from "../../isa/state.js";
import { type FunctionBuilder, type Local, load } from "../../wasm/function.js";
import { I32, type I64, type TypeMap, type V128 } from "../../wasm/value.js";
import type { RegionRuntime } from "../interpreter/runtime.js";
import { replaceHalf } from "./locals-code.js";
import { type NearPage, RegionCode } from "./region-code.js";

type FieldType = "i32" | "i64" | "v128";

/** A part of the state, and the local that has its value where `known`. */
interface Field<T extends FieldType> {
  readonly type: T;
  readonly offset: number;
  readonly local: Local<TypeMap[T]>;
  known: boolean;
}

const loads: { [T in FieldType]: (cpu: I32, offset: number) => TypeMap[T] } = {
  i32: load.i32,
  i64: load.i64,
  v128: load.v128,
};

export class StateCode extends RegionCode {
  private readonly fields = new Map<number, Field<FieldType>>();

  /**
   * @param cpu address of the state
   * @param slot the function's own place in the table
   */
  constructor(
    f: FunctionBuilder,
    override readonly cpu: I32,
    private readonly runtime: RegionRuntime,
    private readonly long: boolean,
    private readonly slot: number,
  ) {
    super(f);
  }

  override frame(blocks: () => void): () => void {
    blocks();
    this.f.unreachable();
    return () => {};
  }

  override begin(): void {
    super.begin();
    for (const field of this.fields.values()) field.known = false;
  }

  // --- fields of the state ---

  private field<T extends FieldType>(type: T, offset: number): Field<T> {
    let field = this.fields.get(offset) as Field<T> | undefined;
    if (!field) {
      field = { type, offset, local: this.f.lasting(type), known: false };
      this.fields.set(offset, field as unknown as Field<FieldType>);
    }
    return field;
  }

  private get<T extends FieldType>(type: T, offset: number): TypeMap[T] {
    const field = this.field(type, offset);
    if (!field.known) {
      const value = loads[type](this.cpu, offset);
      if (!this.unconditional) return value;
      this.f.set(field.local, value);
      field.known = true;
    }
    return this.f.read({ type, index: field.local.index });
  }

  private put<T extends FieldType>(type: T, offset: number, value: TypeMap[T]): void {
    const field = this.field(type, offset);
    // Under a condition what is known stays true on both ways.
    if (this.unconditional) field.known = true;
    if (!field.known) {
      this.f.store(this.cpu, value, offset);
      return;
    }
    this.f.set(field.local, value);
    this.f.store(this.cpu, field.local.value, offset);
  }

  protected override gpr(register: number): I64 {
    return this.get("i64", GPR + register * 8);
  }
  protected override setGpr(register: number, value: I64): void {
    this.put("i64", GPR + register * 8, value);
  }

  protected override lane(register: number, lane: number): V128 {
    return this.get("v128", YMM + register * 32 + lane * 16);
  }
  protected override setLane(register: number, lane: number, value: V128): void {
    this.put("v128", YMM + register * 32 + lane * 16, value);
  }
  override readHalf(register: number, lane: number, half: 0 | 1): I64 {
    return load.i64(this.cpu, YMM + register * 32 + lane * 16 + half * 8);
  }
  protected override setHalf(register: number, lane: number, half: 0 | 1, value: I64): void {
    const offset = YMM + register * 32 + lane * 16;
    const field = this.field("v128", offset);
    const fixed = this.f.let(value);
    this.f.store(this.cpu, fixed, offset + half * 8);
    if (field.known) this.f.set(field.local, replaceHalf(field.local.value, half, fixed));
  }

  override get flagResult(): I64 {
    return this.get("i64", FLAG_RESULT);
  }
  override set flagResult(value: I64) {
    this.put("i64", FLAG_RESULT, value);
  }
  override get flagOperand(): I64 {
    return this.get("i64", FLAG_OPERAND);
  }
  override set flagOperand(value: I64) {
    this.put("i64", FLAG_OPERAND, value);
  }
  override get flagWord(): I32 {
    return this.get("i32", FLAG_KIND);
  }
  override set flagWord(value: I32) {
    this.put("i32", FLAG_KIND, value);
  }
  override get delta(): I64 {
    return this.get("i64", IP_DELTA);
  }
  override set delta(value: I64) {
    this.put("i64", IP_DELTA, value);
  }
  override get mxcsr(): I32 {
    return load.i32(this.cpu, MXCSR);
  }
  override set mxcsr(_value: I32) {
    // Who sets it has stored it.
  }

  override tlb(access: "read" | "write"): I32 {
    return this.get("i32", access === "read" ? TLB_READ : TLB_WRITE);
  }
  override stackPage(): NearPage | undefined {
    return undefined;
  }
  protected override get jumpCache(): I32 {
    return load.i32(this.cpu, JUMP_CACHE);
  }
  protected override get modeTag(): I64 {
    return load.i64(this.cpu, MODE_TAG);
  }

  // --- budget ---

  override pay(count: number, record: number): void {
    const { f } = this;
    const left = f.let(load.i32(this.cpu, BUDGET).sub(count));
    f.store(this.cpu, left, BUDGET);
    f.if(left.ltS(0), () => {
      this.leaving();
      this.leave(record, Control.next);
    });
  }

  override giveBack(count: number): void {
    if (count > 0) this.f.store(this.cpu, load.i32(this.cpu, BUDGET).add(count), BUDGET);
  }

  override budgetLeft(): I32 {
    return load.i32(this.cpu, BUDGET);
  }

  // --- ways out ---

  /** Leaves before the instruction of a record. */
  private leave(record: number, status: number): void {
    const { f, runtime } = this;
    f.return(f.call("i32", runtime.leave, this.cpu, I32.const(record), I32.const(status)));
  }

  protected override leaveFaulting(record: number): void {
    this.leave(record, Control.fault);
  }

  protected override leaveInterpreted(record: number): void {
    this.leave(record, record);
  }

  protected override leaveCompleted(rip: I64, refund: number, status: number): void {
    const { f } = this;
    this.giveBack(refund);
    if (status === Control.next) {
      f.return(f.call("i32", this.runtime.transfer, this.cpu, I32.const(this.slot), rip));
      return;
    }
    f.store(this.cpu, rip, RIP);
    f.return(I32.const(status));
  }

  protected override leaveBranching(record: number, target: I64, refund: number): void {
    const { f, runtime } = this;
    const way = I32.const((this.slot << 9) | (refund << 1) | (this.long ? 1 : 0));
    f.return(f.call("i32", runtime.leaveByBranch, this.cpu, I32.const(record), target, way));
  }

  override leaveByCall(target: I64, expected: I64, goOn: () => void): void {
    const { f, cpu, runtime } = this;
    const before = f.let(load.i64(cpu, RETURN_RIP));
    f.store(cpu, expected, RETURN_RIP);
    const status = f.call("i32", runtime.transfer, cpu, I32.const(this.slot), target);
    f.store(cpu, before, RETURN_RIP);
    f.if(status.eqz().and(load.i64(cpu, RIP).eq(expected)), () => {
      this.begin();
      goOn();
    });
    this.begin();
    this.leaving();
    f.return(status);
  }

  override leaveByReturn(rip: I64): void {
    const { f, cpu } = this;
    f.if(rip.eq(load.i64(cpu, RETURN_RIP)), () => {
      this.exits++;
      f.store(cpu, rip, RIP);
      f.return(I32.const(Control.next));
    });
  }
}
