/**
 * The local APIC of one processor (Intel SDM vol. 3, chapter 11): xAPIC page and x2APIC registers.
 *
 * This file puts the parts together: who may reach which register (registers.ts, apic-registers.ts), what
 * comes in from the bus, the pins and the local sources, and what goes out to the processor.
 *
 * Invariants: a globally disabled APIC takes no message and its pins are INTR and NMI of the processor; a
 * software-disabled one refuses fixed interrupts but still offers what its IRR holds (11.4.7.2).
 */
import type { MmioDevice, MmioSize } from "../../memory/physical.js";
import { Fault } from "../fault.js";
import { DeliveryMode, type InterruptMessage } from "../interrupt-bus.js";
import { ApicBase, type ApicMode } from "./apic-base.js";
import type { ApicAgent } from "./apic-bus.js";
import { ApicRegisters } from "./apic-registers.js";
import { x2apicLogicalId } from "./destination.js";
import { Lvt } from "./local-vector-table.js";
import type { LocalApicHooks, LocalApicOptions } from "./options.js";
import { IA32_APIC_BASE, IA32_TSC_DEADLINE, Reg, X2APIC_FIRST, X2APIC_LAST } from "./registers.js";
import type { LocalApicState } from "./state.js";

const GENERAL_PROTECTION = 13;
const LINT0 = 1;
const LINT1 = 2;
/** What a processor reads where nobody answers. */
const ALL_ONES = { 1: 0xff, 2: 0xffff, 4: 0xffffffff } as const;

export type { LocalApicHooks, LocalApicOptions } from "./options.js";

export class LocalApic implements MmioDevice, ApicAgent {
  private readonly base: ApicBase;
  private readonly registers: ApicRegisters;
  private readonly hooks: LocalApicHooks;
  /** Levels of the two pins. */
  private lines = 0;
  /** An ExtINT message came from the bus and was not acknowledged yet. */
  private extIntMessage = false;
  private extInt = false;

  constructor(private readonly options: LocalApicOptions) {
    const { id, bus, hooks, x2apicSupported } = options;
    this.hooks = hooks;
    this.base = new ApicBase(
      options.bootstrap ?? id === 0,
      options.physicalAddressBits ?? 52,
      x2apicSupported,
    );
    this.registers = new ApicRegisters(options, this, {
      interruptChange: () => hooks.onInterruptChange(),
      localInterrupt: (entry) => this.localInterrupt(entry),
      lvtChanged: () => this.servicePins(),
    });
    bus.attach(this);
  }

  // What the processor asks.

  /** The highest vector that may be delivered now, or -1. */
  pending(): number {
    return this.registers.interrupts.pending;
  }

  /** INTA for {@link pending}: IRR to ISR. Returns the spurious vector when nothing is deliverable any more. */
  acknowledge(): number {
    const vector = this.registers.interrupts.acknowledge();
    return vector < 0 ? this.registers.spuriousVector : vector;
  }

  /** EOI of the processor itself (posted interrupts), in either mode. */
  endOfInterrupt(): void {
    if (this.x2apic) this.registers.writeX2apic(Reg.EOI, 0, 0);
    else if (this.globallyEnabled) this.registers.writeXapic(Reg.EOI, 0);
  }

  /** An external (8259) interrupt waits. It takes no part in the priorities: look here before {@link pending}. */
  get extIntPending(): boolean {
    return this.extInt;
  }

  /** INTA for {@link extIntPending}: returns the vector of the 8259 pair. */
  acknowledgeExtInt(): number {
    this.extIntMessage = false;
    const vector = this.hooks.extIntAcknowledge();
    this.refreshExtInt();
    return vector;
  }

  /** CR8: bits 4 … 7 of the TPR as 0 … 15. Works in every mode, also while the APIC is disabled. */
  get taskPriority(): number {
    return this.registers.interrupts.tpr >> 4;
  }

  set taskPriority(value: number) {
    this.registers.interrupts.tpr = (value & 0xf) << 4;
  }

  /** PPR. */
  get processorPriority(): number {
    return this.registers.interrupts.ppr;
  }

  get mode(): ApicMode {
    return this.base.mode;
  }

  /** IA32_APIC_BASE bit 11, which CPUID.1:EDX.APIC follows. */
  get globallyEnabled(): boolean {
    return this.base.mode !== "disabled";
  }

  /** Physical address of the register page, or -1 while there is none (disabled or x2APIC). */
  get mmioBase(): number {
    return this.base.mode === "xapic" ? this.base.address : -1;
  }

  // What its peers see (ApicAgent).

  get x2apic(): boolean {
    return this.base.mode === "x2apic";
  }

  get physicalId(): number {
    return this.x2apic ? this.options.id : this.registers.xapicId;
  }

  get logicalId(): number {
    return this.x2apic ? x2apicLogicalId(this.options.id) : this.registers.ldr >>> 24;
  }

  get model(): number {
    return this.registers.dfr >>> 28;
  }

  get acceptsFixed(): boolean {
    return this.globallyEnabled && this.registers.softwareEnabled;
  }

  accept(message: InterruptMessage): boolean {
    if (!this.globallyEnabled) return false;
    switch (message.deliveryMode) {
      case DeliveryMode.fixed:
      case DeliveryMode.lowestPriority:
        return this.acceptsFixed && this.registers.request(message.vector, message.level);
      case DeliveryMode.extInt:
        if (!this.acceptsFixed) return false;
        this.extIntMessage = true;
        this.refreshExtInt();
        return true;
      case DeliveryMode.startup:
        this.hooks.onStartup(message.vector);
        return true;
    }
    return this.signal(message.deliveryMode);
  }

  /** NMI, SMI and INIT, which go straight to the processor. */
  private signal(mode: number): boolean {
    if (mode === DeliveryMode.nmi) this.hooks.onNmi();
    else if (mode === DeliveryMode.smi) this.hooks.onSmi();
    else if (mode === DeliveryMode.init) this.hooks.onInit();
    else return false;
    return true;
  }

  // Local sources.

  /** Sets the level of pin LINT0 or LINT1; of INTR and NMI while the APIC is globally disabled. */
  lint(pin: 0 | 1, level: boolean): void {
    const bit = pin === 0 ? LINT0 : LINT1;
    if (level === ((this.lines & bit) !== 0)) return;
    this.lines ^= bit;
    if (!this.globallyEnabled) {
      if (level && pin === 1) this.hooks.onNmi();
    } else if (level) {
      const entry = pin === 0 ? Lvt.lint0 : Lvt.lint1;
      if (!this.registers.lvt.isLevel(entry)) this.localInterrupt(entry);
    }
    this.servicePins();
  }

  /** The thermal sensor's interrupt. */
  thermalInterrupt(): void {
    this.localInterrupt(Lvt.thermal);
  }

  /** A performance counter overflowed. The delivery masks the entry (20.5 "PMI"). */
  performanceInterrupt(): void {
    if (this.registers.lvt.isMasked(Lvt.performance)) return;
    this.localInterrupt(Lvt.performance);
    this.registers.lvt.mask(Lvt.performance);
  }

  /** To be called after software wrote the time-stamp counter. */
  tscChanged(): void {
    this.registers.timer.tscChanged();
  }

  private localInterrupt(entry: Lvt): void {
    const { lvt } = this.registers;
    if (lvt.isMasked(entry)) return;
    const mode = lvt.mode(entry);
    if (mode === DeliveryMode.fixed) this.registers.request(lvt.vector(entry), false);
    else this.signal(mode);
  }

  /** What depends on the levels of the pins and on their LVT entries. */
  private servicePins(): void {
    const { lvt } = this.registers;
    if (this.lines & LINT0 && lvt.isLevel(Lvt.lint0) && !lvt.isMasked(Lvt.lint0) && !lvt.remoteIrr) {
      lvt.remoteIrr = this.registers.request(lvt.vector(Lvt.lint0), true);
    }
    this.refreshExtInt();
  }

  private computeExtInt(): boolean {
    const { lvt } = this.registers;
    const lint0 = (this.lines & LINT0) !== 0;
    if (!this.globallyEnabled) return lint0;
    if (this.extIntMessage || (lint0 && lvt.isUnmaskedExtInt(Lvt.lint0))) return true;
    return (this.lines & LINT1) !== 0 && lvt.isUnmaskedExtInt(Lvt.lint1);
  }

  private refreshExtInt(): void {
    const next = this.computeExtInt();
    if (next === this.extInt) return;
    this.extInt = next;
    this.hooks.onInterruptChange();
  }

  // The xAPIC page.

  readMmio(offset: number, size: MmioSize): number {
    if (this.base.mode !== "xapic" || size !== 4 || offset & 15) return ALL_ONES[size];
    return this.registers.readXapic(offset >> 4);
  }

  writeMmio(offset: number, size: MmioSize, value: number): void {
    if (this.base.mode !== "xapic" || size !== 4 || offset & 15) return;
    this.registers.writeXapic(offset >> 4, value >>> 0);
  }

  // The model specific registers.

  /** Whether an MSR belongs to the local APIC: IA32_APIC_BASE, IA32_TSC_DEADLINE, 800h … 8FFh. */
  static ownsMsr(index: number): boolean {
    return (
      index === IA32_APIC_BASE ||
      index === IA32_TSC_DEADLINE ||
      (index >= X2APIC_FIRST && index <= X2APIC_LAST)
    );
  }

  /** RDMSR. Throws #GP where the register does not exist or cannot be read in this mode. */
  readMsr(index: number): bigint {
    if (index === IA32_APIC_BASE) return this.base.read();
    if (index === IA32_TSC_DEADLINE && this.options.tscDeadline.supported) {
      return this.registers.timer.deadline;
    }
    const low = this.readX2apic(index);
    return (BigInt(this.readX2apicHigh(index)) << 32n) | BigInt(low);
  }

  /** WRMSR. Throws #GP for reserved bits, registers that cannot be written, and illegal mode changes. */
  writeMsr(index: number, value: bigint): void {
    if (index === IA32_APIC_BASE) {
      this.writeBase(value);
    } else if (index === IA32_TSC_DEADLINE && this.options.tscDeadline.supported) {
      this.registers.timer.deadline = BigInt.asUintN(64, value);
    } else {
      const bits = BigInt.asUintN(64, value);
      this.writeX2apic(index, Number(bits & 0xffffffffn), Number(bits >> 32n));
    }
  }

  /** Low half of an x2APIC MSR without BigInt: for warm paths. */
  readX2apic(index: number): number {
    return this.registers.readX2apic(this.x2apicRegister(index));
  }

  /** High half: the destination of the ICR, else 0. */
  readX2apicHigh(index: number): number {
    return this.registers.readX2apicHigh(this.x2apicRegister(index));
  }

  /** Writes an x2APIC MSR from its halves (EAX and EDX of WRMSR). */
  writeX2apic(index: number, low: number, high: number): void {
    this.registers.writeX2apic(this.x2apicRegister(index), low >>> 0, high >>> 0);
  }

  private x2apicRegister(index: number): number {
    if (!this.x2apic || index < X2APIC_FIRST || index > X2APIC_LAST) throw new Fault(GENERAL_PROTECTION);
    return index - X2APIC_FIRST;
  }

  private writeBase(value: bigint): void {
    const { mode, mmioBase } = this;
    this.base.write(BigInt.asUintN(64, value));
    if (this.base.mode !== mode) {
      if (this.base.mode === "disabled") this.clear();
      else if (this.base.mode === "x2apic") this.registers.enterX2apic();
    }
    this.servicePins();
    if (this.mmioBase !== mmioBase) this.hooks.onBaseChange?.();
  }

  // Reset and snapshot.

  /** "power" is also RESET. INIT keeps IA32_APIC_BASE, so also the mode, and the APIC id (11.4.7.3). */
  reset(kind: "power" | "init"): void {
    const { mmioBase } = this;
    const { xapicId } = this.registers;
    if (kind === "power") this.base.reset();
    this.clear();
    if (kind === "init") this.registers.xapicId = xapicId;
    if (this.mmioBase !== mmioBase) this.hooks.onBaseChange?.();
  }

  /** The state after power-up; the pins keep their levels, which belong to whoever drives them. */
  private clear(): void {
    this.extIntMessage = false;
    this.registers.reset();
    this.servicePins();
  }

  save(): LocalApicState {
    return {
      version: 1,
      base: this.base.read().toString(),
      lines: this.lines,
      extIntMessage: this.extIntMessage,
      ...this.registers.save(),
    };
  }

  /** The clock and the time-stamp counter must be restored before. */
  restore(state: LocalApicState): void {
    if (state.version !== 1) {
      throw new Error(
        `The saved state of the local APIC has version ${state.version}, but this vt86 reads version 1: take the snapshot again with this vt86.`,
      );
    }
    this.base.restore(BigInt(state.base));
    this.lines = state.lines;
    this.extIntMessage = state.extIntMessage;
    this.registers.restore(state);
    this.extInt = this.computeExtInt();
    this.hooks.onBaseChange?.();
  }
}
