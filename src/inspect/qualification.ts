/**
 * Exit qualifications (SDM vol. 3, 28.2.1) and interruption information (25.8.3, 25.9.2) as data: which bits mean what,
 * for each exit reason.
 */
import { ExitReason } from "../cpu/vmx/exit-reason.js";
import { hex } from "./text.js";

export interface BitField {
  readonly name: string;
  readonly low: number;
  readonly bits: number;
  /** Names of values; others are shown as numbers. A single bit without names is told where it is 1. */
  readonly values?: Readonly<Record<number, string>>;
}

const field = (name: string, low: number, bits: number, values?: BitField["values"]): BitField => ({
  name,
  low,
  bits,
  ...(values === undefined ? {} : { values }),
});
const flag = (name: string, low: number): BitField => field(name, low, 1);
const whole = (name: string): readonly BitField[] => [field(name, 0, 64)];

/** General registers in exit qualifications and instruction information, by number. */
export const REGISTERS: readonly string[] = [
  "RAX",
  "RCX",
  "RDX",
  "RBX",
  "RSP",
  "RBP",
  "RSI",
  "RDI",
  "R8",
  "R9",
  "R10",
  "R11",
  "R12",
  "R13",
  "R14",
  "R15",
];
const registerNames: BitField["values"] = { ...REGISTERS };

export const CR_ACCESS: BitField["values"] = { 0: "MOV to CR", 1: "MOV from CR", 2: "CLTS", 3: "LMSW" };
export const TASK_SWITCH_SOURCE: BitField["values"] = {
  0: "CALL",
  1: "IRET",
  2: "JMP",
  3: "task gate in IDT",
};
export const APIC_ACCESS: BitField["values"] = {
  0: "data read",
  1: "data write",
  2: "instruction fetch",
  3: "access during event delivery",
  10: "guest-physical access during event delivery",
  15: "guest-physical access for an instruction",
};

const DEBUG_BITS = [
  flag("B0", 0),
  flag("B1", 1),
  flag("B2", 2),
  flag("B3", 3),
  flag("BD", 13),
  flag("BS", 14),
  flag("RTM", 16),
];
const NMI_UNBLOCKING = flag("NMI unblocking due to IRET", 12);
const displacement = whole("displacement of the operand");

const TABLE: Readonly<Record<number, readonly BitField[]>> = {
  [ExitReason.startupIpi]: [field("vector", 0, 8)],
  [ExitReason.taskSwitch]: [field("TSS selector", 0, 16), field("source", 30, 2, TASK_SWITCH_SOURCE)],
  [ExitReason.invlpg]: whole("linear address"),
  [ExitReason.vmclear]: displacement,
  [ExitReason.vmptrld]: displacement,
  [ExitReason.vmptrst]: displacement,
  [ExitReason.vmread]: displacement,
  [ExitReason.vmwrite]: displacement,
  [ExitReason.vmxon]: displacement,
  [ExitReason.controlRegisterAccess]: [
    field("control register", 0, 4),
    field("access", 4, 2, CR_ACCESS),
    field("LMSW operand", 6, 1, { 0: "register", 1: "memory" }),
    field("register", 8, 4, registerNames),
    field("LMSW source data", 16, 16),
  ],
  [ExitReason.movDr]: [
    field("debug register", 0, 3),
    field("direction", 4, 1, { 0: "MOV to DR", 1: "MOV from DR" }),
    field("register", 8, 4, registerNames),
  ],
  [ExitReason.ioInstruction]: [
    field("size", 0, 3, { 0: "1 byte", 1: "2 bytes", 3: "4 bytes" }),
    field("direction", 3, 1, { 0: "OUT", 1: "IN" }),
    flag("string instruction", 4),
    flag("REP", 5),
    field("port operand", 6, 1, { 0: "DX", 1: "immediate" }),
    field("port", 16, 16),
  ],
  [ExitReason.entryFailureGuestState]: [
    field("cause", 0, 32, { 0: "see the rule", 2: "PDPTEs", 3: "NMI injection", 4: "VMCS link pointer" }),
  ],
  [ExitReason.entryFailureMsrLoading]: [field("entry of the MSR-load area, from 1", 0, 32)],
  [ExitReason.mwait]: [flag("address-range monitoring armed", 0)],
  [ExitReason.apicAccess]: [field("offset", 0, 12), field("access", 12, 4, APIC_ACCESS)],
  [ExitReason.virtualizedEoi]: [field("vector", 0, 8)],
  [ExitReason.gdtrOrIdtrAccess]: displacement,
  [ExitReason.ldtrOrTrAccess]: displacement,
  [ExitReason.eptViolation]: [
    flag("data read", 0),
    flag("data write", 1),
    flag("instruction fetch", 2),
    flag("readable", 3),
    flag("writable", 4),
    flag("executable", 5),
    flag("executable in user mode", 6),
    flag("guest-linear address valid", 7),
    flag("access to the translation of the linear address, not to a paging structure", 8),
    NMI_UNBLOCKING,
  ],
  [ExitReason.invept]: displacement,
  [ExitReason.invvpid]: displacement,
  [ExitReason.invpcid]: displacement,
  [ExitReason.apicWrite]: [field("offset", 0, 12)],
  [ExitReason.pageModificationLogFull]: [NMI_UNBLOCKING],
  [ExitReason.xsaves]: displacement,
  [ExitReason.xrstors]: displacement,
  [ExitReason.sppRelatedEvent]: [
    field("cause", 11, 1, { 0: "SPP miss", 1: "SPP misconfiguration" }),
    NMI_UNBLOCKING,
  ],
};

export const bitsOf = (value: bigint, low: number, bits: number): number =>
  Number((value >> BigInt(low)) & ((1n << BigInt(bits)) - 1n));

export interface DecodedField {
  readonly name: string;
  readonly value: string;
}

/** The fields of a value; bits without names of their values where they are 1. */
export function decodeBits(fields: readonly BitField[], value: bigint): readonly DecodedField[] {
  const decoded: DecodedField[] = [];
  for (const { name, low, bits, values } of fields) {
    const part = (value >> BigInt(low)) & ((1n << BigInt(bits)) - 1n);
    if (values !== undefined) decoded.push({ name, value: values[Number(part)] ?? hex(part) });
    else if (bits > 1) decoded.push({ name, value: hex(part) });
    else if (part !== 0n) decoded.push({ name, value: "yes" });
  }
  return decoded;
}

const NMI_OR_EXCEPTION = 0x8000_0000;
const isVector = (information: number, vector: number): boolean =>
  information >= NMI_OR_EXCEPTION && (information & 0xff) === vector;

/** The parts of an exit qualification. @param interruptionInfo tells which exception it was */
export function decodeQualification(
  reason: number,
  qualification: bigint,
  interruptionInfo = 0,
): readonly DecodedField[] {
  if (reason === ExitReason.exceptionOrNmi) {
    if (isVector(interruptionInfo, 14)) return decodeBits(whole("linear address"), qualification);
    if (isVector(interruptionInfo, 1)) return decodeBits(DEBUG_BITS, qualification);
  }
  const fields = TABLE[reason];
  if (fields !== undefined) return decodeBits(fields, qualification);
  return qualification === 0n ? [] : [{ name: "exit qualification", value: hex(qualification) }];
}

const EXCEPTIONS: readonly (string | undefined)[] = [
  "#DE",
  "#DB",
  "NMI",
  "#BP",
  "#OF",
  "#BR",
  "#UD",
  "#NM",
  "#DF",
  undefined,
  "#TS",
  "#NP",
  "#SS",
  "#GP",
  "#PF",
  undefined,
  "#MF",
  "#AC",
  "#MC",
  "#XM",
  "#VE",
  "#CP",
];

const INTERRUPTION_TYPES: Readonly<Record<number, (vector: number) => string>> = {
  0: (vector) => `external interrupt ${hex(vector)}`,
  2: () => "NMI",
  3: (vector) => EXCEPTIONS[vector] ?? `exception ${vector}`,
  4: (vector) => `software interrupt ${hex(vector)}`,
  5: () => "#DB of INT1",
  6: (vector) => `${EXCEPTIONS[vector] ?? `exception ${vector}`} of ${vector === 4 ? "INTO" : "INT3"}`,
  7: (vector) => (vector === 0 ? "monitor trap flag" : `other event ${vector}`),
};

/** The event of an interruption-information field, in words; undefined where it is not valid. */
export function describeInterruption(information: number, error: number): string | undefined {
  if (information < NMI_OR_EXCEPTION) return undefined;
  const type = (information >>> 8) & 7;
  const vector = information & 0xff;
  const name = INTERRUPTION_TYPES[type]?.(vector) ?? `event of type ${type}, vector ${hex(vector)}`;
  return (information & 0x800) === 0 ? name : `${name} with error code ${hex(error)}`;
}
