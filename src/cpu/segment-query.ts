/**
 * LAR, LSL, VERR and VERW: asking about a selector without a fault (SDM vol. 2). A selector that may not be
 * asked about clears ZF and changes nothing else.
 */
import type { CpuContext } from "./context.js";
import { type Descriptor, isNullSelector, rplOf, SystemType } from "./descriptor.js";
import { findDescriptor } from "./descriptor-table.js";

const bit = (type: number) => 1 << type;
/** System types that LAR answers for; in IA-32e mode the 16-bit types and task gates are not valid. */
const LAR_LEGACY =
  bit(SystemType.tss16Available) |
  bit(SystemType.ldt) |
  bit(SystemType.tss16Busy) |
  bit(SystemType.callGate16) |
  bit(SystemType.taskGate) |
  bit(SystemType.tss32Available) |
  bit(SystemType.tss32Busy) |
  bit(SystemType.callGate32);
const LAR_LONG =
  bit(SystemType.ldt) |
  bit(SystemType.tss32Available) |
  bit(SystemType.tss32Busy) |
  bit(SystemType.callGate32);
/** LSL: those of them that have a limit. */
const HAS_LIMIT = ~(bit(SystemType.callGate16) | bit(SystemType.taskGate) | bit(SystemType.callGate32));

/** The descriptor if the program may know of it. */
function visible(context: CpuContext, selector: number, systemTypes: number): Descriptor | undefined {
  if (isNullSelector(selector)) return undefined;
  const descriptor = findDescriptor(context, selector);
  if (descriptor === undefined) return undefined;
  if (!descriptor.s && (systemTypes & bit(descriptor.type)) === 0) return undefined;
  if (descriptor.isConformingCode) return descriptor;
  const { dpl } = descriptor;
  return context.state.cpl <= dpl && rplOf(selector) <= dpl ? descriptor : undefined;
}

/** LAR: the access rights (bits 8-23 of the high doubleword), or -1. */
export function loadAccessRights(context: CpuContext, selector: number): bigint {
  const types = context.state.longModeActive ? LAR_LONG : LAR_LEGACY;
  const descriptor = visible(context, selector & 0xffff, types);
  return descriptor === undefined ? -1n : BigInt(descriptor.high & 0xff_ff00);
}

/** LSL: the limit in bytes, or -1. */
export function loadSegmentLimit(context: CpuContext, selector: number): bigint {
  const types = (context.state.longModeActive ? LAR_LONG : LAR_LEGACY) & HAS_LIMIT;
  const descriptor = visible(context, selector & 0xffff, types);
  return descriptor === undefined ? -1n : BigInt(descriptor.limit);
}

/** VERR: 1 if the segment can be read at the current privilege. */
export function verifyRead(context: CpuContext, selector: number): number {
  return visible(context, selector & 0xffff, 0)?.isReadable ? 1 : 0;
}

/** VERW: 1 if it can be written. */
export function verifyWrite(context: CpuContext, selector: number): number {
  return visible(context, selector & 0xffff, 0)?.isWritableData ? 1 : 0;
}
