/**
 * One row of the MSR table: a model-specific register, or a run of equal ones, as data (SDM vol. 4; APM vol. 2,
 * appendix A). Everything a row does not say has the plain meaning: storage of 64 bits, all writable.
 */
import type { CpuState } from "../cpu-state.js";
import type { CpuVendor, FeatureName } from "../models/features.js";
import type { CpuModel } from "../models/model.js";

/** The local APIC's side of MSRs. Both throw Fault(13) for what it does not have or allow. */
export interface ApicMsrs {
  readMsr(index: number): bigint;
  writeMsr(index: number, value: bigint): void;
}

/** What the MSRs need from the processor they belong to. */
export interface MsrContext {
  readonly state: CpuState;
  readonly model: CpuModel;
  /** Time-stamp counter as the program sees it. */
  tsc(): bigint;
  /** Makes the counter continue from `value`. */
  setTsc(value: bigint): void;
  /** Gets IA32_APIC_BASE, IA32_TSC_DEADLINE and the x2APIC range. */
  readonly apic: ApicMsrs;
  /** EFER has a new value in the state: modes and translations may differ. */
  eferChanged(): void;
  /** The base of FS or GS has a new value in the state. */
  fsGsChanged?(): void;
  /** A program asked for an MSR that does not exist; it gets #GP(0). */
  onUnknown?(index: number, write: boolean): void;
}

/** What hooks see: the context, and the other MSRs without their checks. */
export interface MsrAccess {
  readonly context: MsrContext;
  /** Stored value of an MSR; 0 if the model does not have it. */
  peek(index: number): bigint;
  /** Changes a stored value past all checks. */
  poke(index: number, value: bigint): void;
}

type Of<T> = T | ((model: CpuModel) => T);

export interface MsrRow {
  /** As the manual writes it. `#` stands for the number within a run. */
  readonly name: string;
  readonly index: number;
  /** Length of a run; default 1. */
  readonly count?: number;
  /** Distance within a run; default 1. */
  readonly stride?: number;
  /** Features, each of which brings the MSR; default: every model with RDMSR has it. */
  readonly needs?: readonly FeatureName[];
  readonly vendor?: CpuVendor;
  /** Further condition for the MSR to exist. */
  readonly when?: (model: CpuModel) => boolean;
  /** Value after power-on; default 0. */
  readonly reset?: Of<bigint>;
  /** `rw` by default. A write to `ro`, and a read of `wo`, is #GP. */
  readonly access?: "rw" | "ro" | "wo";
  /** Bits that can be written; default all. Others are reserved: to change them is #GP … */
  readonly writable?: Of<bigint>;
  /** … except for these, whose change is silently dropped. */
  readonly ignored?: Of<bigint>;
  /** False: the value is illegal, #GP. Sees the value as the program wrote it. */
  readonly legal?: (value: bigint, access: MsrAccess, index: number) => boolean;
  /** Offset in the CPU state (isa/state.ts) where the value lives; default in the file itself. */
  readonly at?: number;
  /** Instead of the stored value. */
  readonly read?: (access: MsrAccess, index: number) => bigint;
  /** Instead of storing; the checks have passed and `value` has only writable bits changed. */
  readonly write?: (value: bigint, access: MsrAccess, index: number) => void;
  /** After storing. */
  readonly written?: (access: MsrAccess) => void;
}

export const ALL_BITS = 0xffff_ffff_ffff_ffffn;
export const LOW_32 = 0xffff_ffffn;

/** Reads as zero, and writes change nothing. */
export const IGNORED: Pick<MsrRow, "writable" | "ignored"> = { writable: 0n, ignored: ALL_BITS };

/** Value of a property that may depend on the model. */
export const of = <T extends bigint>(property: Of<T> | undefined, model: CpuModel, fallback: T): T =>
  property === undefined ? fallback : typeof property === "function" ? property(model) : property;
