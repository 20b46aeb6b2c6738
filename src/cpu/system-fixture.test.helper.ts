/**
 * A processor for the tests of the system side: a state block and a megabyte of identity-mapped memory, with
 * helpers to build descriptor tables. It holds no tests of its own.
 */
import assert from "node:assert/strict";
import * as S from "../isa/state.js";
import type { CpuContext, CpuidResult, SystemFeatures } from "./context.js";
import { CpuState, Rights, SegmentIndex } from "./cpu-state.js";
import { DebugUnit } from "./debug.js";
import type { CpuEvent } from "./event.js";
import { Fault } from "./fault.js";
import { highHalf, join, lowHalf } from "./halves.js";
import type { Intercepts } from "./intercepts.js";
import type { LinearMemory, Privilege } from "./linear-memory.js";
import { writeSegment } from "./segment-write.js";
import type { VmExit } from "./vmx/contract.js";

const MEMORY_AT = 0x2000;
const MEMORY_SIZE = 0x10_0000;

export const GDT = 0x1000;
export const IDT = 0x2000;
export const TSS = 0x4000;
/** Selectors of the table that {@link TestCpu.standardGdt} builds. */
export const Sel = {
  code32: 0x08,
  data32: 0x10,
  userCode32: 0x1b,
  userData32: 0x23,
  code64: 0x28,
  userCode64: 0x33,
  tss: 0x38,
  ldt: 0x48,
  conforming32: 0x58,
  code16: 0x60,
  data16: 0x68,
  absent: 0x70,
  gate: 0x78,
  tss2: 0x88,
  free: 0x98,
} as const;

export type Size = 1 | 2 | 4 | 8;

export class TestMemory implements LinearMemory {
  /** Pages (address >> 12) that fault. */
  readonly absent = new Set<number>();
  readonly accesses: { address: number; size: number; write: boolean; privilege: Privilege }[] = [];
  readonly view: DataView;
  constructor(buffer: ArrayBuffer) {
    this.view = new DataView(buffer, MEMORY_AT, MEMORY_SIZE);
  }
  private at(address: bigint, size: number, write: boolean, privilege: Privilege): number {
    const at = Number(BigInt.asUintN(64, address));
    if (this.absent.has(at >>> 12)) throw new Fault(14, write ? 2 : 0, address);
    if (at + size > MEMORY_SIZE) throw new Fault(14, write ? 2 : 0, address);
    this.accesses.push({ address: at, size, write, privilege });
    return at;
  }
  read(address: bigint, size: Size, privilege: Privilege = "current"): bigint {
    const at = this.at(address, size, false, privilege);
    let value = 0n;
    for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.view.getUint8(at + i));
    return value;
  }
  write(address: bigint, size: Size, value: bigint, privilege: Privilege = "current"): void {
    const at = this.at(address, size, true, privilege);
    for (let i = 0; i < size; i++) this.view.setUint8(at + i, Number((value >> BigInt(8 * i)) & 0xffn));
  }
  upper = 0;
  readHalves(low: number, high: number, privilege: Privilege): number {
    const value = this.read(join(low, high), 8, privilege);
    this.upper = highHalf(value);
    return lowHalf(value);
  }
  readShort(low: number, high: number, size: 2 | 4, privilege: Privilege): number {
    this.upper = 0;
    return lowHalf(this.read(join(low, high), size, privilege));
  }
  writeHalves(low: number, high: number, valueLow: number, valueHigh: number, privilege: Privilege): void {
    this.write(join(low, high), 8, join(valueLow, valueHigh), privilege);
  }
  readBytes(address: bigint, length: number, privilege: Privilege = "current"): Uint8Array {
    const at = this.at(address, length, false, privilege);
    return new Uint8Array(this.view.buffer, MEMORY_AT + at, length).slice();
  }
  writeBytes(address: bigint, bytes: Uint8Array, privilege: Privilege = "current"): void {
    const at = this.at(address, bytes.length, true, privilege);
    new Uint8Array(this.view.buffer, MEMORY_AT + at, bytes.length).set(bytes);
  }
  probeWrite(address: bigint, length: number, privilege: Privilege = "current"): void {
    this.at(address, length, true, privilege);
  }
}

export class TestCpu implements CpuContext {
  exitInstead(exit: VmExit): void {
    throw exit;
  }
  readonly alone = true;
  readonly state: CpuState;
  readonly memory: TestMemory;
  readonly debug: DebugUnit;
  features: SystemFeatures = {
    vendor: "intel",
    cr4Mask: 0x0037_0fff,
    xcr0Mask: 7n,
    physicalBits: 40,
    xgetbv1: true,
  };
  intercepts: Intercepts | undefined;
  delivering: CpuEvent | undefined;
  nmiBlocked = false;
  taskPriority = 0;
  modeChanges = 0;
  shutdowns = 0;
  waited = 0;
  halts: string[] = [];
  flushes: string[] = [];
  portLog: string[] = [];
  portInput = 0xab;
  pdptesValid = true;
  readonly msrs = new Map<number, bigint>();
  readonly ports = {
    read: (port: number, size: number) => {
      this.portLog.push(`in ${port.toString(16)} ${size}`);
      return this.portInput;
    },
    write: (port: number, size: number, value: number) => {
      this.portLog.push(`out ${port.toString(16)} ${size} ${value.toString(16)}`);
    },
  };
  readonly tlb = {
    flushAll: () => this.flushes.push("all"),
    flushNonGlobal: () => this.flushes.push("nonglobal"),
    flushPcid: (pcid: number) => this.flushes.push(`pcid ${pcid}`),
    invalidatePage: (linear: bigint, pcid?: number) =>
      this.flushes.push(`page ${linear.toString(16)} ${pcid}`),
  };

  constructor() {
    const buffer = new ArrayBuffer(MEMORY_AT + MEMORY_SIZE);
    this.state = new CpuState(buffer, 0);
    this.memory = new TestMemory(buffer);
    this.debug = new DebugUnit(this.state);
    this.state.rflags = 2;
    for (let i = 0; i < 6; i++) writeSegment(this.state, i, 0, 0, 0xffff, 0x93);
    writeSegment(this.state, SegmentIndex.LDTR, 0, 0, 0, Rights.unusable);
    this.state.setU64(S.IDTR_BASE, 0n);
    this.state.setU32(S.IDTR_LIMIT, 0x3ff);
  }

  modeChanged(): void {
    this.modeChanges++;
  }
  accessRightsChanged(): void {}
  loadPdptes(): boolean {
    return this.pdptesValid;
  }
  halt(kind: "hlt" | "mwait", breakOnMasked: boolean): void {
    this.halts.push(`${kind} ${breakOnMasked}`);
  }
  requestShutdown(): void {
    this.shutdowns++;
  }
  wait(ticks: number): void {
    this.waited += ticks;
  }
  tsc(): bigint {
    return 0x1_2345_6789n;
  }
  cpuid(leaf: number, subleaf: number): CpuidResult {
    return { eax: leaf, ebx: 2, ecx: subleaf, edx: 0xffff_ffff };
  }
  readMsr(index: number): bigint {
    const value = this.msrs.get(index);
    if (value === undefined) throw new Fault(13, 0);
    return value;
  }
  writeMsr(index: number, value: bigint): void {
    this.msrs.set(index, value);
  }
  readPerformanceCounter(): bigint {
    throw new Fault(13, 0);
  }

  // --- building ---

  put(address: number, size: Size, value: bigint | number): void {
    this.memory.write(BigInt(address), size, BigInt(value), "system");
  }
  get(address: number, size: Size): bigint {
    return this.memory.read(BigInt(address), size, "system");
  }

  /** Writes an 8-byte descriptor for a selector of the GDT. `access` is byte 5, `flags` the high nibble of byte 6. */
  describe(selector: number, base: number, limit: number, access: number, flags: number): void {
    const at = GDT + (selector & 0xfff8);
    this.put(at, 2, limit & 0xffff);
    this.put(at + 2, 2, base & 0xffff);
    this.put(at + 4, 1, (base >>> 16) & 0xff);
    this.put(at + 5, 1, access);
    this.put(at + 6, 1, ((limit >>> 16) & 0xf) | (flags << 4));
    this.put(at + 7, 1, base >>> 24);
    if ((access & 0x10) === 0) this.put(at + 8, 8, 0);
  }

  /** Call, interrupt or trap gate, 8 bytes (16 with `wide`). */
  gate(at: number, selector: number, offset: number, access: number, low = 0, wide = false): void {
    this.put(at, 2, offset & 0xffff);
    this.put(at + 2, 2, selector);
    this.put(at + 4, 1, low);
    this.put(at + 5, 1, access);
    this.put(at + 6, 2, offset >>> 16);
    if (wide) this.put(at + 8, 8, 0);
  }

  standardGdt(): void {
    this.describe(Sel.code32, 0, 0xfffff, 0x9b, 0xc);
    this.describe(Sel.data32, 0, 0xfffff, 0x93, 0xc);
    this.describe(Sel.userCode32, 0, 0xfffff, 0xfb, 0xc);
    this.describe(Sel.userData32, 0, 0xfffff, 0xf3, 0xc);
    this.describe(Sel.code64, 0, 0xfffff, 0x9b, 0xa);
    this.describe(Sel.userCode64, 0, 0xfffff, 0xfb, 0xa);
    this.describe(Sel.tss, TSS, 0x67, 0x89, 0);
    this.describe(Sel.ldt, 0x6000, 0x1f, 0x82, 0);
    this.describe(Sel.conforming32, 0, 0xfffff, 0x9f, 0xc);
    this.describe(Sel.code16, 0x500, 0xffff, 0x9b, 0);
    this.describe(Sel.data16, 0x700, 0xffff, 0x93, 0);
    this.describe(Sel.absent, 0, 0xfffff, 0x13, 0xc);
    this.state.setU64(S.GDTR_BASE, BigInt(GDT));
    this.state.setU32(S.GDTR_LIMIT, 0xff);
    this.state.setU64(S.IDTR_BASE, BigInt(IDT));
    this.state.setU32(S.IDTR_LIMIT, 0xfff);
    writeSegment(this.state, SegmentIndex.TR, Sel.tss, TSS, 0x67, 0x8b);
  }

  /** 32-bit protected mode at a privilege. */
  protectedMode(cpl = 0): this {
    this.standardGdt();
    const { state } = this;
    state.cr0 = 1;
    state.cpl = cpl;
    const user = cpl === 3;
    writeSegment(
      state,
      SegmentIndex.CS,
      user ? Sel.userCode32 : Sel.code32,
      0,
      0xffff_ffff,
      0xc09b | (cpl << 5),
    );
    for (const index of [0, 2, 3, 4, 5]) {
      writeSegment(state, index, user ? Sel.userData32 : Sel.data32, 0, 0xffff_ffff, 0xc093 | (cpl << 5));
    }
    state.setGpr(4, 0x8000n);
    state.rip = 0x100n;
    state.setU64(S.NEXT_RIP, 0x102n);
    // Stack of ring 0 in the 32-bit TSS.
    this.put(TSS + 4, 4, 0x9000);
    this.put(TSS + 8, 4, Sel.data32);
    return this;
  }

  /** 64-bit mode at a privilege. */
  longMode(cpl = 0): this {
    this.protectedMode(cpl);
    const { state } = this;
    state.cr0 = 0x8000_0001;
    state.cr4 = 0x20;
    state.efer = 0x501;
    writeSegment(
      state,
      SegmentIndex.CS,
      cpl === 3 ? Sel.userCode64 : Sel.code64,
      0,
      0xffff_ffff,
      0xa09b | (cpl << 5),
    );
    this.put(TSS + 4, 8, 0x9000);
    this.put(TSS + 36, 8, 0xa000);
    return this;
  }

  /** Virtual-8086 mode with an IOPL. */
  v86(iopl = 3): this {
    this.protectedMode(0);
    const { state } = this;
    state.rflags = 0x2_0002 | (iopl << 12);
    state.cpl = 3;
    for (let i = 0; i < 6; i++) writeSegment(state, i, 0x100 * i, 0x1000 * i, 0xffff, 0xf3);
    writeSegment(state, SegmentIndex.CS, 0x200, 0x2000, 0xffff, 0xf3);
    writeSegment(state, SegmentIndex.SS, 0x800, 0x8000, 0xffff, 0xf3);
    state.setGpr(4, 0x100n);
    return this;
  }

  /** Values from the top of the stack upwards. */
  stack(count: number, size: Size): number[] {
    const top =
      Number(this.state.gpr(4)) + Number(this.state.long ? 0n : this.state.segmentBase(SegmentIndex.SS));
    return Array.from({ length: count }, (_, i) => Number(this.get(top + i * size, size)));
  }
}

/** Asserts that `run` raises a fault and that it changes neither RIP, RSP nor CS. */
export function raises(cpu: TestCpu, vector: number, error: number, run: () => void): void {
  const { state } = cpu;
  const before = [state.rip, state.gpr(4), state.selector(SegmentIndex.CS), state.cpl, state.rflags];
  assert.throws(run, (thrown) => {
    assert.ok(thrown instanceof Fault, String(thrown));
    assert.deepEqual([thrown.vector, thrown.error], [vector, error]);
    return true;
  });
  assert.deepEqual(
    [state.rip, state.gpr(4), state.selector(SegmentIndex.CS), state.cpl, state.rflags],
    before,
  );
}
