/**
 * What engines and the processor know of each other.
 *
 * An engine executes instructions; everything architectural that is not a plain instruction (exceptions,
 * interrupts, translation, time) it asks of the processor.
 */
import type { CpuState } from "../cpu/cpu-state.js";
import type { Mmu } from "../cpu/mmu.js";
import type { VmExit } from "../cpu/vmx/contract.js";
import type { PhysicalMap } from "../memory/physical.js";

/** The processor as an engine sees it. */
export interface EngineCpu {
  readonly state: CpuState;
  readonly mmu: Mmu;
  readonly physical: PhysicalMap;
  /** Host address of a page of FFh bytes: what is fetched where there is no memory. */
  readonly emptyPage: number;
  /** Every instruction needs a look before and after (single step, breakpoints, interrupt shadow). */
  readonly stepping: boolean;
  /** Delivers an exception raised by the instruction at RIP. */
  exception(vector: number, error: number, address: bigint): void;
  /** Performs a VM exit that an instruction caused; RIP is that of the instruction, or of the next one for a trap-like exit. */
  vmExit(exit: VmExit): void;
  /** Legacy segment check for the rare cases; throws the fault. */
  checkSegment(segment: number, offset: number, bytes: number, write: boolean): void;
  /** Before an instruction that runs alone is fetched; throws the fault of an instruction breakpoint. */
  beforeFetch(low: number, high: number): void;
  /** Whether a debugger wants to stop before the instruction at a linear address. */
  breaksAt(low: number, high: number): boolean;
  /** The instruction at RIP may have a debugger's breakpoint: returns true, and the run is to end, when it has. */
  stopsHere(): boolean;
  /** After an instruction that ran alone completed. */
  afterStep(): void;
  /** The end of the slice moves by minus `ticks`: the budget was changed behind time's back. */
  shortenSlice(ticks: number): void;
  /** Cuts the budget to the next deadline. */
  trimBudget(): void;
}
