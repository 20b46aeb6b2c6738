/**
 * Addresses in the stack segment, for instructions that use the stack without PUSH and POP.
 */
import type { I32, I64 } from "../../wasm/value.js";
import { type Emit, Register } from "../emit.js";
import { Segment } from "../instruction.js";
import { STACK_MASK } from "../state.js";

const { RSP } = Register;

export const stackPointer = (x: Emit): I64 => x.readRegister(RSP, 64);

/** An offset in the stack segment, cut to the size of the stack pointer. Fixed. */
export function stackOffset(x: Emit, offset: I64): I64 {
  return x.let(x.long ? offset : offset.and(x.stateI64(STACK_MASK)));
}

/** Linear address in the stack segment for one access of the operand size. Fixed. */
export function stackAddress(x: Emit, offset: I64, access: "read" | "write"): I64 {
  return x.segmentAddress(Segment.SS, stackOffset(x, offset), access, x.operandSize / 8);
}

/** Writes the part of a register that the stack pointer's size covers. */
export function writeStackSized(x: Emit, register: number, value: I64): void {
  if (x.long) {
    x.writeRegister(register, 64, value);
    return;
  }
  const mask = x.let(x.stateI64(STACK_MASK));
  x.writeRegister(register, 64, x.readRegister(register, 64).and(mask.not()).or(value.and(mask)));
}

/**
 * Emits `use` with the host address of the top of the stack, for what is executed only where the TLB maps all the bytes
 * of the operand size there: for those who may still leave it to somebody else to read them.
 */
export function mappedStack(x: Emit, use: (host: I32) => void): void {
  const linear = stackAddress(x, stackPointer(x), "read");
  const host = x.mappedHost(linear, "read");
  const fits = linear
    .toI32()
    .and(0xfff)
    .leU(4096 - x.operandSize / 8);
  x.f.if(host.ne(0).and(fits), () => use(host));
}
