/**
 * INS and OUTS, with REP (SDM vol. 2). Each iteration is complete in itself: registers are written after it,
 * so that a fault in the middle of a repetition resumes at the element that faulted.
 */
import { Register } from "../isa/emit.js";
import { Flag } from "../isa/flags.js";
import { Control } from "../isa/helper.js";
import type { CpuContext } from "./context.js";
import { SegmentIndex } from "./cpu-state.js";
import { type PortSize, requirePort } from "./port-access.js";
import { segmentLinear } from "./segment-access.js";

/** Iterations after which a repetition lets the run loop look for interrupts. */
const BATCH = 256;

type AddressSize = 16 | 32 | 64;

/** Part of a general register that the address size uses. */
function addressRegister(context: CpuContext, register: number, size: AddressSize): bigint {
  return BigInt.asUintN(size, context.state.gpr(register));
}

function setAddressRegister(context: CpuContext, register: number, size: AddressSize, value: bigint): void {
  const { state } = context;
  const cut = BigInt.asUintN(size, value);
  if (size === 16) state.setGpr(register, (state.gpr(register) & ~0xffffn) | cut);
  else state.setGpr(register, cut);
}

/** One element. Returns after the pointer register has moved. */
function transfer(
  context: CpuContext,
  write: boolean,
  size: PortSize,
  addressSize: AddressSize,
  segment: number,
  rep: boolean,
): void {
  const { memory, state } = context;
  const port = state.gpr32(Register.RDX) & 0xffff;
  requirePort(context, port, size);
  const pointer = write ? Register.RSI : Register.RDI;
  const offset = addressRegister(context, pointer, addressSize);
  const linear = segmentLinear(context, segment, offset, size, !write);
  if (context.intercepts !== undefined) {
    const string = { rep, addressSize, segment, linear };
    context.intercepts.port({ port, size, write, immediate: false, string });
  }
  if (write) {
    const value = memory.read(linear, size);
    context.debug.dataBreakpoint(linear, size, false);
    context.debug.portBreakpoint(port, size);
    context.ports.write(port, size, Number(value));
  } else {
    // The port is read once: the memory must be known to be writable before.
    memory.probeWrite(linear, size);
    context.debug.dataBreakpoint(linear, size, true);
    context.debug.portBreakpoint(port, size);
    memory.write(linear, size, BigInt(context.ports.read(port, size)));
  }
  const step = BigInt(state.flag(Flag.DF) ? -size : size);
  setAddressRegister(context, pointer, addressSize, offset + step);
}

/**
 * @param segment of the memory operand: ES for INS
 * @param rep a REP prefix: (E/R)CX counts
 */
export function portString(
  context: CpuContext,
  write: boolean,
  size: PortSize,
  addressSize: AddressSize,
  segment: number,
  rep: boolean,
): number {
  const from = write ? segment : SegmentIndex.ES;
  if (!rep) {
    transfer(context, write, size, addressSize, from, false);
    return Control.next;
  }
  for (let i = 0; i < BATCH; i++) {
    const count = addressRegister(context, Register.RCX, addressSize);
    if (count === 0n) return Control.next;
    transfer(context, write, size, addressSize, from, true);
    setAddressRegister(context, Register.RCX, addressSize, count - 1n);
    if (context.debug.hasPending) break;
  }
  // The rest begins as a new execution of the same instruction.
  return addressRegister(context, Register.RCX, addressSize) === 0n ? Control.next : Control.leave;
}
