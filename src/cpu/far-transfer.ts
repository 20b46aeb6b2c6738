/**
 * Far JMP and CALL to code segments, TSSs and task gates; call gates are in call-gate.ts (SDM vol. 2, JMP and
 * CALL; vol. 3, 5.8 and 8.3).
 */
import { Vector } from "../isa/emit.js";
import { Control } from "../isa/helper.js";
import { SEGMENT_LIMIT } from "../isa/state.js";
import { callThroughGate, jumpThroughGate } from "./call-gate.js";
import { checkDirectTarget, checkEntryPoint, enterCode } from "./code-segment.js";
import type { CpuContext } from "./context.js";
import { SegmentIndex } from "./cpu-state.js";
import { type Descriptor, isNullSelector, rplOf, SystemType, selectorError } from "./descriptor.js";
import { readDescriptor, readSystemDescriptor } from "./descriptor-table.js";
import { Fault } from "./fault.js";
import { writeRealSegment, writeV86Segment } from "./segment-write.js";
import { StackCursor } from "./stack-cursor.js";
import { readTaskGateTarget, switchTask, type TaskSwitchSource } from "./task-switch.js";

type Kind = "jmp" | "call";

/** Real-address and virtual-8086 mode: no descriptors. */
function transferReal(context: CpuContext, selector: number, offset: bigint): void {
  const { state } = context;
  if (offset > BigInt(state.u32(SEGMENT_LIMIT + SegmentIndex.CS * 4))) throw new Fault(Vector.GP, 0);
  if (state.v86) writeV86Segment(state, SegmentIndex.CS, selector);
  else writeRealSegment(state, SegmentIndex.CS, selector);
  state.rip = offset;
}

const withoutDescriptors = (context: CpuContext): boolean =>
  !context.state.protectedMode || context.state.v86;

/** Far JMP. The offset is already cut to the operand size. */
export function farJump(context: CpuContext, selector: number, offset: bigint): number {
  if (withoutDescriptors(context)) transferReal(context, selector, offset);
  else {
    const descriptor = readTarget(context, selector);
    if (descriptor.s) {
      checkDirectTarget(context, selector, descriptor);
      const rip = checkEntryPoint(context, descriptor, offset);
      enterCode(context, selector, descriptor, context.state.cpl, rip);
    } else return transferToSystem(context, selector, descriptor, "jmp");
  }
  context.modeChanged();
  return Control.jump;
}

/** Far CALL. @param operandSize 16, 32 or 64: the size of what is pushed when no gate says otherwise */
export function farCall(context: CpuContext, selector: number, offset: bigint, operandSize: number): number {
  const { state } = context;
  const size = (operandSize / 8) as 2 | 4 | 8;
  if (withoutDescriptors(context)) {
    const stack = pushReturn(context, size);
    transferReal(context, selector, offset);
    stack.commit();
  } else {
    const descriptor = readTarget(context, selector);
    if (descriptor.s) {
      checkDirectTarget(context, selector, descriptor);
      const stack = pushReturn(context, size);
      const rip = checkEntryPoint(context, descriptor, offset);
      enterCode(context, selector, descriptor, state.cpl, rip);
      stack.commit();
    } else return transferToSystem(context, selector, descriptor, "call");
  }
  context.modeChanged();
  return Control.jump;
}

function pushReturn(context: CpuContext, size: 2 | 4 | 8): StackCursor {
  const { state } = context;
  const stack = StackCursor.current(context);
  stack.push(BigInt(state.selector(SegmentIndex.CS)), size);
  stack.push(state.nextRip, size);
  return stack;
}

function readTarget(context: CpuContext, selector: number): Descriptor {
  if (isNullSelector(selector)) throw new Fault(Vector.GP, 0);
  return readDescriptor(context, selector, Vector.GP);
}

/** Target is a gate or a TSS. A new task can have IF set or a debug trap, so the run loop looks at it first. */
function transferToSystem(context: CpuContext, selector: number, descriptor: Descriptor, kind: Kind): number {
  const { state } = context;
  const { type, dpl } = descriptor;
  const error = selectorError(selector);
  const long = state.longModeActive;
  const isCallGate = type === SystemType.callGate32 || (type === SystemType.callGate16 && !long);
  const isTaskGate = type === SystemType.taskGate && !long;
  const isTss = (type === SystemType.tss16Available || type === SystemType.tss32Available) && !long;
  if (!isCallGate && !isTaskGate && !isTss) throw new Fault(Vector.GP, error);
  if (dpl < state.cpl || dpl < rplOf(selector)) throw new Fault(Vector.GP, error);
  if (isCallGate) {
    const gate = long ? readWideGate(context, selector) : descriptor;
    if (!gate.present) throw new Fault(Vector.NP, error);
    if (kind === "jmp") jumpThroughGate(context, gate);
    else callThroughGate(context, gate);
    context.modeChanged();
    return Control.jump;
  }
  if (!descriptor.present) throw new Fault(Vector.NP, error);
  const source: TaskSwitchSource = kind === "jmp" ? "jmp" : "call";
  if (isTss) switchTask(context, selector, descriptor, source);
  else {
    const target = readTaskGateTarget(context, descriptor.gateSelector, Vector.GP, 0);
    switchTask(context, descriptor.gateSelector, target, source);
  }
  return Control.leave;
}

/** The whole of a 64-bit call gate; the type field of its upper half must be 0. */
function readWideGate(context: CpuContext, selector: number): Descriptor {
  const gate = readSystemDescriptor(context, selector, Vector.GP);
  if ((gate.last & 0x1f00) !== 0) throw new Fault(Vector.GP, selectorError(selector));
  return gate;
}
