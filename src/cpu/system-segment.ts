/** LLDT and LTR, SLDT and STR (SDM vol. 2; vol. 3, 8.2.3-8.2.4 and 3.5). */
import { Vector } from "../isa/emit.js";
import { SEGMENT_BASE } from "../isa/state.js";
import { isCanonical } from "./canonical.js";
import type { CpuContext } from "./context.js";
import { Rights, SegmentIndex } from "./cpu-state.js";
import { isNullSelector, SystemType, selectorError } from "./descriptor.js";
import { readSystemDescriptor, setBusy } from "./descriptor-table.js";
import { Fault } from "./fault.js";
import { requireRing0, requireUserModeInstructions } from "./privilege.js";
import { writeSegment } from "./segment-write.js";

const TABLE_LOCAL = 4;

/** LLDT. A null selector makes the LDT unusable. */
export function loadLdtr(context: CpuContext, operand: number): void {
  requireRing0(context);
  context.intercepts?.instruction("lldt");
  loadLdt(context, operand & 0xffff, Vector.GP, Vector.NP);
}

/**
 * Loads LDTR.
 * @param vector of the fault for a wrong selector, @param absent of the one for a descriptor that is not present
 */
export function loadLdt(
  context: CpuContext,
  selector: number,
  vector: number,
  absent: number,
  external = 0,
): void {
  const { state } = context;
  if (isNullSelector(selector)) {
    writeSegment(state, SegmentIndex.LDTR, selector, 0, 0, Rights.unusable);
    return;
  }
  const error = selectorError(selector, external);
  if ((selector & TABLE_LOCAL) !== 0) throw new Fault(vector, error);
  const descriptor = readSystemDescriptor(context, selector, vector, external);
  if (descriptor.s || descriptor.type !== SystemType.ldt) throw new Fault(vector, error);
  if (!descriptor.present) throw new Fault(absent, error);
  if (state.longModeActive && !isCanonical(state, descriptor.base64)) throw new Fault(vector, error);
  writeSegment(state, SegmentIndex.LDTR, selector, descriptor.base, descriptor.limit, descriptor.rights);
  if (state.longModeActive) state.setU64(SEGMENT_BASE + SegmentIndex.LDTR * 8, descriptor.base64);
}

/** LTR: the TSS must be available, and becomes busy. */
export function loadTaskRegister(context: CpuContext, operand: number): void {
  requireRing0(context);
  context.intercepts?.instruction("ltr");
  const { state } = context;
  const selector = operand & 0xffff;
  if (isNullSelector(selector)) throw new Fault(Vector.GP, 0);
  const error = selectorError(selector);
  if ((selector & TABLE_LOCAL) !== 0) throw new Fault(Vector.GP, error);
  const descriptor = readSystemDescriptor(context, selector, Vector.GP);
  const { type } = descriptor;
  const available =
    !descriptor.s &&
    (type === SystemType.tss32Available || (type === SystemType.tss16Available && !state.longModeActive));
  if (!available) throw new Fault(Vector.GP, error);
  if (!descriptor.present) throw new Fault(Vector.NP, error);
  if (state.longModeActive && !isCanonical(state, descriptor.base64)) throw new Fault(Vector.GP, error);
  setBusy(context, descriptor.address, true);
  writeSegment(state, SegmentIndex.TR, selector, descriptor.base, descriptor.limit, descriptor.rights | 2);
  if (state.longModeActive) state.setU64(SEGMENT_BASE + SegmentIndex.TR * 8, descriptor.base64);
}

/** SLDT (index LDTR) and STR (index TR): the selector. */
export function storeSystemSelector(context: CpuContext, index: number): bigint {
  requireUserModeInstructions(context);
  context.intercepts?.instruction(index === SegmentIndex.TR ? "str" : "sldt");
  return BigInt(context.state.selector(index));
}
