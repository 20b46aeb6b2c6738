/**
 * Code segments as the target of control transfers: the checks that jumps, calls, gates and returns share
 * (SDM vol. 3, 5.8), and the final loading of CS and RIP.
 */
import { Vector } from "../isa/emit.js";
import { RIP } from "../isa/state.js";
import { isCanonical } from "./canonical.js";
import type { CpuContext } from "./context.js";
import { SegmentIndex } from "./cpu-state.js";
import { type Descriptor, isNullSelector, rplOf, selectorError } from "./descriptor.js";
import { readDescriptor, setAccessed } from "./descriptor-table.js";
import { Fault } from "./fault.js";
import { writeFromDescriptor } from "./segment-write.js";

/** A code segment has one size: L and D together are reserved in IA-32e mode. */
export function checkCodeSize(context: CpuContext, selector: number, descriptor: Descriptor): void {
  if (context.state.longModeActive && descriptor.l && descriptor.db) {
    throw new Fault(Vector.GP, selectorError(selector));
  }
}

/** Checks the target of a JMP or CALL that names a code segment directly (SDM vol. 3, 5.8.1). */
export function checkDirectTarget(context: CpuContext, selector: number, descriptor: Descriptor): void {
  const { cpl } = context.state;
  const { dpl } = descriptor;
  const allowed =
    descriptor.isCode && (descriptor.isConformingCode ? dpl <= cpl : rplOf(selector) <= cpl && dpl === cpl);
  if (!allowed) throw new Fault(Vector.GP, selectorError(selector));
  checkCodeSize(context, selector, descriptor);
  if (!descriptor.present) throw new Fault(Vector.NP, selectorError(selector));
}

/** Reads and checks the code segment that a return names (SDM vol. 2, RET and IRET). */
export function readReturnTarget(context: CpuContext, selector: number): Descriptor {
  if (isNullSelector(selector)) throw new Fault(Vector.GP, 0);
  const descriptor = readDescriptor(context, selector, Vector.GP);
  const rpl = rplOf(selector);
  const allowed =
    descriptor.isCode &&
    rpl >= context.state.cpl &&
    (descriptor.isConformingCode ? descriptor.dpl <= rpl : descriptor.dpl === rpl);
  if (!allowed) throw new Fault(Vector.GP, selectorError(selector));
  checkCodeSize(context, selector, descriptor);
  if (!descriptor.present) throw new Fault(Vector.NP, selectorError(selector));
  return descriptor;
}

/** The descriptor is that of 64-bit code. */
export function isLongCode(context: CpuContext, descriptor: Descriptor): boolean {
  return context.state.longModeActive && descriptor.l;
}

/** Checks an entry point: canonical in 64-bit code, else inside the limit. Returns it cut to its width. */
export function checkEntryPoint(
  context: CpuContext,
  descriptor: Descriptor,
  offset: bigint,
  external = 0,
): bigint {
  if (isLongCode(context, descriptor)) {
    if (!isCanonical(context.state, offset)) throw new Fault(Vector.GP, external);
    return offset;
  }
  const cut = BigInt.asUintN(32, offset);
  if (cut > BigInt(descriptor.limit)) throw new Fault(Vector.GP, external);
  return cut;
}

/** Loads CS with RPL = `cpl`, CPL and RIP. Sets the accessed bit first, which can still fault. */
export function enterCode(
  context: CpuContext,
  selector: number,
  descriptor: Descriptor,
  cpl: number,
  rip: bigint,
): void {
  const { state } = context;
  setAccessed(context, descriptor);
  writeFromDescriptor(state, SegmentIndex.CS, (selector & ~3) | cpl, descriptor);
  state.cpl = cpl;
  state.rip = rip;
}

/** As {@link enterCode} for 64-bit code, RIP as halves. */
export function enterLongCode(
  context: CpuContext,
  selector: number,
  descriptor: Descriptor,
  cpl: number,
  rip: number,
  ripHigh: number,
): void {
  const { state } = context;
  setAccessed(context, descriptor);
  writeFromDescriptor(state, SegmentIndex.CS, (selector & ~3) | cpl, descriptor);
  state.cpl = cpl;
  state.setHalves(RIP, rip, ripHigh);
}
