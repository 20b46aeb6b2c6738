/**
 * Checks on the guest's RIP and RFLAGS, on its state outside registers, and on its PDPTEs at VM entry (SDM vol. 3,
 * 27.3.1.4-27.3.1.6).
 */

import { Vector } from "../../../isa/emit.js";
import { Flag } from "../../../isa/flags.js";
import { Rights } from "../../cpu-state.js";
import { EventKind } from "../../event.js";
import { Cr4 } from "../../mmu.js";
import { VMCS_REVISION } from "../capabilities.js";
import { Activity } from "../entry-processor.js";
import { VmcsField as F, type VmcsFieldName } from "../fields.js";
import { Interruptibility as Blocking } from "../interruptibility.js";
import { type Rule, type RuleGroup, section } from "./rule.js";
import type { EntryView } from "./view.js";

const registers = section("27.3.1.4");
const state = section("27.3.1.5");
const paging = section("27.3.1.6");

/** Exit qualifications of VM-entry failures (27.8). */
const Failure = { pdpte: 2, linkPointer: 4 } as const;

/** Bits 31:22, 15, 5, 3. */
const RFLAGS_RESERVED = 0xffc0_8028;

const code64 = (v: EntryView): boolean => v.ia32e && (v.low(F.GUEST_CS_ACCESS_RIGHTS) & Rights.L) !== 0;
const rflags = (v: EntryView): number => v.rflags;

const REGISTERS: RuleGroup = {
  rules: [
    registers(
      "guest RIP",
      "bits 63:32 are 0 outside 64-bit mode; in it, bits 63:48 are equal",
      ["GUEST_RIP", "GUEST_CS_ACCESS_RIGHTS", "ENTRY_CONTROLS"],
      (v) => {
        if (!code64(v)) return v.is32Bit(F.GUEST_RIP);
        const top = v.high(F.GUEST_RIP) >>> 16;
        return top === 0 || top === 0xffff;
      },
    ),
    registers(
      "guest RFLAGS: reserved bits",
      "bits 63:22, 15, 5 and 3 are 0, and bit 1 is 1",
      ["GUEST_RFLAGS"],
      (v) => (rflags(v) & RFLAGS_RESERVED) === 0 && (rflags(v) & 2) !== 0 && v.is32Bit(F.GUEST_RFLAGS),
    ),
    registers(
      "guest RFLAGS.VM",
      "it is 0 in IA-32e mode and where CR0.PE is 0",
      ["GUEST_RFLAGS", "GUEST_CR0", "ENTRY_CONTROLS"],
      (v) => !v.v86 || (!v.ia32e && v.protectedMode),
    ),
    registers(
      "guest RFLAGS.IF",
      "it is 1 where an external interrupt is injected",
      ["GUEST_RFLAGS", "ENTRY_INTERRUPTION_INFO"],
      (v) => v.injectionType !== EventKind.external || (rflags(v) & Flag.IF) !== 0,
    ),
  ],
};

const activity = (v: EntryView): number => v.low(F.GUEST_ACTIVITY_STATE);
const blocking = (v: EntryView): number => v.low(F.GUEST_INTERRUPTIBILITY_STATE);

function activitySupported(v: EntryView): boolean {
  const { capabilities } = v.environment;
  switch (activity(v)) {
    case Activity.active:
      return true;
    case Activity.hlt:
      return capabilities.has("misc.activityHlt");
    case Activity.shutdown:
      return capabilities.has("misc.activityShutdown");
    case Activity.waitForSipi:
      return capabilities.has("misc.activityWaitForSipi");
    default:
      return false;
  }
}

/** Interruption type 7, vector 0: a pending MTF VM exit. */
const OTHER_EVENT = 7;

/** Whether the injected event can be delivered in the activity state. */
function injectable(v: EntryView): boolean {
  const type = v.injectionType;
  const vector = v.injectionVector;
  const machineCheck = type === EventKind.hardwareException && vector === Vector.MC;
  switch (activity(v)) {
    case Activity.active:
      return true;
    case Activity.hlt:
      return (
        type === EventKind.external ||
        type === EventKind.nmi ||
        machineCheck ||
        (type === EventKind.hardwareException && vector === Vector.DB) ||
        type === OTHER_EVENT
      );
    case Activity.shutdown:
      return type === EventKind.nmi || machineCheck;
    default:
      return false;
  }
}

const ACTIVITY: readonly Rule[] = [
  state(
    "guest activity state",
    "it is one that IA32_VMX_MISC[8:6] says is supported",
    ["GUEST_ACTIVITY_STATE"],
    activitySupported,
  ),
  state(
    "guest in HLT outside ring 0",
    "the DPL of SS is 0 in the HLT state",
    ["GUEST_ACTIVITY_STATE", "GUEST_SS_ACCESS_RIGHTS"],
    (v) => activity(v) !== Activity.hlt || ((v.low(F.GUEST_SS_ACCESS_RIGHTS) >>> Rights.dplShift) & 3) === 0,
  ),
  state(
    "blocking by STI or MOV SS while not active",
    "the activity state is active",
    ["GUEST_ACTIVITY_STATE", "GUEST_INTERRUPTIBILITY_STATE"],
    (v) => (blocking(v) & (Blocking.sti | Blocking.movSs)) === 0 || activity(v) === Activity.active,
  ),
  state(
    "event injected in an inactive state",
    "HLT takes external interrupts, NMIs, #DB, #MC and MTF; shutdown NMIs and #MC; wait-for-SIPI nothing",
    ["GUEST_ACTIVITY_STATE", "ENTRY_INTERRUPTION_INFO"],
    (v) => v.injection === 0 || injectable(v),
  ),
];

const RESERVED_BLOCKING = ~(Blocking.sti | Blocking.movSs | Blocking.smi | Blocking.nmi);

const INTERRUPTIBILITY: readonly Rule[] = [
  state(
    "guest interruptibility state: reserved bits",
    "bits 31:4 are 0 on processors without enclaves",
    ["GUEST_INTERRUPTIBILITY_STATE"],
    (v) => (blocking(v) & RESERVED_BLOCKING) === 0,
  ),
  state(
    "blocking by STI and by MOV SS",
    "they are not both 1",
    ["GUEST_INTERRUPTIBILITY_STATE"],
    (v) => (blocking(v) & (Blocking.sti | Blocking.movSs)) !== (Blocking.sti | Blocking.movSs),
  ),
  state(
    "blocking by STI with interrupts disabled",
    "it is 0 where RFLAGS.IF is 0",
    ["GUEST_INTERRUPTIBILITY_STATE", "GUEST_RFLAGS"],
    (v) => (blocking(v) & Blocking.sti) === 0 || (rflags(v) & Flag.IF) !== 0,
  ),
  state(
    "external interrupt injected while blocked",
    "blocking by STI and by MOV SS are 0",
    ["GUEST_INTERRUPTIBILITY_STATE", "ENTRY_INTERRUPTION_INFO"],
    (v) => v.injectionType !== EventKind.external || (blocking(v) & (Blocking.sti | Blocking.movSs)) === 0,
  ),
  state(
    "NMI injected while blocked by MOV SS",
    "blocking by MOV SS is 0",
    ["GUEST_INTERRUPTIBILITY_STATE", "ENTRY_INTERRUPTION_INFO"],
    (v) => v.injectionType !== EventKind.nmi || (blocking(v) & Blocking.movSs) === 0,
  ),
  state(
    "blocking by SMI outside SMM",
    "it is 0",
    ["GUEST_INTERRUPTIBILITY_STATE"],
    (v) => (blocking(v) & Blocking.smi) === 0,
  ),
  state(
    "virtual NMI injected while blocked",
    "blocking by NMI is 0 with virtual NMIs",
    ["GUEST_INTERRUPTIBILITY_STATE", "ENTRY_INTERRUPTION_INFO", "PIN_CONTROLS"],
    (v) =>
      !v.hasPin("virtualNmis") || v.injectionType !== EventKind.nmi || (blocking(v) & Blocking.nmi) === 0,
  ),
];

/** Pending debug exceptions: bits 11:4, 13, 15 and, without RTM, 16 and all above. */
const PENDING_RESERVED = 0xffff_aff0;
const PENDING_BS = 0x4000;
const DEBUGCTL_BTF = 2;

const PENDING: readonly Rule[] = [
  state(
    "guest pending debug exceptions: reserved bits",
    "bits 63:15, 13 and 11:4 are 0 on processors without RTM",
    ["GUEST_PENDING_DEBUG_EXCEPTIONS"],
    (v) =>
      (v.low(F.GUEST_PENDING_DEBUG_EXCEPTIONS) & PENDING_RESERVED) === 0 &&
      v.is32Bit(F.GUEST_PENDING_DEBUG_EXCEPTIONS),
  ),
  state(
    "guest pending debug exceptions: BS",
    "blocked by STI or MOV SS, or in HLT, it is 1 exactly if TF is 1 and IA32_DEBUGCTL.BTF 0",
    [
      "GUEST_PENDING_DEBUG_EXCEPTIONS",
      "GUEST_INTERRUPTIBILITY_STATE",
      "GUEST_ACTIVITY_STATE",
      "GUEST_RFLAGS",
      "GUEST_DEBUGCTL",
    ],
    (v) => {
      const waits = (blocking(v) & (Blocking.sti | Blocking.movSs)) !== 0 || activity(v) === Activity.hlt;
      if (!waits) return true;
      const stepping = (rflags(v) & Flag.TF) !== 0 && (v.low(F.GUEST_DEBUGCTL) & DEBUGCTL_BTF) === 0;
      return ((v.low(F.GUEST_PENDING_DEBUG_EXCEPTIONS) & PENDING_BS) !== 0) === stepping;
    },
  ),
];

const SHADOW_INDICATOR = 0x8000_0000;

/** First word of the region that the VMCS link pointer refers to; all ones where there is no memory. */
function linkedWord(v: EntryView): number {
  const host = v.inMemory(v.high(F.VMCS_LINK_POINTER) * 2 ** 32 + v.low(F.VMCS_LINK_POINTER));
  return host < 0 ? 0xffff_ffff : v.environment.memory.getUint32(host, true);
}

const LINK: RuleGroup = {
  when: (v) => v.low(F.VMCS_LINK_POINTER) !== 0xffff_ffff || v.high(F.VMCS_LINK_POINTER) !== 0xffff_ffff,
  rules: [
    state(
      "VMCS link pointer",
      "bits 11:0 are 0 and no bit is beyond the physical-address width",
      ["VMCS_LINK_POINTER"],
      (v) => v.physical(F.VMCS_LINK_POINTER),
      Failure.linkPointer,
    ),
    state(
      "VMCS link pointer: revision identifier",
      "the region has that of this processor",
      ["VMCS_LINK_POINTER"],
      (v) => (linkedWord(v) & ~SHADOW_INDICATOR) === VMCS_REVISION,
      Failure.linkPointer,
    ),
    state(
      "VMCS link pointer: shadow-VMCS indicator",
      "it is the VMCS shadowing control",
      ["VMCS_LINK_POINTER", "SECONDARY_CONTROLS"],
      (v) => linkedWord(v) >= SHADOW_INDICATOR === v.hasSecondary("vmcsShadowing"),
      Failure.linkPointer,
    ),
    state(
      "VMCS link pointer: the current VMCS",
      "it is another one",
      ["VMCS_LINK_POINTER"],
      (v) => v.low(F.VMCS_LINK_POINTER) + v.high(F.VMCS_LINK_POINTER) * 2 ** 32 !== Number(v.vmcs.pointer),
      Failure.linkPointer,
    ),
  ],
};

/** Bits 2:1 and 8:5 of a PDPTE. */
const PDPTE_RESERVED = 0x1e6;
const usesPdptes = (v: EntryView): boolean => v.paging && !v.ia32e && (v.low(F.GUEST_CR4) & Cr4.PAE) !== 0;

/** A PDPTE that is not present, or has no reserved bit. @param wide no bit beyond the physical-address width */
const pdpteFits = (low: number, wide: boolean): boolean =>
  (low & 1) === 0 || ((low & PDPTE_RESERVED) === 0 && wide);

function pdpteInMemory(v: EntryView, index: number): boolean {
  const { memory } = v.environment;
  const table = v.low(F.GUEST_CR3) - (v.low(F.GUEST_CR3) & 0x1f);
  const host = v.inMemory(table + index * 8);
  if (host < 0) return false;
  return pdpteFits(memory.getUint32(host, true), v.physicalHigh(memory.getUint32(host + 4, true)));
}

const PDPTES = [0, 1, 2, 3] as const;

const PAE: readonly RuleGroup[] = [
  {
    when: (v) => usesPdptes(v) && v.hasSecondary("enableEpt"),
    rules: PDPTES.map((index) => {
      const field: VmcsFieldName = `GUEST_PDPTE${index}`;
      return paging(
        `guest PDPTE${index}`,
        "reserved bits are 0 if it is present",
        [field],
        (v) => pdpteFits(v.low(F[field]), v.inPhysicalWidth(F[field])),
        Failure.pdpte,
      );
    }),
  },
  {
    when: (v) => usesPdptes(v) && !v.hasSecondary("enableEpt"),
    rules: PDPTES.map((index) =>
      paging(
        `guest PDPTE${index} in memory`,
        "reserved bits are 0 if it is present",
        ["GUEST_CR3"],
        (v) => pdpteInMemory(v, index),
        Failure.pdpte,
      ),
    ),
  },
];

export const GUEST_OTHER_RULES: readonly RuleGroup[] = [
  REGISTERS,
  { rules: [...ACTIVITY, ...INTERRUPTIBILITY, ...PENDING] },
  LINK,
  ...PAE,
];
