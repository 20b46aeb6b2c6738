/** Checks on the guest's control registers, debug registers and MSRs at VM entry (SDM vol. 3, 27.3.1.1). */
import { Cr0, Cr4, Efer } from "../../mmu.js";
import { GLOBAL_HIGH, GLOBAL_LOW } from "../../pmu/layout.js";
import { VmcsField as F } from "../fields.js";
import { isCr0Allowed, isCr4Allowed } from "../fixed-bits.js";
import { type RuleGroup, section } from "./rule.js";

const rule = section("27.3.1.1");

/** LBR and BTF. */
const DEBUGCTL_BITS = 3;

export const GUEST_REGISTER_RULES: readonly RuleGroup[] = [
  {
    rules: [
      rule(
        "guest CR0",
        "it has no bit that VMX operation does not allow; PE and PG may be 0 in an unrestricted guest",
        ["GUEST_CR0", "SECONDARY_CONTROLS"],
        (v) => isCr0Allowed(v.low(F.GUEST_CR0), v.unrestricted) && v.is32Bit(F.GUEST_CR0),
      ),
      rule(
        "guest CR0.PG without PE",
        "PE is 1 where PG is 1",
        ["GUEST_CR0"],
        (v) => !v.paging || (v.low(F.GUEST_CR0) & Cr0.PE) !== 0,
      ),
      rule(
        "guest CR4",
        "it has no bit that VMX operation does not allow (IA32_VMX_CR4_FIXED0 and FIXED1)",
        ["GUEST_CR4"],
        (v) => isCr4Allowed(v.low(F.GUEST_CR4), v.environment.capabilities) && v.is32Bit(F.GUEST_CR4),
      ),
    ],
  },
  {
    when: (v) => v.hasEntry("loadDebugControls"),
    rules: [
      rule(
        "guest IA32_DEBUGCTL",
        "reserved bits are 0",
        ["GUEST_DEBUGCTL"],
        (v) => v.within(F.GUEST_DEBUGCTL, DEBUGCTL_BITS) && v.is32Bit(F.GUEST_DEBUGCTL),
      ),
    ],
  },
  {
    when: (v) => v.ia32e,
    rules: [
      rule(
        "IA-32e mode guest without paging",
        "CR0.PG is 1",
        ["ENTRY_CONTROLS", "GUEST_CR0"],
        (v) => v.paging,
      ),
      rule(
        "IA-32e mode guest without PAE",
        "CR4.PAE is 1",
        ["ENTRY_CONTROLS", "GUEST_CR4"],
        (v) => (v.low(F.GUEST_CR4) & Cr4.PAE) !== 0,
      ),
    ],
  },
  {
    when: (v) => !v.ia32e,
    rules: [
      rule(
        "PCIDs outside IA-32e mode",
        "CR4.PCIDE is 0",
        ["ENTRY_CONTROLS", "GUEST_CR4"],
        (v) => (v.low(F.GUEST_CR4) & Cr4.PCIDE) === 0,
      ),
    ],
  },
  {
    rules: [
      rule("guest CR3", "no bit is beyond the physical-address width", ["GUEST_CR3"], (v) =>
        v.inPhysicalWidth(F.GUEST_CR3),
      ),
    ],
  },
  {
    when: (v) => v.hasEntry("loadDebugControls"),
    rules: [rule("guest DR7", "bits 63:32 are 0", ["GUEST_DR7"], (v) => v.is32Bit(F.GUEST_DR7))],
  },
  {
    rules: [
      rule("guest IA32_SYSENTER_ESP", "the address is canonical", ["GUEST_SYSENTER_ESP"], (v) =>
        v.canonical(F.GUEST_SYSENTER_ESP),
      ),
      rule("guest IA32_SYSENTER_EIP", "the address is canonical", ["GUEST_SYSENTER_EIP"], (v) =>
        v.canonical(F.GUEST_SYSENTER_EIP),
      ),
    ],
  },
  {
    when: (v) => v.hasEntry("loadPerfGlobalCtrl"),
    rules: [
      rule(
        "guest IA32_PERF_GLOBAL_CTRL",
        "reserved bits are 0",
        ["GUEST_PERF_GLOBAL_CTRL"],
        (v) =>
          v.within(F.GUEST_PERF_GLOBAL_CTRL, GLOBAL_LOW) &&
          (v.high(F.GUEST_PERF_GLOBAL_CTRL) & ~GLOBAL_HIGH) === 0,
      ),
    ],
  },
  {
    when: (v) => v.hasEntry("loadPat"),
    rules: [
      rule("guest IA32_PAT", "each byte is 0, 1, 4, 5, 6 or 7", ["GUEST_PAT"], (v) => v.pat(F.GUEST_PAT)),
    ],
  },
  {
    when: (v) => v.hasEntry("loadEfer"),
    rules: [
      rule(
        "guest IA32_EFER: reserved bits",
        "they are 0",
        ["GUEST_EFER"],
        (v) => v.within(F.GUEST_EFER, v.environment.capabilities.eferMask) && v.is32Bit(F.GUEST_EFER),
      ),
      rule(
        "guest IA32_EFER.LMA",
        "it is the IA-32e mode guest control",
        ["GUEST_EFER", "ENTRY_CONTROLS"],
        (v) => ((v.low(F.GUEST_EFER) & Efer.LMA) !== 0) === v.ia32e,
      ),
      rule(
        "guest IA32_EFER.LME with paging",
        "it equals LMA where CR0.PG is 1",
        ["GUEST_EFER", "GUEST_CR0"],
        (v) => {
          const efer = v.low(F.GUEST_EFER);
          return !v.paging || ((efer & Efer.LME) !== 0) === ((efer & Efer.LMA) !== 0);
        },
      ),
    ],
  },
];
