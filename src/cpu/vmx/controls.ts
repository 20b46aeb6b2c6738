/**
 * Every control and capability of VMX in one table (SDM vol. 3, 25.6-25.8 and appendix A): its bit, the manual's
 * name, the processors that have it, and whether vt86 does. Capability MSRs, the existence of VMCS fields and the
 * checks of VM entry follow from these rows and from nothing else.
 */
import type { FeatureName } from "../models/features.js";

/** Generations of VT-x. Each has what the ones before it have. */
export const VMX_LEVELS = ["penryn", "nehalem", "westmere", "haswell", "skylake"] as const;
export type VmxLevel = (typeof VMX_LEVELS)[number];

interface Row {
  readonly bit: number;
  /** The manual's name. */
  readonly name: string;
  /** The first generation that has it; default: the first of all. */
  readonly since?: VmxLevel;
  /** It comes with this feature of CPUID, whatever the generation. */
  readonly feature?: FeatureName;
  /** Rows (see {@link ControlId}) without which it makes no sense. */
  readonly needs?: readonly string[];
  /** vt86 knows its name but does not have it, and no model may. */
  readonly implemented?: false;
}

const no = { implemented: false } as const;
const ept = { needs: ["secondary.enableEpt"] } as const;
const vpid = { needs: ["secondary.enableVpid"] } as const;
const tpr = { needs: ["primary.useTprShadow"] } as const;
const nehalem = { since: "nehalem" } as const;
const westmere = { since: "westmere" } as const;
const haswell = { since: "haswell" } as const;
const skylake = { since: "skylake" } as const;

const PIN = {
  externalInterruptExiting: { bit: 0, name: "external-interrupt exiting" },
  nmiExiting: { bit: 3, name: "NMI exiting" },
  virtualNmis: { bit: 5, name: "virtual NMIs" },
  activatePreemptionTimer: { bit: 6, name: "activate VMX-preemption timer", ...nehalem },
  processPostedInterrupts: {
    bit: 7,
    name: "process posted interrupts",
    ...skylake,
    needs: ["secondary.virtualInterruptDelivery"],
  },
} as const satisfies Group;

const PRIMARY = {
  interruptWindowExiting: { bit: 2, name: "interrupt-window exiting" },
  useTscOffsetting: { bit: 3, name: "use TSC offsetting" },
  hltExiting: { bit: 7, name: "HLT exiting" },
  invlpgExiting: { bit: 9, name: "INVLPG exiting" },
  mwaitExiting: { bit: 10, name: "MWAIT exiting" },
  rdpmcExiting: { bit: 11, name: "RDPMC exiting" },
  rdtscExiting: { bit: 12, name: "RDTSC exiting" },
  cr3LoadExiting: { bit: 15, name: "CR3-load exiting" },
  cr3StoreExiting: { bit: 16, name: "CR3-store exiting" },
  activateTertiaryControls: { bit: 17, name: "activate tertiary controls", ...no },
  cr8LoadExiting: { bit: 19, name: "CR8-load exiting" },
  cr8StoreExiting: { bit: 20, name: "CR8-store exiting" },
  useTprShadow: { bit: 21, name: "use TPR shadow" },
  nmiWindowExiting: { bit: 22, name: "NMI-window exiting" },
  movDrExiting: { bit: 23, name: "MOV-DR exiting" },
  unconditionalIoExiting: { bit: 24, name: "unconditional I/O exiting" },
  useIoBitmaps: { bit: 25, name: "use I/O bitmaps" },
  monitorTrapFlag: { bit: 27, name: "monitor trap flag", ...nehalem },
  useMsrBitmaps: { bit: 28, name: "use MSR bitmaps" },
  monitorExiting: { bit: 29, name: "MONITOR exiting" },
  pauseExiting: { bit: 30, name: "PAUSE exiting" },
  activateSecondaryControls: { bit: 31, name: "activate secondary controls" },
} as const satisfies Group;

const SECONDARY = {
  virtualizeApicAccesses: { bit: 0, name: "virtualize APIC accesses" },
  enableEpt: { bit: 1, name: "enable EPT", ...nehalem },
  descriptorTableExiting: { bit: 2, name: "descriptor-table exiting", ...nehalem },
  enableRdtscp: { bit: 3, name: "enable RDTSCP", feature: "rdtscp" },
  virtualizeX2apicMode: { bit: 4, name: "virtualize x2APIC mode", ...nehalem, ...tpr },
  enableVpid: { bit: 5, name: "enable VPID", ...nehalem },
  wbinvdExiting: { bit: 6, name: "WBINVD exiting" },
  unrestrictedGuest: { bit: 7, name: "unrestricted guest", ...westmere, ...ept },
  apicRegisterVirtualization: { bit: 8, name: "APIC-register virtualization", ...skylake, ...tpr },
  virtualInterruptDelivery: { bit: 9, name: "virtual-interrupt delivery", ...skylake, ...tpr },
  pauseLoopExiting: { bit: 10, name: "PAUSE-loop exiting", ...westmere },
  rdrandExiting: { bit: 11, name: "RDRAND exiting", feature: "rdrand" },
  enableInvpcid: { bit: 12, name: "enable INVPCID", feature: "invpcid" },
  enableVmFunctions: { bit: 13, name: "enable VM functions", ...haswell },
  vmcsShadowing: { bit: 14, name: "VMCS shadowing", ...haswell },
  enclsExiting: { bit: 15, name: "enable ENCLS exiting", ...no },
  rdseedExiting: { bit: 16, name: "RDSEED exiting", feature: "rdseed" },
  enablePml: { bit: 17, name: "enable PML", ...skylake, ...ept },
  eptViolationVe: { bit: 18, name: "EPT-violation #VE", ...skylake, ...ept },
  concealVmxFromPt: { bit: 19, name: "conceal VMX from PT", ...no },
  enableXsaves: { bit: 20, name: "enable XSAVES/XRSTORS", feature: "xsaves" },
  pasidTranslation: { bit: 21, name: "PASID translation", ...no },
  modeBasedExecuteControl: { bit: 22, name: "mode-based execute control for EPT", ...skylake, ...ept },
  subPageWritePermissions: { bit: 23, name: "sub-page write permissions for EPT", ...no },
  ptUsesGuestPhysicalAddresses: { bit: 24, name: "Intel PT uses guest physical addresses", ...no },
  useTscScaling: { bit: 25, name: "use TSC scaling", ...skylake },
  enableUserWaitAndPause: { bit: 26, name: "enable user wait and pause", ...no },
  enablePconfig: { bit: 27, name: "enable PCONFIG", ...no },
  enclvExiting: { bit: 28, name: "enable ENCLV exiting", ...no },
  busLockDetection: { bit: 30, name: "VMM bus-lock detection", ...no },
  instructionTimeout: { bit: 31, name: "instruction timeout", ...no },
} as const satisfies Group;

const TERTIARY = {
  loadiwkeyExiting: { bit: 0, name: "LOADIWKEY exiting", ...no },
  enableHlat: { bit: 1, name: "enable HLAT", ...no },
  eptPagingWriteControl: { bit: 2, name: "EPT paging-write control", ...no },
  guestPagingVerification: { bit: 3, name: "guest-paging verification", ...no },
  ipiVirtualization: { bit: 4, name: "IPI virtualization", ...no },
  seamGuestPhysicalAddressWidth: { bit: 5, name: "SEAM guest-physical address width", ...no },
  enableMsrListInstructions: { bit: 6, name: "enable MSR-list instructions", ...no },
  virtualizeSpecCtrl: { bit: 7, name: "virtualize IA32_SPEC_CTRL", ...no },
} as const satisfies Group;

const EXIT = {
  saveDebugControls: { bit: 2, name: "save debug controls" },
  hostAddressSpaceSize: { bit: 9, name: "host address-space size" },
  loadPerfGlobalCtrl: { bit: 12, name: "load IA32_PERF_GLOBAL_CTRL", feature: "pmu" },
  acknowledgeInterrupt: { bit: 15, name: "acknowledge interrupt on exit" },
  savePat: { bit: 18, name: "save IA32_PAT", ...nehalem },
  loadPat: { bit: 19, name: "load IA32_PAT", ...nehalem },
  saveEfer: { bit: 20, name: "save IA32_EFER", ...nehalem },
  loadEfer: { bit: 21, name: "load IA32_EFER", ...nehalem },
  savePreemptionTimer: {
    bit: 22,
    name: "save VMX-preemption timer value",
    ...nehalem,
    needs: ["pin.activatePreemptionTimer"],
  },
  clearBndcfgs: { bit: 23, name: "clear IA32_BNDCFGS", ...no },
  concealVmxFromPt: { bit: 24, name: "conceal VMX from PT", ...no },
  clearRtitCtl: { bit: 25, name: "clear IA32_RTIT_CTL", ...no },
  clearLbrCtl: { bit: 26, name: "clear IA32_LBR_CTL", ...no },
  clearUinv: { bit: 27, name: "clear UINV", ...no },
  loadCet: { bit: 28, name: "load CET state", ...no },
  loadPkrs: { bit: 29, name: "load PKRS", ...no },
  savePerfGlobalCtrl: { bit: 30, name: "save IA32_PERF_GLOBAL_CTRL", feature: "pmu" },
  activateSecondaryControls: { bit: 31, name: "activate secondary controls", ...no },
} as const satisfies Group;

const ENTRY = {
  loadDebugControls: { bit: 2, name: "load debug controls" },
  ia32eModeGuest: { bit: 9, name: "IA-32e mode guest" },
  entryToSmm: { bit: 10, name: "entry to SMM", ...no },
  deactivateDualMonitor: { bit: 11, name: "deactivate dual-monitor treatment", ...no },
  loadPerfGlobalCtrl: { bit: 13, name: "load IA32_PERF_GLOBAL_CTRL", feature: "pmu" },
  loadPat: { bit: 14, name: "load IA32_PAT", ...nehalem },
  loadEfer: { bit: 15, name: "load IA32_EFER", ...nehalem },
  loadBndcfgs: { bit: 16, name: "load IA32_BNDCFGS", ...no },
  concealVmxFromPt: { bit: 17, name: "conceal VMX from PT", ...no },
  loadRtitCtl: { bit: 18, name: "load IA32_RTIT_CTL", ...no },
  loadUinv: { bit: 19, name: "load UINV", ...no },
  loadCet: { bit: 20, name: "load CET state", ...no },
  loadLbrCtl: { bit: 21, name: "load guest IA32_LBR_CTL", ...no },
  loadPkrs: { bit: 22, name: "load PKRS", ...no },
} as const satisfies Group;

const VM_FUNCTIONS = {
  eptpSwitching: {
    bit: 0,
    name: "EPTP switching",
    ...haswell,
    needs: ["secondary.enableVmFunctions", "secondary.enableEpt"],
  },
} as const satisfies Group;

/** Bits of IA32_VMX_EPT_VPID_CAP. */
const EPT_VPID = {
  executeOnly: { bit: 0, name: "execute-only translations", ...nehalem, ...ept },
  walkLength4: { bit: 6, name: "page-walk length of 4", ...nehalem, ...ept },
  walkLength5: { bit: 7, name: "page-walk length of 5", ...no, ...ept },
  uncacheable: { bit: 8, name: "EPT paging structures uncacheable (UC)", ...nehalem, ...ept },
  writeBack: { bit: 14, name: "EPT paging structures write-back (WB)", ...nehalem, ...ept },
  page2m: { bit: 16, name: "2-MByte pages", ...nehalem, ...ept },
  page1g: { bit: 17, name: "1-GByte pages", ...westmere, ...ept },
  invept: { bit: 20, name: "INVEPT", ...nehalem, ...ept },
  accessedDirty: { bit: 21, name: "accessed and dirty flags", ...haswell, ...ept },
  advancedExitInformation: {
    bit: 22,
    name: "advanced VM-exit information for EPT violations",
    ...no,
    ...ept,
  },
  supervisorShadowStack: { bit: 23, name: "supervisor shadow-stack control", ...no, ...ept },
  inveptSingle: { bit: 25, name: "single-context INVEPT", ...nehalem, ...ept },
  inveptAll: { bit: 26, name: "all-context INVEPT", ...nehalem, ...ept },
  invvpid: { bit: 32, name: "INVVPID", ...nehalem, ...vpid },
  invvpidAddress: { bit: 40, name: "individual-address INVVPID", ...nehalem, ...vpid },
  invvpidSingle: { bit: 41, name: "single-context INVVPID", ...nehalem, ...vpid },
  invvpidAll: { bit: 42, name: "all-context INVVPID", ...nehalem, ...vpid },
  invvpidRetainingGlobals: { bit: 43, name: "single-context-retaining-globals INVVPID", ...nehalem, ...vpid },
} as const satisfies Group;

/** Single bits of IA32_VMX_BASIC and IA32_VMX_MISC. */
const BASIC = {
  width32: { bit: 48, name: "VMX regions below 4 GiB", ...no },
  dualMonitor: { bit: 49, name: "dual-monitor treatment of SMIs and SMM", ...no },
  insOutsInformation: { bit: 54, name: "instruction information for INS and OUTS" },
  trueControls: { bit: 55, name: "default-1 controls may be 0", ...nehalem },
  injectAnyErrorCode: { bit: 56, name: "hardware exceptions with or without error code", ...no },
} as const satisfies Group;
const MISC = {
  storeLma: { bit: 5, name: "store EFER.LMA into IA-32e mode guest", ...nehalem },
  activityHlt: { bit: 6, name: "activity state HLT" },
  activityShutdown: { bit: 7, name: "activity state shutdown" },
  activityWaitForSipi: { bit: 8, name: "activity state wait-for-SIPI" },
  ptInVmx: { bit: 14, name: "Intel PT in VMX operation", ...no },
  smbaseInSmm: { bit: 15, name: "RDMSR of IA32_SMBASE in SMM", ...no },
  smmMonitorControl: { bit: 28, name: "IA32_SMM_MONITOR_CTL bit 2", ...no },
  vmwriteAnyField: { bit: 29, name: "VMWRITE to any supported field", ...haswell },
  injectZeroLength: { bit: 30, name: "injection with instruction length 0", ...skylake },
} as const satisfies Group;

type Group = Readonly<Record<string, Row>>;

export const CONTROL_GROUPS = {
  pin: PIN,
  primary: PRIMARY,
  secondary: SECONDARY,
  tertiary: TERTIARY,
  exit: EXIT,
  entry: ENTRY,
  vmfunc: VM_FUNCTIONS,
  ept: EPT_VPID,
  basic: BASIC,
  misc: MISC,
} as const;
export type ControlGroup = keyof typeof CONTROL_GROUPS;

type IdsOf<G extends ControlGroup> = `${G}.${Extract<keyof (typeof CONTROL_GROUPS)[G], string>}`;
/** A row of the table: `secondary.enableEpt`. */
export type ControlId = { [G in ControlGroup]: IdsOf<G> }[ControlGroup];

export interface ControlInfo extends Row {
  readonly id: ControlId;
  readonly group: ControlGroup;
}

/** All rows. */
export const CONTROLS: readonly ControlInfo[] = Object.entries(CONTROL_GROUPS).flatMap(([group, rows]) =>
  Object.entries(rows as Group).map(([key, row]) => ({
    ...row,
    id: `${group}.${key}` as ControlId,
    group: group as ControlGroup,
  })),
);

/** Masks of 32-bit controls by name, unsigned: `PrimaryControl.hltExiting`. */
type Masks<G extends Group> = { readonly [Key in keyof G]: number };
const masks = <G extends Group>(group: G): Masks<G> =>
  Object.fromEntries(Object.entries(group).map(([key, { bit }]) => [key, 2 ** bit])) as Masks<G>;

export const PinControl = masks(PIN);
export const PrimaryControl = masks(PRIMARY);
export const SecondaryControl = masks(SECONDARY);
export const ExitControl = masks(EXIT);
export const EntryControl = masks(ENTRY);
export const VmFunction = masks(VM_FUNCTIONS);

/** The groups whose capability MSRs tell allowed 0-settings and 1-settings. */
export type SettingsGroup = "pin" | "primary" | "secondary" | "exit" | "entry";

/** Reserved bits that are 1 (the default-1 class, appendix A.2), and those that TRUE capability MSRs allow to be 0. */
export const DEFAULT1: Readonly<
  Record<SettingsGroup, { readonly bits: number; readonly clearable: number }>
> = {
  pin: { bits: 0x16, clearable: 0 },
  primary: { bits: 0x0401_e172, clearable: PrimaryControl.cr3LoadExiting | PrimaryControl.cr3StoreExiting },
  secondary: { bits: 0, clearable: 0 },
  exit: { bits: 0x0003_6dff, clearable: ExitControl.saveDebugControls },
  entry: { bits: 0x11ff, clearable: EntryControl.loadDebugControls },
};

/**
 * The VMX-preemption timer counts when this bit of the time-stamp counter changes (IA32_VMX_MISC[4:0]). KVM wants to be
 * able to wait for 10 seconds with it.
 */
export const PREEMPTION_TIMER_RATE = 2;
/** IA32_VMX_MISC[24:16]. */
export const CR3_TARGETS = 4;
/** Entries that each MSR-load or MSR-store area may have: 512 * (1 + IA32_VMX_MISC[27:25]). */
export const MSR_LIST_SIZE = 512;
