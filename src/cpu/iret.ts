/** IRET, IRETD and IRETQ (SDM vol. 2, IRET; vol. 3, 6.14.3, 8.3 and 21.2.5). */
import { Register, Vector } from "../isa/emit.js";
import { Flag } from "../isa/flags.js";
import { Control } from "../isa/helper.js";
import { GPR, SEGMENT_LIMIT } from "../isa/state.js";
import { isCanonicalHigh } from "./canonical.js";
import { checkEntryPoint, enterCode, readReturnTarget } from "./code-segment.js";
import type { CpuContext } from "./context.js";
import { type CpuState, SegmentIndex } from "./cpu-state.js";
import { rplOf } from "./descriptor.js";
import { checkVirtualInterrupt } from "./entered-fault.js";
import { returnOutward } from "./far-return.js";
import { Fault } from "./fault.js";
import { continueAfterFlags, FLAGS_16, returnFlagMask, writeFlags } from "./flag-write.js";
import { carry, lowHalf } from "./halves.js";
import type { LinearMemory } from "./linear-memory.js";
import { Cr4 } from "./mmu.js";
import { writeRealSegment, writeV86Segment } from "./segment-write.js";
import { StackCursor } from "./stack-cursor.js";
import { returnFromTask } from "./task-switch.js";

const RSP = GPR + Register.RSP * 8;

/** Bits that a 32-bit IRET loads in real-address mode: all but VM, VIF and VIP. */
const REAL_FLAGS_32 = FLAGS_16 | Flag.RF | Flag.AC | Flag.ID;
/** Where 32-bit and larger flags end. */
const ALL_FLAGS = REAL_FLAGS_32 | Flag.VM | Flag.VIF | Flag.VIP;

/** @param operandSize 16, 32 or 64 */
export function interruptReturn(context: CpuContext, operandSize: number): number {
  context.intercepts?.instruction("iret");
  const { state } = context;
  const couldInterrupt = state.flag(Flag.IF);
  const wasBlocked = context.nmiBlocked;
  const { long } = state;
  // An IRET that faults unblocks NMIs too (SDM vol. 3, 6.7.1).
  context.nmiBlocked = false;
  if (!state.protectedMode) returnReal(context, operandSize);
  else if (state.longModeActive) {
    if (state.flag(Flag.NT)) throw new Fault(Vector.GP, 0);
    if (state.long) returnLong(context, operandSize);
    else returnProtected(context, operandSize);
  } else if (state.v86) returnInV86(context, operandSize);
  else if (state.flag(Flag.NT)) {
    returnFromTask(context);
    return Control.leave;
  } else returnProtected(context, operandSize);
  if (state.flag(Flag.RF)) context.debug.resumeLoaded();
  if (long && state.long) context.accessRightsChanged();
  else context.modeChanged();
  checkVirtualInterrupt(context);
  return wasBlocked ? Control.leave : continueAfterFlags(state, couldInterrupt);
}

function popFrame(stack: StackCursor, size: 2 | 4 | 8): { rip: bigint; selector: number; flags: number } {
  const rip = stack.pop(size);
  const selector = Number(stack.pop(size) & 0xffffn);
  return { rip, selector, flags: Number(stack.pop(size) & 0xffff_ffffn) };
}

function checkRealRip(state: CpuState, rip: bigint): void {
  if (rip > BigInt(state.u32(SEGMENT_LIMIT + SegmentIndex.CS * 4))) throw new Fault(Vector.GP, 0);
}

function returnReal(context: CpuContext, operandSize: number): void {
  const { state } = context;
  const stack = StackCursor.current(context);
  const { rip, selector, flags } = popFrame(stack, operandSize === 16 ? 2 : 4);
  checkRealRip(state, rip);
  writeRealSegment(state, SegmentIndex.CS, selector);
  state.rip = rip;
  stack.commit();
  writeFlags(state, flags, operandSize === 16 ? FLAGS_16 : REAL_FLAGS_32);
}

/**
 * In virtual-8086 mode IOPL is 3, or the 16-bit form works on VIF (CR4.VME), or it is the monitor's business:
 * #GP(0).
 */
function returnInV86(context: CpuContext, operandSize: number): void {
  const { state } = context;
  const virtual = state.iopl < 3;
  if (virtual && ((state.cr4 & Cr4.VME) === 0 || operandSize !== 16)) throw new Fault(Vector.GP, 0);
  const stack = StackCursor.current(context);
  const { rip, selector, flags } = popFrame(stack, operandSize === 16 ? 2 : 4);
  if (virtual && (((flags & Flag.IF) !== 0 && state.flag(Flag.VIP)) || (flags & Flag.TF) !== 0)) {
    throw new Fault(Vector.GP, 0);
  }
  checkRealRip(state, rip);
  writeV86Segment(state, SegmentIndex.CS, selector);
  state.rip = rip;
  stack.commit();
  const mask = (operandSize === 16 ? FLAGS_16 : REAL_FLAGS_32) & ~Flag.IOPL;
  if (virtual) {
    writeFlags(state, flags, mask & ~Flag.IF);
    state.setFlag(Flag.VIF, (flags & Flag.IF) !== 0);
  } else writeFlags(state, flags, mask);
}

/** Protected mode and compatibility mode. */
function returnProtected(context: CpuContext, operandSize: number): void {
  const { state } = context;
  const size = operandSize === 16 ? 2 : 4;
  const stack = StackCursor.current(context);
  const { rip, selector, flags } = popFrame(stack, size);
  if (size === 4 && (flags & Flag.VM) !== 0 && state.cpl === 0 && !state.longModeActive) {
    returnToV86(context, stack, rip, selector, flags);
    return;
  }
  const descriptor = readReturnTarget(context, selector);
  const mask = returnFlagMask(state, operandSize);
  if (rplOf(selector) === state.cpl) {
    const entry = checkEntryPoint(context, descriptor, rip);
    enterCode(context, selector, descriptor, state.cpl, entry);
    stack.commit();
  } else {
    const pointer = stack.pop(size);
    const stackSelector = Number(stack.pop(size) & 0xffffn);
    returnOutward(context, selector, descriptor, lowHalf(rip), 0, stackSelector, lowHalf(pointer), 0);
  }
  writeFlags(state, flags, mask);
}

function returnToV86(
  context: CpuContext,
  stack: StackCursor,
  rip: bigint,
  selector: number,
  flags: number,
): void {
  const { state } = context;
  const pointer = stack.pop(4);
  const popSelector = () => Number(stack.pop(4) & 0xffffn);
  const ss = popSelector();
  const es = popSelector();
  const ds = popSelector();
  const fs = popSelector();
  const gs = popSelector();
  if (rip > 0xffffn) throw new Fault(Vector.GP, 0);
  writeFlags(state, flags, ALL_FLAGS);
  for (const [index, value] of [es, selector, ss, ds, fs, gs].entries()) writeV86Segment(state, index, value);
  state.setGpr(Register.RSP, pointer);
  state.rip = rip;
  state.cpl = 3;
}

/** 64-bit mode always pops SS:RSP. */
function returnLong(context: CpuContext, operandSize: number): void {
  const { memory, state } = context;
  const bytes = operandSize >> 3;
  const rsp = state.i32(RSP);
  const rspHigh = state.i32(RSP + 4);
  if (!isCanonicalHigh(state, rspHigh) || !isCanonicalHigh(state, rspHigh + carry(rsp, bytes * 5 - 1))) {
    throw new Fault(Vector.SS, 0);
  }
  const rip = readWord(memory, rsp, rspHigh, 0, bytes);
  const ripHigh = memory.upper;
  const selector = readWord(memory, rsp, rspHigh, 1, bytes) & 0xffff;
  const flags = readWord(memory, rsp, rspHigh, 2, bytes);
  const pointer = readWord(memory, rsp, rspHigh, 3, bytes);
  const pointerHigh = memory.upper;
  const stackSelector = readWord(memory, rsp, rspHigh, 4, bytes) & 0xffff;
  const descriptor = readReturnTarget(context, selector);
  const mask = returnFlagMask(state, operandSize);
  returnOutward(context, selector, descriptor, rip, ripHigh, stackSelector, pointer, pointerHigh);
  writeFlags(state, flags, mask);
}

/** Reads word `index` of a stack, zero-extended, as `memory.readHalves` does. */
function readWord(memory: LinearMemory, low: number, high: number, index: number, bytes: number): number {
  const offset = index * bytes;
  const at = (low + offset) | 0;
  const atHigh = (high + carry(low, offset)) | 0;
  return bytes === 8
    ? memory.readHalves(at, atHigh, "current")
    : memory.readShort(at, atHigh, bytes === 4 ? 4 : 2, "current");
}
