/**
 * What both engines' {@link Emit} share of memory and stack: loads and stores with the inline TLB test (design decision
 * 5), the bounce buffer's commit, segments by number, PUSH and POP.
 */
import { isOutsideCode } from "../../isa/code-limit.js";
import { Emit, Register, type Shape, Vector } from "../../isa/emit.js";
import { FLAT, SEGMENT_LIMIT, STACK_MASK, TLB_ENTRIES, TLB_ENTRY_SIZE } from "../../isa/state.js";
import { type FunctionBuilder, load } from "../../wasm/function.js";
import { I32, type I64, select, type Value } from "../../wasm/value.js";
import { FLAT_SEGMENTS } from "../interpreter/record.js";
import { Access, type Runtime } from "../interpreter/runtime.js";

const SS = 2;
/** A page number (address >>> 12) times the size of a TLB entry. */
const PAGE_TO_ENTRY = 12 - Math.log2(TLB_ENTRY_SIZE);
const ENTRY_MASK = (TLB_ENTRIES - 1) * TLB_ENTRY_SIZE;

export abstract class AccessEmit extends Emit {
  /** Addresses that came from the stack segment: their faults are #SS instead of #GP. */
  private stackAddresses: Set<Value> | undefined;

  constructor(
    shape: Shape,
    readonly f: FunctionBuilder,
    readonly cpu: I32,
    protected readonly runtime: Runtime,
  ) {
    super(shape);
  }

  /** Address of the instruction's decoded record. */
  protected abstract get record(): I32;
  /** Address of the current TLB for reads or writes. */
  protected abstract tlb(access: "read" | "write"): I32;
  /** Base of the instruction's segment (after override) in 64-bit mode: 0 but for FS and GS. */
  protected abstract segmentBase(): I64;
  /** The instruction's segment has no limits to check: in legacy modes, with 32-bit addresses. */
  protected abstract isFlatSegment(): I32;
  /** Number of the instruction's segment. */
  protected abstract segmentNumber(): I32;
  /** Ends the instruction: an exception is pending. */
  protected abstract leaveFaulting(): void;
  /** Ends the instruction if an exception is pending. */
  protected abstract faultIfPending(): void;

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

  // --- segments ---

  override segmentAddress(
    segment: number | undefined,
    offset: I64,
    access: "read" | "write",
    bytes: number,
  ): I64 {
    if (segment === undefined) {
      if (this.long) return this.let(offset.add(this.segmentBase()));
      return this.f.choose(
        "i64",
        this.isFlatSegment(),
        () => offset,
        () => this.checkedAddress(this.segmentNumber(), offset, access, bytes),
      );
    }
    if (this.long) {
      const linear = this.let(offset.add(0));
      return segment === SS ? this.markStack(linear) : linear;
    }
    const checked = () => this.checkedAddress(I32.const(segment), offset, access, bytes);
    const linear = FLAT_SEGMENTS.has(segment)
      ? this.f.choose("i64", this.flatData(), () => offset, checked)
      : checked();
    return segment === SS ? this.markStack(linear) : linear;
  }

  /** Nonzero: ES, SS and DS are flat. */
  protected flatData(): I32 {
    return load.i32(this.cpu, FLAT);
  }

  protected markStack(linear: I64): I64 {
    const copy = this.f.local("i64");
    this.f.set(copy, linear);
    this.stackAddresses ??= new Set();
    this.stackAddresses.add(copy.value);
    return copy.value;
  }

  private checkedAddress(segment: I32, offset: I64, access: "read" | "write", bytes: number): I64 {
    const code = I32.const(Access.encode(access, bytes));
    const linear = this.f.call("i64", this.runtime.checkSegment, this.cpu, offset, segment, code);
    this.faultIfPending();
    return linear;
  }

  override segmentLimit(segment: number | undefined): I32 {
    const number = segment === undefined ? this.segmentNumber() : I32.const(segment);
    return this.let(load.i32(this.cpu.add(number.shl(2)), SEGMENT_LIMIT));
  }

  // --- branches ---

  /** RIP as wide as the operand size and the mode make it. */
  protected cutTarget(target: I64): I64 {
    if (this.operandSize === 16) return target.and(0xffffn);
    return this.long ? target : target.and(0xffffffffn);
  }

  override branchTarget(target: I64): I64 {
    const fixed = this.let(this.cutTarget(target));
    this.f.if(isOutsideCode(this.cpu, fixed, this.long), () => this.fault(Vector.GP, 0));
    return fixed;
  }

  // --- memory ---

  protected entry(address: I64, access: "read" | "write"): I32 {
    return this.let(this.tlb(access).add(address.shrU(PAGE_TO_ENTRY).toI32().and(ENTRY_MASK)));
  }

  /** The address came from {@link markStack}. */
  protected isStack(linear: I64): boolean {
    return this.stackAddresses?.has(linear) ?? false;
  }

  /** Host address for an access: the inline TLB test, or {@link miss}. */
  protected host(linear: I64, bytes: number, access: "read" | "write" | "update"): I32 {
    const address = this.let(linear);
    const entry = this.entry(address, access === "read" ? "read" : "write");
    return this.f.choose(
      "i32",
      address.xor(load.i64(entry)).leU(4096 - bytes),
      () => load.i32(entry, 8).add(address.toI32()),
      () => this.miss(linear, address, bytes, access),
    );
  }

  /** What the TLB does not map: host address, perhaps of the bounce buffer; may fault. @param address `linear`, fixed */
  protected miss(linear: I64, address: I64, bytes: number, access: "read" | "write" | "update"): I32 {
    const code = this.accessCode(linear, bytes, access);
    const host = this.f.call("i32", this.runtime.resolve, this.cpu, this.record, address, code);
    this.f.if(host.eqz(), () => this.leaveFaulting());
    return host;
  }

  private accessCode(linear: I64, bytes: number, access: "read" | "write" | "update"): I32 {
    return I32.const(Access.encode(access, bytes) | (this.isStack(linear) ? Access.stack : 0));
  }

  override hostRead(linear: I64, bytes: number): I32 {
    return this.host(linear, bytes, "read");
  }

  override hostWrite(linear: I64, bytes: number, fill: (host: I32) => void): void {
    const host = this.host(linear, bytes, "write");
    fill(host);
    this.commit(host);
  }

  override hostUpdate(linear: I64, bytes: number, change: (host: I32) => void): void {
    const host = this.host(linear, bytes, "update");
    change(host);
    this.commit(host);
  }

  /** Finishes a write that went to the bounce buffer. */
  protected commit(host: I32): void {
    this.f.if(host.eq(this.cpu.add(this.runtime.bounce)), () => this.f.run(this.runtime.commit, this.cpu));
  }

  override mappedHost(linear: I64, access: "read" | "write"): I32 {
    const address = this.let(linear);
    const entry = this.entry(address, access);
    const hit = address.xor(load.i64(entry)).ltU(4096);
    return this.let(select(hit, load.i32(entry, 8).add(address.toI32()), I32.const(0)));
  }

  override load(width: number, linear: I64): I64 {
    return this.let(this.loadInt(width, this.hostRead(linear, width / 8), false));
  }

  override store(width: number, linear: I64, value: I64): void {
    const fixed = this.let(value);
    this.hostWrite(linear, width / 8, (host) => this.f.storeInt(width, host, fixed));
  }

  // --- stack ---

  private get stackPointer(): I64 {
    return this.readRegister(Register.RSP, 64);
  }
  private setStackPointer(value: I64): void {
    this.writeRegister(Register.RSP, 64, value);
  }

  override push(value: I64, width: number = this.operandSize): void {
    const fixed = this.let(value);
    const bytes = width / 8;
    if (this.long) {
      const top = this.let(this.stackPointer.sub(bytes));
      this.store(width, this.markStack(top), fixed);
      this.setStackPointer(top);
      return;
    }
    const mask = this.let(this.stackMask());
    const top = this.let(this.stackPointer.sub(bytes).and(mask));
    this.store(width, this.segmentAddress(SS, top, "write", bytes), fixed);
    this.setStackPointer(this.stackPointer.and(mask.not()).or(top));
  }

  override peek(width: number = this.operandSize, depth = 0): I64 {
    const bytes = width / 8;
    const at = this.stackPointer.add(depth);
    const offset = this.long ? at : at.and(this.stackMask());
    return this.load(width, this.segmentAddress(SS, this.let(offset), "read", bytes));
  }

  override dropStack(bytes: number | I64): void {
    const moved = this.stackPointer.add(bytes);
    if (this.long) {
      this.setStackPointer(moved);
      return;
    }
    const mask = this.let(this.stackMask());
    this.setStackPointer(this.stackPointer.and(mask.not()).or(moved.and(mask)));
  }

  protected stackMask(): I64 {
    return load.i64(this.cpu, STACK_MASK);
  }
}
