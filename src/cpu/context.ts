/**
 * What the system side of the processor (segmentation, events, control registers, port I/O) needs from the
 * processor it is part of. cpu.ts implements it; tests use a small fake.
 *
 * Rules that everything written against this interface keeps:
 * - An operation that throws a {@link Fault} has left the registers as they were (memory may have been written,
 *   as on hardware, where a push failed half way).
 * - Whatever changes CS, SS, CPL, EFLAGS.VM, CR0, CR3, CR4 or EFER ends with {@link CpuContext.modeChanged}.
 * - {@link Intercepts} may throw something that is not a Fault (a VM exit). It passes through untouched, and
 *   then, too, no register has changed.
 */
import type { PortSpace } from "../memory/ports.js";
import type { CpuState } from "./cpu-state.js";
import type { DebugUnit } from "./debug.js";
import type { CpuEvent } from "./event.js";
import type { Intercepts } from "./intercepts.js";
import type { LinearMemory } from "./linear-memory.js";
import type { VmExit } from "./vmx/contract.js";

/** What of the CPU model the system side asks. All masks have a 1 where the bit may be set. */
export interface SystemFeatures {
  readonly vendor: "intel" | "amd";
  readonly cr4Mask: number;
  readonly xcr0Mask: bigint;
  /** MAXPHYADDR. */
  readonly physicalBits: number;
  /** XGETBV with ECX = 1. */
  readonly xgetbv1: boolean;
}

/** Invalidation of cached translations (SDM vol. 3, 4.10.4); the MMU has these. */
export interface TlbControl {
  /** Everything, global translations included. */
  flushAll(): void;
  /** Non-global translations of all PCIDs. */
  flushNonGlobal(): void;
  /** Non-global translations of one PCID. */
  flushPcid(pcid: number): void;
  /** The page in one PCID and, where translations can be global, in all. */
  invalidatePage(linear: bigint, pcid?: number): void;
}

export interface CpuidResult {
  readonly eax: number;
  readonly ebx: number;
  readonly ecx: number;
  readonly edx: number;
}

export interface CpuContext {
  readonly state: CpuState;
  readonly memory: LinearMemory;
  readonly ports: Pick<PortSpace, "read" | "write">;
  readonly features: SystemFeatures;
  readonly tlb: TlbControl;
  readonly debug: DebugUnit;
  /** Present while the CPU runs a guest of its own (VMX non-root operation, SVM guest mode). */
  readonly intercepts: Intercepts | undefined;

  /**
   * The event whose delivery has begun and not ended. A fault or VM exit that happens meanwhile finds it here:
   * it decides on double faults and fills the IDT-vectoring information. Kept by exceptions.ts; whoever
   * handles a VM exit clears it.
   */
  delivering: CpuEvent | undefined;
  /** An NMI is being serviced: further ones wait for IRET. */
  nmiBlocked: boolean;
  /** CR8, that is the priority class of the local APIC's TPR (0-15). Writing may make interrupts deliverable. */
  taskPriority: number;

  /**
   * CS, SS, CPL, VM, CR0, CR3, CR4 or EFER may have changed: derive MODE, STACK_MASK and the TLB view again.
   * The rules of paging can have changed without any architectural flush (CR0.WP, CR4.SMAP …).
   */
  modeChanged(): void;
  /** Only what decides over access rights changed: EFLAGS.AC, PKRU, or CPL inside 64-bit mode. */
  accessRightsChanged(): void;
  /** Loads the four PDPTEs of PAE paging from memory; false, and nothing changed, if a reserved bit is set. */
  loadPdptes(cr3: bigint): boolean;

  /**
   * Stops executing until an interrupt. RIP is already that of the next instruction.
   * @param breakOnMasked MWAIT's extension: interrupts end it even while EFLAGS.IF is 0
   */
  halt(kind: "hlt" | "mwait", breakOnMasked: boolean): void;
  /** Triple fault: the processor enters the shutdown state (a PC resets). May throw a VM exit. */
  requestShutdown(): void;

  /** The instruction shares no block with others, and is not begun a second time. */
  readonly alone: boolean;

  /** A VM exit takes the place of the instruction that runs: its helper returns at once and has changed nothing. */
  exitInstead(exit: VmExit): void;

  /** The instruction waits that many ticks for something outside the processor; then time has passed. */
  wait(ticks: number): void;

  /** Time-stamp counter as the program sees it. */
  tsc(): bigint;
  cpuid(leaf: number, subleaf: number): CpuidResult;
  /** Throws #GP for an MSR that does not exist. */
  readMsr(index: number): bigint;
  /** Throws #GP for an MSR or a value that does not exist. */
  writeMsr(index: number, value: bigint): void;
  /** RDPMC. Throws #GP for a counter that does not exist. */
  readPerformanceCounter(index: number): bigint;
}
