/** Checks on VMX controls at VM entry (SDM vol. 3, 27.2.1). A failure is VM-instruction error 7. */
import { CR3_TARGETS, type SettingsGroup } from "../controls.js";
import { VmcsField as F, type VmcsFieldName } from "../fields.js";
import { type RuleGroup, section } from "./rule.js";
import type { EntryView } from "./view.js";

const execution = section("27.2.1.1");
const exit = section("27.2.1.2");
const entry = section("27.2.1.3");

/** Reserved bits of a control field are as the capability MSRs say. */
function settings(v: EntryView, group: SettingsGroup, value: number): boolean {
  const { ones, allowed } = v.environment.capabilities.settings(group);
  return (~value & ones) === 0 && (value & ~allowed) === 0;
}

/** The rule that an address is aligned and within the physical-address width. */
const address = (name: string, field: VmcsFieldName, alignment = 4096) =>
  execution(
    name,
    `its low bits are 0 (alignment ${alignment}) and no bit is beyond the physical-address width`,
    [field],
    (v) => v.physical(F[field], alignment),
  );

const RESERVED: RuleGroup = {
  rules: [
    execution(
      "reserved bits of the pin-based controls",
      "they are as IA32_VMX_(TRUE_)PINBASED_CTLS says",
      ["PIN_CONTROLS"],
      (v) => settings(v, "pin", v.pin),
    ),
    execution(
      "reserved bits of the primary processor-based controls",
      "they are as IA32_VMX_(TRUE_)PROCBASED_CTLS says",
      ["PRIMARY_CONTROLS"],
      (v) => settings(v, "primary", v.primary),
    ),
    execution(
      "reserved bits of the secondary processor-based controls",
      "they are as IA32_VMX_PROCBASED_CTLS2 says, if the secondary controls are activated",
      ["PRIMARY_CONTROLS", "SECONDARY_CONTROLS"],
      (v) => settings(v, "secondary", v.secondary),
    ),
    execution(
      "CR3-target count",
      "it is not above what IA32_VMX_MISC[24:16] says",
      ["CR3_TARGET_COUNT"],
      (v) => v.low(F.CR3_TARGET_COUNT) <= CR3_TARGETS,
    ),
  ],
};

const BITMAPS: readonly RuleGroup[] = [
  {
    when: (v) => v.hasPrimary("useIoBitmaps"),
    rules: [
      address("address of I/O bitmap A", "IO_BITMAP_A"),
      address("address of I/O bitmap B", "IO_BITMAP_B"),
    ],
  },
  { when: (v) => v.hasPrimary("useMsrBitmaps"), rules: [address("address of MSR bitmaps", "MSR_BITMAPS")] },
];

const VTPR = 0x80;

/** VTPR[7:4]; 0 where the virtual-APIC page is not memory. */
function virtualTaskPriority(v: EntryView): number {
  const page = v.high(F.VIRTUAL_APIC_ADDRESS) * 2 ** 32 + v.low(F.VIRTUAL_APIC_ADDRESS);
  const host = v.inMemory(page + VTPR);
  return host < 0 ? 0 : (v.environment.memory.getUint8(host) >> 4) & 0xf;
}

const TPR_SHADOW: readonly RuleGroup[] = [
  {
    when: (v) => v.hasPrimary("useTprShadow"),
    rules: [address("virtual-APIC address", "VIRTUAL_APIC_ADDRESS")],
  },
  {
    when: (v) => v.hasPrimary("useTprShadow") && !v.hasSecondary("virtualInterruptDelivery"),
    rules: [
      execution(
        "TPR threshold: reserved bits",
        "bits 31:4 are 0 without virtual-interrupt delivery",
        ["TPR_THRESHOLD"],
        (v) => v.within(F.TPR_THRESHOLD, 0xf),
      ),
      execution(
        "TPR threshold and VTPR",
        "bits 3:0 are not above VTPR[7:4], unless APIC accesses are virtualized or interrupts delivered virtually",
        ["TPR_THRESHOLD", "VIRTUAL_APIC_ADDRESS"],
        (v) =>
          v.hasSecondary("virtualizeApicAccesses") ||
          (v.low(F.TPR_THRESHOLD) & 0xf) === 0 ||
          (v.low(F.TPR_THRESHOLD) & 0xf) <= virtualTaskPriority(v),
      ),
    ],
  },
  {
    when: (v) => !v.hasPrimary("useTprShadow"),
    rules: [
      execution(
        "APIC virtualization without TPR shadow",
        "virtualize x2APIC mode, APIC-register virtualization and virtual-interrupt delivery are 0",
        ["PRIMARY_CONTROLS", "SECONDARY_CONTROLS"],
        (v) =>
          !v.hasSecondary("virtualizeX2apicMode") &&
          !v.hasSecondary("apicRegisterVirtualization") &&
          !v.hasSecondary("virtualInterruptDelivery"),
      ),
    ],
  },
];

const INTERRUPTS: readonly RuleGroup[] = [
  {
    rules: [
      execution(
        "virtual NMIs without NMI exiting",
        "virtual NMIs is 0 where NMI exiting is 0",
        ["PIN_CONTROLS"],
        (v) => v.hasPin("nmiExiting") || !v.hasPin("virtualNmis"),
      ),
      execution(
        "NMI-window exiting without virtual NMIs",
        "NMI-window exiting is 0 where virtual NMIs is 0",
        ["PIN_CONTROLS", "PRIMARY_CONTROLS"],
        (v) => v.hasPin("virtualNmis") || !v.hasPrimary("nmiWindowExiting"),
      ),
    ],
  },
  {
    when: (v) => v.hasSecondary("virtualizeApicAccesses"),
    rules: [
      address("APIC-access address", "APIC_ACCESS_ADDRESS"),
      execution(
        "two kinds of APIC virtualization",
        "virtualize APIC accesses is 0 where virtualize x2APIC mode is 1",
        ["SECONDARY_CONTROLS"],
        (v) => !v.hasSecondary("virtualizeX2apicMode"),
      ),
    ],
  },
  {
    when: (v) => v.hasSecondary("virtualInterruptDelivery"),
    rules: [
      execution(
        "virtual-interrupt delivery without external-interrupt exiting",
        "external-interrupt exiting is 1",
        ["PIN_CONTROLS", "SECONDARY_CONTROLS"],
        (v) => v.hasPin("externalInterruptExiting"),
      ),
    ],
  },
  {
    when: (v) => v.hasPin("processPostedInterrupts"),
    rules: [
      execution(
        "posted interrupts without virtual-interrupt delivery",
        "virtual-interrupt delivery is 1",
        ["PIN_CONTROLS", "SECONDARY_CONTROLS"],
        (v) => v.hasSecondary("virtualInterruptDelivery"),
      ),
      execution(
        "posted interrupts without acknowledge interrupt on exit",
        "acknowledge interrupt on exit is 1",
        ["PIN_CONTROLS", "EXIT_CONTROLS"],
        (v) => v.hasExit("acknowledgeInterrupt"),
      ),
      execution(
        "posted-interrupt notification vector",
        "bits 15:8 are 0",
        ["POSTED_INTERRUPT_NOTIFICATION_VECTOR"],
        (v) => v.within(F.POSTED_INTERRUPT_NOTIFICATION_VECTOR, 0xff),
      ),
      address("posted-interrupt descriptor address", "POSTED_INTERRUPT_DESCRIPTOR_ADDRESS", 64),
    ],
  },
];

const EPT_ONLY = [
  ["unrestrictedGuest", "unrestricted guest"],
  ["enablePml", "page-modification logging"],
  ["modeBasedExecuteControl", "mode-based execute control"],
] as const;

const EPTP = {
  memoryType: 7,
  walkLength: 0x38,
  fourLevels: 3 << 3,
  accessedDirty: 0x40,
  shadowStack: 0x80,
  reserved: 0xf00,
} as const;

const TRANSLATION: readonly RuleGroup[] = [
  {
    when: (v) => v.hasSecondary("enableVpid"),
    rules: [execution("VPID", "it is not 0 where VPIDs are enabled", ["VPID"], (v) => v.low(F.VPID) !== 0)],
  },
  {
    when: (v) => v.hasSecondary("enableEpt"),
    rules: [
      execution(
        "EPTP: memory type",
        "it is UC (0) or WB (6), as IA32_VMX_EPT_VPID_CAP allows",
        ["EPT_POINTER"],
        (v) => {
          const type = v.low(F.EPT_POINTER) & EPTP.memoryType;
          const { capabilities } = v.environment;
          return (
            (type === 0 && capabilities.has("ept.uncacheable")) ||
            (type === 6 && capabilities.has("ept.writeBack"))
          );
        },
      ),
      execution(
        "EPTP: page-walk length",
        "bits 5:3 are 3, for a walk of 4 levels",
        ["EPT_POINTER"],
        (v) => (v.low(F.EPT_POINTER) & EPTP.walkLength) === EPTP.fourLevels,
      ),
      execution(
        "EPTP: accessed and dirty flags",
        "bit 6 is 0 on processors without them",
        ["EPT_POINTER"],
        (v) =>
          (v.low(F.EPT_POINTER) & EPTP.accessedDirty) === 0 ||
          v.environment.capabilities.has("ept.accessedDirty"),
      ),
      execution(
        "EPTP: supervisor shadow-stack control",
        "bit 7 is 0 on processors without it",
        ["EPT_POINTER"],
        (v) =>
          (v.low(F.EPT_POINTER) & EPTP.shadowStack) === 0 ||
          v.environment.capabilities.has("ept.supervisorShadowStack"),
      ),
      execution(
        "EPTP: reserved bits",
        "bits 11:8 and those beyond the physical-address width are 0",
        ["EPT_POINTER"],
        (v) => (v.low(F.EPT_POINTER) & EPTP.reserved) === 0 && v.inPhysicalWidth(F.EPT_POINTER),
      ),
    ],
  },
  {
    when: (v) => !v.hasSecondary("enableEpt"),
    rules: EPT_ONLY.map(([control, name]) =>
      execution(
        `${name} without EPT`,
        "it is 0 where EPT is disabled",
        ["SECONDARY_CONTROLS"],
        (v) => !v.hasSecondary(control),
      ),
    ),
  },
  { when: (v) => v.hasSecondary("enablePml"), rules: [address("PML address", "PML_ADDRESS")] },
  {
    when: (v) => v.hasSecondary("eptViolationVe"),
    rules: [
      address("virtualization-exception information address", "VIRTUALIZATION_EXCEPTION_INFORMATION_ADDRESS"),
    ],
  },
];

const EPTP_SWITCHING = 1;

const OTHERS: readonly RuleGroup[] = [
  {
    when: (v) => v.hasSecondary("enableVmFunctions"),
    rules: [
      execution(
        "VM-function controls: reserved bits",
        "they are as IA32_VMX_VMFUNC says",
        ["VM_FUNCTION_CONTROLS"],
        (v) => {
          const allowed = Number(v.environment.capabilities.vmFunctions);
          return v.within(F.VM_FUNCTION_CONTROLS, allowed) && v.is32Bit(F.VM_FUNCTION_CONTROLS);
        },
      ),
    ],
  },
  {
    when: (v) =>
      v.hasSecondary("enableVmFunctions") && (v.low(F.VM_FUNCTION_CONTROLS) & EPTP_SWITCHING) !== 0,
    rules: [
      execution(
        "EPTP switching without EPT",
        "EPT is enabled",
        ["VM_FUNCTION_CONTROLS", "SECONDARY_CONTROLS"],
        (v) => v.hasSecondary("enableEpt"),
      ),
      address("EPTP-list address", "EPTP_LIST_ADDRESS"),
    ],
  },
  {
    when: (v) => v.hasSecondary("vmcsShadowing"),
    rules: [
      address("VMREAD-bitmap address", "VMREAD_BITMAP_ADDRESS"),
      address("VMWRITE-bitmap address", "VMWRITE_BITMAP_ADDRESS"),
    ],
  },
  {
    when: (v) => v.hasSecondary("useTscScaling"),
    rules: [
      execution(
        "TSC multiplier",
        "it is not 0",
        ["TSC_MULTIPLIER"],
        (v) => v.low(F.TSC_MULTIPLIER) !== 0 || !v.is32Bit(F.TSC_MULTIPLIER),
      ),
    ],
  },
];

const AREA =
  "with a count above 0 it is 16-byte aligned, and the area lies within the physical-address width";

const EXIT: RuleGroup = {
  rules: [
    exit(
      "reserved bits of the VM-exit controls",
      "they are as IA32_VMX_(TRUE_)EXIT_CTLS says",
      ["EXIT_CONTROLS"],
      (v) => settings(v, "exit", v.exit),
    ),
    exit(
      "saving a VMX-preemption timer that is not active",
      "save VMX-preemption timer value is 0 where the timer is not activated",
      ["PIN_CONTROLS", "EXIT_CONTROLS"],
      (v) => v.hasPin("activatePreemptionTimer") || !v.hasExit("savePreemptionTimer"),
    ),
    exit("VM-exit MSR-store area", AREA, ["EXIT_MSR_STORE_COUNT", "EXIT_MSR_STORE_ADDRESS"], (v) =>
      v.msrArea(F.EXIT_MSR_STORE_ADDRESS, F.EXIT_MSR_STORE_COUNT),
    ),
    exit("VM-exit MSR-load area", AREA, ["EXIT_MSR_LOAD_COUNT", "EXIT_MSR_LOAD_ADDRESS"], (v) =>
      v.msrArea(F.EXIT_MSR_LOAD_ADDRESS, F.EXIT_MSR_LOAD_COUNT),
    ),
  ],
};

const ENTRY: RuleGroup = {
  rules: [
    entry(
      "reserved bits of the VM-entry controls",
      "they are as IA32_VMX_(TRUE_)ENTRY_CTLS says",
      ["ENTRY_CONTROLS"],
      (v) => settings(v, "entry", v.entry),
    ),
  ],
};

const ENTRY_MSRS: RuleGroup = {
  rules: [
    entry("VM-entry MSR-load area", AREA, ["ENTRY_MSR_LOAD_COUNT", "ENTRY_MSR_LOAD_ADDRESS"], (v) =>
      v.msrArea(F.ENTRY_MSR_LOAD_ADDRESS, F.ENTRY_MSR_LOAD_COUNT),
    ),
  ],
};

export const EXECUTION_CONTROL_RULES: readonly RuleGroup[] = [
  RESERVED,
  ...BITMAPS,
  ...TPR_SHADOW,
  ...INTERRUPTS,
  ...TRANSLATION,
  ...OTHERS,
];
export const EXIT_CONTROL_RULES: readonly RuleGroup[] = [EXIT];
export const ENTRY_CONTROL_RULES: readonly RuleGroup[] = [ENTRY];
export const ENTRY_MSR_RULES: readonly RuleGroup[] = [ENTRY_MSRS];
