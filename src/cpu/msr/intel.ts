/**
 * MSRs of Intel processors only (SDM vol. 4, tables 2-2, 2-3, 2-15 to 2-29): identification, microcode,
 * feature switches, speculation control. Those that only monitor power or heat are missing, like the CPUID bits that
 * announce them; performance counters are in ../pmu/.
 */
import type { CpuModel } from "../models/model.js";
import { Msr } from "./architectural.js";
import { IGNORED, type MsrRow } from "./row.js";

const p6 = (model: CpuModel): boolean => model.family >= 6;
const is64Bit = (model: CpuModel): boolean => model.features.has("lm");
/** Nehalem and later. */
const sinceNehalem = (model: CpuModel): boolean => is64Bit(model) && model.level >= 0xb;

/** Bits of IA32_FEATURE_CONTROL. */
export const FeatureControl = { locked: 1n, vmxOutsideSmx: 4n } as const;

/** Bits of IA32_MISC_ENABLE. */
export const MiscEnable = {
  fastStrings: 1n << 0n,
  performanceMonitoring: 1n << 7n,
  btsUnavailable: 1n << 11n,
  pebsUnavailable: 1n << 12n,
  monitor: 1n << 18n,
  limitCpuid: 1n << 22n,
} as const;

/** Bits of IA32_ARCH_CAPABILITIES: what speculative execution can't leak, as there is none. */
const ARCH_CAPABILITIES = [
  0, // RDCL_NO
  1, // IBRS_ALL
  3, // SKIP_L1DFL_VMENTRY
  4, // SSB_NO
  5, // MDS_NO
  6, // IF_PSCHANGE_MC_NO
  8, // TAA_NO
  13, // SBDR_SSDP_NO
  14, // FBSDP_NO
  15, // PSDP_NO
  20, // BHI_NO
  24, // PBRSB_NO
  26, // GDS_NO
  27, // RFDS_NO
  62, // ITS_NO
].reduce((bits, bit) => bits | (1n << BigInt(bit)), 0n);

/** Bits of IA32_SPEC_CTRL by feature. */
function specCtrl(model: CpuModel): bigint {
  let bits = 0n;
  if (model.features.has("spec-ctrl")) bits |= 1n;
  if (model.features.has("stibp")) bits |= 2n;
  if (model.features.has("ssbd")) bits |= 4n;
  return bits;
}

const rows: readonly Omit<MsrRow, "vendor">[] = [
  // Written and read by microcode loaders. There is nothing to load.
  { name: "IA32_PLATFORM_ID", index: 0x17, when: p6, access: "ro" },
  { name: "IA32_BIOS_UPDT_TRIG", index: 0x79, when: p6, access: "wo", ...IGNORED },
  {
    name: "IA32_BIOS_SIGN_ID",
    index: Msr.BIOS_SIGN_ID,
    when: p6,
    reset: (model) => BigInt(model.microcode) << 32n,
    // Loaders write 0, execute CPUID and read the revision; here it is always there.
    ...IGNORED,
  },
  { name: "EBL_CR_POWERON", index: 0x2a, when: p6, ...IGNORED },
  {
    // Firmware's choice, already made: VMX is on where there is VMX.
    name: "IA32_FEATURE_CONTROL",
    index: Msr.FEATURE_CONTROL,
    when: is64Bit,
    reset: (model) =>
      model.features.has("vmx")
        ? FeatureControl.locked | FeatureControl.vmxOutsideSmx
        : FeatureControl.locked,
    legal: (_value, access) => (access.peek(Msr.FEATURE_CONTROL) & FeatureControl.locked) === 0n,
  },
  { name: "SMI_COUNT", index: 0x34, when: sinceNehalem, access: "ro" },
  { name: "IA32_SPEC_CTRL", index: 0x48, needs: ["spec-ctrl", "stibp", "ssbd"], writable: specCtrl },
  { name: "IA32_PRED_CMD", index: 0x49, needs: ["spec-ctrl"], access: "wo", writable: 1n, write: () => {} },
  {
    name: "IA32_ARCH_CAPABILITIES",
    index: 0x10a,
    needs: ["arch-capabilities"],
    access: "ro",
    reset: ARCH_CAPABILITIES,
  },
  { name: "IA32_FLUSH_CMD", index: 0x10b, needs: ["flush-l1d"], access: "wo", writable: 1n, write: () => {} },
  // Core 2: bus clock code 4 is 333 MHz.
  {
    name: "FSB_FREQ",
    index: 0xcd,
    when: (model) => model.model === 23 && model.family === 6,
    access: "ro",
    reset: 4n,
  },
  {
    // Ratios to a 100 MHz bus clock: 1 GHz, and no less. No CPUID faulting, no turbo.
    name: "PLATFORM_INFO",
    index: 0xce,
    when: sinceNehalem,
    access: "ro",
    reset: (10n << 8n) | (10n << 40n),
  },
  {
    name: "IA32_MISC_ENABLE",
    index: Msr.MISC_ENABLE,
    when: (model) => p6(model) && is64Bit(model),
    reset: (model) =>
      MiscEnable.fastStrings |
      MiscEnable.btsUnavailable |
      MiscEnable.pebsUnavailable |
      (model.features.has("pmu") ? MiscEnable.performanceMonitoring : 0n) |
      (model.features.has("monitor") ? MiscEnable.monitor : 0n),
    writable: (model) =>
      MiscEnable.fastStrings |
      MiscEnable.limitCpuid |
      (model.features.has("monitor") ? MiscEnable.monitor : 0n),
    ignored: MiscEnable.performanceMonitoring | MiscEnable.btsUnavailable | MiscEnable.pebsUnavailable,
  },
];

export const INTEL: readonly MsrRow[] = rows.map((row) => ({ ...row, vendor: "intel" }));
