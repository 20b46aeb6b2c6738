/**
 * Delivery of an event through the IDT in protected and virtual-8086 mode (SDM vol. 2, "INT n"; vol. 3, 6.11,
 * 6.12 and 20.2.1).
 */
import { Register, Vector } from "../isa/emit.js";
import { Flag } from "../isa/flags.js";
import { IDTR_BASE, IDTR_LIMIT } from "../isa/state.js";
import { checkEntryPoint, enterCode } from "./code-segment.js";
import type { CpuContext } from "./context.js";
import { Rights, SegmentIndex } from "./cpu-state.js";
import { type Descriptor, isNullSelector, SystemType, selectorError } from "./descriptor.js";
import { readDescriptor, readDescriptorAt } from "./descriptor-table.js";
import { type CpuEvent, checksGatePrivilege, externalBit } from "./event.js";
import { Fault } from "./fault.js";
import { enterInnerStack, innerStack } from "./inner-stack.js";
import { writeSegment } from "./segment-write.js";
import { StackCursor } from "./stack-cursor.js";
import { readTaskGateTarget, switchTask } from "./task-switch.js";

const ERROR_IDT = 2;
/** Bit 3 of a gate's type: 32 bits. */
const GATE_32BIT = 8;
const GATE_TYPES =
  (1 << SystemType.taskGate) |
  (1 << SystemType.interruptGate16) |
  (1 << SystemType.trapGate16) |
  (1 << SystemType.interruptGate32) |
  (1 << SystemType.trapGate32);

export function deliverProtected(context: CpuContext, event: CpuEvent): void {
  const { state } = context;
  const external = externalBit(event);
  const idtError = event.vector * 8 + ERROR_IDT + external;
  if (event.vector * 8 + 7 > state.u32(IDTR_LIMIT)) throw new Fault(Vector.GP, idtError);
  const gate = readDescriptorAt(context, IDTR_BASE, event.vector * 8);
  if (gate.s || ((GATE_TYPES >>> gate.type) & 1) === 0) throw new Fault(Vector.GP, idtError);
  if (checksGatePrivilege(event) && gate.dpl < state.cpl) throw new Fault(Vector.GP, idtError);
  if (!gate.present) throw new Fault(Vector.NP, idtError);
  if (gate.type === SystemType.taskGate) {
    const target = readTaskGateTarget(context, gate.gateSelector, Vector.GP, external);
    switchTask(context, gate.gateSelector, target, "interrupt", event);
  } else throughGate(context, event, gate, external);
}

function throughGate(context: CpuContext, event: CpuEvent, gate: Descriptor, external: number): void {
  const { state } = context;
  const selector = gate.gateSelector;
  if (isNullSelector(selector)) throw new Fault(Vector.GP, external);
  const code = readDescriptor(context, selector, Vector.GP, external);
  const error = selectorError(selector, external);
  if (!code.isCode || code.dpl > state.cpl) throw new Fault(Vector.GP, error);
  if (!code.present) throw new Fault(Vector.NP, error);
  const inner = !code.isConformingCode && code.dpl < state.cpl;
  if (state.v86 && (!inner || code.dpl !== 0)) throw new Fault(Vector.GP, error);

  const size = (gate.type & GATE_32BIT) !== 0 ? 4 : 2;
  if (inner) toInner(context, event, gate, code, size, external);
  else {
    const stack = StackCursor.current(context, external);
    pushFrame(context, event, stack, size);
    const rip = checkEntryPoint(context, code, BigInt(gate.gateOffset), external);
    enterCode(context, selector, code, state.cpl, rip);
    stack.commit();
  }
  const cleared = Flag.TF | Flag.NT | Flag.RF | Flag.VM;
  state.setFlag((gate.type & 1) === 0 ? cleared | Flag.IF : cleared, false);
}

function pushFrame(context: CpuContext, event: CpuEvent, stack: StackCursor, size: 2 | 4): void {
  const { state } = context;
  stack.push(BigInt((state.rflags | (event.resume ? Flag.RF : 0)) >>> 0), size);
  stack.push(BigInt(state.selector(SegmentIndex.CS)), size);
  stack.push(event.returnRip, size);
  if (event.error !== undefined) stack.push(BigInt(event.error >>> 0), size);
}

/** To an inner privilege level: new stack, and out of virtual-8086 mode also the data segments. */
function toInner(
  context: CpuContext,
  event: CpuEvent,
  gate: Descriptor,
  code: Descriptor,
  size: 2 | 4,
  external: number,
): void {
  const { state } = context;
  const cpl = code.dpl;
  const fromV86 = state.v86;
  const stack = innerStack(context, cpl, external);
  const { cursor } = stack;
  if (fromV86) {
    for (const index of [SegmentIndex.GS, SegmentIndex.FS, SegmentIndex.DS, SegmentIndex.ES]) {
      cursor.push(BigInt(state.selector(index)), size);
    }
  }
  cursor.push(BigInt(state.selector(SegmentIndex.SS)), size);
  cursor.push(state.gpr(Register.RSP), size);
  pushFrame(context, event, cursor, size);
  const rip = checkEntryPoint(context, code, BigInt(gate.gateOffset), external);
  enterCode(context, gate.gateSelector, code, cpl, rip);
  enterInnerStack(state, stack);
  if (fromV86) {
    for (const index of [SegmentIndex.ES, SegmentIndex.DS, SegmentIndex.FS, SegmentIndex.GS]) {
      writeSegment(state, index, 0, 0, 0, Rights.unusable);
    }
  }
}
