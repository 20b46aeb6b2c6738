/**
 * The fields of a VMCS (SDM vol. 3, 25.11.2 and appendix B) as data: encoding, the manual's name, and the controls
 * without which the field does not exist. Width, type and index are parts of the encoding.
 */
import type { ControlId } from "./controls.js";

export type FieldWidth = 16 | 32 | 64 | "natural";
/** "data": VM-exit information, read-only data. */
export type FieldType = "control" | "data" | "guest" | "host";

type Row = readonly [encoding: number, name: string, ...needsOneOf: ControlId[]];

const ROWS = {
  // 16-bit control fields
  VPID: [0x0000, "virtual-processor identifier (VPID)", "secondary.enableVpid"],
  POSTED_INTERRUPT_NOTIFICATION_VECTOR: [
    0x0002,
    "posted-interrupt notification vector",
    "pin.processPostedInterrupts",
  ],
  EPTP_INDEX: [0x0004, "EPTP index", "secondary.eptViolationVe"],
  HLAT_PREFIX_SIZE: [0x0006, "HLAT prefix size", "tertiary.enableHlat"],
  LAST_PID_POINTER_INDEX: [0x0008, "last PID-pointer index", "tertiary.ipiVirtualization"],

  // 16-bit guest-state fields
  GUEST_ES_SELECTOR: [0x0800, "guest ES selector"],
  GUEST_CS_SELECTOR: [0x0802, "guest CS selector"],
  GUEST_SS_SELECTOR: [0x0804, "guest SS selector"],
  GUEST_DS_SELECTOR: [0x0806, "guest DS selector"],
  GUEST_FS_SELECTOR: [0x0808, "guest FS selector"],
  GUEST_GS_SELECTOR: [0x080a, "guest GS selector"],
  GUEST_LDTR_SELECTOR: [0x080c, "guest LDTR selector"],
  GUEST_TR_SELECTOR: [0x080e, "guest TR selector"],
  GUEST_INTERRUPT_STATUS: [0x0810, "guest interrupt status", "secondary.virtualInterruptDelivery"],
  PML_INDEX: [0x0812, "PML index", "secondary.enablePml"],
  GUEST_UINV: [0x0814, "guest UINV", "exit.clearUinv", "entry.loadUinv"],

  // 16-bit host-state fields
  HOST_ES_SELECTOR: [0x0c00, "host ES selector"],
  HOST_CS_SELECTOR: [0x0c02, "host CS selector"],
  HOST_SS_SELECTOR: [0x0c04, "host SS selector"],
  HOST_DS_SELECTOR: [0x0c06, "host DS selector"],
  HOST_FS_SELECTOR: [0x0c08, "host FS selector"],
  HOST_GS_SELECTOR: [0x0c0a, "host GS selector"],
  HOST_TR_SELECTOR: [0x0c0c, "host TR selector"],

  // 64-bit control fields
  IO_BITMAP_A: [0x2000, "address of I/O bitmap A"],
  IO_BITMAP_B: [0x2002, "address of I/O bitmap B"],
  MSR_BITMAPS: [0x2004, "address of MSR bitmaps", "primary.useMsrBitmaps"],
  EXIT_MSR_STORE_ADDRESS: [0x2006, "VM-exit MSR-store address"],
  EXIT_MSR_LOAD_ADDRESS: [0x2008, "VM-exit MSR-load address"],
  ENTRY_MSR_LOAD_ADDRESS: [0x200a, "VM-entry MSR-load address"],
  EXECUTIVE_VMCS_POINTER: [0x200c, "executive-VMCS pointer"],
  PML_ADDRESS: [0x200e, "PML address", "secondary.enablePml"],
  TSC_OFFSET: [0x2010, "TSC offset"],
  VIRTUAL_APIC_ADDRESS: [0x2012, "virtual-APIC address", "primary.useTprShadow"],
  APIC_ACCESS_ADDRESS: [0x2014, "APIC-access address", "secondary.virtualizeApicAccesses"],
  POSTED_INTERRUPT_DESCRIPTOR_ADDRESS: [
    0x2016,
    "posted-interrupt descriptor address",
    "pin.processPostedInterrupts",
  ],
  VM_FUNCTION_CONTROLS: [0x2018, "VM-function controls", "secondary.enableVmFunctions"],
  EPT_POINTER: [0x201a, "EPT pointer (EPTP)", "secondary.enableEpt"],
  EOI_EXIT_BITMAP_0: [0x201c, "EOI-exit bitmap 0", "secondary.virtualInterruptDelivery"],
  EOI_EXIT_BITMAP_1: [0x201e, "EOI-exit bitmap 1", "secondary.virtualInterruptDelivery"],
  EOI_EXIT_BITMAP_2: [0x2020, "EOI-exit bitmap 2", "secondary.virtualInterruptDelivery"],
  EOI_EXIT_BITMAP_3: [0x2022, "EOI-exit bitmap 3", "secondary.virtualInterruptDelivery"],
  EPTP_LIST_ADDRESS: [0x2024, "EPTP-list address", "vmfunc.eptpSwitching"],
  VMREAD_BITMAP_ADDRESS: [0x2026, "VMREAD-bitmap address", "secondary.vmcsShadowing"],
  VMWRITE_BITMAP_ADDRESS: [0x2028, "VMWRITE-bitmap address", "secondary.vmcsShadowing"],
  VIRTUALIZATION_EXCEPTION_INFORMATION_ADDRESS: [
    0x202a,
    "virtualization-exception information address",
    "secondary.eptViolationVe",
  ],
  XSS_EXITING_BITMAP: [0x202c, "XSS-exiting bitmap", "secondary.enableXsaves"],
  ENCLS_EXITING_BITMAP: [0x202e, "ENCLS-exiting bitmap", "secondary.enclsExiting"],
  SPPTP: [0x2030, "sub-page-permission-table pointer", "secondary.subPageWritePermissions"],
  TSC_MULTIPLIER: [0x2032, "TSC multiplier", "secondary.useTscScaling"],
  TERTIARY_CONTROLS: [
    0x2034,
    "tertiary processor-based VM-execution controls",
    "primary.activateTertiaryControls",
  ],
  ENCLV_EXITING_BITMAP: [0x2036, "ENCLV-exiting bitmap", "secondary.enclvExiting"],
  LOW_PASID_DIRECTORY_ADDRESS: [0x2038, "low PASID directory address", "secondary.pasidTranslation"],
  HIGH_PASID_DIRECTORY_ADDRESS: [0x203a, "high PASID directory address", "secondary.pasidTranslation"],
  SHARED_EPT_POINTER: [0x203c, "shared EPT pointer", "tertiary.seamGuestPhysicalAddressWidth"],
  PCONFIG_EXITING_BITMAP: [0x203e, "PCONFIG-exiting bitmap", "secondary.enablePconfig"],
  HLATP: [0x2040, "hypervisor-managed linear-address translation pointer (HLATP)", "tertiary.enableHlat"],
  PID_POINTER_TABLE_ADDRESS: [0x2042, "PID-pointer table address", "tertiary.ipiVirtualization"],
  SECONDARY_EXIT_CONTROLS: [0x2044, "secondary VM-exit controls", "exit.activateSecondaryControls"],
  SPEC_CTRL_MASK: [0x204a, "IA32_SPEC_CTRL mask", "tertiary.virtualizeSpecCtrl"],
  SPEC_CTRL_SHADOW: [0x204c, "IA32_SPEC_CTRL shadow", "tertiary.virtualizeSpecCtrl"],

  // 64-bit read-only data fields
  GUEST_PHYSICAL_ADDRESS: [0x2400, "guest-physical address", "secondary.enableEpt"],

  // 64-bit guest-state fields
  VMCS_LINK_POINTER: [0x2800, "VMCS link pointer"],
  GUEST_DEBUGCTL: [0x2802, "guest IA32_DEBUGCTL"],
  GUEST_PAT: [0x2804, "guest IA32_PAT", "exit.savePat", "entry.loadPat"],
  GUEST_EFER: [0x2806, "guest IA32_EFER", "exit.saveEfer", "entry.loadEfer"],
  GUEST_PERF_GLOBAL_CTRL: [0x2808, "guest IA32_PERF_GLOBAL_CTRL", "entry.loadPerfGlobalCtrl"],
  GUEST_PDPTE0: [0x280a, "guest PDPTE0", "secondary.enableEpt"],
  GUEST_PDPTE1: [0x280c, "guest PDPTE1", "secondary.enableEpt"],
  GUEST_PDPTE2: [0x280e, "guest PDPTE2", "secondary.enableEpt"],
  GUEST_PDPTE3: [0x2810, "guest PDPTE3", "secondary.enableEpt"],
  GUEST_BNDCFGS: [0x2812, "guest IA32_BNDCFGS", "exit.clearBndcfgs", "entry.loadBndcfgs"],
  GUEST_RTIT_CTL: [0x2814, "guest IA32_RTIT_CTL", "exit.clearRtitCtl", "entry.loadRtitCtl"],
  GUEST_LBR_CTL: [0x2816, "guest IA32_LBR_CTL", "entry.loadLbrCtl"],
  GUEST_PKRS: [0x2818, "guest IA32_PKRS", "entry.loadPkrs"],

  // 64-bit host-state fields
  HOST_PAT: [0x2c00, "host IA32_PAT", "exit.loadPat"],
  HOST_EFER: [0x2c02, "host IA32_EFER", "exit.loadEfer"],
  HOST_PERF_GLOBAL_CTRL: [0x2c04, "host IA32_PERF_GLOBAL_CTRL", "exit.loadPerfGlobalCtrl"],
  HOST_PKRS: [0x2c06, "host IA32_PKRS", "exit.loadPkrs"],

  // 32-bit control fields
  PIN_CONTROLS: [0x4000, "pin-based VM-execution controls"],
  PRIMARY_CONTROLS: [0x4002, "primary processor-based VM-execution controls"],
  EXCEPTION_BITMAP: [0x4004, "exception bitmap"],
  PAGE_FAULT_ERROR_CODE_MASK: [0x4006, "page-fault error-code mask"],
  PAGE_FAULT_ERROR_CODE_MATCH: [0x4008, "page-fault error-code match"],
  CR3_TARGET_COUNT: [0x400a, "CR3-target count"],
  EXIT_CONTROLS: [0x400c, "primary VM-exit controls"],
  EXIT_MSR_STORE_COUNT: [0x400e, "VM-exit MSR-store count"],
  EXIT_MSR_LOAD_COUNT: [0x4010, "VM-exit MSR-load count"],
  ENTRY_CONTROLS: [0x4012, "VM-entry controls"],
  ENTRY_MSR_LOAD_COUNT: [0x4014, "VM-entry MSR-load count"],
  ENTRY_INTERRUPTION_INFO: [0x4016, "VM-entry interruption-information field"],
  ENTRY_EXCEPTION_ERROR_CODE: [0x4018, "VM-entry exception error code"],
  ENTRY_INSTRUCTION_LENGTH: [0x401a, "VM-entry instruction length"],
  TPR_THRESHOLD: [0x401c, "TPR threshold", "primary.useTprShadow"],
  SECONDARY_CONTROLS: [
    0x401e,
    "secondary processor-based VM-execution controls",
    "primary.activateSecondaryControls",
  ],
  PLE_GAP: [0x4020, "PLE_Gap", "secondary.pauseLoopExiting"],
  PLE_WINDOW: [0x4022, "PLE_Window", "secondary.pauseLoopExiting"],
  INSTRUCTION_TIMEOUT: [0x4024, "instruction-timeout control", "secondary.instructionTimeout"],

  // 32-bit read-only data fields
  INSTRUCTION_ERROR: [0x4400, "VM-instruction error"],
  EXIT_REASON: [0x4402, "exit reason"],
  EXIT_INTERRUPTION_INFO: [0x4404, "VM-exit interruption information"],
  EXIT_INTERRUPTION_ERROR_CODE: [0x4406, "VM-exit interruption error code"],
  IDT_VECTORING_INFO: [0x4408, "IDT-vectoring information field"],
  IDT_VECTORING_ERROR_CODE: [0x440a, "IDT-vectoring error code"],
  EXIT_INSTRUCTION_LENGTH: [0x440c, "VM-exit instruction length"],
  EXIT_INSTRUCTION_INFO: [0x440e, "VM-exit instruction information"],

  // 32-bit guest-state fields
  GUEST_ES_LIMIT: [0x4800, "guest ES limit"],
  GUEST_CS_LIMIT: [0x4802, "guest CS limit"],
  GUEST_SS_LIMIT: [0x4804, "guest SS limit"],
  GUEST_DS_LIMIT: [0x4806, "guest DS limit"],
  GUEST_FS_LIMIT: [0x4808, "guest FS limit"],
  GUEST_GS_LIMIT: [0x480a, "guest GS limit"],
  GUEST_LDTR_LIMIT: [0x480c, "guest LDTR limit"],
  GUEST_TR_LIMIT: [0x480e, "guest TR limit"],
  GUEST_GDTR_LIMIT: [0x4810, "guest GDTR limit"],
  GUEST_IDTR_LIMIT: [0x4812, "guest IDTR limit"],
  GUEST_ES_ACCESS_RIGHTS: [0x4814, "guest ES access rights"],
  GUEST_CS_ACCESS_RIGHTS: [0x4816, "guest CS access rights"],
  GUEST_SS_ACCESS_RIGHTS: [0x4818, "guest SS access rights"],
  GUEST_DS_ACCESS_RIGHTS: [0x481a, "guest DS access rights"],
  GUEST_FS_ACCESS_RIGHTS: [0x481c, "guest FS access rights"],
  GUEST_GS_ACCESS_RIGHTS: [0x481e, "guest GS access rights"],
  GUEST_LDTR_ACCESS_RIGHTS: [0x4820, "guest LDTR access rights"],
  GUEST_TR_ACCESS_RIGHTS: [0x4822, "guest TR access rights"],
  GUEST_INTERRUPTIBILITY_STATE: [0x4824, "guest interruptibility state"],
  GUEST_ACTIVITY_STATE: [0x4826, "guest activity state"],
  GUEST_SMBASE: [0x4828, "guest SMBASE"],
  GUEST_SYSENTER_CS: [0x482a, "guest IA32_SYSENTER_CS"],
  PREEMPTION_TIMER_VALUE: [0x482e, "VMX-preemption timer value", "pin.activatePreemptionTimer"],

  // 32-bit host-state fields
  HOST_SYSENTER_CS: [0x4c00, "host IA32_SYSENTER_CS"],

  // Natural-width control fields
  CR0_GUEST_HOST_MASK: [0x6000, "CR0 guest/host mask"],
  CR4_GUEST_HOST_MASK: [0x6002, "CR4 guest/host mask"],
  CR0_READ_SHADOW: [0x6004, "CR0 read shadow"],
  CR4_READ_SHADOW: [0x6006, "CR4 read shadow"],
  CR3_TARGET_VALUE_0: [0x6008, "CR3-target value 0"],
  CR3_TARGET_VALUE_1: [0x600a, "CR3-target value 1"],
  CR3_TARGET_VALUE_2: [0x600c, "CR3-target value 2"],
  CR3_TARGET_VALUE_3: [0x600e, "CR3-target value 3"],

  // Natural-width read-only data fields
  EXIT_QUALIFICATION: [0x6400, "exit qualification"],
  IO_RCX: [0x6402, "I/O RCX"],
  IO_RSI: [0x6404, "I/O RSI"],
  IO_RDI: [0x6406, "I/O RDI"],
  IO_RIP: [0x6408, "I/O RIP"],
  GUEST_LINEAR_ADDRESS: [0x640a, "guest-linear address"],

  // Natural-width guest-state fields
  GUEST_CR0: [0x6800, "guest CR0"],
  GUEST_CR3: [0x6802, "guest CR3"],
  GUEST_CR4: [0x6804, "guest CR4"],
  GUEST_ES_BASE: [0x6806, "guest ES base"],
  GUEST_CS_BASE: [0x6808, "guest CS base"],
  GUEST_SS_BASE: [0x680a, "guest SS base"],
  GUEST_DS_BASE: [0x680c, "guest DS base"],
  GUEST_FS_BASE: [0x680e, "guest FS base"],
  GUEST_GS_BASE: [0x6810, "guest GS base"],
  GUEST_LDTR_BASE: [0x6812, "guest LDTR base"],
  GUEST_TR_BASE: [0x6814, "guest TR base"],
  GUEST_GDTR_BASE: [0x6816, "guest GDTR base"],
  GUEST_IDTR_BASE: [0x6818, "guest IDTR base"],
  GUEST_DR7: [0x681a, "guest DR7"],
  GUEST_RSP: [0x681c, "guest RSP"],
  GUEST_RIP: [0x681e, "guest RIP"],
  GUEST_RFLAGS: [0x6820, "guest RFLAGS"],
  GUEST_PENDING_DEBUG_EXCEPTIONS: [0x6822, "guest pending debug exceptions"],
  GUEST_SYSENTER_ESP: [0x6824, "guest IA32_SYSENTER_ESP"],
  GUEST_SYSENTER_EIP: [0x6826, "guest IA32_SYSENTER_EIP"],
  GUEST_S_CET: [0x6828, "guest IA32_S_CET", "entry.loadCet"],
  GUEST_SSP: [0x682a, "guest SSP", "entry.loadCet"],
  GUEST_INTERRUPT_SSP_TABLE: [0x682c, "guest IA32_INTERRUPT_SSP_TABLE_ADDR", "entry.loadCet"],

  // Natural-width host-state fields
  HOST_CR0: [0x6c00, "host CR0"],
  HOST_CR3: [0x6c02, "host CR3"],
  HOST_CR4: [0x6c04, "host CR4"],
  HOST_FS_BASE: [0x6c06, "host FS base"],
  HOST_GS_BASE: [0x6c08, "host GS base"],
  HOST_TR_BASE: [0x6c0a, "host TR base"],
  HOST_GDTR_BASE: [0x6c0c, "host GDTR base"],
  HOST_IDTR_BASE: [0x6c0e, "host IDTR base"],
  HOST_SYSENTER_ESP: [0x6c10, "host IA32_SYSENTER_ESP"],
  HOST_SYSENTER_EIP: [0x6c12, "host IA32_SYSENTER_EIP"],
  HOST_RSP: [0x6c14, "host RSP"],
  HOST_RIP: [0x6c16, "host RIP"],
  HOST_S_CET: [0x6c18, "host IA32_S_CET", "exit.loadCet"],
  HOST_SSP: [0x6c1a, "host SSP", "exit.loadCet"],
  HOST_INTERRUPT_SSP_TABLE: [0x6c1c, "host IA32_INTERRUPT_SSP_TABLE_ADDR", "exit.loadCet"],
} as const satisfies Readonly<Record<string, Row>>;

export type VmcsFieldName = keyof typeof ROWS;

export interface VmcsFieldInfo {
  readonly key: VmcsFieldName;
  readonly encoding: number;
  /** The manual's name. */
  readonly name: string;
  readonly width: FieldWidth;
  readonly type: FieldType;
  readonly index: number;
  /** The field exists where one of these controls can be 1; always, if the list is empty. */
  readonly needs: readonly ControlId[];
}

const WIDTHS = [16, 64, 32, "natural"] as const;
const TYPES = ["control", "data", "guest", "host"] as const;

/** Bit 0 of an encoding: the upper half of a 64-bit field. */
export const HIGH_HALF = 1;

export const fieldIndex = (encoding: number): number => (encoding >>> 1) & 0x1ff;
export const fieldType = (encoding: number): FieldType => TYPES[(encoding >>> 10) & 3]!;
export const fieldWidth = (encoding: number): FieldWidth => WIDTHS[(encoding >>> 13) & 3]!;

/** Encodings by name: `VmcsField.GUEST_RIP`. */
export const VmcsField = Object.fromEntries(Object.entries(ROWS).map(([key, row]) => [key, row[0]])) as {
  readonly [Name in VmcsFieldName]: (typeof ROWS)[Name][0];
};

/** All fields, by encoding. */
export const VMCS_FIELDS: readonly VmcsFieldInfo[] = (Object.entries(ROWS) as [VmcsFieldName, Row][]).map(
  ([key, [encoding, name, ...needs]]) => ({
    key,
    encoding,
    name,
    width: fieldWidth(encoding),
    type: fieldType(encoding),
    index: fieldIndex(encoding),
    needs,
  }),
);

const byEncoding = new Map(VMCS_FIELDS.map((field) => [field.encoding, field]));

/** The field with that encoding; of the upper half of a 64-bit field, the field. */
export function findField(encoding: number): VmcsFieldInfo | undefined {
  const field = byEncoding.get(encoding & ~HIGH_HALF);
  return field === undefined || ((encoding & HIGH_HALF) !== 0 && field.width !== 64) ? undefined : field;
}

/**
 * Fields that exist once for each of the segment registers, by {@link SegmentIndex}: the encoding is that of ES plus twice
 * the index. The host's have no LDTR.
 */
export const segmentField = (first: number, segment: number): number => first + segment * 2;
