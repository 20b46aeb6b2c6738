/**
 * Loading ES, SS, DS, FS and GS: MOV, POP and the LxS instructions (SDM vol. 2, "MOV"; vol. 3, 5.6, 5.7 and
 * 3.4.2 for 64-bit mode).
 */
import { Vector } from "../isa/emit.js";
import { Control } from "../isa/helper.js";
import { NULL_CLEARS_BASE, SHADOW } from "../isa/state.js";
import type { CpuContext } from "./context.js";
import { SegmentIndex } from "./cpu-state.js";
import { type Descriptor, isNullSelector, rplOf, selectorError } from "./descriptor.js";
import { readDescriptor, setAccessed } from "./descriptor-table.js";
import { Fault } from "./fault.js";
import { writeFromDescriptor, writeNullSegment, writeRealSegment, writeV86Segment } from "./segment-write.js";
import { StackCursor } from "./stack-cursor.js";

/** Value of SHADOW after an instruction that loads SS: interrupts and debug traps wait (SDM vol. 3, 6.8.3). */
export const SHADOW_MOV_SS = 2;

/**
 * Checks a selector for SS. Returns its descriptor, with the accessed bit set in memory, or undefined for a
 * null selector that 64-bit mode allows.
 * @param cpl the privilege that the stack is for
 * @param nullAllowed the stack is for 64-bit code
 * @param vector of the fault for a wrong selector: #GP for loads and returns, #TS for stacks out of a TSS
 */
export function checkStackSelector(
  context: CpuContext,
  selector: number,
  cpl: number,
  nullAllowed: boolean,
  vector: number = Vector.GP,
  external = 0,
): Descriptor | undefined {
  if (isNullSelector(selector)) {
    if (nullAllowed && cpl !== 3 && rplOf(selector) === cpl) return undefined;
    throw new Fault(vector, external);
  }
  const descriptor = readDescriptor(context, selector, vector, external);
  if (rplOf(selector) !== cpl || descriptor.dpl !== cpl || !descriptor.isWritableData) {
    throw new Fault(vector, selectorError(selector, external));
  }
  if (!descriptor.present) throw new Fault(Vector.SS, selectorError(selector, external));
  setAccessed(context, descriptor);
  return descriptor;
}

/** Loads one segment register, SS included, but without its interrupt shadow. */
export function loadSegment(context: CpuContext, index: number, selector: number): void {
  const { state } = context;
  if (!state.protectedMode) writeRealSegment(state, index, selector);
  else if (state.v86) writeV86Segment(state, index, selector);
  else if (index === SegmentIndex.SS) {
    const descriptor = checkStackSelector(context, selector, state.cpl, state.long);
    if (descriptor === undefined) writeNullSegment(state, index, selector, state.cpl);
    else writeFromDescriptor(state, index, selector, descriptor);
  } else loadData(context, index, selector);
  context.modeChanged();
}

function loadData(context: CpuContext, index: number, selector: number): void {
  const { state } = context;
  if (isNullSelector(selector)) {
    const keepsBase = context.features.vendor === "amd";
    writeNullSegment(state, index, selector, state.cpl, keepsBase);
    // Generated code may do the next ones by itself.
    state.setU32(NULL_CLEARS_BASE, keepsBase ? 0 : 1);
    return;
  }
  const descriptor = readDescriptor(context, selector, Vector.GP);
  const { dpl } = descriptor;
  const allowed =
    descriptor.isReadable && (descriptor.isConformingCode || (rplOf(selector) <= dpl && state.cpl <= dpl));
  if (!allowed) throw new Fault(Vector.GP, selectorError(selector));
  if (!descriptor.present) throw new Fault(Vector.NP, selectorError(selector));
  setAccessed(context, descriptor);
  writeFromDescriptor(state, index, selector, descriptor);
}

/** How execution goes on after a segment register was loaded. */
function finish(context: CpuContext, index: number): number {
  if (index !== SegmentIndex.SS) return Control.next;
  const { state } = context;
  state.setU32(SHADOW, SHADOW_MOV_SS);
  state.rip = state.nextRip;
  return Control.leave;
}

/** MOV Sreg. */
export function moveToSegment(context: CpuContext, index: number, selector: number): number {
  if (index === SegmentIndex.CS) throw new Fault(Vector.UD);
  loadSegment(context, index, selector & 0xffff);
  return finish(context, index);
}

/** POP Sreg. The pop uses the stack as it was before SS changes. @param operandSize in bits */
export function popSegment(context: CpuContext, index: number, operandSize: number): number {
  const stack = StackCursor.current(context);
  const selector = Number(stack.pop((operandSize / 8) as 2 | 4 | 8) & 0xffffn);
  loadSegment(context, index, selector);
  stack.commit();
  return finish(context, index);
}

/** LDS LES LFS LGS LSS, which write their general register afterwards. */
export function loadFarPointer(context: CpuContext, index: number, selector: number): void {
  loadSegment(context, index, selector & 0xffff);
}
