/**
 * Call gates (SDM vol. 3, 5.8.3-5.8.5): entering more privileged code by CALL, with a new stack and copied
 * parameters, or code of the same privilege by CALL or JMP.
 */
import { Register, Vector } from "../isa/emit.js";
import { checkEntryPoint, enterCode } from "./code-segment.js";
import type { CpuContext } from "./context.js";
import { SegmentIndex } from "./cpu-state.js";
import { type Descriptor, isNullSelector, selectorError } from "./descriptor.js";
import { readDescriptor } from "./descriptor-table.js";
import { Fault } from "./fault.js";
import { enterInnerStack, innerStack, innerStackPointer } from "./inner-stack.js";
import { writeNullSegment } from "./segment-write.js";
import { privilegeOf, StackCursor } from "./stack-cursor.js";

interface GateTarget {
  readonly selector: number;
  readonly descriptor: Descriptor;
  readonly rip: bigint;
}

/** The code segment behind a gate, before the entry point is checked. */
function readGateTarget(context: CpuContext, gate: Descriptor): Descriptor {
  const selector = gate.gateSelector;
  if (isNullSelector(selector)) throw new Fault(Vector.GP, 0);
  const descriptor = readDescriptor(context, selector, Vector.GP);
  const error = selectorError(selector);
  if (!descriptor.isCode || descriptor.dpl > context.state.cpl) throw new Fault(Vector.GP, error);
  if (context.state.longModeActive && (!descriptor.l || descriptor.db)) throw new Fault(Vector.GP, error);
  if (!descriptor.present) throw new Fault(Vector.NP, error);
  return descriptor;
}

function entryOf(context: CpuContext, gate: Descriptor, descriptor: Descriptor): GateTarget {
  const offset = context.state.longModeActive ? gate.gateOffset64 : BigInt(gate.gateOffset);
  return { selector: gate.gateSelector, descriptor, rip: checkEntryPoint(context, descriptor, offset) };
}

/** JMP through a gate never changes the privilege. */
export function jumpThroughGate(context: CpuContext, gate: Descriptor): void {
  const { cpl } = context.state;
  const descriptor = readGateTarget(context, gate);
  if (!descriptor.isConformingCode && descriptor.dpl !== cpl) {
    throw new Fault(Vector.GP, selectorError(gate.gateSelector));
  }
  const { selector, rip } = entryOf(context, gate, descriptor);
  enterCode(context, selector, descriptor, cpl, rip);
}

export function callThroughGate(context: CpuContext, gate: Descriptor): void {
  const { state } = context;
  const descriptor = readGateTarget(context, gate);
  const size = state.longModeActive ? 8 : (gate.type & 8) !== 0 ? 4 : 2;
  if (!descriptor.isConformingCode && descriptor.dpl < state.cpl) callInner(context, gate, descriptor, size);
  else {
    const stack = state.longModeActive
      ? new StackCursor(context, undefined, state.gpr(Register.RSP), "current", 0)
      : StackCursor.current(context);
    stack.push(BigInt(state.selector(SegmentIndex.CS)), size);
    stack.push(state.nextRip, size);
    const { selector, rip } = entryOf(context, gate, descriptor);
    enterCode(context, selector, descriptor, state.cpl, rip);
    stack.commit();
  }
}

function callInner(context: CpuContext, gate: Descriptor, descriptor: Descriptor, size: 2 | 4 | 8): void {
  const { state } = context;
  const cpl = descriptor.dpl;
  const oldCs = BigInt(state.selector(SegmentIndex.CS));
  const oldSs = BigInt(state.selector(SegmentIndex.SS));
  const oldRsp = state.gpr(Register.RSP);
  if (state.longModeActive) {
    const pointer = innerStackPointer(context, cpl, 0, 0);
    const stack = new StackCursor(context, undefined, pointer, privilegeOf(cpl), 0);
    for (const value of [oldSs, oldRsp, oldCs, state.nextRip]) stack.push(value, 8);
    const { selector, rip } = entryOf(context, gate, descriptor);
    enterCode(context, selector, descriptor, cpl, rip);
    writeNullSegment(state, SegmentIndex.SS, cpl, cpl);
    stack.commit();
    return;
  }
  const inner = innerStack(context, cpl, 0);
  const stack = inner.cursor;
  stack.push(oldSs, size);
  stack.push(oldRsp, size);
  const old = StackCursor.current(context);
  const width = size as 2 | 4;
  for (let i = gate.parameterCount - 1; i >= 0; i--) stack.push(old.peek(width, i * width), width);
  stack.push(oldCs, size);
  stack.push(state.nextRip, size);
  const { selector, rip } = entryOf(context, gate, descriptor);
  enterCode(context, selector, descriptor, cpl, rip);
  enterInnerStack(state, inner);
}
