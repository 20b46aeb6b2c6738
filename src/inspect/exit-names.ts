/** Basic exit reasons (SDM vol. 3, appendix C), under the manual's names. */
import { ExitReason } from "../cpu/vmx/exit-reason.js";
import { nearestName } from "../host/nearest-name.js";

const NAMES: Readonly<Record<number, string>> = {
  0: "exception or NMI",
  1: "external interrupt",
  2: "triple fault",
  3: "INIT signal",
  4: "start-up IPI",
  5: "I/O SMI",
  6: "other SMI",
  7: "interrupt window",
  8: "NMI window",
  9: "task switch",
  10: "CPUID",
  11: "GETSEC",
  12: "HLT",
  13: "INVD",
  14: "INVLPG",
  15: "RDPMC",
  16: "RDTSC",
  17: "RSM",
  18: "VMCALL",
  19: "VMCLEAR",
  20: "VMLAUNCH",
  21: "VMPTRLD",
  22: "VMPTRST",
  23: "VMREAD",
  24: "VMRESUME",
  25: "VMWRITE",
  26: "VMXOFF",
  27: "VMXON",
  28: "control-register access",
  29: "MOV DR",
  30: "I/O instruction",
  31: "RDMSR",
  32: "WRMSR",
  33: "VM-entry failure due to invalid guest state",
  34: "VM-entry failure due to MSR loading",
  36: "MWAIT",
  37: "monitor trap flag",
  39: "MONITOR",
  40: "PAUSE",
  41: "VM-entry failure due to machine-check event",
  43: "TPR below threshold",
  44: "APIC access",
  45: "virtualized EOI",
  46: "access to GDTR or IDTR",
  47: "access to LDTR or TR",
  48: "EPT violation",
  49: "EPT misconfiguration",
  50: "INVEPT",
  51: "RDTSCP",
  52: "VMX-preemption timer expired",
  53: "INVVPID",
  54: "WBINVD or WBNOINVD",
  55: "XSETBV",
  56: "APIC write",
  57: "RDRAND",
  58: "INVPCID",
  59: "VMFUNC",
  60: "ENCLS",
  61: "RDSEED",
  62: "page-modification log full",
  63: "XSAVES",
  64: "XRSTORS",
  65: "PCONFIG",
  66: "SPP-related event",
  67: "UMWAIT",
  68: "TPAUSE",
  69: "LOADIWKEY",
  70: "ENCLV",
  72: "ENQCMD PASID translation failure",
  73: "ENQCMDS PASID translation failure",
  74: "bus lock",
  75: "instruction timeout",
  76: "SEAMCALL",
  77: "TDCALL",
  78: "RDMSRLIST",
  79: "WRMSRLIST",
};

export const exitNames: ReadonlyMap<number, string> = new Map(
  Object.entries(NAMES).map(([reason, name]) => [Number(reason), name]),
);

/** Letters and digits only: what people write differently does not count. */
const plain = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, "");

/** Every spelling that is understood. */
const SPELLINGS: ReadonlyMap<string, number> = new Map([
  ...Object.entries(ExitReason).map(([name, reason]) => [plain(name), reason] as const),
  ...[...exitNames].map(([reason, name]) => [plain(name), reason] as const),
]);

/** The exit reason that a name, in any spelling, or a number (`48`, `30h`, `0x30`) stands for. */
export function findExitReason(text: string): number | undefined {
  const number = /^(?:0x([0-9a-f]+)|([0-9][0-9a-f]*)h|(\d+))$/i.exec(text.trim());
  if (number === null) return SPELLINGS.get(plain(text));
  const hexadecimal = number[1] ?? number[2];
  const reason = hexadecimal === undefined ? Number(number[3]) : Number.parseInt(hexadecimal, 16);
  return exitNames.has(reason) ? reason : undefined;
}

/** The name that was most likely meant. */
export const nearestExitName = (text: string): string | undefined => nearestName(text, exitNames.values());

export const exitName = (reason: number): string => NAMES[reason] ?? `exit reason ${reason}`;

/** VMX-abort indicators (SDM vol. 3, 28.7). */
const ABORTS: Readonly<Record<number, string>> = {
  1: "saving guest MSRs failed",
  2: "the host's PDPTEs are invalid",
  3: "the VMCS is corrupted",
  4: "loading host MSRs failed",
  5: "machine-check event during the VM exit",
  6: 'the guest was in IA-32e mode and "host address-space size" is 0',
};

export const abortName = (indicator: number): string => ABORTS[indicator] ?? `indicator ${indicator}`;
