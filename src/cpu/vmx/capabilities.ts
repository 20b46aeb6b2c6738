/**
 * What the VMX of a CPU model can do, worked out from the table of controls, and the MSRs that tell software
 * (SDM vol. 3, appendix A). Whoever asks whether a control may be set asks here, so MSRs and checks agree.
 */
import { VmcsWord } from "../../isa/state.js";
import { cr4Mask, eferMask } from "../models/derive.js";
import type { CpuModel } from "../models/model.js";
import type { MsrRow } from "../msr/row.js";
import {
  CONTROLS,
  type ControlGroup,
  type ControlId,
  type ControlInfo,
  CR3_TARGETS,
  DEFAULT1,
  PREEMPTION_TIMER_RATE,
  type SettingsGroup,
  VMX_LEVELS,
} from "./controls.js";
import { HIGH_HALF, VMCS_FIELDS } from "./fields.js";
import { fieldBits, fieldOffset } from "./vmcs.js";

/** Layout of the VMCS region (vmcs.ts). A new layout gets a new number. */
export const VMCS_REVISION = 0x7686_0001;
const FIELD_EXISTS = 1;
const FIELD_WRITABLE = 2;
const VMCS_SIZE = 4096n;
const WRITE_BACK = 6n;

/** Bits of CR0 and CR4 that are 1 in VMX operation; PE and PG may be 0 in an unrestricted guest (A.7, A.8). */
export const CR0_FIXED0 = 0x8000_0021;
export const CR4_FIXED0 = 0x2000;
/** Bits of CR0 that may be 1. */
export const CR0_FIXED1 = 0xffff_ffff;

export const VmxMsr = {
  BASIC: 0x480,
  PINBASED_CTLS: 0x481,
  PROCBASED_CTLS: 0x482,
  EXIT_CTLS: 0x483,
  ENTRY_CTLS: 0x484,
  MISC: 0x485,
  CR0_FIXED0: 0x486,
  CR0_FIXED1: 0x487,
  CR4_FIXED0: 0x488,
  CR4_FIXED1: 0x489,
  VMCS_ENUM: 0x48a,
  PROCBASED_CTLS2: 0x48b,
  EPT_VPID_CAP: 0x48c,
  TRUE_PINBASED_CTLS: 0x48d,
  TRUE_PROCBASED_CTLS: 0x48e,
  TRUE_EXIT_CTLS: 0x48f,
  TRUE_ENTRY_CTLS: 0x490,
  VMFUNC: 0x491,
} as const;

/** Which values a 32-bit control field may have; both unsigned. */
export interface Settings {
  /** Bits that must be 1. */
  readonly ones: number;
  /** Bits that may be 1. */
  readonly allowed: number;
}

const byId = new Map(CONTROLS.map((row) => [row.id as string, row]));
/** Groups whose bits exist only while a bit elsewhere activates them. */
const ACTIVATED_BY: Partial<Record<ControlGroup, ControlId>> = {
  secondary: "primary.activateSecondaryControls",
  tertiary: "primary.activateTertiaryControls",
};

export class VmxCapabilities {
  readonly #has = new Set<ControlId>();
  readonly #settings: Readonly<Record<SettingsGroup, Settings>>;
  readonly #fields = new Uint8Array(0x8000);
  readonly #msrs = new Map<number, bigint>();
  readonly cr4Fixed1: number;
  /** Bits of EFER that exist, LMA included. */
  readonly eferMask: number;
  /** MAXPHYADDR: the width of every address that VMX structures hold. */
  readonly physicalBits: number;

  constructor(model: CpuModel) {
    for (const row of CONTROLS) if (this.#exists(row, model, new Set())) this.#has.add(row.id);
    this.#settings = {
      pin: this.#settingsOf("pin", true),
      primary: this.#settingsOf("primary", true),
      secondary: this.#settingsOf("secondary", true),
      exit: this.#settingsOf("exit", true),
      entry: this.#settingsOf("entry", true),
    };
    const readOnly = !this.has("misc.vmwriteAnyField");
    for (const { encoding, width, type, needs } of VMCS_FIELDS) {
      if (needs.length > 0 && !needs.some((id) => this.has(id))) continue;
      const access = type === "data" && readOnly ? FIELD_EXISTS : FIELD_EXISTS | FIELD_WRITABLE;
      this.#fields[encoding] = access;
      if (width === 64) this.#fields[encoding | HIGH_HALF] = access;
    }
    this.cr4Fixed1 = cr4Mask(model);
    this.eferMask = eferMask(model);
    this.physicalBits = model.physBits;
    this.#deriveMsrs();
  }

  #exists(row: ControlInfo, model: CpuModel, pending: Set<string>): boolean {
    if (row.implemented === false) return false;
    if (row.feature !== undefined) {
      if (!model.features.has(row.feature)) return false;
    } else if (VMX_LEVELS.indexOf(row.since ?? "penryn") > VMX_LEVELS.indexOf(model.vmx ?? "penryn")) {
      return false;
    }
    if (pending.has(row.id)) return true;
    pending.add(row.id);
    const activation = ACTIVATED_BY[row.group];
    const needs = activation === undefined ? (row.needs ?? []) : [activation, ...(row.needs ?? [])];
    return needs.every((id) => {
      const needed = byId.get(id);
      if (needed === undefined) throw new Error(`VMX control ${row.id} needs ${id}, which does not exist`);
      return this.#exists(needed, model, pending);
    });
  }

  /** Bits of a group, as a 64-bit mask. */
  #bits(group: ControlGroup): bigint {
    let bits = 0n;
    for (const row of CONTROLS) if (row.group === group && this.has(row.id)) bits |= 1n << BigInt(row.bit);
    return bits;
  }

  #settingsOf(group: SettingsGroup, precise: boolean): Settings {
    const { bits, clearable } = DEFAULT1[group];
    const ones = precise && this.has("basic.trueControls") ? bits & ~clearable : bits;
    return { ones: ones >>> 0, allowed: (Number(this.#bits(group)) | bits) >>> 0 };
  }

  #deriveMsrs(): void {
    const set = (index: number, value: bigint) => this.#msrs.set(index, value);
    const msr = ({ ones, allowed }: Settings): bigint => (BigInt(allowed) << 32n) | BigInt(ones);
    set(VmxMsr.BASIC, BigInt(VMCS_REVISION) | (VMCS_SIZE << 32n) | (WRITE_BACK << 50n) | this.#bits("basic"));
    set(VmxMsr.PINBASED_CTLS, msr(this.#settingsOf("pin", false)));
    set(VmxMsr.PROCBASED_CTLS, msr(this.#settingsOf("primary", false)));
    set(VmxMsr.EXIT_CTLS, msr(this.#settingsOf("exit", false)));
    set(VmxMsr.ENTRY_CTLS, msr(this.#settingsOf("entry", false)));
    const rate = this.has("pin.activatePreemptionTimer") ? PREEMPTION_TIMER_RATE : 0;
    set(VmxMsr.MISC, BigInt(rate) | (BigInt(CR3_TARGETS) << 16n) | this.#bits("misc"));
    set(VmxMsr.CR0_FIXED0, BigInt(CR0_FIXED0));
    set(VmxMsr.CR0_FIXED1, BigInt(CR0_FIXED1));
    set(VmxMsr.CR4_FIXED0, BigInt(CR4_FIXED0));
    set(VmxMsr.CR4_FIXED1, BigInt(this.cr4Fixed1));
    const highest = VMCS_FIELDS.reduce(
      (most, { encoding, index }) => (this.fieldExists(encoding) ? Math.max(most, index) : most),
      0,
    );
    set(VmxMsr.VMCS_ENUM, BigInt(highest << 1));
    if (this.has("primary.activateSecondaryControls")) {
      set(VmxMsr.PROCBASED_CTLS2, msr(this.#settings.secondary));
    }
    if (this.has("secondary.enableEpt") || this.has("secondary.enableVpid")) {
      set(VmxMsr.EPT_VPID_CAP, this.#bits("ept"));
    }
    if (this.has("basic.trueControls")) {
      set(VmxMsr.TRUE_PINBASED_CTLS, msr(this.#settings.pin));
      set(VmxMsr.TRUE_PROCBASED_CTLS, msr(this.#settings.primary));
      set(VmxMsr.TRUE_EXIT_CTLS, msr(this.#settings.exit));
      set(VmxMsr.TRUE_ENTRY_CTLS, msr(this.#settings.entry));
    }
    if (this.has("secondary.enableVmFunctions")) set(VmxMsr.VMFUNC, this.#bits("vmfunc"));
  }

  has(id: ControlId): boolean {
    return this.#has.has(id);
  }

  /** What the control fields may hold. */
  settings(group: SettingsGroup): Settings {
    return this.#settings[group];
  }

  /** Mask of the VM functions that can be enabled. */
  get vmFunctions(): bigint {
    return this.#bits("vmfunc");
  }

  /** @param encoding any 15-bit number */
  fieldExists(encoding: number): boolean {
    return this.#fields[encoding] !== 0;
  }

  /** VMWRITE may change the field, which exists (SDM vol. 3, A.6). */
  fieldWritable(encoding: number): boolean {
    return (this.#fields[encoding]! & FIELD_WRITABLE) !== 0;
  }

  /** A {@link VmcsWord} for each encoding. */
  layout(): Uint16Array {
    const words = new Uint16Array(this.#fields.length);
    for (let encoding = 0; encoding < words.length; encoding++) {
      if (!this.fieldExists(encoding)) continue;
      const writable = this.fieldWritable(encoding) ? VmcsWord.writable : 0;
      const narrower = (64 - fieldBits(encoding)) / 16;
      words[encoding] =
        fieldOffset(encoding) | (narrower << VmcsWord.narrowerShift) | writable | VmcsWord.exists;
    }
    return words;
  }

  /** Values of the capability MSRs. */
  get msrs(): ReadonlyMap<number, bigint> {
    return this.#msrs;
  }

  /** Rows for `MsrFile.add`. */
  msrRows(): readonly MsrRow[] {
    const names = new Map<number, string>(Object.entries(VmxMsr).map(([name, index]) => [index, name]));
    return [...this.#msrs].map(([index, reset]) => ({
      name: `IA32_VMX_${names.get(index)}`,
      index,
      needs: ["vmx"],
      vendor: "intel",
      access: "ro",
      reset,
    }));
  }
}
