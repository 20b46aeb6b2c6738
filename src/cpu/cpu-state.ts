/**
 * The state of one processor, read and written from TypeScript.
 *
 * A thin view of the block laid out in isa/state.ts: nothing is kept here, so engine, debugger and snapshot
 * always see the same. 64-bit values are bigints (this is not the warm path).
 */
import { ARITHMETIC_FLAGS, arithmeticFlags, Flag, FlagKind } from "../isa/flags.js";
import * as S from "../isa/state.js";

/** Indices of the segment registers in the state, LDTR and TR included. */
export const SegmentIndex = { ES: 0, CS: 1, SS: 2, DS: 3, FS: 4, GS: 5, LDTR: 6, TR: 7 } as const;
export type SegmentIndex = (typeof SegmentIndex)[keyof typeof SegmentIndex];

/** A segment register with its hidden part. */
export interface SegmentRegister {
  readonly selector: number;
  readonly base: bigint;
  /** In bytes, granularity applied. */
  readonly limit: number;
  /** Access rights as a VMCS holds them (SDM vol. 3, 25.4.1): bits 0-3 type, 4 S, 5-6 DPL, 7 P, 12 AVL, 13 L, 14 D/B, 15 G, 16 unusable. */
  readonly rights: number;
}

export const Rights = {
  type: 0xf,
  S: 0x10,
  dplShift: 5,
  P: 0x80,
  AVL: 0x1000,
  L: 0x2000,
  DB: 0x4000,
  G: 0x8000,
  unusable: 0x10000,
} as const;

export class CpuState {
  /** Views of the whole memory; the CPU's own fields lie at {@link base}. */
  readonly view: DataView;
  /** As every field of 32 bits is aligned, this serves most of them: methods that use it are small enough to be inlined everywhere. */
  readonly words: Int32Array;

  /** @param memory the machine's WebAssembly memory, which never grows */
  constructor(
    readonly memory: ArrayBuffer,
    /** Address of this CPU's state in the memory. */
    readonly base: number,
  ) {
    this.view = new DataView(memory);
    this.words = new Int32Array(memory);
  }

  u32(offset: number): number {
    return this.words[(this.base + offset) >> 2]! >>> 0;
  }
  i32(offset: number): number {
    return this.words[(this.base + offset) >> 2]!;
  }
  setU32(offset: number, value: number): void {
    this.words[(this.base + offset) >> 2] = value;
  }
  u64(offset: number): bigint {
    return this.view.getBigUint64(this.base + offset, true);
  }
  setU64(offset: number, value: bigint): void {
    this.view.setBigUint64(this.base + offset, value, true);
  }
  /** A 64-bit field by its halves, for paths on which a bigint costs too much. */
  setHalves(offset: number, low: number, high: number): void {
    this.setU32(offset, low);
    this.setU32(offset + 4, high);
  }
  /** Copies a 64-bit field. */
  copy64(from: number, to: number): void {
    this.setHalves(to, this.u32(from), this.u32(from + 4));
  }
  /** A 64-bit field whose value is known to be below 2^53. */
  number(offset: number): number {
    return this.u32(offset) + this.u32(offset + 4) * 0x1_0000_0000;
  }
  setNumber(offset: number, value: number): void {
    this.setU32(offset, value >>> 0);
    this.setU32(offset + 4, Math.floor(value / 0x1_0000_0000));
  }

  gpr(register: number): bigint {
    return this.u64(S.GPR + register * 8);
  }
  setGpr(register: number, value: bigint): void {
    this.setU64(S.GPR + register * 8, value);
  }
  /** Low 32 bits of a general register. */
  gpr32(register: number): number {
    return this.u32(S.GPR + register * 8);
  }
  /** Writes 32 bits, zero-extended, as a 32-bit instruction does. */
  setGpr32(register: number, value: number): void {
    this.setU32(S.GPR + register * 8, value);
    this.setU32(S.GPR + register * 8 + 4, 0);
  }

  get rip(): bigint {
    return this.u64(S.RIP);
  }
  set rip(value: bigint) {
    this.setU64(S.RIP, value);
  }
  /** Linear address of the next instruction. */
  get linearRip(): bigint {
    return this.long ? this.rip : BigInt.asUintN(32, this.rip + this.segmentBase(SegmentIndex.CS));
  }
  /** While a helper runs: RIP of the following instruction. */
  get nextRip(): bigint {
    return this.u64(S.NEXT_RIP);
  }

  /** RFLAGS, with the lazy arithmetic flags worked out. */
  get rflags(): number {
    if (this.u32(S.FLAG_KIND) === FlagKind.explicit) {
      return (
        (this.u32(S.FLAG_OTHERS) & ~ARITHMETIC_FLAGS) | (this.u32(S.FLAG_OPERAND) & ARITHMETIC_FLAGS) | 2
      );
    }
    const arithmetic = arithmeticFlags(
      this.i32(S.FLAG_RESULT),
      this.i32(S.FLAG_RESULT + 4),
      this.i32(S.FLAG_OPERAND),
      this.i32(S.FLAG_OPERAND + 4),
      this.u32(S.FLAG_KIND),
    );
    return (this.u32(S.FLAG_OTHERS) & ~ARITHMETIC_FLAGS) | arithmetic | 2;
  }
  set rflags(value: number) {
    this.setU32(S.FLAG_OTHERS, (value & ~ARITHMETIC_FLAGS) | 2);
    this.setHalves(S.FLAG_OPERAND, value & ARITHMETIC_FLAGS, 0);
    this.setU32(S.FLAG_KIND, FlagKind.explicit);
  }
  /** One flag bit that is not arithmetic (TF, IF, DF, NT, RF, VM, AC …). */
  flag(mask: number): boolean {
    return (this.u32(S.FLAG_OTHERS) & mask) !== 0;
  }
  setFlag(mask: number, on: boolean): void {
    const others = this.u32(S.FLAG_OTHERS);
    this.setU32(S.FLAG_OTHERS, on ? others | mask : others & ~mask);
  }
  get iopl(): number {
    return (this.u32(S.FLAG_OTHERS) & Flag.IOPL) >> 12;
  }

  get cpl(): number {
    return this.u32(S.CPL);
  }
  set cpl(value: number) {
    this.setU32(S.CPL, value);
  }
  get cr0(): number {
    return this.u32(S.CR0);
  }
  set cr0(value: number) {
    this.setHalves(S.CR0, value, 0);
  }
  get cr2(): bigint {
    return this.u64(S.CR2);
  }
  set cr2(value: bigint) {
    this.setU64(S.CR2, value);
  }
  get cr3(): bigint {
    return this.u64(S.CR3);
  }
  set cr3(value: bigint) {
    this.setU64(S.CR3, value);
  }
  get cr4(): number {
    return this.u32(S.CR4);
  }
  set cr4(value: number) {
    this.setHalves(S.CR4, value, 0);
  }
  get efer(): number {
    return this.u32(S.EFER);
  }
  set efer(value: number) {
    this.setU64(S.EFER, BigInt(value >>> 0));
  }
  dr(index: number): bigint {
    return this.u64(S.DR + index * 8);
  }
  setDr(index: number, value: bigint): void {
    this.setU64(S.DR + index * 8, value);
  }

  segment(index: number): SegmentRegister {
    return {
      selector: this.u32(S.SEGMENT_SELECTOR + index * 4),
      base: this.u64(S.SEGMENT_BASE + index * 8),
      limit: this.u32(S.SEGMENT_LIMIT + index * 4),
      rights: this.u32(S.SEGMENT_RIGHTS + index * 4),
    };
  }
  setSegment(index: number, segment: SegmentRegister): void {
    this.setU32(S.SEGMENT_SELECTOR + index * 4, segment.selector);
    this.setU64(S.SEGMENT_BASE + index * 8, segment.base);
    this.setU32(S.SEGMENT_LIMIT + index * 4, segment.limit);
    this.setU32(S.SEGMENT_RIGHTS + index * 4, segment.rights);
  }
  selector(index: number): number {
    return this.u32(S.SEGMENT_SELECTOR + index * 4);
  }
  rights(index: number): number {
    return this.u32(S.SEGMENT_RIGHTS + index * 4);
  }
  segmentBase(index: number): bigint {
    return this.u64(S.SEGMENT_BASE + index * 8);
  }

  /** EFER.LMA: IA-32e mode (compatibility or 64-bit). */
  get longModeActive(): boolean {
    return (this.efer & 0x400) !== 0;
  }
  /** 64-bit mode. */
  get long(): boolean {
    return this.longModeActive && (this.rights(SegmentIndex.CS) & Rights.L) !== 0;
  }
  get protectedMode(): boolean {
    return (this.cr0 & 1) !== 0;
  }
  /** Virtual-8086 mode. */
  get v86(): boolean {
    return this.flag(Flag.VM) && this.protectedMode;
  }
}
