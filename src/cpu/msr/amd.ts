/**
 * MSRs of AMD processors only (APM vol. 2, appendix A; BIOS and kernel developer's guides of families 10h and
 * 17h). Most are switches that kernels set against errata: they keep what is written.
 */
import type { CpuModel } from "../models/model.js";
import { Msr } from "./architectural.js";
import { IGNORED, type MsrRow } from "./row.js";

const k8 = (model: CpuModel): boolean => model.family >= 0xf;
const family10h = (model: CpuModel): boolean => model.family === 0x10;
const family17h = (model: CpuModel): boolean => model.family >= 0x17;

/** HWCR.TscFreqSel: the TSC counts at the P0 frequency. */
const TSC_FREQUENCY_SELECT = 1n << 24n;

const rows: readonly Omit<MsrRow, "vendor">[] = [
  {
    name: "PATCH_LEVEL",
    index: Msr.BIOS_SIGN_ID,
    reset: (model) => BigInt(model.microcode),
    ...IGNORED,
  },
  { name: "PATCH_LOADER", index: 0xc001_0020, access: "wo", ...IGNORED },
  // The four counters of family 0Fh have no CPUID bit. They do not count, which kernels find out by writing.
  { name: "PERFEVTSEL#", index: 0xc001_0000, count: 4, ...IGNORED },
  { name: "PERFCTR#", index: 0xc001_0004, count: 4, ...IGNORED },
  { name: "SYSCFG", index: 0xc001_0010, when: k8, writable: 0x7f_0000n },
  {
    name: "HWCR",
    index: Msr.HWCR,
    when: k8,
    reset: (model) => (model.family >= 0x10 ? TSC_FREQUENCY_SELECT : 0n),
  },
  { name: "IORR_BASE0 #", index: 0xc001_0016, count: 4, when: k8 },
  { name: "TOP_MEM", index: 0xc001_001a, when: k8 },
  { name: "TOP_MEM2", index: 0xc001_001d, when: k8 },
  { name: "NB_CFG", index: 0xc001_001f, when: k8 },
  { name: "MC#_CTL_MASK", index: 0xc001_0044, count: 7, needs: ["mca"] },
  { name: "INT_PENDING_MSG", index: 0xc001_0055, when: k8 },
  { name: "MMIO_CFG_BASE", index: 0xc001_0058, when: (model) => model.family >= 0x10 },
  // Without SVM: LOCK and SVMDIS. With SVM the register belongs to cpu/svm.
  {
    name: "VM_CR",
    index: 0xc001_0114,
    when: (model) => k8(model) && !model.features.has("svm"),
    reset: 0x18n,
    ...IGNORED,
  },
  // Errata 0 to 3 are known to the register, and none of them needs a workaround.
  { name: "OSVW_ID_LENGTH", index: 0xc001_0140, needs: ["osvw"], reset: 4n, ...IGNORED },
  { name: "OSVW_STATUS", index: 0xc001_0141, needs: ["osvw"], ...IGNORED },
  { name: "LS_CFG", index: 0xc001_1020, when: k8 },
  { name: "IC_CFG", index: 0xc001_1021, when: k8 },
  { name: "DC_CFG", index: 0xc001_1022, when: k8 },
  { name: "BU_CFG", index: 0xc001_1023, when: k8 },
  { name: "FP_CFG", index: 0xc001_1028, when: family17h },
  // Bit 1: LFENCE waits for all earlier instructions.
  { name: "DE_CFG", index: 0xc001_1029, when: (model) => model.family >= 0x10, reset: 2n },
  { name: "BU_CFG2", index: 0xc001_102a, when: family10h },
];

export const AMD: readonly MsrRow[] = rows.map((row) => ({ ...row, vendor: "amd" }));
