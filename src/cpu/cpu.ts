/**
 * One logical processor: the architectural state with everything around the instructions: translation,
 * events, time, interrupts, MSRs. It is the context of the system instructions (context.ts) and what an
 * engine runs.
 */
import { Vector } from "../isa/emit.js";
import { Flag } from "../isa/flags.js";
import * as S from "../isa/state.js";
import type { PhysicalMap } from "../memory/physical.js";
import type { PortSpace } from "../memory/ports.js";
import type { Timeline } from "../time/timeline.js";
import type { LocalApic } from "./apic/local-apic.js";
import type { CpuidResult, SystemFeatures, TlbControl } from "./context.js";
import { CpuState } from "./cpu-state.js";
import { DebugUnit } from "./debug.js";
import { type BreakpointSet, DebuggerStops, type Watchpoint } from "./debugger.js";
import type { CpuEvent } from "./event.js";
import { deliverException, deliverInterrupt, deliverNmi } from "./exceptions.js";
import { Fault } from "./fault.js";
import type { Intercepts } from "./intercepts.js";
import type { LinearMemory } from "./linear-memory.js";
import { type CodePages, Mmu } from "./mmu.js";
import { ModeNumbers, updateMode } from "./mode.js";
import type { StoredMsr } from "./msr/msr-file.js";
import type { Pmu } from "./pmu/pmu.js";
import { checkSegment } from "./segment-check.js";
import { readGuestMsr, writeGuestMsr } from "./vmx/apic-msrs.js";
import { VmExit } from "./vmx/contract.js";
import { Activity, type PhysicalMemory, type VmxProcessor } from "./vmx/entry-processor.js";
import { Guest } from "./vmx/events.js";
import { instructionBytes, PhysicalAccess } from "./vmx/exit-memory.js";
import { ExitReason } from "./vmx/exit-reason.js";
import { TscOffset } from "./vmx/tsc-offset.js";
import type { VmxOperation } from "./vmx/vmx-unit.js";

/**
 * How long a load from a device or a store to one takes. On a PC it is some hundred nanoseconds; so loops that poll a timer
 * have less to do here, too.
 */
const DEVICE_TICKS = 250;

/** As many ticks as the longest block of code has instructions. */
const FEW_TICKS = 64;

/** What the processor needs from its surroundings and its model. */
export interface CpuParts {
  readonly memory: WebAssembly.Memory;
  /** Address of the state block in the memory. */
  readonly stateAt: number;
  /** Address of the TLB views. */
  readonly viewsAt: number;
  /** Address of a 4 KiB page; the processor fills it with FFh. */
  readonly emptyPageAt: number;
  readonly physical: PhysicalMap;
  readonly ports: PortSpace;
  readonly features: SystemFeatures;
  readonly page1g: boolean;
  cpuid(leaf: number, subleaf: number): CpuidResult;
}

/** The registers that live outside the state block. */
export interface MsrAccess {
  read(index: number): bigint;
  stored?(index: number): Readonly<StoredMsr> | undefined;
  write(index: number, value: bigint): void;
}

/** What executes instructions. */
export interface CpuEngine {
  /** Runs until the state's BUDGET is used up, ATTENTION is set, or an instruction leaves. */
  run(): void;
  /** Runs one instruction. */
  step(): void;
  readonly code: CodePages & {
    /** What MODE means has changed: nothing that was decoded may be used any more. */
    retire(): void;
    /** Page offsets at which to ask {@link Cpu.stopsHere}. */
    setStops(offsets: ReadonlySet<number>): void;
  };
}

export class Cpu implements VmxProcessor {
  readonly state: CpuState;
  readonly mmu: Mmu;
  readonly memory: LinearMemory;
  readonly tlb: TlbControl;
  readonly debug: DebugUnit;
  /** Of the debugger outside the guest. */
  readonly debugger = new DebuggerStops();
  readonly physical: PhysicalMap;
  readonly ports: PortSpace;
  readonly features: SystemFeatures;
  readonly emptyPage: number;
  intercepts: Intercepts | undefined;
  delivering: CpuEvent | undefined;
  private blocksNmi = false;
  /** In HLT or MWAIT; a guest's other activity states. */
  activity: Activity = Activity.active;
  /** It is MWAIT that made the processor inactive. */
  inMwait = false;
  private haltBreaksOnMasked = false;
  /** After a triple fault: nothing but a reset helps. */
  shutdown = false;
  nmiPending = false;
  /** The guest in VMX non-root operation. */
  readonly guest: Guest = new Guest(this);
  pmu: Pmu | undefined;
  /** Present where the model has VMX, and used only there; set by whoever puts the PC together (vmx/create.ts). */
  vmx!: VmxOperation;
  readonly physicalMemory: PhysicalMemory;
  readonly tscOffset: TscOffset;
  /** Events the processor has taken, for `--stats`. */
  readonly counts = { exceptions: 0, interrupts: 0, vmExits: 0 };

  private engine!: CpuEngine;
  timeline!: Timeline;
  apic!: LocalApic;
  private msrs!: MsrAccess;
  /** Ticks that passed without instructions (HLT, pacing), and without cycles (HLT). */
  private skipped = 0;
  slept = 0;
  /**
   * Asked now and then while {@link execute} works; true makes it return early, between two instructions. What the
   * guest sees does not depend on it.
   */
  shouldYield: (() => boolean) | undefined;
  /** INIT has to be done. */
  onInit: () => void = () => {};
  private yielding = false;
  /** See {@link execute}. */
  private mayEndEarly = false;
  private slowOperations = 0;
  /** The VM exit that has stopped the instruction that runs. */
  private instead: VmExit | undefined;
  private readonly modeNumbers = new ModeNumbers();
  private modeGeneration = 0;

  constructor(private readonly parts: CpuParts) {
    this.state = new CpuState(parts.memory.buffer, parts.stateAt);
    this.tscOffset = new TscOffset(this.state, this.guest);
    this.physical = parts.physical;
    this.ports = parts.ports;
    this.features = parts.features;
    this.emptyPage = parts.emptyPageAt;
    new Uint8Array(parts.memory.buffer).fill(0xff, parts.emptyPageAt, parts.emptyPageAt + 4096);
    const code: CodePages = {
      has: (page) => this.engine?.code.has(page) ?? false,
      overlaps: (host, length) => this.engine?.code.overlaps(host, length) ?? false,
      written: (host, length) => this.engine?.code.written(host, length),
    };
    this.powerOn();
    this.mmu = new Mmu(
      this.state,
      parts.physical,
      code,
      parts.viewsAt,
      parts.features.physicalBits,
      () => parts.page1g,
    );
    this.physicalMemory = new PhysicalAccess(parts.memory.buffer, parts.physical, code);
    this.memory = this.mmu;
    this.tlb = this.mmu;
    this.mmu.onDevice = () => this.wait(DEVICE_TICKS);
    this.debug = new DebugUnit(this.state, () => this.watchMemory());
    parts.physical.onChange = () => this.mmu.flushEverything();
  }

  /** Registers that are not 0 after power-on, besides those that whoever starts the CPU sets (SDM vol. 3, table 10-1). */
  private powerOn(): void {
    const { state } = this;
    state.setU32(S.PENDING, S.Pending.none);
    state.setU32(S.MXCSR, 0x1f80);
    state.setU32(S.FCW, 0x40);
    state.setU64(S.XCR0, 1n);
    state.setDr(6, 0xffff_0ff0n);
    state.setDr(7, 0x400n);
  }

  /** RESET and INIT: forgets HLT, shutdown and events that wait. The registers are set by whoever starts the CPU. */
  reset(): void {
    this.powerOn();
    if (this.guest.active) this.mmu.leaveNonRoot();
    this.guest.end();
    this.guest.initPending = false;
    this.vmx?.leaveOperation();
    this.activity = Activity.active;
    this.haltBreaksOnMasked = this.shutdown = false;
    this.nmiPending = this.nmiBlocked = false;
    this.delivering = undefined;
    this.debug.takePending();
    this.debug.cancelStep();
    this.state.setU32(S.SHADOW, 0);
    this.state.setU32(S.ATTENTION, 0);
    this.noteInterrupts();
  }

  /** Completes the construction with the parts that need the CPU themselves. */
  connect(engine: CpuEngine, timeline: Timeline, apic: LocalApic, msrs: MsrAccess): void {
    this.engine = engine;
    this.timeline = timeline;
    this.apic = apic;
    this.msrs = msrs;
    timeline.onEarlier = () => this.trimBudget();
  }

  // --- time ---

  /** The tick at which the budget reaches zero. */
  private get sliceEnd(): number {
    return this.state.number(S.SLICE_END);
  }
  private set sliceEnd(tick: number) {
    this.state.setNumber(S.SLICE_END, tick);
  }

  /** The time-stamp counter of the processor itself, whatever a guest sees. */
  ownTsc(): bigint {
    return BigInt.asUintN(64, BigInt(this.now()) + this.tscOffset.own);
  }

  /** The current tick, exact also while an instruction runs. */
  now(): number {
    return this.sliceEnd - this.state.i32(S.BUDGET) - this.state.i32(S.LEFT);
  }

  /** Instructions retired since power-on. */
  get instructions(): number {
    return this.now() - this.skipped;
  }

  /** Lets time pass without executing, up to `tick`. */
  skipTo(tick: number): void {
    const delta = tick - this.now();
    if (delta <= 0) return;
    this.sliceEnd += delta;
    this.skipped += delta;
    if (this.halted) this.slept += delta;
  }

  get alone(): boolean {
    return this.mmu.alone;
  }

  /** Lets time pass in the middle of an instruction. */
  wait(ticks: number): void {
    this.state.setU32(S.BUDGET, this.state.i32(S.BUDGET) - ticks);
    this.skipped += ticks;
  }

  shortenSlice(ticks: number): void {
    this.sliceEnd -= ticks;
  }

  trimBudget(): void {
    const excess = this.sliceEnd - this.timeline.next;
    if (excess <= 0) return;
    this.mayEndEarly = false;
    this.state.setU32(S.BUDGET, this.state.i32(S.BUDGET) - excess);
    this.sliceEnd -= excess;
  }

  // --- running ---

  /** The CPU can do nothing until time passes or an interrupt comes. */
  get idle(): boolean {
    return this.halted && !this.wakes();
  }

  /** In HLT or MWAIT, or a guest in another inactive state. */
  get halted(): boolean {
    return this.activity !== Activity.active;
  }
  set halted(on: boolean) {
    this.activity = on ? Activity.hlt : Activity.active;
  }

  /** Whether something pending ends HLT. */
  private wakes(): boolean {
    if (this.guest.active) return this.guest.wakes(this.haltBreaksOnMasked);
    if (this.nmiPending && !this.nmiBlocked) return true;
    return (this.haltBreaksOnMasked || this.state.flag(Flag.IF)) && this.interruptPending;
  }

  get interruptPending(): boolean {
    return this.apic.pending() >= 0 || this.apic.extIntPending;
  }

  /**
   * Executes until tick `until`, HLT, or shutdown.
   * @param about nothing happens at `until`: the last few ticks before it, for which instructions would have to run one by
   * one, may be left for the next time
   */
  execute(until: number, about = false): void {
    const { state } = this;
    this.yielding = false;
    while (!this.shutdown && !this.yielding) {
      const left = until - this.now();
      if (left <= (about ? FEW_TICKS : 0)) return;
      this.mayEndEarly = about;
      state.setU32(S.BUDGET, Math.min(left, 0x40000000));
      this.sliceEnd = until - left + state.i32(S.BUDGET);
      this.trimBudget();
      if (state.i32(S.BUDGET) <= 0) return;
      if (this.halted && !this.wakes()) return;
      state.setU32(S.ATTENTION, 0);
      if (this.slowOperation() || (this.guest.active ? this.takeGuestEvent() : this.takeEvent())) continue;
      this.halted = false;
      if (this.pmu?.asleep) this.pmu.wake();
      if (this.guest.monitorTrap) this.stepGuest();
      else if (state.u32(S.SHADOW) !== 0) this.passShadow();
      else this.engine.run();
    }
  }

  /**
   * For a debugger: one instruction, before which no interrupt is taken and no breakpoint stops; or what is due before it
   * in any case, such as the event that a VM entry injects.
   */
  stepInstruction(): void {
    const { state } = this;
    const now = this.now();
    state.setU32(S.BUDGET, 1);
    this.sliceEnd = now + 1;
    state.setU32(S.ATTENTION, 0);
    this.debugger.pass(state.linearRip);
    if (this.guest.due) this.takeGuestEvent();
    else if (this.guest.monitorTrap) this.stepGuest();
    else if (state.u32(S.SHADOW) !== 0) this.passShadow();
    else this.engine.step();
    this.debugger.pass(undefined);
  }

  /** One instruction under an interrupt shadow; then the shadow is over. */
  private passShadow(): void {
    const { state } = this;
    const waiting = this.nmiPending || this.interruptPending || this.guest.watchesShadow;
    // VMLAUNCH and VMRESUME look at the shadow themselves.
    if (!this.stepping && !waiting && !this.vmx?.operation) {
      // Nothing waits, so nothing is held back: the shadow needs no stepping.
      state.setU32(S.SHADOW, 0);
      this.engine.run();
      return;
    }
    const before = state.u32(S.SHADOW);
    const inGuest = this.guest.active;
    this.engine.step();
    // A shadow that a VM entry has loaded is the guest's.
    if (state.u32(S.SHADOW) === before && this.guest.active === inGuest) state.setU32(S.SHADOW, 0);
  }

  /** An event of the guest, or a VM exit. */
  private takeGuestEvent(): boolean {
    return this.guarded(() => {
      const taken = this.guest.takeEvent();
      if (taken) this.countTick();
      this.noteInterrupts();
      return taken;
    });
  }

  /** One instruction of a guest with "monitor trap flag". */
  private stepGuest(): void {
    if (this.state.u32(S.SHADOW) !== 0) this.passShadow();
    else this.engine.step();
    if (this.guest.active) this.guest.trapFlagPending = true;
  }

  /** Performs the VM exit that an action ends in. Returns true then, else the action's result. */
  private guarded(action: () => boolean): boolean {
    try {
      return action();
    } catch (thrown) {
      if (!(thrown instanceof VmExit)) throw thrown;
      this.leaveGuest(thrown);
      return true;
    }
  }

  vmExit(exit: VmExit): void {
    if (!exit.trap) {
      this.debug.abandonInstruction();
      this.debugger.abandonInstruction();
    }
    this.leaveGuest(exit);
  }

  private leaveGuest(exit: VmExit): void {
    this.counts.vmExits++;
    this.vmx.exit(exit);
    this.countTick();
    this.slowOperation();
  }

  /** Delivers an NMI or interrupt if one can be taken now. */
  private takeEvent(): boolean {
    const { state } = this;
    const shadow = state.u32(S.SHADOW);
    if (this.nmiPending && !this.nmiBlocked && shadow === 0) {
      this.nmiPending = false;
      this.halted = false;
      this.noteInterrupts();
      this.countTick();
      deliverNmi(this);
      return true;
    }
    if (shadow !== 0 || !state.flag(Flag.IF) || !this.interruptPending) return false;
    this.halted = false;
    this.countTick();
    deliverInterrupt(this, this.acknowledgeInterrupt());
    return true;
  }

  acknowledgeInterrupt(): number {
    this.counts.interrupts++;
    // INTR from the 8259 pair takes no part in the local APIC's priorities.
    return this.apic.extIntPending ? this.apic.acknowledgeExtInt() : this.apic.acknowledge();
  }

  endOfInterrupt(): void {
    this.apic.endOfInterrupt();
  }

  /** Keeps the flag that generated code looks at. */
  noteInterrupts(): void {
    const pending = this.nmiPending || this.interruptPending || this.guest.watchesInterruptFlag;
    this.state.setU32(S.INTERRUPT_PENDING, pending ? 1 : 0);
  }

  lookAgain(): void {
    this.noteInterrupts();
    this.state.setU32(S.ATTENTION, 1);
  }

  /** Ends {@link execute} before the next block: something outside happened that concerns the machine. */
  interrupt(): void {
    this.yielding = true;
    this.state.setU32(S.ATTENTION, 1);
  }

  /** The local APIC or the INTR pin changed: look before the next block. */
  readonly onInterruptChange = (): void => {
    this.noteInterrupts();
    if (this.halted || this.state.flag(Flag.IF) || this.guest.interruptsExit)
      this.state.setU32(S.ATTENTION, 1);
  };

  /** INIT. In VMX operation it waits: a guest makes a VM exit of it, VMXOFF lets it through (SDM vol. 3, 24.8 and 26.2). */
  init(): void {
    if (!this.vmx?.operation) this.onInit();
    else {
      this.guest.initPending = true;
      if (this.guest.active) this.lookAgain();
    }
  }

  releaseInit(): void {
    if (!this.guest.initPending) return;
    this.guest.initPending = false;
    this.onInit();
  }

  /** A startup IPI: only a guest that waits for one notices. */
  startupIpi(vector: number): void {
    if (this.guest.active && this.activity === Activity.waitForSipi) this.guest.startup(vector);
  }

  nmi(): void {
    this.nmiPending = true;
    this.lookAgain();
  }

  // --- what the engine asks ---

  /** Single step, breakpoints, or RF, which is over after one instruction. */
  get stepping(): boolean {
    return this.state.flag(Flag.TF | Flag.RF) || this.debug.armed || this.debug.hasPending;
  }

  /** Before an instruction that runs alone; throws the #DB of an instruction breakpoint. */
  beforeFetch(low: number, high: number): void {
    if (!this.stepping) return;
    const bits = this.debug.instructionBreakpoint((BigInt(high >>> 0) << 32n) | BigInt(low >>> 0));
    if (bits !== 0) throw new Fault(Vector.DB, 0, BigInt(bits));
    this.debug.beginInstruction();
  }

  /** After an instruction that ran alone completed: delivers the traps that it met. */
  afterStep(): void {
    if (this.mayEndEarly && this.state.i32(S.BUDGET) <= FEW_TICKS) this.state.setU32(S.ATTENTION, 1);
    const trap = this.debug.endInstruction();
    if (!trap) return;
    // A debug exception ends HLT (SDM vol. 2, HLT).
    this.halted = false;
    if (this.guest.monitorTrap) this.guest.pendingDebug |= Number(trap.address);
    else this.deliver(trap);
  }

  /** Delivers an exception, or performs the VM exit that it causes. */
  private deliver(fault: Fault): void {
    if (!this.guest.active) deliverException(this, fault);
    else {
      this.guarded(() => {
        deliverException(this, fault);
        return true;
      });
    }
  }

  breaksAt(low: number, high: number): boolean {
    return this.debugger.breaksAt((BigInt(high >>> 0) << 32n) | BigInt(low >>> 0));
  }

  exitInstead(exit: VmExit): void {
    this.instead = exit;
    this.state.setU32(S.PENDING, S.Pending.stop);
  }

  stopsHere(): boolean {
    const { instead } = this;
    if (instead !== undefined) {
      this.instead = undefined;
      this.vmExit(instead);
      return true;
    }
    const { linearRip } = this.state;
    if (!this.debugger.breaksAt(linearRip)) return false;
    this.debugger.reached(linearRip);
    this.interrupt();
    return true;
  }

  /** Makes a debugger's breakpoints and watchpoints count from now on. Only at rest. */
  armDebugger(breakpoints: BreakpointSet, watchpoints: readonly Watchpoint[]): void {
    if (this.debugger.arm(breakpoints, watchpoints)) this.watchMemory();
    this.engine.code.setStops(this.debugger.pageOffsets);
  }

  /** Data breakpoints and watchpoints: the MMU must see every access to their pages. */
  private watchMemory(): void {
    const { mmu } = this;
    const watched = this.debugger.watchpoints.map(({ address, length }) => ({ linear: address, length }));
    const points = [...this.debug.dataBreakpoints(), ...watched];
    mmu.watchedPages.clear();
    for (const { linear, length } of points) {
      for (const at of [linear, linear + BigInt(length - 1)])
        mmu.watchedPages.add(Number(BigInt.asUintN(64, at) >> 12n));
    }
    mmu.onDataAccess = points.length > 0 ? (...access) => this.dataAccess(...access) : undefined;
    mmu.flushEverything();
  }

  /** Notes the data breakpoints and watchpoints that an access meets. Returns whether a debugger wants it. */
  private dataAccess(at: bigint, length: number, write: boolean, read: boolean, shared: boolean): boolean {
    if (this.mmu.alone) this.debug.dataBreakpoint(at, length, write);
    const point = this.debugger.watchpointAt(at, length, write, read);
    if (!point) return false;
    // An instruction that shares its block comes back alone.
    if (!shared) {
      this.debugger.met(point, at);
      this.interrupt();
    }
    return true;
  }

  exception(vector: number, error: number, address: bigint): void {
    this.counts.exceptions++;
    this.debug.abandonInstruction();
    this.debugger.abandonInstruction();
    this.deliver(new Fault(vector, error, address));
    this.countTick();
    this.slowOperation();
    if (this.debug.hasPending) this.afterStep();
  }

  /** Time passes with every event, so that a guest that faults without end cannot stop the clock. */
  private countTick(): void {
    this.state.setU32(S.BUDGET, this.state.i32(S.BUDGET) - 1);
  }

  /** To be called with whatever takes microseconds. Returns true when {@link execute} is to end. */
  slowOperation(): boolean {
    if ((++this.slowOperations & 7) === 0 && this.shouldYield?.()) {
      this.yielding = true;
      this.state.setU32(S.ATTENTION, 1);
    }
    return this.yielding;
  }

  checkSegment(segment: number, offset: number, bytes: number, write: boolean): void {
    checkSegment(this.state, segment, offset, bytes, write);
  }

  // --- CpuContext ---

  /** Of the running guest, where it has a TPR shadow. */
  get taskPriority(): number {
    return (this.guest.apic ?? this.apic).taskPriority;
  }
  set taskPriority(value: number) {
    (this.guest.apic ?? this.apic).taskPriority = value;
  }

  get nmiBlocked(): boolean {
    return this.blocksNmi;
  }
  set nmiBlocked(on: boolean) {
    if (on || !this.guest.keepsNmiBlocking) this.blocksNmi = on;
  }

  modeChanged(): void {
    updateMode(this.state, this.modeNumbers);
    if (this.modeNumbers.generation !== this.modeGeneration) {
      this.modeGeneration = this.modeNumbers.generation;
      this.engine?.code.retire();
    }
    this.mmu.modeChanged();
    if (this.pmu?.watchesPrivilege) this.pmu.privilegeChanged();
  }

  accessRightsChanged(): void {
    this.mmu.selectPrivilege();
    if (this.pmu?.watchesPrivilege) this.pmu.privilegeChanged();
  }

  loadPdptes(cr3: bigint): boolean {
    return this.mmu.loadPdptes(Number(cr3 & 0xffffffffn));
  }

  halt(kind: "hlt" | "mwait", breakOnMasked: boolean): void {
    this.halted = true;
    this.inMwait = kind === "mwait";
    this.haltBreaksOnMasked = breakOnMasked;
    this.state.setU32(S.ATTENTION, 1);
  }

  requestShutdown(): void {
    if (this.guest.active) throw new VmExit(ExitReason.tripleFault);
    this.stop();
  }

  stop(): void {
    this.shutdown = true;
    this.state.setU32(S.ATTENTION, 1);
  }

  tsc(): bigint {
    return this.guest.active ? this.guest.tsc(this.ownTsc()) : this.ownTsc();
  }

  cpuid(leaf: number, subleaf: number): CpuidResult {
    return this.parts.cpuid(leaf, subleaf);
  }

  instructionBytes(): Uint8Array {
    return instructionBytes(this.state, this.mmu, this.physicalMemory);
  }

  storedMsr(index: number): Readonly<StoredMsr> | undefined {
    return this.msrs.stored?.(index);
  }

  readMsr(index: number): bigint {
    const virtual = this.guest.active ? readGuestMsr(this, index) : undefined;
    return virtual ?? this.msrs.read(index);
  }

  writeMsr(index: number, value: bigint): void {
    if (this.guest.active && writeGuestMsr(this, index, value)) return;
    this.msrs.write(index, value);
  }

  readPerformanceCounter(index: number): bigint {
    if (this.pmu) return this.pmu.readCounter(index);
    throw new Fault(Vector.GP, 0);
  }
}
