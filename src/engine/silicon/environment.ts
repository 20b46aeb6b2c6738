/**
 * A CPU in the state in which the silicon vectors were recorded: CPL 3, identity paging, the segments of the
 * vectors' README, and nothing around it.
 */
import { ApicBus } from "../../cpu/apic/apic-bus.js";
import { LocalApic } from "../../cpu/apic/local-apic.js";
import { Cpu } from "../../cpu/cpu.js";
import { type CpuState, Rights, SegmentIndex } from "../../cpu/cpu-state.js";
import { Fault } from "../../cpu/fault.js";
import { systemHelpers } from "../../cpu/helpers-system.js";
import { MMU_BYTES } from "../../cpu/mmu.js";
import { vmxHelpers } from "../../cpu/vmx/helpers-vmx.js";
import { arithmeticHelpers } from "../../isa/families/helpers.js";
import * as S from "../../isa/state.js";
import { PhysicalMap } from "../../memory/physical.js";
import { PortSpace } from "../../memory/ports.js";
import { Timeline } from "../../time/timeline.js";
import { type HelperFunction, Interpreter } from "../interpreter/interpreter.js";
import { tier0 } from "../interpreter/tier0.js";
import type { RegisterHome } from "../translator/region-code.js";
import { Translator } from "../translator/translator.js";
import type { VectorMode } from "./vector.js";

const STATE_AT = 0x10000;
const VIEWS_AT = 0x20000;
const EMPTY_PAGE_AT = 0x2fff000;
const ARENA_AT = 0x3000000;
const ARENA_SIZE = 0x200000;
/** Guest physical memory, at host address RAM_AT; 4 MiB. */
export const RAM_AT = 0x3400000;
export const RAM_SIZE = 0x400000;
const TABLES = 0x380000;

if (VIEWS_AT + MMU_BYTES > EMPTY_PAGE_AT) throw new Error("the TLB views do not fit");

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

/** The processor, but exceptions are written down instead of delivered, and no trap follows an instruction. */
class VectorCpu extends Cpu {
  fault: RecordedFault | undefined;

  override exception(vector: number, error: number, address: bigint): void {
    this.fault = { vector, error, address };
  }
  override beforeFetch(): void {}
  override afterStep(): void {}
}

export class SiliconEnvironment {
  readonly memory = new WebAssembly.Memory({ initial: (RAM_AT + RAM_SIZE) / 65536 });
  readonly bytes = new Uint8Array(this.memory.buffer);
  readonly state: CpuState;
  private readonly view = new DataView(this.memory.buffer);
  private readonly cpu: VectorCpu;
  private readonly interpreter: Interpreter;

  private readonly translator: Translator | undefined;
  /** Instructions that were translated, and that were left to the interpreter. */
  readonly counts = { translated: 0, interpreted: 0 };

  /** @param translated instructions are translated before they run: where these functions have the registers */
  constructor(
    readonly mode: VectorMode,
    private readonly translated?: RegisterHome,
  ) {
    const physical = new PhysicalMap();
    physical.addRam(0, RAM_SIZE, RAM_AT);
    this.cpu = new VectorCpu({
      memory: this.memory,
      stateAt: STATE_AT,
      viewsAt: VIEWS_AT,
      emptyPageAt: EMPTY_PAGE_AT,
      physical,
      ports: new PortSpace(),
      features: { vendor: "amd", cr4Mask: 0x50668, xcr0Mask: 7n, physicalBits: 40, xgetbv1: true },
      page1g: true,
      cpuid: () => ({ eax: 0, ebx: 0, ecx: 0, edx: 0 }),
    });
    this.state = this.cpu.state;
    this.interpreter = new Interpreter({
      memory: this.memory,
      cpu: this.cpu,
      features: "all",
      tier0: tier0(),
      arena: { at: ARENA_AT, size: ARENA_SIZE },
      helpers: this.helpers(),
    });
    if (translated) this.translator = new Translator(this.memory, this.cpu, this.interpreter);
    this.connect();
    this.buildPageTables();
    this.setUp();
  }

  private helpers(): Map<string, HelperFunction> {
    const bound = new Map<string, HelperFunction>();
    for (const [name, implementation] of Object.entries(arithmeticHelpers)) {
      bound.set(name, (record, ...args) => implementation(this.view, STATE_AT, record, ...args));
    }
    for (const [name, implementation] of Object.entries(systemHelpers)) {
      bound.set(name, (_record, ...args) => implementation(this.cpu, ...args));
    }
    for (const [name, implementation] of Object.entries(vmxHelpers)) {
      bound.set(name, (_record, ...args) => implementation(this.cpu, ...args));
    }
    bound.set("randomNumber", () => 0n);
    return bound;
  }

  /** A clock that stands still, an interrupt controller that is silent, and no MSRs. */
  private connect(): void {
    const { cpu } = this;
    const timeline = new Timeline(() => 0);
    const apic = new LocalApic({
      id: 0,
      timeline,
      bus: new ApicBus(),
      tscDeadline: { supported: false, now: () => 0n },
      x2apicSupported: false,
      hooks: {
        onInterruptChange() {},
        onNmi() {},
        onInit() {},
        onStartup() {},
        onSmi() {},
        extIntAcknowledge: () => 0,
      },
    });
    const missing = () => {
      throw new Fault(13, 0);
    };
    cpu.connect(this.interpreter, timeline, apic, { read: missing, write: missing });
  }

  private buildPageTables(): void {
    const entry = (at: number, value: bigint) => this.view.setBigUint64(RAM_AT + at, value, true);
    const table = (at: number) => BigInt(at | PRESENT | WRITE | USER);
    const [pml4, pdpt, pd, pt0, pt1] = [0, 1, 2, 3, 4].map((n) => TABLES + n * 4096) as [
      number,
      number,
      number,
      number,
      number,
    ];
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
    state.cr0 = 0x80050033;
    state.cr3 = BigInt(TABLES);
    state.cr4 = 0x20 | 0x200 | 0x400 | 0x40000 | 0x10000;
    state.efer = 0xd01;
    state.setU64(S.XCR0, 7n);
    state.cpl = 3;
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
      state.setSegment(SegmentIndex.CS, {
        selector: 0x33,
        base: 0n,
        limit: 0xffffffff,
        rights: code | Rights.L | Rights.G,
      });
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
    this.cpu.modeChanged();
  }

  /** Runs one instruction at the state's RIP (a REP to its end); returns the exception that it raised. */
  runOne(): RecordedFault | undefined {
    // EFLAGS was written from outside: AC decides over rights and alignment.
    this.cpu.accessRightsChanged();
    this.cpu.fault = undefined;
    this.state.setU32(S.BUDGET, 1);
    if (this.translator) {
      const record = this.interpreter.findSingle();
      if (record !== 0 && this.translator.force(record, this.translated!) > 0) this.counts.translated++;
      else this.counts.interpreted++;
    }
    this.interpreter.step();
    return this.cpu.fault;
  }

  /** Forgets decoded code (the next vector puts other bytes there). */
  dropCode(): void {
    this.interpreter.code.flush();
  }
}
