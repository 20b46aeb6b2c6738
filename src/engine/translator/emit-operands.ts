/**
 * Operands for the translator: known while code is emitted. Where general registers and XMM values are, the function
 * knows (region-code.ts); everything else lies in the CPU's state.
 */
import { Register, type Shape } from "../../isa/emit.js";
import type { FlagEmit } from "../../isa/flag-emit.js";
import { type Instruction, NO_REGISTER, RIP_BASE, Segment } from "../../isa/instruction.js";
import { FPR, PENDING, PENDING_ERROR, Pending, SEGMENT_BASE, YMM } from "../../isa/state.js";
import { load } from "../../wasm/function.js";
import { f64x2, i8x16, i32x4, i64x2, v128 } from "../../wasm/simd.js";
import { I32, I64, V128 } from "../../wasm/value.js";
import { OperandEmit, signExtend } from "../emit/operands.js";
import { isMoffs64 } from "../interpreter/record.js";
import type { Runtime } from "../interpreter/runtime.js";
import { NEAR_BYTES, type RegionCode } from "./region-code.js";

/** Where an instruction stands. */
export interface Place {
  /** Address of its record. */
  readonly record: number;
  /** Page offset of the following one; may exceed 4095. */
  readonly next: number;
  /** Page offset of its own. */
  readonly start: number;
  /** Instructions left in the block, this one included. */
  readonly left: number;
  /** ES, SS and DS are flat (legacy modes). */
  readonly flat: boolean;
}

const ZEROS = V128.const(0n, 0n);
const LOW_64 = V128.const(-1n & 0xffffffffffffffffn, 0n);
const LOW_32 = V128.const(0xffffffffn, 0n);
const ALL_32 = 0xffffffffn;
/** Bytes of the first vector's low half, then of the second one's high half. */
const LOW_THEN_HIGH = [0, 1, 2, 3, 4, 5, 6, 7, 24, 25, 26, 27, 28, 29, 30, 31];
const LOW_32_THEN_REST = [0, 1, 2, 3, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31];

function cut(width: number, value: I64): I64 {
  if (width === 64) return value;
  return value.and(width === 32 ? ALL_32 : width === 16 ? 0xffffn : 0xffn);
}

export abstract class LocalEmit extends OperandEmit {
  constructor(
    shape: Shape,
    protected readonly instruction: Instruction,
    protected readonly place: Place,
    protected readonly code: RegionCode,
    readonly flags: FlagEmit,
    runtime: Runtime,
  ) {
    super(shape, code.f, code.cpu, runtime);
  }

  protected override get record(): I32 {
    return I32.const(this.place.record);
  }

  protected override leaveFaulting(): void {
    this.code.fault(this.place.record);
  }

  override fault(vector: number, error?: I32 | number): void {
    this.f.store(this.cpu, I32.const(vector), PENDING);
    if (error !== undefined) this.f.store(this.cpu, I32.from(error), PENDING_ERROR);
    this.leaveFaulting();
  }

  protected override faultIfPending(): void {
    this.f.if(load.i32(this.cpu, PENDING).ne(Pending.none), () => this.leaveFaulting());
  }

  // --- registers ---

  private registerOf(i: number): number {
    return this.instruction.registers[i]!;
  }

  protected override readOperandRegister(i: number, width: number, signed: boolean): I64 {
    const kind = this.kind(i);
    const register = this.registerOf(i);
    switch (kind) {
      case "gpr":
        return signed ? signExtend(this.code.readGpr(register), width) : this.readRegister(register, width);
      case "gpr8h": {
        const high = this.code.readGpr(register).shrU(8);
        return signed ? high.extend8S() : high.and(0xffn);
      }
      case "xmm":
      case "ymm":
        return this.readLow(register, width, signed);
      case "mm":
        return this.loadInt(width, this.cpu, signed, FPR + register * 16);
      default:
        throw new TypeError(`${this.shape.mnemonic}: operand ${i} is no integer`);
    }
  }

  override read(i: number): I64 {
    const kind = this.kind(i);
    if ((kind !== "xmm" && kind !== "ymm") || this.width(i) < 64) return super.read(i);
    // Not through an integer local: it may be wanted as a double.
    const value = this.let(this.code.readLane(this.registerOf(i), 0));
    return I64.asDouble(i64x2.extract(value, 0), f64x2.extract(value, 0));
  }

  /** The low bits of an XMM register. */
  private readLow(register: number, width: number, signed: boolean): I64 {
    const value = this.let(this.code.readLane(register, 0));
    if (width === 64) return i64x2.extract(value, 0);
    const low = i32x4.extract(value, 0);
    if (width === 32) return signed ? low.toI64S() : low.toI64U();
    return signed ? signExtend(low.toI64U(), width) : cut(width, low.toI64U());
  }

  protected override writeOperandRegister(i: number, width: number, value: I64): void {
    const kind = this.kind(i);
    const register = this.registerOf(i);
    switch (kind) {
      case "gpr":
        this.writeRegister(register, width, value);
        return;
      case "gpr8h": {
        const rest = this.code.readGpr(register).and(~0xff00n);
        this.code.writeGpr(register, rest.or(value.and(0xffn).shl(8)), this.code.isNarrow(register));
        return;
      }
      case "xmm":
      case "ymm":
        this.writeLow(register, width, value);
        return;
      case "mm":
        this.f.storeInt(Math.min(width, 64), this.cpu, value, FPR + register * 16);
        this.f.store16(this.cpu, 0xffff, FPR + register * 16 + 8);
        return;
      default:
        throw new TypeError(`${this.shape.mnemonic}: operand ${i} is no integer`);
    }
  }

  private writeLow(register: number, width: number, value: I64): void {
    const old = this.code.readLane(register, 0);
    if (width >= 64) {
      const { double } = value;
      this.code.writeLane(register, 0, double ? f64x2.replace(old, 0, double) : i64x2.replace(old, 0, value));
    } else if (width === 32) this.code.writeLane(register, 0, i32x4.replace(old, 0, value.toI32()));
    else throw new RangeError(`${this.shape.mnemonic} writes ${width} bits of a vector register`);
  }

  override readRegister(register: number, width: number): I64 {
    return cut(width, this.code.readGpr(register));
  }

  override writeRegister(register: number, width: number, value: I64): void {
    if (width === 64) this.code.writeGpr(register, value, value.bits <= 32);
    else if (width === 32) this.code.writeGpr(register, value.and(ALL_32), true);
    else {
      const mask = width === 16 ? 0xffffn : 0xffn;
      const rest = this.code.readGpr(register).and(~mask);
      this.code.writeGpr(register, rest.or(value.and(mask)), this.code.isNarrow(register));
    }
  }

  override registerNumber(i: number): I32 {
    return I32.const(this.registerOf(i));
  }

  private immediateOf(i: number): { low: number; high: number } {
    const { instruction } = this;
    const second = i > 0 && this.kind(i - 1) === "imm";
    if (second) return { low: instruction.immediate2, high: instruction.immediate2 >> 31 };
    return { low: instruction.immediate, high: instruction.immediateHigh };
  }

  protected override immediate64(i: number, signed: boolean): I64 {
    const { low, high } = this.immediateOf(i);
    const value = (BigInt(high) << 32n) | BigInt(low >>> 0);
    const width = this.kind(i) === "rel" ? 64 : Math.min(64, this.width(i));
    return I64.const(signed ? BigInt.asIntN(width, value) : BigInt.asUintN(width, value));
  }

  override immediate(i: number): I32 {
    return I32.const(this.immediateOf(i).low & 0xff);
  }

  // --- addresses ---

  protected override tlb(access: "read" | "write"): I32 {
    return this.code.tlb(access);
  }

  protected override segmentBase(): I64 {
    const { segment } = this.instruction;
    return segment < 4 ? I64.const(0) : load.i64(this.cpu, SEGMENT_BASE + segment * 8);
  }

  protected override segmentNumber(): I32 {
    return I32.const(this.instruction.segment);
  }

  protected override isFlatSegment(): I32 {
    const { segment } = this.instruction;
    const flat = this.place.flat && this.addressSize === 32;
    return I32.const(
      flat && (segment === Segment.ES || segment === Segment.SS || segment === Segment.DS) ? 1 : 0,
    );
  }

  protected override flatData(): I32 {
    return I32.const(this.place.flat ? 1 : 0);
  }

  protected override stackMask(): I64 {
    return this.place.flat ? I64.const(ALL_32) : super.stackMask();
  }

  /** Base, displacement and, where there is one, the scaled index. */
  private rawAddress(index?: I64): I64 {
    const { instruction, code } = this;
    let displacement = BigInt(instruction.displacement);
    if (isMoffs64(instruction))
      displacement = (BigInt(instruction.displacementHigh) << 32n) | BigInt(instruction.displacement >>> 0);
    let address: I64;
    if (instruction.base === RIP_BASE) {
      address = code.delta;
      displacement += BigInt(this.place.next);
    } else if (instruction.base !== NO_REGISTER) address = code.readGpr(instruction.base);
    else if (index) {
      return index.add(displacement);
    } else return I64.const(displacement);
    if (index) address = address.add(index);
    return address.add(displacement);
  }

  override effectiveAddress(): I64 {
    const { instruction } = this;
    const index =
      instruction.index === NO_REGISTER
        ? undefined
        : this.code.readGpr(instruction.index).shl(instruction.scale);
    return this.let(cut(this.addressSize, this.rawAddress(index)));
  }

  // --- memory: translated code knows only what the TLB maps ---

  /**
   * The interpreter makes the access. There is no call here, because V8 would keep all that lives across it in memory,
   * also where it is not made; and no bounce buffer.
   */
  protected override miss(): I32 {
    this.code.interpret(this.place.record);
    return I32.const(0);
  }
  protected override commit(): void {}

  /** A page of the stack serves many accesses, so its translation is kept in locals. */
  protected override host(linear: I64, bytes: number, access: "read" | "write" | "update"): I32 {
    if (!this.isStack(linear) || bytes > NEAR_BYTES) return super.host(linear, bytes, access);
    const { f, code } = this;
    const page = code.stackPage(access === "read" ? "read" : "write");
    if (!page) return super.host(linear, bytes, access);
    f.if(linear.xor(page.tag.value).geU(page.limit.value), () => {
      const entry = this.entry(linear, access === "read" ? "read" : "write");
      f.if(linear.xor(load.i64(entry)).gtU(4096 - bytes), () => this.miss());
      f.set(page.tag, load.i64(entry));
      f.set(page.addend, load.i32(entry, 8));
      f.set(page.limit, I64.const(4096 - NEAR_BYTES + 1));
    });
    return this.let(page.addend.value.add(linear.toI32()));
  }

  override linearAddress(i: number, access: "read" | "write", bytes = Math.max(1, this.width(i) / 8)): I64 {
    const offset = this.effectiveAddress();
    const { base, index, segment } = this.instruction;
    const onStack = base === Register.RSP && index === NO_REGISTER && segment === Segment.SS;
    if (!this.long) {
      const linear = this.segmentAddress(undefined, offset, access, bytes);
      return onStack && this.place.flat ? this.markStack(linear) : linear;
    }
    const linear = this.let(offset.add(this.segmentBase()));
    return onStack ? this.markStack(linear) : linear;
  }

  override vectorElementAddress(i: number, element: number, indexWidth: 32 | 64): I64 {
    const { instruction } = this;
    const perLane = 128 / indexWidth;
    const lane = this.code.readLane(instruction.index, Math.floor(element / perLane));
    const index =
      indexWidth === 32
        ? i32x4.extract(lane, element % perLane).toI64S()
        : i64x2.extract(lane, element % perLane);
    const raw = this.rawAddress(this.let(index.shl(instruction.scale)));
    const offset = this.let(this.addressSize === 64 ? raw : raw.and(ALL_32));
    return this.segmentAddress(undefined, offset, "read", this.width(i) / 8);
  }

  // --- vectors ---

  protected override registerLane(i: number, lane: number): V128 {
    const register = this.registerOf(i);
    if (this.kind(i) === "mm") return load.v128_64zero(this.cpu, FPR + register * 16);
    const width = this.width(i);
    const value = this.code.readLane(register, lane);
    if (width === 32) return v128.and(value, LOW_32);
    if (width === 64) return v128.and(value, LOW_64);
    return value;
  }

  protected override writeRegisterLanes(i: number, lanes: readonly V128[]): void {
    const register = this.registerOf(i);
    const width = this.width(i);
    if (this.kind(i) === "mm") {
      this.storeLanes(this.cpu.add(FPR + register * 16), width, lanes);
      this.f.store16(this.cpu, 0xffff, FPR + register * 16 + 8);
      return;
    }
    if (width >= 128) for (const [n, lane] of lanes.entries()) this.code.writeLane(register, n, lane);
    else {
      const order = width === 64 ? LOW_THEN_HIGH : LOW_32_THEN_REST;
      if (width !== 64 && width !== 32) throw new RangeError(`${this.shape.mnemonic} writes ${width} bits`);
      this.code.writeLane(register, 0, i8x16.shuffle(lanes[0]!, this.code.readLane(register, 0), order));
    }
    if (this.shape.vex && lanes.length === 1) this.code.writeLane(register, 1, ZEROS);
  }

  override readWholeVector(i: number): V128 {
    const register = this.registerOf(i);
    return this.let(
      this.kind(i) === "mm" ? load.v128(this.cpu, FPR + register * 16) : this.code.readLane(register, 0),
    );
  }

  override writeWholeVector(i: number, value: V128): void {
    const register = this.registerOf(i);
    this.code.writeLane(register, 0, value);
    if (this.shape.vex) this.code.writeLane(register, 1, ZEROS);
  }

  // --- state: what may be in locals is asked for there ---

  override stateI64(offset: number): I64 {
    const place = mirrored(offset);
    if (!place) return super.stateI64(offset);
    return this.code.readHalf(place.register, place.lane, place.half);
  }

  override setStateI64(offset: number, value: I64): void {
    const place = mirrored(offset);
    if (!place) {
      super.setStateI64(offset, value);
      return;
    }
    this.code.writeHalf(place.register, place.lane, place.half, value);
  }
}

/** Which half of which lane of a YMM register lies at a state offset. */
function mirrored(offset: number): { register: number; lane: number; half: 0 | 1 } | undefined {
  const at = offset - YMM;
  if (at < 0 || at >= 16 * 32) return undefined;
  return { register: at >> 5, lane: (at >> 4) & 1, half: ((at >> 3) & 1) as 0 | 1 };
}
