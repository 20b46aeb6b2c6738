/**
 * The segments of a task that has just been switched to. Wrong selectors are #TS, absent segments #NP or #SS
 * (SDM vol. 3, 8.3, table 8-1).
 */
import { Vector } from "../isa/emit.js";
import { Flag } from "../isa/flags.js";
import type { CpuContext } from "./context.js";
import { SegmentIndex } from "./cpu-state.js";
import { isNullSelector, rplOf, selectorError } from "./descriptor.js";
import { readDescriptor, setAccessed } from "./descriptor-table.js";
import { Fault } from "./fault.js";
import { checkStackSelector } from "./segment-load.js";
import { writeFromDescriptor, writeNullSegment, writeV86Segment } from "./segment-write.js";
import { loadLdt } from "./system-segment.js";
import type { TaskState } from "./tss.js";

const DATA = [SegmentIndex.ES, SegmentIndex.DS, SegmentIndex.FS, SegmentIndex.GS] as const;

export function loadTaskSegments(context: CpuContext, task: TaskState, external: number): void {
  const { state } = context;
  const selector = (index: number) => task.segments[index]!;
  loadLdt(context, task.ldt, Vector.TS, Vector.TS, external);
  if ((task.eflags & Flag.VM) !== 0) {
    for (let index = 0; index < 6; index++) writeV86Segment(state, index, selector(index));
    return;
  }
  loadCode(context, selector(SegmentIndex.CS), external);
  const ss = selector(SegmentIndex.SS);
  const stack = checkStackSelector(context, ss, state.cpl, false, Vector.TS, external);
  writeFromDescriptor(state, SegmentIndex.SS, ss, stack!);
  for (const index of DATA) loadData(context, index, selector(index), external);
}

function loadCode(context: CpuContext, selector: number, external: number): void {
  const error = selectorError(selector, external);
  if (isNullSelector(selector)) throw new Fault(Vector.TS, external);
  const descriptor = readDescriptor(context, selector, Vector.TS, external);
  const rpl = rplOf(selector);
  const allowed =
    descriptor.isCode && (descriptor.isConformingCode ? descriptor.dpl <= rpl : descriptor.dpl === rpl);
  if (!allowed) throw new Fault(Vector.TS, error);
  if (!descriptor.present) throw new Fault(Vector.NP, error);
  setAccessed(context, descriptor);
  writeFromDescriptor(context.state, SegmentIndex.CS, selector, descriptor);
}

function loadData(context: CpuContext, index: number, selector: number, external: number): void {
  const { state } = context;
  if (isNullSelector(selector)) {
    writeNullSegment(state, index, selector, state.cpl);
    return;
  }
  const descriptor = readDescriptor(context, selector, Vector.TS, external);
  const { dpl } = descriptor;
  const allowed =
    descriptor.isReadable && (descriptor.isConformingCode || (state.cpl <= dpl && rplOf(selector) <= dpl));
  if (!allowed) throw new Fault(Vector.TS, selectorError(selector, external));
  if (!descriptor.present) throw new Fault(Vector.NP, selectorError(selector, external));
  setAccessed(context, descriptor);
  writeFromDescriptor(state, index, selector, descriptor);
}
