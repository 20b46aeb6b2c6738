/**
 * What a VM exit tells about the instruction that caused it: operands, in VM-exit instruction information and exit
 * qualification (SDM vol. 3, 28.2.1 and 28.2.5). The instruction is decoded again; only VM exits ask.
 */
import { DecodeResult, Decoder } from "../../isa/decode/decoder.js";
import { Instruction, NO_REGISTER, RIP_BASE } from "../../isa/instruction.js";
import { MODE, NEXT_RIP } from "../../isa/state.js";
import { codeSizeOf } from "../mode.js";
import type { VmxProcessor } from "./entry-processor.js";
import { instructionInformation, type MemoryOperand } from "./memory-operand.js";

const OPERAND_SIZE_32 = 1 << 11;
const IDENTITY_SHIFT = 28;
const OPERAND_SIZE_SHIFT = 11;

let decoder: Decoder | undefined;

/** The instruction that runs. */
export function currentInstruction(processor: VmxProcessor): Instruction {
  decoder ??= new Decoder("all");
  const bytes = processor.instructionBytes();
  const instruction = new Instruction();
  const size = codeSizeOf(processor.state.u32(MODE));
  if (decoder.decode(bytes, 0, bytes.length, size, instruction) !== DecodeResult.Ok) {
    throw new Error(
      `cannot decode the instruction that ran: ${[...bytes].map((b) => b.toString(16)).join(" ")}`,
    );
  }
  return instruction;
}

/** Number of the general register that is an operand: AH … BH count as 4 … 7. */
export function registerOperand(instruction: Instruction): number {
  const index = instruction.operands.findIndex(({ kind }) => kind === "gpr" || kind === "gpr8h");
  return index < 0 ? 0 : instruction.registers[index]!;
}

/** The memory operand, or undefined where ModRM names a register. */
export function memoryOperand(processor: VmxProcessor, instruction: Instruction): MemoryOperand | undefined {
  if (!instruction.memory) return undefined;
  const { addressSize, segment, base, index, scale } = instruction;
  const relative = base === RIP_BASE;
  const displacement = BigInt(instruction.displacement) + (relative ? processor.state.u64(NEXT_RIP) : 0n);
  return {
    addressSize,
    segment,
    base: relative ? NO_REGISTER : base,
    index,
    scale: scale as 0 | 1 | 2 | 3,
    displacement: BigInt.asUintN(addressSize === 64 ? 64 : 32, displacement),
  };
}

/** Operands of an instruction: instruction information, and the displacement for the exit qualification. */
export interface OperandReport {
  readonly information: number;
  readonly displacement: bigint;
}

/** LGDT, LIDT, SGDT and SIDT (table 28-11). @param identity 0 SGDT, 1 SIDT, 2 LGDT, 3 LIDT */
export function tableRegisterReport(processor: VmxProcessor, identity: number): OperandReport {
  const instruction = currentInstruction(processor);
  const operand = memoryOperand(processor, instruction)!;
  const size = instruction.operandSize === 16 ? 0 : OPERAND_SIZE_32;
  const information = instructionInformation(operand) | size | (identity << IDENTITY_SHIFT);
  return { information: information >>> 0, displacement: operand.displacement };
}

/** LLDT, LTR, SLDT and STR (table 28-12). @param identity 0 SLDT, 1 STR, 2 LLDT, 3 LTR */
export function systemSegmentReport(processor: VmxProcessor, identity: number): OperandReport {
  const instruction = currentInstruction(processor);
  const operand = memoryOperand(processor, instruction);
  const information = instructionInformation(operand, registerOperand(instruction));
  return {
    information: (information | (identity << IDENTITY_SHIFT)) >>> 0,
    displacement: operand?.displacement ?? 0n,
  };
}

/** INVPCID (table 28-10). */
export function invpcidReport(processor: VmxProcessor): OperandReport {
  const instruction = currentInstruction(processor);
  const operand = memoryOperand(processor, instruction)!;
  const information = instructionInformation(operand, 0, registerOperand(instruction));
  return { information, displacement: operand.displacement };
}

/** RDRAND and RDSEED (table 28-13). */
export function randomReport(processor: VmxProcessor): number {
  const instruction = currentInstruction(processor);
  const size = instruction.operandSize === 64 ? 2 : instruction.operandSize === 32 ? 1 : 0;
  return (registerOperand(instruction) << 3) | (size << OPERAND_SIZE_SHIFT);
}

/** INS and OUTS (table 28-9). @param output the segment of the memory operand is reported, too */
export function stringReport(processor: VmxProcessor, addressSize: number, output: boolean): number {
  const segment = output ? currentInstruction(processor).segment : 0;
  return ((addressSize >> 5) << 7) | (segment << 15);
}
