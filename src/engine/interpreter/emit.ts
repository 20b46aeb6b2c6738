/**
 * The interpreter's side of {@link Emit}: operands are known only at run time, so every one of them is read
 * through the decoded record (record.ts).
 */
import { Emit, type Shape, Vector } from "../../isa/emit.js";
import { FlagEmit } from "../../isa/flag-emit.js";
import type { Helper } from "../../isa/helper.js";

import type { OperandKind } from "../../isa/operand.js";
import {

  BUDGET,
  GPR,
  IP_DELTA,

  PENDING,
  PENDING_ERROR,
  Pending,
  RIP,
  SEGMENT_LIMIT,
  SLICE_END,
  STACK_MASK,
  TLB_READ,
  TLB_WRITE,
  TSC_OFFSET,
} from "../../isa/state.js";
import { type FunctionBuilder, load } from "../../wasm/function.js";
import { I32, I64, select, type TypeMap, V128, type Value, type ValueType } from "../../wasm/value.js";
import { LINKABLE, Record, SLOW_ADDRESS, slotOf } from "./record.js";
import { Access, type Runtime } from "./runtime.js";

/** How the code around a handler wants it to end. Each emits a branch or a return. */
export interface Exits {
  /** The instruction is complete, go on with the next record. */
  next(): void;
  /** RIP in the state is set, find the block there. */
  jump(): void;
  /** Complete, RIP set: leave the engine. */
  leave(): void;
  /** An exception is pending. */
  fault(): void;
  /** Ends with a {@link Control} value known only at run time. */
  control(status: I32): void;
  /** A relative branch is taken; the record can be linked. Absent where linking is not possible. */
  linked?(): void;
}

const SS = 2;

export class InterpreterEmit extends Emit {
  readonly flags: FlagEmit;
  /** Addresses that came from the stack segment: their faults are #SS instead of #GP. */
  private readonly stackAddresses = new WeakSet<Value>();

  constructor(
    shape: Shape,
    readonly f: FunctionBuilder,
    readonly cpu: I32,
    private readonly record: I32,
    private readonly runtime: Runtime,
    private readonly exits: Exits,
  ) {
    super(shape);
    this.flags = new FlagEmit(f, cpu, runtime.flags);
  }

  private kind(i: number): OperandKind {
    return this.operands[i]!.kind;
  }

  /** Address in the state of register operand `i`. */
  private slot(i: number): I32 {
    const slot = slotOf(this.operands, i);
    const offset = slot === 3 ? Record.fourth : Record.registers + slot * 2;
    return this.cpu.add(load.i32_16u(this.record, offset));
  }

  // --- integer operands ---

  read(i: number): I64 {
    const kind = this.kind(i);
    const width = Math.min(this.width(i), 64);
    if (kind === "mem") return this.load(width, this.linearAddress(i, "read"));
    if (kind === "imm" || kind === "rel") return this.let(this.immediate64(i, false));
    return this.let(this.loadInt(width, this.slot(i), false));
  }

  readSigned(i: number): I64 {
    const kind = this.kind(i);
    const width = Math.min(this.width(i), 64);
    if (kind === "imm" || kind === "rel") return this.let(this.immediate64(i, true));
    if (kind === "mem") {
      const value = this.load(width, this.linearAddress(i, "read"));
      return this.let(signExtend(value, width));
    }
    return this.let(this.loadInt(width, this.slot(i), true));
  }

  private immediate64(i: number, signed: boolean): I64 {
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

  private loadInt(width: number, address: I32, signed: boolean, offset = 0): I64 {
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

  write(i: number, value: I64): void {
    const kind = this.kind(i);
    const width = this.width(i);
    if (kind === "mem") {
      const fixed = this.let(value);
      this.store(width, this.linearAddress(i, "write"), fixed);
      return;
    }
    this.writeSlot(kind, width, this.slot(i), value);
  }

  private writeSlot(kind: OperandKind, width: number, slot: I32, value: I64): void {
    if (kind === "gpr" && width === 32) this.f.store(slot, value.and(0xffffffffn));
    else this.f.storeInt(Math.min(width, 64), slot, value);
    if (kind === "mm") this.f.store16(slot, 0xffff, 8);
  }

  update(i: number, change: (old: I64) => I64): void {
    const width = this.width(i);
    if (this.kind(i) === "mem") {
      this.hostUpdate(this.linearAddress(i, "write"), width / 8, (host) => {
        const old = this.let(this.loadInt(width, host, false));
        this.f.storeInt(width, host, change(old));
      });
      return;
    }
    const slot = this.let(this.slot(i));
    const old = this.let(this.loadInt(width, slot, false));
    this.writeSlot(this.kind(i), width, slot, change(old));
  }

  readRegister(register: number, width: number): I64 {
    return this.loadInt(width, this.cpu, false, GPR + register * 8);
  }

  writeRegister(register: number, width: number, value: I64): void {
    const offset = GPR + register * 8;
    if (width === 32) this.f.store(this.cpu, value.and(0xffffffffn), offset);
    else this.f.storeInt(width, this.cpu, value, offset);
  }

  registerNumber(i: number): I32 {
    const slot = slotOf(this.operands, i);
    const number = load.i32_16u(this.record, slot === 3 ? Record.fourth : Record.registers + slot * 2);
    const kind = this.kind(i);
    return this.let(kind === "gpr" || kind === "gpr8h" ? number.shrU(3) : number);
  }

  // --- memory ---

  private rawAddress(): I64 {
    const register = (offset: number) => load.i64(this.cpu.add(load.i32_16u(this.record, offset)));
    const scaled = register(Record.index).shl(load.i64_8u(this.record, Record.scale));
    return register(Record.base).add(scaled).add(load.i64_32s(this.record, Record.displacement));
  }

  effectiveAddress(): I64 {
    const raw = this.rawAddress();
    const size = this.addressSize;
    return this.let(size === 64 ? raw : raw.and(size === 32 ? 0xffffffffn : 0xffffn));
  }

  linearAddress(i: number, access: "read" | "write", bytes = Math.max(1, this.width(i) / 8)): I64 {
    const raw = this.let(this.rawAddress());
    const slow = load.i32_8u(this.record, Record.segment).and(SLOW_ADDRESS);
    return this.f.choose(
      "i64",
      slow,
      () => {
        const code = Access.encode(access, bytes);
        const linear = this.f.call("i64", this.runtime.operandAddress, this.cpu, this.record, raw, I32.const(code));
        this.faultIfPending();
        return linear;
      },
      () => raw.add(load.i64(this.cpu.add(load.i32_16u(this.record, Record.segmentBase)))),
    );
  }

  segmentAddress(segment: number | undefined, offset: I64, access: "read" | "write", bytes: number): I64 {
    if (segment === undefined) {
      if (this.long) {
        return this.let(offset.add(load.i64(this.cpu.add(load.i32_16u(this.record, Record.segmentBase)))));
      }
      const number = load.i32_8u(this.record, Record.segment).and(7);
      return this.checkedAddress(number, offset, access, bytes);
    }
    if (this.long) {
      const linear = this.let(offset.add(0));
      return segment === SS ? this.markStack(linear) : linear;
    }
    const linear = this.checkedAddress(I32.const(segment), offset, access, bytes);
    return segment === SS ? this.markStack(linear) : linear;
  }

  private markStack(linear: I64): I64 {
    const copy = this.f.local("i64");
    this.f.set(copy, linear);
    this.stackAddresses.add(copy.value);
    return copy.value;
  }

  private checkedAddress(segment: I32, offset: I64, access: "read" | "write", bytes: number): I64 {
    const code = I32.const(Access.encode(access, bytes));
    const linear = this.f.call("i64", this.runtime.checkSegment, this.cpu, offset, segment, code);
    this.faultIfPending();
    return linear;
  }

  private faultIfPending(): void {
    this.f.if(load.i32(this.cpu, PENDING).ne(Pending.none), () => this.exits.fault());
  }

  /** Host address for an access: the inline TLB test, or the slow path, which may fault. */
  private host(linear: I64, bytes: number, access: "read" | "write" | "update"): I32 {
    const stack = this.stackAddresses.has(linear);
    const address = this.let(linear);
    const table = access === "read" ? TLB_READ : TLB_WRITE;
    const entry = this.let(load.i32(this.cpu, table).add(address.shrU(8).toI32().and(0x3ff0)));
    const hit = address.xor(load.i64(entry)).leU(4096 - bytes);
    return this.f.choose(
      "i32",
      hit,
      () => load.i32(entry, 8).add(address.toI32()),
      () => {
        const code = Access.encode(access, bytes) | (stack ? Access.stack : 0);
        const host = this.f.call(
          "i32",
          this.runtime.resolve,
          this.cpu,
          this.record,
          address.toI32(),
          address.shrU(32).toI32(),
          I32.const(code),
        );
        this.f.if(host.eqz(), () => this.exits.fault());
        return host;
      },
    );
  }

  hostRead(linear: I64, bytes: number): I32 {
    return this.host(linear, bytes, "read");
  }

  hostWrite(linear: I64, bytes: number, fill: (host: I32) => void): void {
    const host = this.host(linear, bytes, "write");
    fill(host);
    this.commit(host);
  }

  hostUpdate(linear: I64, bytes: number, change: (host: I32) => void): void {
    const host = this.host(linear, bytes, "update");
    change(host);
    this.commit(host);
  }

  /** Finishes a write that went to the bounce buffer. */
  private commit(host: I32): void {
    this.f.if(host.eq(this.cpu.add(this.runtime.bounce)), () => this.f.run(this.runtime.commit, this.cpu));
  }

  mappedHost(linear: I64, access: "read" | "write"): I32 {
    const address = this.let(linear);
    const table = access === "read" ? TLB_READ : TLB_WRITE;
    const entry = this.let(load.i32(this.cpu, table).add(address.shrU(8).toI32().and(0x3ff0)));
    const hit = address.xor(load.i64(entry)).ltU(4096);
    return this.let(select(hit, load.i32(entry, 8).add(address.toI32()), I32.const(0)));
  }

  segmentLimit(segment: number | undefined): I32 {
    const number =
      segment === undefined ? load.i32_8u(this.record, Record.segment).and(7) : I32.const(segment);
    return this.let(load.i32(this.cpu.add(number.shl(2)), SEGMENT_LIMIT));
  }

  load(width: number, linear: I64): I64 {
    return this.let(this.loadInt(width, this.hostRead(linear, width / 8), false));
  }

  store(width: number, linear: I64, value: I64): void {
    this.hostWrite(linear, width / 8, (host) => this.f.storeInt(width, host, value));
  }

  // --- stack ---

  private get stackPointer(): I64 {
    return load.i64(this.cpu, GPR + 4 * 8);
  }

  private stackAddress(offset: I64, access: "read" | "write", bytes: number): I64 {
    return this.segmentAddress(SS, offset, access, bytes);
  }

  push(value: I64, width: number = this.operandSize): void {
    const fixed = this.let(value);
    const bytes = width / 8;
    if (this.long) {
      const top = this.let(this.stackPointer.sub(bytes));
      this.store(width, this.markStack(top), fixed);
      this.f.store(this.cpu, top, GPR + 4 * 8);
      return;
    }
    const mask = this.let(load.i64(this.cpu, STACK_MASK));
    const top = this.let(this.stackPointer.sub(bytes).and(mask));
    this.store(width, this.stackAddress(top, "write", bytes), fixed);
    this.f.store(this.cpu, this.stackPointer.and(mask.not()).or(top), GPR + 4 * 8);
  }

  peek(width: number = this.operandSize, depth = 0): I64 {
    const bytes = width / 8;
    const at = this.stackPointer.add(depth);
    const offset = this.long ? at : at.and(load.i64(this.cpu, STACK_MASK));
    return this.load(width, this.stackAddress(this.let(offset), "read", bytes));
  }

  dropStack(bytes: number | I64): void {
    const moved = this.stackPointer.add(bytes);
    if (this.long) {
      this.f.store(this.cpu, moved, GPR + 4 * 8);
      return;
    }
    const mask = load.i64(this.cpu, STACK_MASK);
    this.f.store(this.cpu, this.stackPointer.and(mask.not()).or(moved.and(mask)), GPR + 4 * 8);
  }

  // --- control ---

  nextRip(): I64 {
    const next = load.i64(this.cpu, IP_DELTA).add(load.i64_16u(this.record, Record.next));
    return this.let(this.long ? next : next.and(0xffffffffn));
  }

  private checkTarget(target: I64): void {
    if (this.long) {
      this.f.if(target.shl(16).shrS(16).ne(target), () => this.fault(Vector.GP, 0));
    } else {
      this.f.if(target.gtU(load.i64_32u(this.cpu, SEGMENT_LIMIT + 4)), () => this.fault(Vector.GP, 0));
    }
  }

  /** Target of the relative operand, checked. */
  relativeTarget(): I64 {
    return this.branchTarget(this.nextRip().add(load.i64_32s(this.record, Record.displacement)));
  }

  private cutRip(target: I64): I64 {
    if (this.operandSize === 16) return target.and(0xffffn);
    return this.long ? target : target.and(0xffffffffn);
  }

  branchTarget(target: I64): I64 {
    const cut = this.let(this.cutRip(target));
    this.checkTarget(cut);
    return cut;
  }

  farPointer(): { selector: I32; offset: I64 } {
    return {
      selector: this.let(load.i32_16u(this.record, Record.displacement)),
      offset: this.let(load.i64_32u(this.record, Record.immediate)),
    };
  }

  restart(): void {
    this.sync();
    // Not `jump`: the run loop gets its turn, too.
    this.exits.leave();
  }

  jump(target: I64): void {
    this.f.store(this.cpu, this.branchTarget(target), RIP);
    this.exits.jump();
  }

  jumpRelative(condition?: I32): void {
    const taken = () => {
      if (this.exits.linked) {
        this.f.if(load.i32_8u(this.record, Record.link).and(LINKABLE), () => this.exits.linked!());
      }
      this.f.store(this.cpu, this.relativeTarget(), RIP);
      this.exits.jump();
    };
    if (!condition) taken();
    else {
      this.f.if(condition, taken);
      this.exits.next();
    }
  }

  fault(vector: number, error?: I32 | number): void {
    this.f.store(this.cpu, I32.const(vector), PENDING);
    if (error !== undefined) this.f.store(this.cpu, I32.from(error), PENDING_ERROR);
    this.exits.fault();
  }

  private sync(): void {
    this.f.run(this.runtime.sync, this.cpu, this.record);
  }

  call<T extends ValueType>(helper: Helper<T>, ...args: Value[]): TypeMap[T] {
    const fixed = args.map((arg) => this.let(arg));
    if (!helper.pure) this.sync();
    const result = this.f.call(
      helper.result,
      this.runtime.helper(helper),
      this.cpu,
      this.record,
      ...fixed,
    );
    if (!helper.pure) this.faultIfPending();
    return result;
  }

  run(helper: Helper, ...args: Value[]): void {
    const fixed = args.map((arg) => this.let(arg));
    if (!helper.pure) this.sync();
    this.f.run(this.runtime.helper(helper), this.cpu, this.record, ...fixed);
    if (!helper.pure) this.faultIfPending();
  }

  control(helper: Helper<"i32">, ...args: Value[]): void {
    const fixed = args.map((arg) => this.let(arg));
    this.sync();
    this.exits.control(this.f.call("i32", this.runtime.helper(helper), this.cpu, this.record, ...fixed));
  }

  finishWithAttention(): void {
    this.f.store(this.cpu, this.nextRip(), RIP);
    this.exits.leave();
  }

  timeStamp(): I64 {
    const ticks = load
      .i64(this.cpu, SLICE_END)
      .sub(load.i64_32s(this.cpu, BUDGET))
      .sub(load.i64_16u(this.record, Record.left));
    return this.let(ticks.add(load.i64(this.cpu, TSC_OFFSET)));
  }

  // --- vectors ---

  readVector(i: number, lane = 0): V128 {
    return this.isMemory(i) ? this.readLanes(i)[lane]! : this.let(this.registerLane(i, lane));
  }

  private registerLane(i: number, lane: number): V128 {
    const slot = this.slot(i);
    if (this.kind(i) === "mm") return load.v128_64zero(slot);
    const width = this.width(i);
    if (width === 32) return load.v128_32zero(slot);
    if (width === 64) return load.v128_64zero(slot);
    return load.v128(slot, lane * 16);
  }

  readLanes(i: number): V128[] {
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

  writeLanes(i: number, lanes: readonly V128[]): void {
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

  private clearAbove(slot: I32, from: number): void {
    if (from < 32) this.f.store(slot, V128.const(0n, 0n), 16);
  }

  readWholeVector(i: number): V128 {
    return this.let(load.v128(this.slot(i)));
  }

  writeWholeVector(i: number, value: V128): void {
    const fixed = this.let(value);
    const slot = this.let(this.slot(i));
    this.f.store(slot, fixed);
    if (this.shape.vex) this.clearAbove(slot, 16);
  }

  vectorElementAddress(i: number, element: number, indexWidth: 32 | 64): I64 {
    const indices = this.cpu.add(load.i32_16u(this.record, Record.index));
    const index = indexWidth === 32 ? load.i64_32s(indices, element * 4) : load.i64(indices, element * 8);
    const base = load.i64(this.cpu.add(load.i32_16u(this.record, Record.base)));
    const scaled = index.shl(load.i64_8u(this.record, Record.scale));
    const raw = base.add(scaled).add(load.i64_32s(this.record, Record.displacement));
    // VSIB does not exist with 16-bit addresses.
    const offset = this.let(this.addressSize === 64 ? raw : raw.and(0xffffffffn));
    return this.segmentAddress(undefined, offset, "read", this.width(i) / 8);
  }

  immediate(i: number): I32 {
    const both = i > 0 && this.kind(i - 1) === "imm";
    return this.let(load.i32_8u(this.record, both ? Record.displacement : Record.immediate));
  }

  // --- state ---

  stateI32(offset: number): I32 {
    return load.i32(this.cpu, offset);
  }
  stateI64(offset: number): I64 {
    return load.i64(this.cpu, offset);
  }
  setStateI32(offset: number, value: I32): void {
    this.f.store(this.cpu, value, offset);
  }
  setStateI64(offset: number, value: I64): void {
    this.f.store(this.cpu, value, offset);
  }
}

function signExtend(value: I64, width: number): I64 {
  if (width === 8) return value.extend8S();
  if (width === 16) return value.extend16S();
  if (width === 32) return value.extend32S();
  return value;
}

const lowHalf = (value: V128): I64 => new I64(0xfd000 + 29, [value], (out) => out.byte(0));
const splatLow = (value: I64): V128 => new V128(0xfd000 + 30, [V128.const(0n, 0n), value], (out) => out.byte(0));

