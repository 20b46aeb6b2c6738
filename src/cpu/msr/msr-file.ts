/**
 * The model-specific registers of one processor: RDMSR and WRMSR after the privilege check.
 *
 * The tables of rows say what there is; this file only carries them out. Values live in the CPU state where that has
 * a place for them, else here. Every failed check is #GP(0), and then nothing has changed.
 */
import { Fault } from "../fault.js";
import { highHalf, join, lowHalf } from "../halves.js";
import type { CpuModel } from "../models/model.js";
import { AMD } from "./amd.js";
import { ARCHITECTURAL, Msr } from "./architectural.js";
import { INTEL, MiscEnable } from "./intel.js";
import { MEMORY_TYPE } from "./memory-type.js";
import { ALL_BITS, type MsrAccess, type MsrContext, type MsrRow, of } from "./row.js";

export const MSR_TABLE: readonly MsrRow[] = [...ARCHITECTURAL, ...MEMORY_TYPE, ...INTEL, ...AMD];

const GENERAL_PROTECTION = 13;

export interface MsrState {
  readonly version: number;
  /** {MSR number, value in hexadecimal} of what is neither in the CPU state nor at its reset value. */
  readonly values: readonly (readonly [index: number, value: string])[];
}

const VERSION = 1;

/** A value by its halves, signed as bit operations have them. */
export interface StoredMsr {
  low: number;
  high: number;
}

/** A row of this model with its properties worked out; all of one shape, so that they are found quickly. */
interface Register {
  readonly row: MsrRow;
  readonly at: MsrRow["at"];
  readonly access: MsrRow["access"];
  readonly read: MsrRow["read"];
  readonly write: MsrRow["write"];
  readonly legal: MsrRow["legal"];
  readonly written: MsrRow["written"];
  readonly reset: bigint;
  readonly writable: bigint;
  readonly ignored: bigint;
}

/** Whether a model has the MSRs of a row. */
export function exists(row: MsrRow, model: CpuModel): boolean {
  return (
    model.features.has("msr") &&
    (row.vendor ?? model.vendor) === model.vendor &&
    (row.needs?.some((name) => model.features.has(name)) ?? true) &&
    (row.when?.(model) ?? true)
  );
}

/** Numbers of the MSRs of a row. */
export function* indices(row: MsrRow): Generator<number> {
  for (let i = 0; i < (row.count ?? 1); i++) yield row.index + i * (row.stride ?? 1);
}

export class MsrFile {
  readonly #registers = new Map<number, Register>();
  readonly #values = new Map<number, StoredMsr>();
  readonly #access: MsrAccess;
  /** How often programs asked for MSRs that do not exist. */
  unknownCount = 0;

  constructor(private readonly context: MsrContext) {
    this.#access = {
      context,
      peek: (index) => this.peek(index),
      poke: (index, value) => this.poke(index, value),
    };
    this.add(MSR_TABLE);
  }

  /** Adds MSRs that another part of the processor describes (VMX, SVM). Throws if a number is taken. */
  add(rows: readonly MsrRow[]): void {
    const { model } = this.context;
    for (const row of rows) {
      if (!exists(row, model)) continue;
      const register: Register = {
        row,
        at: row.at,
        access: row.access,
        read: row.read,
        write: row.write,
        legal: row.legal,
        written: row.written,
        reset: of(row.reset, model, 0n),
        writable: of(row.writable, model, ALL_BITS),
        ignored: of(row.ignored, model, 0n),
      };
      for (const index of indices(row)) {
        if (this.#registers.has(index)) throw new Error(`MSR ${index.toString(16)} is described twice`);
        this.#registers.set(index, register);
        if (row.at === undefined && row.read === undefined) this.#keep(index, register.reset);
      }
    }
  }

  has(index: number): boolean {
    return this.#registers.has(index >>> 0);
  }

  /** Name as the manual writes it; undefined if the model does not have it. */
  name(index: number): string | undefined {
    const row = this.#registers.get(index >>> 0)?.row;
    return row?.name.replace("#", String((index - row.index) / (row.stride ?? 1)));
  }

  /** RDMSR. @param index ECX. Throws #GP(0). */
  read(index: number): bigint {
    const register = this.#find(index, false);
    if (register.access === "wo") throw new Fault(GENERAL_PROTECTION);
    return register.read === undefined
      ? this.#valueOf(register, index)
      : register.read(this.#access, index >>> 0);
  }

  /** WRMSR. @param index ECX @param value EDX:EAX, unsigned. Throws #GP(0). */
  write(index: number, value: bigint): void {
    const register = this.#find(index, true);
    const { access, writable, legal, write, written } = register;
    if (access === "ro") throw new Fault(GENERAL_PROTECTION);
    let stored = value;
    if (writable !== ALL_BITS) {
      const old = this.#valueOf(register, index);
      if (((old ^ value) & ~writable & ~register.ignored) !== 0n) throw new Fault(GENERAL_PROTECTION);
      stored = (old & ~writable) | (value & writable);
    }
    if (legal?.(value, this.#access, index >>> 0) === false) throw new Fault(GENERAL_PROTECTION);
    if (write !== undefined) write(stored, this.#access, index >>> 0);
    else this.#change(register, index, stored);
    written?.(this.#access);
  }

  #find(index: number, write: boolean): Register {
    const register = this.#registers.get(index >>> 0);
    if (register !== undefined) return register;
    this.unknownCount++;
    this.context.onUnknown?.(index >>> 0, write);
    throw new Fault(GENERAL_PROTECTION);
  }

  /** Stored value, past hooks and checks; 0 if the model does not have it. For VM entry and exit, and debuggers. */
  peek(index: number): bigint {
    const register = this.#registers.get(index >>> 0);
    return register === undefined ? 0n : this.#valueOf(register, index);
  }

  #valueOf({ at }: Register, index: number): bigint {
    if (at !== undefined) return this.context.state.u64(at);
    const stored = this.#values.get(index >>> 0);
    return stored === undefined ? 0n : join(stored.low, stored.high);
  }

  /** The value of an MSR that lies here and is read as it lies: for VM entry and exit, which see it often. */
  stored(index: number): Readonly<StoredMsr> | undefined {
    return this.#values.get(index);
  }

  #keep(index: number, value: bigint): void {
    const stored = this.#values.get(index);
    if (stored === undefined) this.#values.set(index, { low: lowHalf(value), high: highHalf(value) });
    else {
      stored.low = lowHalf(value);
      stored.high = highHalf(value);
    }
  }

  /** Changes a stored value past hooks and checks; nothing happens if the model does not have it. */
  poke(index: number, value: bigint): void {
    const register = this.#registers.get(index >>> 0);
    if (register !== undefined) this.#change(register, index, value);
  }

  #change({ at, read }: Register, index: number, value: bigint): void {
    if (at !== undefined) this.context.state.setU64(at, value);
    else if (read === undefined) this.#keep(index >>> 0, value);
  }

  /** IA32_TSC_AUX, as RDTSCP and RDPID read it. */
  get tscAux(): number {
    return Number(this.peek(Msr.TSC_AUX) & 0xffff_ffffn);
  }

  /** IA32_MISC_ENABLE limits CPUID to leaf 02H. */
  get limitsCpuid(): boolean {
    return (this.peek(Msr.MISC_ENABLE) & MiscEnable.limitCpuid) !== 0n;
  }

  /** IA32_MISC_ENABLE switches MONITOR and MWAIT off, in CPUID too. */
  get hidesMonitor(): boolean {
    return this.has(Msr.MISC_ENABLE) && (this.peek(Msr.MISC_ENABLE) & MiscEnable.monitor) === 0n;
  }

  /**
   * Power-on: all reset values. INIT leaves the MSRs alone, except EFER (SDM vol. 3, table 10-1). The FS and GS
   * bases belong to the segment registers, the counter itself to the clock; they are reset there.
   */
  reset(kind: "power-on" | "init"): void {
    if (kind === "init") {
      this.poke(Msr.EFER, 0n);
      return;
    }
    for (const [index, { row, reset }] of this.#registers) {
      if (
        index !== Msr.FS_BASE &&
        index !== Msr.GS_BASE &&
        (row.at !== undefined || row.read === undefined)
      ) {
        this.poke(index, reset);
      }
    }
  }

  save(): MsrState {
    const values = [...this.#values]
      .map(([index, { low, high }]) => [index, join(low, high)] as const)
      .filter(([index, value]) => value !== this.#registers.get(index)!.reset)
      .map(([index, value]) => [index, value.toString(16)] as const);
    return { version: VERSION, values };
  }

  restore(saved: MsrState): void {
    if (saved.version !== VERSION) {
      throw new Error(
        `The saved state of the MSRs has version ${saved.version}, but this vt86 reads version ${VERSION}: take the snapshot again with this vt86.`,
      );
    }
    for (const index of this.#values.keys()) this.#keep(index, this.#registers.get(index)!.reset);
    for (const [index, value] of saved.values) this.poke(index, BigInt(`0x${value}`));
  }
}
