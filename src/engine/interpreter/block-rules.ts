/**
 * What a block of code has to know of its instructions: which bits of CR0, CR4 and XCR0 take them away, and which end
 * the block. Worked out once for each form and list of operands.
 */
import { Mode } from "../../cpu/mode.js";
import { allForms } from "../../isa/decode/decoder.js";
import { definitionOf } from "../../isa/emit.js";
import type { Feature } from "../../isa/form.js";
import { type Instruction, OPERAND_LISTS } from "../../isa/instruction.js";
import { Handler } from "./shapes.js";

/** Mnemonics after which the next instruction is not reached by falling through. */
const transfers = new Set([
  "jmp",
  "jmpf",
  "call",
  "callf",
  "ret",
  "retf",
  "iret",
  "hlt",
  "syscall",
  "sysret",
  "sysenter",
  "sysexit",
  "int",
  "int3",
  "int1",
  "into",
  "ud0",
  "ud1",
  "ud2",
  "rsm",
  "vmlaunch",
  "vmresume",
  "vmcall",
]);

const sseFeatures: ReadonlySet<Feature> = new Set<Feature>([
  "sse",
  "sse2",
  "sse3",
  "ssse3",
  "sse4_1",
  "sse4_2",
  "sse4a",
  "aes",
  "pclmulqdq",
  "sha",
  "gfni",
]);
/** SSE-encoded instructions that touch no SSE state and need no CR4.OSFXSR. */
const stateless = new Set([
  "crc32",
  "popcnt",
  "movnti",
  "lfence",
  "sfence",
  "mfence",
  "prefetcht0",
  "prefetcht1",
  "prefetcht2",
  "prefetchnta",
  "prefetchw",
  "pause",
  "clflush",
  "ldmxcsr_",
  "maskmov_",
]);
/** x87 opcodes that CR0.TS and CR0.EM do not stop. */
const waits = new Set(["fwait", "wait"]);

/** By which rule an instruction can be unavailable. */
const Gate = { none: 0, wait: 1, x87: 2, avx: 3, mmx: 4, fxsr: 5, sse: 6 } as const;
type Gate = (typeof Gate)[keyof typeof Gate];

function findGate({ form, operands }: Instruction): Gate {
  const { mnemonic, feature } = form;
  if (waits.has(mnemonic)) return Gate.wait;
  if (feature === "x87") return Gate.x87;
  if (form.vex) {
    const vector = operands.some((o) => o.kind === "xmm" || o.kind === "ymm");
    return vector || mnemonic.startsWith("vzero") || mnemonic.endsWith("mxcsr") ? Gate.avx : Gate.none;
  }
  if (feature === "fxsr") return Gate.fxsr;
  if (feature === "mmx" || operands.some((o) => o.kind === "mm")) return Gate.mmx;
  return sseFeatures.has(feature) && !stateless.has(mnemonic) ? Gate.sse : Gate.none;
}

function findEnd({ form, operands }: Instruction): boolean {
  const { mnemonic } = form;
  const target = operands[0]?.kind;
  // Loading a segment, control or debug register can change how the following bytes decode.
  if (target === "seg" || target === "cr" || target === "dr") return mnemonic !== "push";
  return transfers.has(mnemonic) || definitionOf(mnemonic)?.endsBlock === true;
}

/** Of each form and list of operands: {@link Gate}, and these; 0 while it is not known. */
const facts = new Uint8Array(allForms.length * OPERAND_LISTS);
const KNOWN = 0x80;
const ENDS = 0x40;

function factsOf(instruction: Instruction): number {
  const at = instruction.form.id * OPERAND_LISTS + instruction.list;
  const known = facts[at]!;
  if (known !== 0) return known;
  const found = KNOWN | findGate(instruction) | (findEnd(instruction) ? ENDS : 0);
  facts[at] = found;
  return found;
}

export const gateOf = (instruction: Instruction): number => factsOf(instruction) & ~(KNOWN | ENDS);
export const endsBlock = (instruction: Instruction): boolean => (factsOf(instruction) & ENDS) !== 0;

/** The handler for #UD or #NM because of CR0.EM, CR0.TS, CR4.OSFXSR, CR4.OSXSAVE or XCR0, or 0 (SDM vol. 3, 2.5, 13.1; vol. 2, tables of exceptions). */
export function unavailable(gate: number, mode: number): number {
  switch (gate) {
    case Gate.wait:
      return (mode & (Mode.MP | Mode.TS)) === (Mode.MP | Mode.TS) ? Handler.notAvailable : 0;
    case Gate.x87:
    case Gate.fxsr:
      return mode & (Mode.EM | Mode.TS) ? Handler.notAvailable : 0;
    case Gate.avx:
      if ((mode & Mode.AVX) === 0) return Handler.invalid;
      return mode & Mode.TS ? Handler.notAvailable : 0;
    case Gate.mmx:
      if (mode & Mode.EM) return Handler.invalid;
      return mode & Mode.TS ? Handler.notAvailable : 0;
    case Gate.sse:
      if (mode & Mode.EM || (mode & Mode.OSFXSR) === 0) return Handler.invalid;
      return mode & Mode.TS ? Handler.notAvailable : 0;
    default:
      return 0;
  }
}
