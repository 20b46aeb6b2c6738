/** What caused a VM exit, in a few words: the exit qualification with the registers that the instruction used. */
import { VirtualRegister } from "../cpu/vmx/apic-page.js";
import { ExitReason } from "../cpu/vmx/exit-reason.js";
import { findField } from "../cpu/vmx/fields.js";
import type { ObservedExit } from "../cpu/vmx/observer.js";
import {
  APIC_ACCESS,
  bitsOf,
  CR_ACCESS,
  decodeQualification,
  describeInterruption,
  REGISTERS,
  TASK_SWITCH_SOURCE,
} from "./qualification.js";
import { hex, msrName } from "./text.js";

const [RAX, RCX, RDX, RBX] = [0, 1, 2, 3] as const;
const LOW = 0xffff_ffffn;

/** The low half of a register, or what to say where it is unknown. */
const low32 = ({ registers }: ObservedExit, register: number, prefix = ""): string =>
  registers === undefined ? "" : `${prefix}${hex(registers[register]! & LOW)}`;

const pair = ({ registers }: ObservedExit): string =>
  registers === undefined ? "" : ` = ${hex(((registers[RDX]! & LOW) << 32n) | (registers[RAX]! & LOW))}`;

const withValue = ({ registers }: ObservedExit, register: number): string =>
  registers === undefined ? REGISTERS[register]! : `${REGISTERS[register]} = ${hex(registers[register]!)}`;

function controlRegister(exit: ObservedExit): string {
  const { qualification: q } = exit;
  const access = bitsOf(q, 4, 2);
  if (access === 3) return `LMSW of ${hex(bitsOf(q, 16, 16))}`;
  const name = CR_ACCESS?.[access] ?? "";
  if (access === 2) return name;
  const register = bitsOf(q, 8, 4);
  const operand = access === 0 ? `from ${withValue(exit, register)}` : `into ${REGISTERS[register]}`;
  return `${name}${bitsOf(q, 0, 4)} ${operand}`;
}

function debugRegister(exit: ObservedExit): string {
  const { qualification: q } = exit;
  const register = bitsOf(q, 8, 4);
  return bitsOf(q, 4, 1) === 1
    ? `MOV from DR${bitsOf(q, 0, 3)} into ${REGISTERS[register]}`
    : `MOV to DR${bitsOf(q, 0, 3)} from ${withValue(exit, register)}`;
}

function port(exit: ObservedExit): string {
  const { qualification: q, registers } = exit;
  const size = bitsOf(q, 0, 3) + 1;
  const bytes = size === 1 ? "1 byte" : `${size} bytes`;
  const input = bitsOf(q, 3, 1) === 1;
  const where = `${input ? "from" : "to"} port ${hex(bitsOf(q, 16, 16))}`;
  if (bitsOf(q, 4, 1) === 1) {
    const repeated = bitsOf(q, 5, 1) === 1 ? "REP " : "";
    return `${repeated}${input ? "INS" : "OUTS"} of ${bytes} ${where}, memory at ${hex(exit.guestLinear)}`;
  }
  if (input || registers === undefined) return `${input ? "IN" : "OUT"} of ${bytes} ${where}`;
  return `OUT of ${bytes}, ${hex(BigInt.asUintN(size * 8, registers[RAX]!))}, ${where}`;
}

function msr(exit: ObservedExit): string {
  if (exit.registers === undefined) return "";
  const index = Number(exit.registers[RCX]! & LOW);
  const name = msrName(index);
  const shown = name === undefined ? `MSR ${hex(index)}` : `MSR ${hex(index)} (${name})`;
  return exit.reason === ExitReason.wrmsr ? `${shown}${pair(exit)}` : shown;
}

function eptViolation(exit: ObservedExit): string {
  const { qualification: q } = exit;
  const kinds = ["data read", "data write", "instruction fetch"].filter((_, bit) => bitsOf(q, bit, 1) === 1);
  const linear = bitsOf(q, 7, 1) === 1;
  const structure = linear && bitsOf(q, 8, 1) === 0 ? " of a paging structure" : "";
  const rights = ["R", "W", "X"].map((letter, bit) => (bitsOf(q, 3 + bit, 1) === 1 ? letter : "-")).join("");
  const page = rights === "---" ? "EPT maps no page there" : `EPT allows ${rights}`;
  const from = linear ? `, linear ${hex(exit.guestLinear)}` : "";
  return `${kinds.join(" and ")}${structure} at guest-physical ${hex(exit.guestPhysical)}${from}; ${page}`;
}

const apicRegisters = new Map<number, string>(
  Object.entries(VirtualRegister).map(([name, offset]) => [offset, name]),
);
function apicRegister(offset: number): string {
  const name = apicRegisters.get(offset);
  return name === undefined ? `offset ${hex(offset)}` : `offset ${hex(offset)} (${name})`;
}

function apicAccess({ qualification: q }: ObservedExit): string {
  const type = bitsOf(q, 12, 4);
  return `${APIC_ACCESS?.[type] ?? `access of type ${type}`} at ${apicRegister(bitsOf(q, 0, 12))}`;
}

function taskSwitch({ qualification: q }: ObservedExit): string {
  return `to TSS selector ${hex(bitsOf(q, 0, 16))} by ${TASK_SWITCH_SOURCE?.[bitsOf(q, 30, 2)]}`;
}

/** The second register operand: the field encoding of VMREAD and VMWRITE, the type of INVEPT and its like. */
const secondRegister = ({ registers, instructionInfo }: ObservedExit): bigint | undefined =>
  registers?.[instructionInfo >>> 28];

function vmcsField(exit: ObservedExit): string {
  const encoding = secondRegister(exit);
  if (encoding === undefined) return "";
  const name = encoding < 0x8000n ? findField(Number(encoding))?.name : undefined;
  return `field ${hex(encoding)} (${name ?? "no such field"})`;
}

function invalidation(exit: ObservedExit): string {
  const type = secondRegister(exit);
  return type === undefined ? "" : `type ${type}`;
}

function exception(exit: ObservedExit): string {
  const event = describeInterruption(exit.interruptionInfo, exit.interruptionError) ?? "";
  const details = decodeQualification(exit.reason, exit.qualification, exit.interruptionInfo);
  return [event, ...details.map(({ name, value }) => (value === "yes" ? name : `${name} ${value}`))].join(
    ", ",
  );
}

const CAUSES: Readonly<Record<number, (exit: ObservedExit) => string>> = {
  [ExitReason.exceptionOrNmi]: exception,
  [ExitReason.externalInterrupt]: (exit) => {
    if (exit.interruptionInfo < 0x8000_0000) return "not acknowledged";
    return `vector ${hex(exit.interruptionInfo & 0xff)}`;
  },
  [ExitReason.startupIpi]: ({ qualification }) => `vector ${hex(qualification)}`,
  [ExitReason.taskSwitch]: taskSwitch,
  [ExitReason.cpuid]: (exit) => low32(exit, RAX, "leaf ") + low32(exit, RCX, ", subleaf "),
  [ExitReason.invlpg]: ({ qualification }) => `linear address ${hex(qualification)}`,
  [ExitReason.rdpmc]: (exit) => low32(exit, RCX, "counter "),
  [ExitReason.vmcall]: (exit) =>
    exit.registers === undefined ? "" : [RAX, RBX, RCX, RDX].map((r) => withValue(exit, r)).join(", "),
  [ExitReason.vmread]: vmcsField,
  [ExitReason.vmwrite]: vmcsField,
  [ExitReason.controlRegisterAccess]: controlRegister,
  [ExitReason.movDr]: debugRegister,
  [ExitReason.ioInstruction]: port,
  [ExitReason.rdmsr]: msr,
  [ExitReason.wrmsr]: msr,
  [ExitReason.apicAccess]: apicAccess,
  [ExitReason.virtualizedEoi]: ({ qualification }) => `vector ${hex(qualification)}`,
  [ExitReason.eptViolation]: eptViolation,
  [ExitReason.eptMisconfiguration]: ({ guestPhysical }) => `at guest-physical ${hex(guestPhysical)}`,
  [ExitReason.invept]: invalidation,
  [ExitReason.invvpid]: invalidation,
  [ExitReason.invpcid]: invalidation,
  [ExitReason.xsetbv]: (exit) => {
    const register = low32(exit, RCX);
    return register === "" ? "" : `XCR ${register}${pair(exit)}`;
  },
  [ExitReason.apicWrite]: ({ qualification }) => apicRegister(bitsOf(qualification, 0, 12)),
  [ExitReason.vmfunc]: (exit) => low32(exit, RAX, "function ") + low32(exit, RCX, ", ECX = "),
};

/** One line, or nothing where the reason says everything. */
export function describeCause(exit: ObservedExit): string {
  const cause = CAUSES[exit.reason]?.(exit) ?? "";
  const vectoring = describeInterruption(exit.idtVectoringInfo, exit.idtVectoringError);
  if (vectoring === undefined) return cause;
  return `${cause}${cause === "" ? "" : ", "}while ${vectoring} was delivered`;
}
