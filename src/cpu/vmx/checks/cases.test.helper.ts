/** VMCSs that break one rule each: a good guest, and what is changed in it. It holds no tests of its own. */
import { SecondaryControl as Secondary } from "../controls.js";
import { type FieldValues, FREE, SHADOW_VMCS, VMCS_A, VMCS_B } from "../vmx-fixture.test.helper.js";

export type Guest = "long" | "pae" | "v86" | "real";
export type Case = readonly [rule: string, guest: Guest, change: FieldValues];

export const PIN = 0x16;
export const PRIMARY = 0x8400_6172;
export const TPR = PRIMARY + 0x20_0000;
export const EXIT = 0x0003_6ffb;
export const ENTRY = 0x13fb;
export const NONCANONICAL = 0x8000_0000_0000n;
export const UNALIGNED = FREE + 0x10;
export const WIDE = 1n << 40n;
export const injected = (type: number, vector: number, more = 0): number =>
  0x8000_0000 + (type << 8) + vector + more;

/** VID with all it needs, and posted interrupts. */
export const VID = {
  PIN_CONTROLS: PIN | 1,
  PRIMARY_CONTROLS: TPR,
  SECONDARY_CONTROLS: Secondary.virtualInterruptDelivery,
  VIRTUAL_APIC_ADDRESS: FREE,
} as const;
export const POSTED = { ...VID, PIN_CONTROLS: PIN | 0x81, EXIT_CONTROLS: EXIT | 0x8000 } as const;
export const EPT = { SECONDARY_CONTROLS: Secondary.enableEpt } as const;
export const VMFUNC = { SECONDARY_CONTROLS: Secondary.enableVmFunctions | Secondary.enableEpt } as const;

export const CONTROL_CASES: readonly Case[] = [
  ["reserved bits of the pin-based controls", "long", { PIN_CONTROLS: 0x14 }],
  ["reserved bits of the pin-based controls", "long", { PIN_CONTROLS: PIN | 0x100 }],
  ["reserved bits of the primary processor-based controls", "long", { PRIMARY_CONTROLS: PRIMARY - 2 }],
  ["reserved bits of the primary processor-based controls", "long", { PRIMARY_CONTROLS: PRIMARY | 1 }],
  ["reserved bits of the secondary processor-based controls", "long", { SECONDARY_CONTROLS: 1 << 15 }],
  ["CR3-target count", "long", { CR3_TARGET_COUNT: 5 }],
  ["address of I/O bitmap A", "long", { PRIMARY_CONTROLS: PRIMARY | (1 << 25), IO_BITMAP_A: UNALIGNED }],
  ["address of I/O bitmap B", "long", { PRIMARY_CONTROLS: PRIMARY | (1 << 25), IO_BITMAP_B: WIDE }],
  ["address of MSR bitmaps", "long", { PRIMARY_CONTROLS: PRIMARY | (1 << 28), MSR_BITMAPS: UNALIGNED }],
  ["virtual-APIC address", "long", { PRIMARY_CONTROLS: TPR, VIRTUAL_APIC_ADDRESS: UNALIGNED }],
  ["TPR threshold: reserved bits", "long", { PRIMARY_CONTROLS: TPR, TPR_THRESHOLD: 0x10 }],
  ["TPR threshold and VTPR", "long", { PRIMARY_CONTROLS: TPR, VIRTUAL_APIC_ADDRESS: FREE, TPR_THRESHOLD: 1 }],
  [
    "APIC virtualization without TPR shadow",
    "long",
    { SECONDARY_CONTROLS: Secondary.apicRegisterVirtualization },
  ],
  ["virtual NMIs without NMI exiting", "long", { PIN_CONTROLS: PIN | 0x20 }],
  ["NMI-window exiting without virtual NMIs", "long", { PRIMARY_CONTROLS: PRIMARY | (1 << 22) }],
  ["APIC-access address", "long", { SECONDARY_CONTROLS: 1, APIC_ACCESS_ADDRESS: UNALIGNED }],
  [
    "two kinds of APIC virtualization",
    "long",
    {
      PRIMARY_CONTROLS: TPR,
      SECONDARY_CONTROLS: Secondary.virtualizeApicAccesses | Secondary.virtualizeX2apicMode,
    },
  ],
  ["virtual-interrupt delivery without external-interrupt exiting", "long", { ...VID, PIN_CONTROLS: PIN }],
  ["posted interrupts without virtual-interrupt delivery", "long", { ...POSTED, SECONDARY_CONTROLS: 0 }],
  ["posted interrupts without acknowledge interrupt on exit", "long", { ...POSTED, EXIT_CONTROLS: EXIT }],
  [
    "posted-interrupt notification vector",
    "long",
    { ...POSTED, POSTED_INTERRUPT_NOTIFICATION_VECTOR: 0x100 },
  ],
  [
    "posted-interrupt descriptor address",
    "long",
    { ...POSTED, POSTED_INTERRUPT_DESCRIPTOR_ADDRESS: FREE + 32 },
  ],
  ["VPID", "long", { SECONDARY_CONTROLS: Secondary.enableVpid, VPID: 0 }],
  ["EPTP: memory type", "long", { ...EPT, EPT_POINTER: 0x401d }],
  ["EPTP: page-walk length", "long", { ...EPT, EPT_POINTER: 0x4026 }],
  ["EPTP: supervisor shadow-stack control", "long", { ...EPT, EPT_POINTER: 0x409e }],
  ["EPTP: reserved bits", "long", { ...EPT, EPT_POINTER: 0x411e }],
  ["EPTP: reserved bits", "long", { ...EPT, EPT_POINTER: WIDE + 0x1en }],
  ["unrestricted guest without EPT", "long", { SECONDARY_CONTROLS: Secondary.unrestrictedGuest }],
  ["page-modification logging without EPT", "long", { SECONDARY_CONTROLS: Secondary.enablePml }],
  [
    "mode-based execute control without EPT",
    "long",
    { SECONDARY_CONTROLS: Secondary.modeBasedExecuteControl },
  ],
  ["PML address", "long", { SECONDARY_CONTROLS: Secondary.enablePml | 2, PML_ADDRESS: UNALIGNED }],
  [
    "virtualization-exception information address",
    "long",
    { SECONDARY_CONTROLS: Secondary.eptViolationVe, VIRTUALIZATION_EXCEPTION_INFORMATION_ADDRESS: 1 },
  ],
  ["VM-function controls: reserved bits", "long", { ...VMFUNC, VM_FUNCTION_CONTROLS: 2 }],
  ["VM-function controls: reserved bits", "long", { ...VMFUNC, VM_FUNCTION_CONTROLS: 1n << 32n }],
  [
    "EPTP switching without EPT",
    "long",
    { SECONDARY_CONTROLS: Secondary.enableVmFunctions, VM_FUNCTION_CONTROLS: 1 },
  ],
  ["EPTP-list address", "long", { ...VMFUNC, VM_FUNCTION_CONTROLS: 1, EPTP_LIST_ADDRESS: UNALIGNED }],
  [
    "VMREAD-bitmap address",
    "long",
    { SECONDARY_CONTROLS: Secondary.vmcsShadowing, VMREAD_BITMAP_ADDRESS: 1 },
  ],
  [
    "VMWRITE-bitmap address",
    "long",
    { SECONDARY_CONTROLS: Secondary.vmcsShadowing, VMWRITE_BITMAP_ADDRESS: 1 },
  ],
  ["TSC multiplier", "long", { SECONDARY_CONTROLS: Secondary.useTscScaling, TSC_MULTIPLIER: 0 }],
  ["reserved bits of the VM-exit controls", "long", { EXIT_CONTROLS: EXIT - 1 }],
  ["saving a VMX-preemption timer that is not active", "long", { EXIT_CONTROLS: EXIT | (1 << 22) }],
  ["VM-exit MSR-store area", "long", { EXIT_MSR_STORE_COUNT: 1, EXIT_MSR_STORE_ADDRESS: FREE + 8 }],
  ["VM-exit MSR-store area", "long", { EXIT_MSR_STORE_COUNT: 2, EXIT_MSR_STORE_ADDRESS: WIDE - 16n }],
  ["VM-exit MSR-load area", "long", { EXIT_MSR_LOAD_COUNT: 1, EXIT_MSR_LOAD_ADDRESS: WIDE }],
  ["reserved bits of the VM-entry controls", "long", { ENTRY_CONTROLS: ENTRY | (1 << 10) }],
  ["VM-entry MSR-load area", "long", { ENTRY_MSR_LOAD_COUNT: 512, ENTRY_MSR_LOAD_ADDRESS: FREE + 1 }],
  ["injection: interruption type", "long", { ENTRY_INTERRUPTION_INFO: injected(1, 0) }],
  ["injection: vector", "long", { ENTRY_INTERRUPTION_INFO: injected(2, 3) }],
  ["injection: vector", "long", { ENTRY_INTERRUPTION_INFO: injected(3, 32) }],
  ["injection: vector", "long", { ENTRY_INTERRUPTION_INFO: injected(7, 1) }],
  ["injection: deliver error code", "long", { ENTRY_INTERRUPTION_INFO: injected(3, 13) }],
  ["injection: deliver error code", "long", { ENTRY_INTERRUPTION_INFO: injected(3, 6, 0x800) }],
  ["injection: deliver error code", "real", { ENTRY_INTERRUPTION_INFO: injected(3, 13, 0x800) }],
  ["injection: reserved bits", "long", { ENTRY_INTERRUPTION_INFO: injected(3, 6, 0x1000) }],
  [
    "injection: error code",
    "long",
    { ENTRY_INTERRUPTION_INFO: injected(3, 13, 0x800), ENTRY_EXCEPTION_ERROR_CODE: 0x1_0000 },
  ],
  [
    "injection: instruction length",
    "long",
    { ENTRY_INTERRUPTION_INFO: injected(4, 3), ENTRY_INSTRUCTION_LENGTH: 16 },
  ],
];

export const HOST_CASES: readonly Case[] = [
  ["host CR0", "long", { HOST_CR0: 0x8005_0013 }],
  ["host CR0", "long", { HOST_CR0: 0x1_8005_0033n }],
  ["host CR4", "long", { HOST_CR4: 0x20 }],
  ["host CR4", "long", { HOST_CR4: 0x8000_2020 }],
  ["host CR3", "long", { HOST_CR3: WIDE }],
  ["host IA32_SYSENTER_ESP", "long", { HOST_SYSENTER_ESP: NONCANONICAL }],
  ["host IA32_SYSENTER_EIP", "long", { HOST_SYSENTER_EIP: NONCANONICAL }],
  ["host IA32_PERF_GLOBAL_CTRL", "long", { EXIT_CONTROLS: EXIT | (1 << 12), HOST_PERF_GLOBAL_CTRL: 0x10 }],
  [
    "host IA32_PERF_GLOBAL_CTRL",
    "long",
    { EXIT_CONTROLS: EXIT | (1 << 12), HOST_PERF_GLOBAL_CTRL: 1n << 35n },
  ],
  ["host IA32_PAT", "long", { EXIT_CONTROLS: EXIT | (1 << 19), HOST_PAT: 2n << 56n }],
  ["host IA32_EFER: reserved bits", "long", { EXIT_CONTROLS: EXIT | (1 << 21), HOST_EFER: 0x1d01 }],
  [
    "host IA32_EFER and host address-space size",
    "long",
    { EXIT_CONTROLS: EXIT | (1 << 21), HOST_EFER: 0x901 },
  ],
  ...(["CS", "SS", "DS", "ES", "FS", "GS", "TR"] as const).flatMap((name): readonly Case[] => [
    [`host ${name}: RPL and TI`, "long", { [`HOST_${name}_SELECTOR`]: 0x11 }],
    [`host ${name}: RPL and TI`, "long", { [`HOST_${name}_SELECTOR`]: 0x14 }],
  ]),
  ["host CS is null", "long", { HOST_CS_SELECTOR: 0 }],
  ["host TR is null", "long", { HOST_TR_SELECTOR: 0 }],
  ["host SS is null", "pae", { EXIT_CONTROLS: EXIT - 0x200, HOST_SS_SELECTOR: 0 }],
  ...(["FS", "GS", "GDTR", "IDTR", "TR"] as const).map(
    (name): Case => [`host ${name} base`, "long", { [`HOST_${name}_BASE`]: NONCANONICAL }],
  ),
  ["host address-space size, entered in IA-32e mode", "pae", { EXIT_CONTROLS: EXIT - 0x200 }],
  ["host CR4.PAE of a 64-bit host", "long", { HOST_CR4: 0x2000 }],
  ["host RIP of a 64-bit host", "long", { HOST_RIP: NONCANONICAL }],
];

export const SEGMENT_CASES: readonly Case[] = [
  ["guest TR: TI", "long", { GUEST_TR_SELECTOR: 0x14 }],
  ["guest LDTR: TI", "long", { GUEST_LDTR_ACCESS_RIGHTS: 0x82, GUEST_LDTR_SELECTOR: 0x14 }],
  ["guest SS: RPL", "long", { GUEST_SS_SELECTOR: 0x13 }],
  ...(["CS", "SS", "DS", "ES", "FS", "GS"] as const).flatMap((name): readonly Case[] => [
    [`guest ${name}: base in virtual-8086 mode`, "v86", { [`GUEST_${name}_BASE`]: 0x1231 }],
    [`guest ${name}: limit in virtual-8086 mode`, "v86", { [`GUEST_${name}_LIMIT`]: 0xfffe }],
    [`guest ${name}: access rights in virtual-8086 mode`, "v86", { [`GUEST_${name}_ACCESS_RIGHTS`]: 0xfb }],
    [
      `guest ${name}: reserved access rights`,
      "pae",
      { [`GUEST_${name}_ACCESS_RIGHTS`]: name === "CS" ? 0xc19b : 0xc193 },
    ],
    [`guest ${name}: P`, "pae", { [`GUEST_${name}_ACCESS_RIGHTS`]: name === "CS" ? 0xc01b : 0xc013 }],
    [`guest ${name}: S`, "pae", { [`GUEST_${name}_ACCESS_RIGHTS`]: name === "CS" ? 0xc08b : 0xc083 }],
    [`guest ${name}: granularity`, "pae", { [`GUEST_${name}_LIMIT`]: 0xffff_f000 }],
  ]),
  ["guest CS: granularity", "pae", { GUEST_CS_ACCESS_RIGHTS: 0x409b }],
  ["guest TR: base", "long", { GUEST_TR_BASE: NONCANONICAL }],
  ["guest FS: base", "long", { GUEST_FS_BASE: NONCANONICAL }],
  ["guest GS: base", "long", { GUEST_GS_BASE: NONCANONICAL }],
  ["guest LDTR: base", "long", { GUEST_LDTR_ACCESS_RIGHTS: 0x82, GUEST_LDTR_BASE: NONCANONICAL }],
  ["guest CS: base", "long", { GUEST_CS_BASE: 1n << 32n }],
  ["guest SS: base", "long", { GUEST_SS_BASE: 1n << 32n }],
  ["guest DS: base", "long", { GUEST_DS_BASE: 1n << 32n }],
  ["guest ES: base", "long", { GUEST_ES_BASE: 1n << 32n }],
  ["guest CS: type", "long", { GUEST_CS_ACCESS_RIGHTS: 0xa093 }],
  ["guest CS: DPL", "long", { GUEST_CS_ACCESS_RIGHTS: 0xa0fb }],
  ["guest CS: DPL", "long", { GUEST_CS_ACCESS_RIGHTS: 0xa0ff }],
  ["guest CS: DPL", "real", { GUEST_CS_ACCESS_RIGHTS: 0xf3 }],
  ["guest CS: L and D/B", "long", { GUEST_CS_ACCESS_RIGHTS: 0xe09b }],
  ["guest SS: type", "long", { GUEST_SS_ACCESS_RIGHTS: 0xc091 }],
  ["guest SS: DPL and RPL", "long", { GUEST_SS_ACCESS_RIGHTS: 0xc0f3, GUEST_CS_ACCESS_RIGHTS: 0xa0fb }],
  [
    "guest SS: DPL in real-address mode",
    "real",
    { GUEST_SS_ACCESS_RIGHTS: 0xf3, GUEST_CS_ACCESS_RIGHTS: 0xfb },
  ],
  ...(["DS", "ES", "FS", "GS"] as const).flatMap((name): readonly Case[] => [
    [`guest ${name}: type`, "long", { [`GUEST_${name}_ACCESS_RIGHTS`]: 0xc092 }],
    [`guest ${name}: type`, "long", { [`GUEST_${name}_ACCESS_RIGHTS`]: 0xc099 }],
    [`guest ${name}: DPL`, "long", { [`GUEST_${name}_SELECTOR`]: 0x13 }],
  ]),
  ["guest TR: type", "long", { GUEST_TR_ACCESS_RIGHTS: 0x83 }],
  ["guest TR: S", "long", { GUEST_TR_ACCESS_RIGHTS: 0x9b }],
  ["guest TR: P", "long", { GUEST_TR_ACCESS_RIGHTS: 0xb }],
  ["guest TR: reserved access rights", "long", { GUEST_TR_ACCESS_RIGHTS: 0x2_008b }],
  ["guest TR: granularity", "long", { GUEST_TR_ACCESS_RIGHTS: 0x808b }],
  ["guest TR: unusable", "long", { GUEST_TR_ACCESS_RIGHTS: 0x1_008b }],
  ["guest LDTR: type", "long", { GUEST_LDTR_ACCESS_RIGHTS: 0x81 }],
  ["guest LDTR: S", "long", { GUEST_LDTR_ACCESS_RIGHTS: 0x92 }],
  ["guest LDTR: P", "long", { GUEST_LDTR_ACCESS_RIGHTS: 2 }],
  ["guest LDTR: reserved access rights", "long", { GUEST_LDTR_ACCESS_RIGHTS: 0x182 }],
  ["guest LDTR: granularity", "long", { GUEST_LDTR_ACCESS_RIGHTS: 0x82 }],
  ["guest GDTR: base", "long", { GUEST_GDTR_BASE: NONCANONICAL }],
  ["guest IDTR: base", "long", { GUEST_IDTR_BASE: NONCANONICAL }],
  ["guest GDTR: limit", "long", { GUEST_GDTR_LIMIT: 0x1_0000 }],
  ["guest IDTR: limit", "long", { GUEST_IDTR_LIMIT: 0x8000_0000 }],
];

export const DEBUG_CONTROLS = ENTRY | 4;
export const LOAD_EFER = ENTRY | (1 << 15);

export const GUEST_CASES: readonly Case[] = [
  ["guest CR0", "long", { GUEST_CR0: 0x33 }],
  ["guest CR0", "real", { GUEST_CR0: 0 }],
  ["guest CR0.PG without PE", "real", { GUEST_CR0: 0x8000_0020 }],
  ["guest CR4", "long", { GUEST_CR4: 0x20 }],
  ["guest IA32_DEBUGCTL", "long", { ENTRY_CONTROLS: DEBUG_CONTROLS, GUEST_DEBUGCTL: 4 }],
  ["IA-32e mode guest without paging", "real", { ENTRY_CONTROLS: ENTRY }],
  ["IA-32e mode guest without PAE", "long", { GUEST_CR4: 0x2000 }],
  ["PCIDs outside IA-32e mode", "pae", { GUEST_CR4: 0x2_2020 }],
  ["guest CR3", "long", { GUEST_CR3: 1n << 63n }],
  ["guest DR7", "long", { ENTRY_CONTROLS: DEBUG_CONTROLS, GUEST_DR7: 1n << 32n }],
  ["guest IA32_SYSENTER_ESP", "long", { GUEST_SYSENTER_ESP: NONCANONICAL }],
  ["guest IA32_SYSENTER_EIP", "long", { GUEST_SYSENTER_EIP: NONCANONICAL }],
  ["guest IA32_PERF_GLOBAL_CTRL", "long", { ENTRY_CONTROLS: ENTRY | (1 << 13), GUEST_PERF_GLOBAL_CTRL: 16 }],
  ["guest IA32_PAT", "long", { ENTRY_CONTROLS: ENTRY | (1 << 14), GUEST_PAT: 8 }],
  ["guest IA32_EFER: reserved bits", "long", { ENTRY_CONTROLS: LOAD_EFER, GUEST_EFER: 0xd03 }],
  ["guest IA32_EFER.LMA", "long", { ENTRY_CONTROLS: LOAD_EFER, GUEST_EFER: 0x101 }],
  ["guest IA32_EFER.LME with paging", "long", { ENTRY_CONTROLS: LOAD_EFER, GUEST_EFER: 0x401 }],
  ["guest RIP", "long", { GUEST_RIP: 0x1_0000_0000_0000n }],
  ["guest RIP", "pae", { GUEST_RIP: 1n << 32n }],
  ["guest RFLAGS: reserved bits", "long", { GUEST_RFLAGS: 0 }],
  ["guest RFLAGS: reserved bits", "long", { GUEST_RFLAGS: 0x8002 }],
  ["guest RFLAGS.IF", "long", { ENTRY_INTERRUPTION_INFO: injected(0, 32) }],
  ["guest activity state", "long", { GUEST_ACTIVITY_STATE: 4 }],
  [
    "guest in HLT outside ring 0",
    "long",
    {
      GUEST_ACTIVITY_STATE: 1,
      GUEST_SS_ACCESS_RIGHTS: 0xc0f3,
      GUEST_CS_ACCESS_RIGHTS: 0xa0fb,
      GUEST_SS_SELECTOR: 0x13,
      GUEST_CS_SELECTOR: 0xb,
    },
  ],
  [
    "blocking by STI or MOV SS while not active",
    "long",
    { GUEST_ACTIVITY_STATE: 1, GUEST_INTERRUPTIBILITY_STATE: 2 },
  ],
  [
    "event injected in an inactive state",
    "long",
    { GUEST_ACTIVITY_STATE: 1, ENTRY_INTERRUPTION_INFO: injected(3, 6) },
  ],
  [
    "event injected in an inactive state",
    "long",
    { GUEST_ACTIVITY_STATE: 3, ENTRY_INTERRUPTION_INFO: injected(2, 2) },
  ],
  ["guest interruptibility state: reserved bits", "long", { GUEST_INTERRUPTIBILITY_STATE: 0x20 }],
  ["blocking by STI and by MOV SS", "long", { GUEST_INTERRUPTIBILITY_STATE: 3, GUEST_RFLAGS: 0x202 }],
  ["blocking by STI with interrupts disabled", "long", { GUEST_INTERRUPTIBILITY_STATE: 1 }],
  [
    "external interrupt injected while blocked",
    "long",
    { GUEST_INTERRUPTIBILITY_STATE: 1, GUEST_RFLAGS: 0x202, ENTRY_INTERRUPTION_INFO: injected(0, 32) },
  ],
  [
    "NMI injected while blocked by MOV SS",
    "long",
    { GUEST_INTERRUPTIBILITY_STATE: 2, ENTRY_INTERRUPTION_INFO: injected(2, 2) },
  ],
  ["blocking by SMI outside SMM", "long", { GUEST_INTERRUPTIBILITY_STATE: 4 }],
  [
    "virtual NMI injected while blocked",
    "long",
    { PIN_CONTROLS: PIN | 0x28, GUEST_INTERRUPTIBILITY_STATE: 8, ENTRY_INTERRUPTION_INFO: injected(2, 2) },
  ],
  ["guest pending debug exceptions: reserved bits", "long", { GUEST_PENDING_DEBUG_EXCEPTIONS: 0x10 }],
  ["guest pending debug exceptions: BS", "long", { GUEST_INTERRUPTIBILITY_STATE: 2, GUEST_RFLAGS: 0x102 }],
  [
    "guest pending debug exceptions: BS",
    "long",
    { GUEST_ACTIVITY_STATE: 1, GUEST_PENDING_DEBUG_EXCEPTIONS: 0x4000 },
  ],
];

export const LINK_CASES: readonly Case[] = [
  ["VMCS link pointer", "long", { VMCS_LINK_POINTER: UNALIGNED }],
  ["VMCS link pointer", "long", { VMCS_LINK_POINTER: WIDE }],
  ["VMCS link pointer: revision identifier", "long", { VMCS_LINK_POINTER: FREE }],
  ["VMCS link pointer: shadow-VMCS indicator", "long", { VMCS_LINK_POINTER: SHADOW_VMCS }],
  [
    "VMCS link pointer: shadow-VMCS indicator",
    "long",
    { VMCS_LINK_POINTER: VMCS_B, SECONDARY_CONTROLS: Secondary.vmcsShadowing },
  ],
  ["VMCS link pointer: the current VMCS", "long", { VMCS_LINK_POINTER: VMCS_A }],
];

export const PDPTE_CASES: readonly Case[] = [0, 1, 2, 3].flatMap((index): readonly Case[] => [
  [`guest PDPTE${index}`, "pae", { ...EPT, [`GUEST_PDPTE${index}`]: 3 }],
  [`guest PDPTE${index} in memory`, "pae", { GUEST_CR3: 0x5000 }],
]);
