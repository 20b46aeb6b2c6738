/** RETF: to the same and to an outer privilege level (SDM vol. 2, RET; vol. 3, 5.8.6). */
import { Register, Vector } from "../isa/emit.js";
import { Control } from "../isa/helper.js";
import { GPR, SEGMENT_LIMIT } from "../isa/state.js";
import { isCanonicalHigh } from "./canonical.js";
import { checkEntryPoint, enterCode, enterLongCode, isLongCode, readReturnTarget } from "./code-segment.js";
import type { CpuContext } from "./context.js";
import { SegmentIndex } from "./cpu-state.js";
import { type Descriptor, rplOf } from "./descriptor.js";
import { Fault } from "./fault.js";
import { carry, highHalf, join, lowHalf } from "./halves.js";
import { checkStackSelector } from "./segment-load.js";
import {
  dropInnerSegments,
  writeFromDescriptor,
  writeNullSegment,
  writeRealSegment,
  writeV86Segment,
} from "./segment-write.js";
import { StackCursor, stackSegmentOf } from "./stack-cursor.js";

const RSP = GPR + Register.RSP * 8;

/**
 * @param release bytes of parameters that the immediate releases
 * @param operandSize 16, 32 or 64
 */
export function farReturn(context: CpuContext, release: number, operandSize: number): number {
  const { state } = context;
  const size = (operandSize / 8) as 2 | 4 | 8;
  const stack = StackCursor.current(context);
  const rip = stack.pop(size);
  const selector = Number(stack.pop(size) & 0xffffn);
  stack.skip(release);
  if (!state.protectedMode || state.v86) {
    if (rip > BigInt(state.u32(SEGMENT_LIMIT + SegmentIndex.CS * 4))) throw new Fault(Vector.GP, 0);
    if (state.v86) writeV86Segment(state, SegmentIndex.CS, selector);
    else writeRealSegment(state, SegmentIndex.CS, selector);
    state.rip = rip;
    stack.commit();
  } else {
    const descriptor = readReturnTarget(context, selector);
    const rpl = rplOf(selector);
    if (rpl === state.cpl) {
      const entry = checkEntryPoint(context, descriptor, rip);
      enterCode(context, selector, descriptor, rpl, entry);
      stack.commit();
    } else {
      const pointer = stack.pop(size);
      const stackSelector = Number(stack.pop(size) & 0xffffn);
      const [low, high] = [lowHalf(rip), highHalf(rip)];
      const [top, topHigh] = [lowHalf(pointer), highHalf(pointer)];
      returnOutward(context, selector, descriptor, low, high, stackSelector, top, topHigh, release);
    }
  }
  context.modeChanged();
  return Control.jump;
}

/**
 * Shared by RETF and IRET: loads CS:RIP and SS:RSP of a less privileged level (or, in 64-bit mode, of the same).
 * @param rip bits 31:0
 * @param pointer bits 31:0 of the new stack pointer
 */
export function returnOutward(
  context: CpuContext,
  selector: number,
  descriptor: Descriptor,
  rip: number,
  ripHigh: number,
  stackSelector: number,
  pointer: number,
  pointerHigh: number,
  release = 0,
): void {
  const { state } = context;
  const rpl = rplOf(selector);
  const outward = rpl > state.cpl;
  const long = isLongCode(context, descriptor);
  const stackDescriptor = checkStackSelector(context, stackSelector, rpl, long);
  if (long) {
    if (!isCanonicalHigh(state, ripHigh)) throw new Fault(Vector.GP, 0);
    enterLongCode(context, selector, descriptor, rpl, rip, ripHigh);
  } else {
    const entry = checkEntryPoint(context, descriptor, join(rip, ripHigh));
    enterCode(context, selector, descriptor, rpl, entry);
  }
  if (stackDescriptor === undefined) writeNullSegment(state, SegmentIndex.SS, stackSelector, rpl);
  else writeFromDescriptor(state, SegmentIndex.SS, stackSelector, stackDescriptor);
  if (long) state.setHalves(RSP, pointer + release, pointerHigh + carry(pointer, release));
  else {
    const top = join(pointer, pointerHigh);
    const stack = new StackCursor(context, stackSegmentOf(stackDescriptor!), top, "current", 0);
    stack.skip(release);
    // With a 16-bit stack only SP is loaded; the rest of ESP keeps the inner stack's bits, as on hardware.
    stack.commit();
  }
  if (outward) dropInnerSegments(state, rpl);
}
