/**
 * Stacks of inner privilege levels, as the task state segment names them (SDM vol. 3, 5.8.5, 6.12.1, 6.14.4,
 * 8.2.1, 8.7).
 */
import { Register, Vector } from "../isa/emit.js";
import { SEGMENT_BASE, SEGMENT_LIMIT } from "../isa/state.js";
import { isCanonicalHigh } from "./canonical.js";
import type { CpuContext } from "./context.js";
import { type CpuState, SegmentIndex } from "./cpu-state.js";
import { type Descriptor, selectorError } from "./descriptor.js";
import { linearAdd } from "./descriptor-table.js";
import { Fault } from "./fault.js";
import { carry, join } from "./halves.js";
import { checkStackSelector } from "./segment-load.js";
import { writeFromDescriptor } from "./segment-write.js";
import { privilegeOf, StackCursor, stackSegmentOf } from "./stack-cursor.js";

export interface InnerStack {
  readonly selector: number;
  readonly descriptor: Descriptor;
  readonly cursor: StackCursor;
  /** All bits of ESP that the TSS held; the cursor uses only those that the stack uses. */
  readonly pointer: bigint;
}

/** Bit 3 of the type tells a 32-bit TSS from a 16-bit one. */
const TSS_32BIT = 8;
const TR_BASE = SEGMENT_BASE + SegmentIndex.TR * 8;

function checkTss({ state }: CpuContext, offset: number, bytes: number, external: number): void {
  if (offset + bytes - 1 > state.u32(SEGMENT_LIMIT + SegmentIndex.TR * 4)) {
    throw new Fault(Vector.TS, selectorError(state.selector(SegmentIndex.TR), external));
  }
}

function tssAddress(context: CpuContext, offset: number, bytes: number, external: number): bigint {
  const { state } = context;
  checkTss(context, offset, bytes, external);
  return linearAdd(context, state.segmentBase(SegmentIndex.TR), offset);
}

/** Outside IA-32e mode: SS and (E)SP for privilege `cpl`, checked, ready for pushes. */
export function innerStack(context: CpuContext, cpl: number, external: number): InnerStack {
  const { memory, state } = context;
  let pointer: bigint;
  let selector: number;
  if ((state.rights(SegmentIndex.TR) & TSS_32BIT) !== 0) {
    const at = tssAddress(context, 4 + cpl * 8, 6, external);
    pointer = memory.read(at, 4, "system");
    selector = Number(memory.read(linearAdd(context, at, 4), 2, "system"));
  } else {
    const at = tssAddress(context, 2 + cpl * 4, 4, external);
    pointer = memory.read(at, 2, "system");
    selector = Number(memory.read(linearAdd(context, at, 2), 2, "system"));
  }
  const descriptor = checkStackSelector(context, selector, cpl, false, Vector.TS, external)!;
  const error = selectorError(selector, external);
  const cursor = new StackCursor(context, stackSegmentOf(descriptor), pointer, privilegeOf(cpl), error);
  return { selector, descriptor, cursor, pointer };
}

/** Makes an inner stack the current one, after everything that can fault. */
export function enterInnerStack(state: CpuState, inner: InnerStack): void {
  writeFromDescriptor(state, SegmentIndex.SS, inner.selector, inner.descriptor);
  state.setGpr(Register.RSP, inner.pointer);
  inner.cursor.commit();
}

/**
 * IA-32e mode: RSP from the 64-bit TSS. Returns bits 31:0; bits 63:32 are in the memory's `upper`.
 * @param ist interrupt stack table entry 1-7, or 0 for RSP0-RSP2 by `cpl`
 */
export function readInnerStackPointer(
  context: CpuContext,
  cpl: number,
  ist: number,
  external: number,
): number {
  const { memory, state } = context;
  const offset = ist === 0 ? 4 + cpl * 8 : 28 + ist * 8;
  checkTss(context, offset, 8, external);
  const base = state.i32(TR_BASE);
  const high = (state.i32(TR_BASE + 4) + carry(base, offset)) | 0;
  const low = memory.readHalves((base + offset) | 0, high, "system");
  if (!isCanonicalHigh(state, memory.upper)) throw new Fault(Vector.SS, external);
  return low;
}

/** As {@link readInnerStackPointer}, for CALL gates. */
export function innerStackPointer(context: CpuContext, cpl: number, ist: number, external: number): bigint {
  const low = readInnerStackPointer(context, cpl, ist, external);
  return join(low, context.memory.upper);
}
