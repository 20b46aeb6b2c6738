/**
 * What VM entries, VM exits and events in VMX non-root operation need of the processor, besides its context. cpu.ts
 * implements it; tests use a small fake.
 */
import type { Timeline } from "../../time/timeline.js";
import type { Intercepts } from "../intercepts.js";
import type { Mmu } from "../mmu.js";
import type { StoredMsr } from "../msr/msr-file.js";
import type { VmxCapabilities } from "./capabilities.js";
import type { VmxContext, VmxUnit } from "./contract.js";
import type { Guest } from "./events.js";
import type { VmxObserver } from "./observer.js";
import type { TscOffset } from "./tsc-offset.js";

/** Guest-state activity (SDM vol. 3, 25.4.2). */
export const Activity = { active: 0, hlt: 1, shutdown: 2, waitForSipi: 3 } as const;
export type Activity = (typeof Activity)[keyof typeof Activity];

/** Physical memory, little endian; what is not RAM reads as all ones. Addresses are aligned to the access. */
export interface PhysicalMemory {
  read32(address: number): number;
  write32(address: number, value: number): void;
  read64(address: number): bigint;
  write64(address: number, value: bigint): void;
}

/** The unit, as transitions change it. */
export interface TransitionUnit extends VmxUnit {
  nonRoot: boolean;
  /** What VMX root operation intercepts. */
  readonly rootIntercepts: Intercepts;
  readonly capabilities: VmxCapabilities;
  readonly observer?: VmxObserver | undefined;
}

export interface VmxProcessor extends VmxContext {
  intercepts: Intercepts | undefined;
  readonly guest: Guest;
  readonly vmx: TransitionUnit;
  readonly mmu: Pick<Mmu, "pdpte" | "enterNonRoot" | "leaveNonRoot">;
  readonly physicalMemory: PhysicalMemory;
  readonly timeline: Timeline;
  activity: Activity;
  /** MWAIT made the processor inactive; that is no activity state of a VMCS. */
  inMwait: boolean;
  /** An NMI waits. */
  nmiPending: boolean;
  /** An external interrupt waits. */
  readonly interruptPending: boolean;
  /** The processor's own time-stamp counter minus ticks: without the guest's offset. */
  readonly tscOffset: TscOffset;
  /** The current tick. */
  now(): number;
  /** The processor's own time-stamp counter. */
  ownTsc(): bigint;
  /** The MSR, where it is one that is read as it lies in a register file. */
  storedMsr(index: number): Readonly<StoredMsr> | undefined;
  /** INTA: acknowledges the waiting external interrupt. */
  acknowledgeInterrupt(): number;
  /** EOI to the processor's own local APIC. */
  endOfInterrupt(): void;
  /** Makes the run loop look for events before the next instruction. */
  lookAgain(): void;
  /** Interrupts that wait have, or no longer have, somebody who waits for them. */
  noteInterrupts(): void;
  /** The bytes of the instruction that runs. */
  instructionBytes(): Uint8Array;
  /** VMX operation has ended: an INIT that it held back is taken. */
  releaseInit(): void;
  /** VMX abort: the processor stops for good. */
  stop(): void;
}

/** The processor behind the context that its own instructions get. */
export const processorOf = (context: VmxContext): VmxProcessor => context as VmxProcessor;
