/**
 * The second layer of the interpreter's {@link Emit}: addresses, loads and stores with the inline TLB test, the stack,
 * and the integer operands that may lie in memory.
 */
import { FLAT, GPR, SEGMENT_LIMIT, STACK_MASK, TLB_READ, TLB_WRITE } from "../../isa/state.js";
import { load } from "../../wasm/function.js";
import { I32, type I64, select, type Value } from "../../wasm/value.js";
import { RecordEmit } from "./emit-record.js";
import { FLAT_ADDRESS, FLAT_SEGMENTS, Record, SLOW_ADDRESS } from "./record.js";
import { Access } from "./runtime.js";

const SS = 2;

function signExtend(value: I64, width: number): I64 {
  if (width === 8) return value.extend8S();
  if (width === 16) return value.extend16S();
  if (width === 32) return value.extend32S();
  return value;
}

export abstract class MemoryEmit extends RecordEmit {
  /** Addresses that came from the stack segment: their faults are #SS instead of #GP. */
  private readonly stackAddresses = new WeakSet<Value>();

  override read(i: number): I64 {
    const kind = this.kind(i);
    const width = Math.min(this.width(i), 64);
    if (kind === "mem") return this.load(width, this.linearAddress(i, "read"));
    if (kind === "imm" || kind === "rel") return this.let(this.immediate64(i, false));
    return this.let(this.loadInt(width, this.slot(i), false));
  }

  override readSigned(i: number): I64 {
    const kind = this.kind(i);
    const width = Math.min(this.width(i), 64);
    if (kind === "imm" || kind === "rel") return this.let(this.immediate64(i, true));
    if (kind === "mem") {
      const value = this.load(width, this.linearAddress(i, "read"));
      return this.let(signExtend(value, width));
    }
    return this.let(this.loadInt(width, this.slot(i), true));
  }

  override write(i: number, value: I64): void {
    const kind = this.kind(i);
    const width = this.width(i);
    if (kind === "mem") {
      const fixed = this.let(value);
      this.store(width, this.linearAddress(i, "write"), fixed);
      return;
    }
    this.writeSlot(kind, width, this.slot(i), value);
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
    const slot = this.let(this.slot(i));
    const old = this.let(this.loadInt(width, slot, false));
    this.writeSlot(this.kind(i), width, slot, change(old));
  }

  // --- memory ---

  protected rawAddress(): I64 {
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
    return this.f.choose("i64", kind, legacy, () =>
      raw.add(load.i64(this.cpu.add(load.i32_16u(this.record, Record.segmentBase)))),
    );
  }

  override segmentAddress(
    segment: number | undefined,
    offset: I64,
    access: "read" | "write",
    bytes: number,
  ): I64 {
    if (segment === undefined) {
      if (this.long) {
        return this.let(offset.add(load.i64(this.cpu.add(load.i32_16u(this.record, Record.segmentBase)))));
      }
      const kind = this.let(load.i32_8u(this.record, Record.segment));
      const flat = kind.and(FLAT_ADDRESS);
      return this.f.choose(
        "i64",
        flat,
        () => offset,
        () => this.checkedAddress(kind.and(7), offset, access, bytes),
      );
    }
    if (this.long) {
      const linear = this.let(offset.add(0));
      return segment === SS ? this.markStack(linear) : linear;
    }
    const checked = () => this.checkedAddress(I32.const(segment), offset, access, bytes);
    const linear = FLAT_SEGMENTS.has(segment)
      ? this.f.choose("i64", load.i32(this.cpu, FLAT), () => offset, checked)
      : checked();
    return segment === SS ? this.markStack(linear) : linear;
  }

  protected markStack(linear: I64): I64 {
    const copy = this.f.local("i64");
    this.f.set(copy, linear);
    this.stackAddresses.add(copy.value);
    return copy.value;
  }

  protected checkedAddress(segment: I32, offset: I64, access: "read" | "write", bytes: number): I64 {
    const code = I32.const(Access.encode(access, bytes));
    const linear = this.f.call("i64", this.runtime.checkSegment, this.cpu, offset, segment, code);
    this.faultIfPending();
    return linear;
  }

  /** Host address for an access: the inline TLB test, or the slow path, which may fault. */
  protected host(linear: I64, bytes: number, access: "read" | "write" | "update"): I32 {
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
    const table = access === "read" ? TLB_READ : TLB_WRITE;
    const entry = this.let(load.i32(this.cpu, table).add(address.shrU(8).toI32().and(0x3ff0)));
    const hit = address.xor(load.i64(entry)).ltU(4096);
    return this.let(select(hit, load.i32(entry, 8).add(address.toI32()), I32.const(0)));
  }

  override segmentLimit(segment: number | undefined): I32 {
    const number =
      segment === undefined ? load.i32_8u(this.record, Record.segment).and(7) : I32.const(segment);
    return this.let(load.i32(this.cpu.add(number.shl(2)), SEGMENT_LIMIT));
  }

  override load(width: number, linear: I64): I64 {
    return this.let(this.loadInt(width, this.hostRead(linear, width / 8), false));
  }

  override store(width: number, linear: I64, value: I64): void {
    this.hostWrite(linear, width / 8, (host) => this.f.storeInt(width, host, value));
  }

  // --- stack ---

  protected get stackPointer(): I64 {
    return load.i64(this.cpu, GPR + 4 * 8);
  }

  protected stackAddress(offset: I64, access: "read" | "write", bytes: number): I64 {
    return this.segmentAddress(SS, offset, access, bytes);
  }

  override push(value: I64, width: number = this.operandSize): void {
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

  override peek(width: number = this.operandSize, depth = 0): I64 {
    const bytes = width / 8;
    const at = this.stackPointer.add(depth);
    const offset = this.long ? at : at.and(load.i64(this.cpu, STACK_MASK));
    return this.load(width, this.stackAddress(this.let(offset), "read", bytes));
  }

  override dropStack(bytes: number | I64): void {
    const moved = this.stackPointer.add(bytes);
    if (this.long) {
      this.f.store(this.cpu, moved, GPR + 4 * 8);
      return;
    }
    const mask = load.i64(this.cpu, STACK_MASK);
    this.f.store(this.cpu, this.stackPointer.and(mask.not()).or(moved.and(mask)), GPR + 4 * 8);
  }
}
