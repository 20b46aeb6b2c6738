/**
 * A CPU in the state in which the silicon vectors were recorded: CPL 3, identity paging, the segments of the
 * vectors' README, and nothing around it.
 */
import { CpuState, Rights, SegmentIndex } from "../../cpu/cpu-state.js";
import { MMU_BYTES, Mmu } from "../../cpu/mmu.js";
import { updateMode } from "../../cpu/mode.js";
import { checkSegment } from "../../cpu/segment-check.js";
import * as S from "../../isa/state.js";
import { PhysicalMap } from "../../memory/physical.js";
import type { EngineCpu } from "../engine.js";
import { type HelperFunction, Interpreter } from "../interpreter/interpreter.js";
import { tier0 } from "../interpreter/tier0.js";
import { arithmeticHelpers } from "../../isa/families/helpers.js";
import { allHelpers } from "../../isa/helper.js";
import type { VectorMode } from "./vector.js";

const STATE_AT = 0x10000;
const VIEWS_AT = 0x20000;
const ARENA_AT = 0x800000;
const ARENA_SIZE = 0x200000;
/** Guest physical memory, at host address RAM_AT; 4 MiB. */
export const RAM_AT = 0xc00000;
export const RAM_SIZE = 0x400000;
const TABLES = 0x380000;

const PRESENT = 1;
const WRITE = 2;
const USER = 4;
const NO_EXECUTE = 1n << 63n;

/** Linear ranges that are mapped, and how; everything else faults. */
export const mappedRanges = [
  { first: 0x2000, last: 0x3fff, writable: true, executable: false },
  { first: 0x100000, last: 0x101fff, writable: false, executable: true },
  { first: 0x200000, last: 0x203fff, writable: true, executable: false },
  { first: 0x204000, last: 0x204fff, writable: false, executable: false },
  { first: 0x300000, last: 0x301fff, writable: true, executable: false },
] as const;

export interface RecordedFault {
  readonly vector: number;
  readonly error: number;
  readonly address: bigint;
}

export class SiliconEnvironment implements EngineCpu {
  readonly memory = new WebAssembly.Memory({ initial: 0x1000000 / 65536 });
  readonly bytes = new Uint8Array(this.memory.buffer);
  readonly view = new DataView(this.memory.buffer);
  readonly state = new CpuState(this.memory.buffer, STATE_AT);
  readonly physical = new PhysicalMap();
  readonly emptyPage = 0x7ff000;
  readonly stepping = true;
  readonly mmu: Mmu;
  private readonly interpreter: Interpreter;
  private fault: RecordedFault | undefined;

  constructor(readonly mode: VectorMode) {
    this.physical.addRam(0, RAM_SIZE, RAM_AT);
    this.bytes.fill(0xff, this.emptyPage, this.emptyPage + 4096);
    this.buildPageTables();
    this.setUp();
    this.mmu = new Mmu(this.state, this.physical, this.codePages(), VIEWS_AT, 40, () => true);
    if (VIEWS_AT + MMU_BYTES > ARENA_AT) throw new Error("the TLB views do not fit");
    const helpers = new Map<string, HelperFunction>();
    for (const { name } of allHelpers()) {
      helpers.set(name, () => {
        throw new Error(`helper ${name} is not available to vectors`);
      });
    }
    for (const [name, implementation] of Object.entries(arithmeticHelpers)) {
      helpers.set(name, (record, ...args) => implementation(this.view, STATE_AT, record, ...args));
    }
    this.interpreter = new Interpreter({
      memory: this.memory,
      cpu: this,
      features: "all",
      tier0: tier0(),
      arena: { at: ARENA_AT, size: ARENA_SIZE },
      helpers,
    });
  }

  /** The MMU is built before the code cache that it asks. */
  private codePages() {
    const code = () => this.interpreter?.code;
    return {
      has: (page: number) => code()?.has(page) ?? false,
      overlaps: (host: number, length: number) => code()?.overlaps(host, length) ?? false,
      written: (host: number, length: number) => code()?.written(host, length),
    };
  }

  private buildPageTables(): void {
    const entry = (at: number, value: bigint) => this.view.setBigUint64(RAM_AT + at, value, true);
    const table = (at: number) => BigInt(at | PRESENT | WRITE | USER);
    const [pml4, pdpt, pd, pt0, pt1] = [0, 1, 2, 3, 4].map((n) => TABLES + n * 4096) as [number, number, number, number, number];
    entry(pml4, table(pdpt));
    entry(pdpt, table(pd));
    entry(pd, table(pt0));
    entry(pd + 8, table(pt1));
    for (const { first, last, writable, executable } of mappedRanges) {
      for (let page = first; page <= last; page += 4096) {
        const value = BigInt(page | PRESENT | USER | (writable ? WRITE : 0)) | (executable ? 0n : NO_EXECUTE);
        entry((page < 0x200000 ? pt0 : pt1) + ((page >> 12) & 511) * 8, value);
      }
    }
  }

  /** Control registers and segments. */
  private setUp(): void {
    const { state, mode } = this;
    state.cr0 = 0x8005003b & ~0x8;
    state.cr3 = BigInt(TABLES);
    state.cr4 = 0x20 | 0x200 | 0x400 | 0x40000 | 0x10000;
    state.efer = 0xd01;
    state.setU64(S.XCR0, 7n);
    state.cpl = 3;
    state.setU32(S.PENDING, S.Pending.none);
    const flags = Rights.S | Rights.P | (3 << Rights.dplShift);
    const data = (selector: number, base: number, limit: number, db: number) => ({
      selector,
      base: BigInt(base),
      limit,
      rights: 0x3 | flags | db,
    });
    const flat = data(0x2b, 0, 0xffffffff, Rights.DB | Rights.G);
    const code = 0xb | flags;
    if (mode === "x64") {
      state.setSegment(SegmentIndex.CS, { selector: 0x33, base: 0n, limit: 0xffffffff, rights: code | Rights.L | Rights.G });
      for (const index of [0, 3, 4, 5]) {
        state.setSegment(index, { selector: 0, base: 0n, limit: 0, rights: Rights.unusable });
      }
    } else {
      const fs = data(0x1f, 0x200800, 0xffffffff, Rights.DB | Rights.G);
      state.setSegment(SegmentIndex.FS, fs);
      state.setSegment(SegmentIndex.GS, data(0x27, 0x202000, 0xfff, Rights.DB));
      if (mode === "x86-32") {
        state.setSegment(SegmentIndex.CS, { ...flat, selector: 0x23, rights: code | Rights.DB | Rights.G });
        state.setSegment(SegmentIndex.DS, flat);
        state.setSegment(SegmentIndex.ES, flat);
      } else {
        state.setSegment(SegmentIndex.CS, { selector: 0x07, base: 0x100000n, limit: 0xffff, rights: code });
        state.setSegment(SegmentIndex.DS, data(0x0f, 0x200000, 0xffff, 0));
        state.setSegment(SegmentIndex.ES, data(0x17, 0x201000, 0xffff, 0));
      }
    }
    state.setSegment(SegmentIndex.SS, flat);
    updateMode(state);
  }

  /** Runs one instruction at the state's RIP; returns the exception that it raised. A REP that stops early goes on. */
  runOne(): RecordedFault | undefined {
    this.fault = undefined;
    const { state } = this;
    const start = state.rip;
    for (let round = 0; round < 1000; round++) {
      state.setU32(S.BUDGET, 1);
      this.interpreter.step();
      if (this.fault || state.rip !== start || !this.unfinishedRep) break;
    }
    return this.fault;
  }
  private get unfinishedRep(): boolean {
    return false;
  }

  // --- EngineCpu ---

  exception(vector: number, error: number, address: bigint): void {
    this.fault = { vector, error, address };
  }
  checkSegment(segment: number, offset: number, bytes: number, write: boolean): void {
    checkSegment(this.state, segment, offset, bytes, write);
  }
  beforeFetch(): void {}
  afterStep(): void {}
  shortenSlice(): void {}
  trimBudget(): void {}

  /** Forgets decoded code (the next vector puts other bytes there). */
  dropCode(): void {
    this.interpreter.code.flush();
  }
}

