/** A VMCS for people: its fields by the manual's names, controls and information fields in words. */
import type { VmxCapabilities } from "../cpu/vmx/capabilities.js";
import { CONTROLS, type ControlGroup } from "../cpu/vmx/controls.js";
import { VM_ERROR_TEXT, type VmError } from "../cpu/vmx/errors.js";
import { type FieldType, VMCS_FIELDS, type VmcsFieldInfo, type VmcsFieldName } from "../cpu/vmx/fields.js";
import type { Vmcs } from "../cpu/vmx/vmcs.js";
import { exitName } from "./exit-names.js";
import { decodeQualification, describeInterruption } from "./qualification.js";
import { hex, table } from "./text.js";

const TITLES: Readonly<Record<FieldType, string>> = {
  control: "control fields",
  data: "VM-exit information",
  guest: "guest state",
  host: "host state",
};

type Read = (key: VmcsFieldName) => bigint;
type InWords = (value: bigint, read: Read) => string | undefined;

/** The names of the controls that are 1. */
const controls =
  (group: ControlGroup): InWords =>
  (value) =>
    CONTROLS.filter((row) => row.group === group && ((value >> BigInt(row.bit)) & 1n) !== 0n)
      .map(({ name }) => name)
      .join(", ");

const interruption =
  (error: VmcsFieldName): InWords =>
  (value, read) =>
    describeInterruption(Number(value), Number(read(error))) ?? "not valid";

const bits =
  (names: Readonly<Record<number, string>>): InWords =>
  (value) =>
    Object.entries(names)
      .filter(([bit]) => ((value >> BigInt(bit)) & 1n) !== 0n)
      .map(([, name]) => name)
      .join(", ");

const one =
  (names: Readonly<Record<number, string>>): InWords =>
  (value) =>
    names[Number(value)];

const CR0 = bits({
  0: "PE",
  1: "MP",
  2: "EM",
  3: "TS",
  4: "ET",
  5: "NE",
  16: "WP",
  18: "AM",
  29: "NW",
  30: "CD",
  31: "PG",
});
const CR4 = bits({
  0: "VME",
  1: "PVI",
  2: "TSD",
  3: "DE",
  4: "PSE",
  5: "PAE",
  6: "MCE",
  7: "PGE",
  8: "PCE",
  9: "OSFXSR",
  10: "OSXMMEXCPT",
  11: "UMIP",
  13: "VMXE",
  14: "SMXE",
  16: "FSGSBASE",
  17: "PCIDE",
  18: "OSXSAVE",
  20: "SMEP",
  21: "SMAP",
});
const EFER = bits({ 0: "SCE", 8: "LME", 10: "LMA", 11: "NXE" });
const RFLAGS = bits({
  0: "CF",
  2: "PF",
  4: "AF",
  6: "ZF",
  7: "SF",
  8: "TF",
  9: "IF",
  10: "DF",
  11: "OF",
  14: "NT",
  16: "RF",
  17: "VM",
  18: "AC",
  19: "VIF",
  20: "VIP",
  21: "ID",
});
const EXCEPTIONS = bits({
  0: "#DE",
  1: "#DB",
  3: "#BP",
  4: "#OF",
  5: "#BR",
  6: "#UD",
  7: "#NM",
  8: "#DF",
  10: "#TS",
  11: "#NP",
  12: "#SS",
  13: "#GP",
  14: "#PF",
  16: "#MF",
  17: "#AC",
  18: "#MC",
  19: "#XM",
  20: "#VE",
});

const eptPointer: InWords = (value) => {
  if (value === 0n) return undefined;
  const type = value & 7n;
  const memory = type === 6n ? "WB" : type === 0n ? "UC" : `memory type ${type}`;
  const flags = (value & 0x40n) === 0n ? "" : ", accessed and dirty flags";
  return `${memory}, page-walk length ${((value >> 3n) & 7n) + 1n}${flags}`;
};

const qualification: InWords = (value, read) => {
  const reason = Number(read("EXIT_REASON") & 0xffffn);
  const parts = decodeQualification(reason, value, Number(read("EXIT_INTERRUPTION_INFO")));
  return parts.map((part) => (part.value === "yes" ? part.name : `${part.name}: ${part.value}`)).join(", ");
};

const exitReason: InWords = (value) =>
  `${exitName(Number(value & 0xffffn))}${(value & 0x8000_0000n) === 0n ? "" : ", the VM entry failed"}`;

const IN_WORDS: Partial<Record<VmcsFieldName, InWords>> = {
  PIN_CONTROLS: controls("pin"),
  PRIMARY_CONTROLS: controls("primary"),
  SECONDARY_CONTROLS: controls("secondary"),
  EXIT_CONTROLS: controls("exit"),
  ENTRY_CONTROLS: controls("entry"),
  VM_FUNCTION_CONTROLS: controls("vmfunc"),
  EXCEPTION_BITMAP: EXCEPTIONS,
  EPT_POINTER: eptPointer,
  CR0_GUEST_HOST_MASK: CR0,
  CR0_READ_SHADOW: CR0,
  CR4_GUEST_HOST_MASK: CR4,
  CR4_READ_SHADOW: CR4,
  ENTRY_INTERRUPTION_INFO: interruption("ENTRY_EXCEPTION_ERROR_CODE"),
  INSTRUCTION_ERROR: (value) => VM_ERROR_TEXT[Number(value) as VmError] as string | undefined,
  EXIT_REASON: exitReason,
  EXIT_QUALIFICATION: qualification,
  EXIT_INTERRUPTION_INFO: interruption("EXIT_INTERRUPTION_ERROR_CODE"),
  IDT_VECTORING_INFO: interruption("IDT_VECTORING_ERROR_CODE"),
  GUEST_INTERRUPTIBILITY_STATE: bits({
    0: "blocking by STI",
    1: "blocking by MOV SS",
    2: "blocking by SMI",
    3: "blocking by NMI",
  }),
  GUEST_ACTIVITY_STATE: one({ 0: "active", 1: "HLT", 2: "shutdown", 3: "wait-for-SIPI" }),
  GUEST_PENDING_DEBUG_EXCEPTIONS: bits({
    0: "B0",
    1: "B1",
    2: "B2",
    3: "B3",
    12: "enabled breakpoint",
    14: "BS",
  }),
  GUEST_CR0: CR0,
  GUEST_CR4: CR4,
  GUEST_EFER: EFER,
  GUEST_RFLAGS: RFLAGS,
  HOST_CR0: CR0,
  HOST_CR4: CR4,
  HOST_EFER: EFER,
};

/** The manual's names and VMREAD's are both searched. */
function matches({ name, key }: VmcsFieldInfo, words: string): boolean {
  const wanted = words.toLowerCase();
  return name.toLowerCase().includes(wanted) || key.toLowerCase().includes(wanted);
}

/** The fields that the processor has, grouped as in appendix B. @param words only fields whose name contains them */
export function vmcsLines(vmcs: Vmcs, capabilities: VmxCapabilities, words = ""): string[] {
  const read: Read = (key) => vmcs.read(VMCS_FIELDS.find((field) => field.key === key)!.encoding);
  const lines: string[] = [];
  for (const [type, title] of Object.entries(TITLES)) {
    const fields = VMCS_FIELDS.filter(
      (field) => field.type === type && capabilities.fieldExists(field.encoding) && matches(field, words),
    );
    if (fields.length === 0) continue;
    const rows = fields.map((field) => {
      const value = vmcs.read(field.encoding);
      return [field.name, hex(value), IN_WORDS[field.key]?.(value, read) ?? ""];
    });
    lines.push(title, ...table(rows).map((line) => `  ${line}`));
  }
  return lines;
}
