/**
 * MSRs that Intel and AMD share: time, system calls, segment bases, EFER, local APIC, machine check (SDM vol. 4,
 * table 2-2; vol. 3, 4.1 and 5.8; APM vol. 2, 3.1.7 and 6.1).
 */
import {
  CSTAR,
  EFER,
  FMASK,
  KERNEL_GS_BASE,
  LSTAR,
  SEGMENT_BASE,
  STAR,
  SYSENTER_CS,
  SYSENTER_EIP,
  SYSENTER_ESP,
  TSC_AUX,
} from "../../isa/state.js";
import { isCanonical } from "../canonical.js";
import { SegmentIndex } from "../cpu-state.js";
import { Cr0, Efer } from "../mmu.js";
import { eferMask } from "../models/derive.js";
import type { CpuModel } from "../models/model.js";
import { ALL_BITS, IGNORED, LOW_32, type MsrAccess, type MsrRow } from "./row.js";

export const Msr = {
  TSC: 0x10,
  APIC_BASE: 0x1b,
  FEATURE_CONTROL: 0x3a,
  TSC_ADJUST: 0x3b,
  BIOS_SIGN_ID: 0x8b,
  MTRRCAP: 0xfe,
  MISC_ENABLE: 0x1a0,
  DEBUGCTL: 0x1d9,
  MTRR_PHYSBASE0: 0x200,
  MTRR_PHYSMASK0: 0x201,
  PAT: 0x277,
  MTRR_DEF_TYPE: 0x2ff,
  TSC_DEADLINE: 0x6e0,
  X2APIC_FIRST: 0x800,
  X2APIC_LAST: 0x8ff,
  EFER: 0xc000_0080,
  FS_BASE: 0xc000_0100,
  GS_BASE: 0xc000_0101,
  TSC_AUX: 0xc000_0103,
  HWCR: 0xc001_0015,
} as const;

const canonical = (value: bigint, { context }: MsrAccess): boolean => isCanonical(context.state, value);
const isAmd = (model: CpuModel): boolean => model.vendor === "amd";

/** Intel checks the upper half of a 32-bit register; AMD drops it. */
const LOWER_HALF: Pick<MsrRow, "writable" | "ignored"> = {
  writable: LOW_32,
  ignored: (model) => (isAmd(model) ? ALL_BITS ^ LOW_32 : 0n),
};

const TIME: readonly MsrRow[] = [
  {
    name: "IA32_TIME_STAMP_COUNTER",
    index: Msr.TSC,
    needs: ["tsc"],
    read: ({ context }) => context.tsc(),
    // A write moves IA32_TSC_ADJUST by as much as it moves the counter (SDM vol. 3, 18.17.3).
    write: (value, access) => {
      const moved = value - access.context.tsc();
      access.poke(Msr.TSC_ADJUST, BigInt.asUintN(64, access.peek(Msr.TSC_ADJUST) + moved));
      access.context.setTsc(value);
    },
  },
  {
    name: "IA32_TSC_ADJUST",
    index: Msr.TSC_ADJUST,
    needs: ["tsc-adjust"],
    write: (value, access) => {
      const { context } = access;
      const moved = value - access.peek(Msr.TSC_ADJUST);
      access.poke(Msr.TSC_ADJUST, value);
      context.setTsc(BigInt.asUintN(64, context.tsc() + moved));
    },
  },
  { name: "IA32_TSC_AUX", index: Msr.TSC_AUX, needs: ["rdtscp", "rdpid"], at: TSC_AUX, ...LOWER_HALF },
];

const delegated: Pick<MsrRow, "read" | "write"> = {
  read: ({ context }, index) => context.apic.readMsr(index),
  write: (value, { context }, index) => context.apic.writeMsr(index, value),
};

const APIC: readonly MsrRow[] = [
  { name: "IA32_APIC_BASE", index: Msr.APIC_BASE, needs: ["apic"], ...delegated },
  { name: "IA32_TSC_DEADLINE", index: Msr.TSC_DEADLINE, needs: ["tsc-deadline"], ...delegated },
  {
    name: "IA32_X2APIC #",
    index: Msr.X2APIC_FIRST,
    count: Msr.X2APIC_LAST - Msr.X2APIC_FIRST + 1,
    needs: ["x2apic"],
    ...delegated,
  },
];

/** SYSENTER in AMD's processors is 32-bit only: the upper half is not implemented. */
const sysenterAddress: Pick<MsrRow, "writable" | "ignored" | "legal"> = {
  writable: (model) => (isAmd(model) || !model.features.has("lm") ? LOW_32 : ALL_BITS),
  ignored: (model) => (isAmd(model) || !model.features.has("lm") ? ALL_BITS ^ LOW_32 : 0n),
  legal: (value, access) => isAmd(access.context.model) || canonical(value, access),
};

const SYSTEM_CALLS: readonly MsrRow[] = [
  {
    name: "IA32_SYSENTER_CS",
    index: 0x174,
    needs: ["sep"],
    at: SYSENTER_CS,
    writable: LOW_32,
    ignored: ALL_BITS ^ LOW_32,
  },
  { name: "IA32_SYSENTER_ESP", index: 0x175, needs: ["sep"], at: SYSENTER_ESP, ...sysenterAddress },
  { name: "IA32_SYSENTER_EIP", index: 0x176, needs: ["sep"], at: SYSENTER_EIP, ...sysenterAddress },
  { name: "IA32_STAR", index: 0xc000_0081, needs: ["syscall"], at: STAR },
  { name: "IA32_LSTAR", index: 0xc000_0082, needs: ["lm"], at: LSTAR, legal: canonical },
  { name: "IA32_CSTAR", index: 0xc000_0083, needs: ["lm"], at: CSTAR, legal: canonical },
  { name: "IA32_FMASK", index: 0xc000_0084, needs: ["lm"], at: FMASK, ...LOWER_HALF },
];

const segmentBase = (index: number): number => SEGMENT_BASE + index * 8;
const base: Pick<MsrRow, "needs" | "legal" | "written"> = {
  needs: ["lm"],
  legal: canonical,
  written: ({ context }) => context.fsGsChanged?.(),
};

const BASES: readonly MsrRow[] = [
  { name: "IA32_FS_BASE", index: Msr.FS_BASE, at: segmentBase(SegmentIndex.FS), ...base },
  { name: "IA32_GS_BASE", index: Msr.GS_BASE, at: segmentBase(SegmentIndex.GS), ...base },
  {
    name: "IA32_KERNEL_GS_BASE",
    index: 0xc000_0102,
    needs: ["lm"],
    at: KERNEL_GS_BASE,
    legal: canonical,
  },
];

const MODES: readonly MsrRow[] = [
  {
    name: "IA32_EFER",
    index: Msr.EFER,
    when: (model) => eferMask(model) !== 0,
    at: EFER,
    writable: (model) => BigInt((eferMask(model) & ~Efer.LMA) >>> 0),
    // LMA follows LME and CR0.PG; what software writes there does not matter.
    ignored: BigInt(Efer.LMA),
    legal: (value, { context }) => {
      const changed = Number(value & LOW_32) ^ context.state.efer;
      return (changed & Efer.LME) === 0 || (context.state.cr0 & Cr0.PG) === 0;
    },
    written: ({ context }) => context.eferChanged(),
  },
  { name: "IA32_XSS", index: 0xda0, needs: ["xsaves"], writable: 0n },
  // Single-stepping on branches is for the debug unit to read; no branch is recorded.
  { name: "IA32_DEBUGCTL", index: Msr.DEBUGCTL, when: (model) => model.family >= 6, writable: 3n },
  {
    name: "LAST_BRANCH #",
    index: 0x1db,
    count: 4,
    when: (model) => model.family >= 6,
    access: "ro",
  },
];

/** As many banks as QEMU's machines have. */
export const MCA_BANKS = 10;
const MCG_CTL_P = 0x100n;
/** HWCR.McStatusWrEn: AMD lets software write the status registers then. */
const MC_STATUS_WRITE_ENABLE = 1n << 18n;

const clearOnly = (value: bigint, access: MsrAccess): boolean =>
  value === 0n || (access.peek(Msr.HWCR) & MC_STATUS_WRITE_ENABLE) !== 0n;

/** Machine check (SDM vol. 3, 16.3). There are no errors to report, yet software may use the registers. */
const MACHINE_CHECK: readonly MsrRow[] = [
  { name: "IA32_P5_MC #", index: 0, count: 2, needs: ["mce"], ...IGNORED },
  {
    name: "IA32_MCG_CAP",
    index: 0x179,
    needs: ["mca"],
    access: "ro",
    reset: BigInt(MCA_BANKS) | MCG_CTL_P,
  },
  { name: "IA32_MCG_STATUS", index: 0x17a, needs: ["mca"], writable: 7n },
  {
    name: "IA32_MCG_CTL",
    index: 0x17b,
    needs: ["mca"],
    reset: ALL_BITS,
    legal: (value) => value === 0n || value === ALL_BITS,
  },
  // Linux clears single bits on some models, so any value goes here.
  { name: "IA32_MC#_CTL", index: 0x400, count: MCA_BANKS, stride: 4, needs: ["mca"] },
  {
    name: "IA32_MC#_STATUS",
    index: 0x401,
    count: MCA_BANKS,
    stride: 4,
    needs: ["mca"],
    legal: clearOnly,
  },
  { name: "IA32_MC#_ADDR", index: 0x402, count: MCA_BANKS, stride: 4, needs: ["mca"], legal: clearOnly },
  { name: "IA32_MC#_MISC", index: 0x403, count: MCA_BANKS, stride: 4, needs: ["mca"], legal: clearOnly },
];

export const ARCHITECTURAL: readonly MsrRow[] = [
  ...TIME,
  ...APIC,
  ...SYSTEM_CALLS,
  ...BASES,
  ...MODES,
  ...MACHINE_CHECK,
];
