/**
 * A debugger's hold on a machine: breakpoints, watchpoints, memory and registers, without side effects on the guest.
 *
 * Addresses are linear ones, in whatever address space the processor uses when it gets there. Breakpoints survive a
 * reset of the machine. All of this is for a machine that does not run at the moment, or between two bursts.
 */
import type { DebuggerStop, Watchpoint } from "../cpu/debugger.js";
import type { WalkExplanation, WalkQuestion } from "../cpu/paging/explain.js";
import type { VmxObserver } from "../cpu/vmx/observer.js";
import type { VmxOperation } from "../cpu/vmx/vmx-unit.js";
import { NOT_RAM } from "../memory/physical.js";
import { type BreakpointScope, Breakpoints } from "./debug-breakpoints.js";
import { readMsr, readRegister, writeMsr, writeRegister } from "./debug-registers.js";
import { type TransitionStop, TransitionStops } from "./debug-transitions.js";
import type { Pc } from "./pc.js";

export type { Watchpoint } from "../cpu/debugger.js";
export type { BreakpointScope } from "./debug-breakpoints.js";

const PAGE = 4096;
/** The longest range that a watchpoint covers. */
export const LONGEST_WATCHPOINT = PAGE;

/** A run of bytes inside one physical page. */
interface Piece {
  readonly physical: number;
  readonly offset: number;
  readonly length: number;
}

/** Physical address; undefined where nothing is mapped. */
export type Translation = (address: bigint) => number | undefined;

/** Where an address leads, whatever access it is that its pages allow. */
export function leadsTo(
  explain: (question: WalkQuestion) => WalkExplanation,
  address: bigint,
  kind: WalkQuestion["kind"],
): number | undefined {
  for (const access of ["read", "fetch"] as const) {
    for (const user of [false, true]) {
      const walk = explain({ address, kind, access, user });
      const to = walk.then ? walk.then.to : walk.to;
      if (walk.outcome === "mapped" && to !== undefined) return Number(to);
    }
  }
  return undefined;
}

/** Whether a run has ended for a debugger's sake, and goes on. */
export const isDebuggerStop = (reason: string): reason is (DebuggerStop | TransitionStop)["reason"] =>
  ["breakpoint", "watchpoint", "vm-exit", "vm-entry", "vm-entry-failure"].includes(reason);

const isSame = (a: Watchpoint, b: Watchpoint): boolean =>
  a.address === b.address && a.length === b.length && a.access === b.access;

export class DebugControl {
  /** VM exits and VM entries to stop after. */
  readonly transitions = new TransitionStops(() => this.pc().cpu.interrupt());
  private readonly breakpoints = new Breakpoints(() => this.pc().cpu.guest.active);
  private vmxObserver: VmxObserver | undefined;
  private watchpoints: readonly Watchpoint[] = [];

  /** @param pc the machine's present incarnation */
  constructor(private readonly pc: () => Pc) {}

  /**
   * A run ends with reason `breakpoint` before it executes the instruction at a linear address.
   * @param scope `l1`: only outside of VMX non-root operation, `l2`: only inside
   */
  addBreakpoint(address: bigint, scope: BreakpointScope = "any"): void {
    this.breakpoints.add(BigInt.asUintN(64, address), scope);
  }
  removeBreakpoint(address: bigint): void {
    this.breakpoints.delete(BigInt.asUintN(64, address));
  }

  /** A run ends with reason `watchpoint` after an instruction that accesses any of the bytes. */
  addWatchpoint(point: Watchpoint): void {
    if (point.length < 1 || point.length > LONGEST_WATCHPOINT) {
      throw new RangeError(`A watchpoint covers 1 to ${LONGEST_WATCHPOINT} bytes, not ${point.length}.`);
    }
    if (!this.watchpoints.some((other) => isSame(other, point)))
      this.watchpoints = [...this.watchpoints, point];
  }
  removeWatchpoint(point: Watchpoint): void {
    this.watchpoints = this.watchpoints.filter((other) => !isSame(other, point));
  }

  /** Removes all of them. */
  clear(): void {
    this.breakpoints.clear();
    this.watchpoints = [];
    this.transitions.clear();
  }

  /** Makes them count; the machine does it when it begins to run. */
  arm(): void {
    const { cpu } = this.pc();
    cpu.armDebugger(this.breakpoints, this.watchpoints);
    // Absent where the CPU has no VMX.
    const vmx: VmxOperation | undefined = cpu.vmx;
    if (vmx !== undefined) vmx.observer = this.transitions.after(this.vmxObserver);
  }

  /** @internal Whom {@link Machine.observeVmx} has tell. */
  observeVmx(observer: VmxObserver | undefined): void {
    this.vmxObserver = observer;
    this.arm();
  }

  /** Why the processor stopped, if a debugger is the reason; the machine asks. */
  takeStop(): DebuggerStop | TransitionStop | undefined {
    const stop = this.pc().cpu.debugger.take();
    return this.transitions.take() ?? stop;
  }

  // --- memory ---

  /** How a linear address is translated, step by step. */
  explain(question: WalkQuestion): WalkExplanation {
    return this.pc().cpu.mmu.explainWalk(question);
  }

  /** Physical address of a linear one, whoever may access it; undefined where nothing is mapped. */
  readonly translate: Translation = (linear) =>
    leadsTo((question) => this.explain(question), linear, "linear");

  /** The parts of a range; undefined when one of them is not RAM. */
  private pieces(
    address: bigint,
    length: number,
    write: boolean,
    translate: Translation,
  ): Piece[] | undefined {
    const list: Piece[] = [];
    for (let offset = 0; offset < length; ) {
      const at = BigInt.asUintN(64, address + BigInt(offset));
      const physical = translate(at);
      if (physical === undefined || this.pc().physical.hostAddress(physical, write) === NOT_RAM)
        return undefined;
      const inPage = Math.min(length - offset, PAGE - Number(at & 0xfffn));
      list.push({ physical, offset, length: inPage });
      offset += inPage;
    }
    return list;
  }

  /**
   * Undefined where not all of it is mapped to RAM. Devices are not touched.
   * @param translate whose addresses they are: linear ones of what runs, unless it is given
   */
  readLinear(address: bigint, length: number, translate = this.translate): Uint8Array | undefined {
    const pieces = this.pieces(address, length, false, translate);
    if (!pieces) return undefined;
    const result = new Uint8Array(length);
    for (const { physical, offset, length: size } of pieces) result.set(this.readRam(physical, size), offset);
    return result;
  }

  /** Writes, whatever the rights of the page are. False, and nothing is written, where not all of it is RAM. */
  writeLinear(address: bigint, data: Uint8Array, translate = this.translate): boolean {
    const pieces = this.pieces(address, data.length, true, translate);
    const memory = this.pc().bootMemory;
    for (const { physical, offset, length } of pieces ?? []) {
      memory.write(physical, data.subarray(offset, offset + length));
    }
    return pieces !== undefined;
  }

  private isRam(address: number, length: number, write: boolean): boolean {
    for (let at = address - (address % PAGE); at < address + length; at += PAGE) {
      if (this.pc().physical.hostAddress(at, write) === NOT_RAM) return false;
    }
    return true;
  }

  /** Machine-physical memory; undefined where it is not all RAM. */
  readPhysical(address: number, length: number): Uint8Array | undefined {
    if (!this.isRam(address, length, false)) return undefined;
    const result = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const size = Math.min(length - done, PAGE - ((address + done) % PAGE));
      result.set(this.readRam(address + done, size), done);
      done += size;
    }
    return result;
  }

  /** False where it is not all RAM; then nothing is written. */
  writePhysical(address: number, data: Uint8Array): boolean {
    if (!this.isRam(address, data.length, true)) return false;
    this.pc().bootMemory.write(address, data);
    return true;
  }

  /** Inside one page of RAM. */
  private readRam(physical: number, length: number): Uint8Array {
    const { physical: map, memory } = this.pc();
    return new Uint8Array(memory.buffer, map.hostAddress(physical, false), length);
  }

  // --- registers, by GDB's names ---

  /** As an unsigned number; undefined for an unknown name. */
  readRegister(name: string): bigint | undefined {
    return readRegister(this.pc(), name);
  }
  /** False when there is no such register, or it can't have that value. */
  writeRegister(name: string, value: bigint): boolean {
    return writeRegister(this.pc(), name, value);
  }
  /** Undefined where RDMSR would raise #GP. */
  readMsr(index: number): bigint | undefined {
    return readMsr(this.pc(), index);
  }
  /** False where WRMSR would raise #GP. */
  writeMsr(index: number, value: bigint): boolean {
    return writeMsr(this.pc(), index, value);
  }
  /** The manual's name of a model-specific register. */
  msrName(index: number): string | undefined {
    return this.pc().msrs.name(index);
  }

  // --- for people ---

  /** What the TLB views hold. */
  get tlb(): readonly { pcid: number; vpid: number; entries: number }[] {
    return this.pc().cpu.mmu.describeViews();
  }

  /** The interrupt controllers: local APIC, 8259 pair, I/O APIC. */
  get interrupts() {
    const { apic, board } = this.pc();
    return { apic: apic.save(), pic: board.pic.save(), ioapic: board.ioapic.save() };
  }
}
