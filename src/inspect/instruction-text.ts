/** A decoded instruction of the guest as text, in the manual's syntax: for people who look at translated code. */
import { gprNames, segmentNames } from "../cpu/names.js";
import { type Instruction, NO_REGISTER, RIP_BASE } from "../isa/instruction.js";
import type { Operand } from "../isa/operand.js";

const hex = (value: number | bigint): string =>
  value < 0 ? `-${(-value).toString(16)}h` : `${value.toString(16)}h`;

/** A general register by number and width: `al`, `r9d`. */
export function gprName(register: number, width: number): string {
  const name = gprNames[register]!;
  if (register >= 8) return name + ({ 8: "b", 16: "w", 32: "d" }[width] ?? "");
  if (width === 64) return name;
  if (width === 32) return `e${name.slice(1)}`;
  if (width === 16) return name.slice(1);
  return register < 4 ? `${name[1]}l` : `${name.slice(1)}l`;
}

function address(instruction: Instruction, vector: boolean): string {
  const { base, index, scale, displacement, addressSize, segment } = instruction;
  const parts: string[] = [];
  if (base === RIP_BASE) parts.push(addressSize === 32 ? "eip" : "rip");
  else if (base !== NO_REGISTER) parts.push(gprName(base, addressSize));
  if (index !== NO_REGISTER) {
    const name = vector ? `ymm${index}` : gprName(index, addressSize);
    parts.push(scale === 0 ? name : `${name}*${1 << scale}`);
  }
  const bare = parts.length === 0;
  let text = parts.join("+");
  if (bare) text = hex(displacement >>> 0);
  else if (displacement !== 0) text += displacement < 0 ? hex(displacement) : `+${hex(displacement)}`;
  const prefix = instruction.segmentOverride || segment > 3 ? `${segmentNames[segment]}:` : "";
  return `${prefix}[${text}]`;
}

const SIZES: Readonly<Record<number, string>> = { 8: "byte ", 16: "word ", 32: "dword ", 64: "qword " };

/** @param next page offset of the following instruction, from which branches count */
function operandText(instruction: Instruction, { kind, width }: Operand, i: number, next: number): string {
  const register = instruction.registers[i]!;
  switch (kind) {
    case "gpr":
      return gprName(register, width);
    case "gpr8h":
      return `${gprNames[register]![1]}h`;
    case "mem":
      return `${SIZES[width] ?? ""}${address(instruction, false)}`;
    case "vmem":
      return address(instruction, true);
    case "imm": {
      const first = instruction.operands.findIndex((operand) => operand.kind === "imm") === i;
      if (!first) return hex(instruction.immediate2);
      if (width !== 64) return hex(instruction.immediate);
      return hex((BigInt(instruction.immediateHigh) << 32n) | BigInt(instruction.immediate >>> 0));
    }
    case "rel": {
      const target = next + instruction.immediate;
      return target >= 0 && target < 4096 ? `.${hex(target)}` : `.${target < 0 ? "" : "+"}${hex(target)}`;
    }
    case "far":
      return `${hex(instruction.immediate2)}:${hex(instruction.immediate >>> 0)}`;
    case "seg":
      return segmentNames[register]!;
    case "st":
      return `st(${register})`;
    default:
      return `${kind}${register}`;
  }
}

/**
 * Mnemonic and operands. Targets of branches are page offsets: `.1f0h`, or, on another page, counted from the begin of
 * this one.
 */
export function instructionText(instruction: Instruction, next: number): string {
  const { form, operands, rep, lock } = instruction;
  const prefix = `${lock ? "lock " : ""}${rep === 0xf3 ? "rep " : rep === 0xf2 ? "repne " : ""}`;
  const list = operands.map((operand, i) => operandText(instruction, operand, i, next));
  return `${prefix}${form.mnemonic}${list.length === 0 ? "" : ` ${list.join(", ")}`}`;
}
