/** Checks on the host-state area at VM entry (SDM vol. 3, 27.2.2-27.2.4). A failure is VM-instruction error 8. */
import { Cr4, Efer } from "../../mmu.js";
import { GLOBAL_HIGH, GLOBAL_LOW } from "../../pmu/layout.js";
import { VmcsField as F, type VmcsFieldName } from "../fields.js";
import { isCr0Allowed, isCr4Allowed } from "../fixed-bits.js";
import { type RuleGroup, section } from "./rule.js";
import type { EntryView } from "./view.js";

const registers = section("27.2.2");
const segments = section("27.2.3");
const addressSpace = section("27.2.4");

const host64 = (v: EntryView): boolean => v.hasExit("hostAddressSpaceSize");

const REGISTERS: readonly RuleGroup[] = [
  {
    rules: [
      registers(
        "host CR0",
        "it has no bit that VMX operation does not allow (IA32_VMX_CR0_FIXED0 and FIXED1)",
        ["HOST_CR0"],
        (v) => isCr0Allowed(v.low(F.HOST_CR0)) && v.is32Bit(F.HOST_CR0),
      ),
      registers(
        "host CR4",
        "it has no bit that VMX operation does not allow (IA32_VMX_CR4_FIXED0 and FIXED1)",
        ["HOST_CR4"],
        (v) => isCr4Allowed(v.low(F.HOST_CR4), v.environment.capabilities) && v.is32Bit(F.HOST_CR4),
      ),
      registers("host CR3", "no bit is beyond the physical-address width", ["HOST_CR3"], (v) =>
        v.inPhysicalWidth(F.HOST_CR3),
      ),
      ...(["HOST_SYSENTER_ESP", "HOST_SYSENTER_EIP"] as const).map((field) =>
        registers(
          field === "HOST_SYSENTER_ESP" ? "host IA32_SYSENTER_ESP" : "host IA32_SYSENTER_EIP",
          "the address is canonical",
          [field],
          (v) => v.canonical(F[field]),
        ),
      ),
    ],
  },
  {
    when: (v) => v.hasExit("loadPerfGlobalCtrl"),
    rules: [
      registers(
        "host IA32_PERF_GLOBAL_CTRL",
        "reserved bits are 0",
        ["HOST_PERF_GLOBAL_CTRL"],
        (v) =>
          v.within(F.HOST_PERF_GLOBAL_CTRL, GLOBAL_LOW) &&
          (v.high(F.HOST_PERF_GLOBAL_CTRL) & ~GLOBAL_HIGH) === 0,
      ),
    ],
  },
  {
    when: (v) => v.hasExit("loadPat"),
    rules: [
      registers("host IA32_PAT", "each byte is 0, 1, 4, 5, 6 or 7", ["HOST_PAT"], (v) => v.pat(F.HOST_PAT)),
    ],
  },
  {
    when: (v) => v.hasExit("loadEfer"),
    rules: [
      registers(
        "host IA32_EFER: reserved bits",
        "they are 0",
        ["HOST_EFER"],
        (v) => v.within(F.HOST_EFER, v.environment.capabilities.eferMask) && v.is32Bit(F.HOST_EFER),
      ),
      registers(
        "host IA32_EFER and host address-space size",
        "LMA and LME are both the host address-space size control",
        ["HOST_EFER", "EXIT_CONTROLS"],
        (v) => {
          const long = v.low(F.HOST_EFER) & (Efer.LMA | Efer.LME);
          return long === (host64(v) ? Efer.LMA | Efer.LME : 0);
        },
      ),
    ],
  },
];

const SELECTORS = ["CS", "SS", "DS", "ES", "FS", "GS", "TR"] as const;
const BASES = ["FS", "GS", "GDTR", "IDTR", "TR"] as const;

const SEGMENTS: RuleGroup = {
  rules: [
    ...SELECTORS.map((name) => {
      const field: VmcsFieldName = `HOST_${name}_SELECTOR`;
      return segments(
        `host ${name}: RPL and TI`,
        "bits 2:0 of the selector are 0",
        [field],
        (v) => (v.low(F[field]) & 7) === 0,
      );
    }),
    segments(
      "host CS is null",
      "the selector is not 0",
      ["HOST_CS_SELECTOR"],
      (v) => v.low(F.HOST_CS_SELECTOR) !== 0,
    ),
    segments(
      "host TR is null",
      "the selector is not 0",
      ["HOST_TR_SELECTOR"],
      (v) => v.low(F.HOST_TR_SELECTOR) !== 0,
    ),
    segments(
      "host SS is null",
      "the selector is not 0 where the host address-space size is 0",
      ["HOST_SS_SELECTOR", "EXIT_CONTROLS"],
      (v) => host64(v) || v.low(F.HOST_SS_SELECTOR) !== 0,
    ),
    ...BASES.map((name) => {
      const field: VmcsFieldName = `HOST_${name}_BASE`;
      return segments(`host ${name} base`, "the address is canonical", [field], (v) => v.canonical(F[field]));
    }),
  ],
};

const ADDRESS_SPACE: readonly RuleGroup[] = [
  {
    when: (v) => !v.environment.longModeActive,
    rules: [
      addressSpace(
        "64-bit guest or host, entered outside IA-32e mode",
        "IA-32e mode guest and host address-space size are 0",
        ["ENTRY_CONTROLS", "EXIT_CONTROLS"],
        (v) => !v.ia32e && !host64(v),
      ),
    ],
  },
  {
    when: (v) => v.environment.longModeActive,
    rules: [
      addressSpace("host address-space size, entered in IA-32e mode", "it is 1", ["EXIT_CONTROLS"], (v) =>
        host64(v),
      ),
    ],
  },
  {
    when: (v) => !host64(v),
    rules: [
      addressSpace(
        "64-bit guest of a 32-bit host",
        "IA-32e mode guest is 0",
        ["ENTRY_CONTROLS", "EXIT_CONTROLS"],
        (v) => !v.ia32e,
      ),
      addressSpace(
        "host CR4.PCIDE of a 32-bit host",
        "it is 0",
        ["HOST_CR4", "EXIT_CONTROLS"],
        (v) => (v.low(F.HOST_CR4) & Cr4.PCIDE) === 0,
      ),
      addressSpace("host RIP of a 32-bit host", "bits 63:32 are 0", ["HOST_RIP", "EXIT_CONTROLS"], (v) =>
        v.is32Bit(F.HOST_RIP),
      ),
    ],
  },
  {
    when: host64,
    rules: [
      addressSpace(
        "host CR4.PAE of a 64-bit host",
        "it is 1",
        ["HOST_CR4", "EXIT_CONTROLS"],
        (v) => (v.low(F.HOST_CR4) & Cr4.PAE) !== 0,
      ),
      addressSpace(
        "host RIP of a 64-bit host",
        "the address is canonical",
        ["HOST_RIP", "EXIT_CONTROLS"],
        (v) => v.canonical(F.HOST_RIP),
      ),
    ],
  },
];

export const HOST_STATE_RULES: readonly RuleGroup[] = [...REGISTERS, SEGMENTS, ...ADDRESS_SPACE];
