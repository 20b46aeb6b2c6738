/** INT n, INT3, INTO and INT1 (SDM vol. 2; vol. 3, 20.3 for virtual-8086 mode). */
import { Vector } from "../isa/emit.js";
import { Flag } from "../isa/flags.js";
import { Control } from "../isa/helper.js";
import { SEGMENT_LIMIT } from "../isa/state.js";
import type { CpuContext } from "./context.js";
import { SegmentIndex } from "./cpu-state.js";
import { linearAdd } from "./descriptor-table.js";
import { type CpuEvent, EventKind } from "./event.js";
import { deliverOnce } from "./exceptions.js";
import { Fault } from "./fault.js";
import { Cr4 } from "./mmu.js";
import { writeV86Segment } from "./segment-write.js";
import { StackCursor } from "./stack-cursor.js";

/** Where a 32-bit TSS holds the offset of its I/O permission bitmap. */
const IO_MAP_BASE = 0x66;
/** Bytes of the interrupt redirection bitmap, which ends where the I/O permission bitmap begins. */
const REDIRECTION_BYTES = 32;

function eventOf(context: CpuContext, vector: number, kind: EventKind): CpuEvent {
  return { vector, kind, error: undefined, payload: 0n, returnRip: context.state.nextRip, resume: false };
}

/** INT n. */
export function interrupt(context: CpuContext, operand: number): number {
  const vector = operand & 0xff;
  const { state } = context;
  if (state.v86) {
    if ((state.cr4 & Cr4.VME) !== 0 && !redirected(context, vector)) {
      interruptInV86(context, vector);
      return Control.jump;
    }
    if (state.iopl < 3) throw new Fault(Vector.GP, 0);
  }
  context.intercepts?.instruction("int", BigInt(vector));
  deliverOnce(context, eventOf(context, vector, EventKind.softwareInterrupt));
  return Control.jump;
}

/** INT3, INTO (software exceptions) and INT1: without the IOPL rule of INT n. */
export function breakpoint(context: CpuContext, vector: number): number {
  const kind = vector === Vector.DB ? EventKind.privilegedSoftwareException : EventKind.softwareException;
  const event = eventOf(context, vector, kind);
  context.intercepts?.exception(event, undefined);
  deliverOnce(context, event);
  // INT1 itself leaves DR6 alone. Breakpoints that wait since MOV SS do not interrupt its handler but join it.
  if (vector === Vector.DB && context.debug.hasPending) context.debug.recordException(0n);
  return Control.jump;
}

/** VME: the bit of the vector in the redirection bitmap: 1 means "through the IDT". */
function redirected(context: CpuContext, vector: number): boolean {
  const { memory, state } = context;
  const limit = state.u32(SEGMENT_LIMIT + SegmentIndex.TR * 4);
  if (limit < IO_MAP_BASE + 1) throw new Fault(Vector.GP, 0);
  const base = state.segmentBase(SegmentIndex.TR);
  const map = Number(memory.read(linearAdd(context, base, IO_MAP_BASE), 2, "system"));
  const at = map - REDIRECTION_BYTES + (vector >> 3);
  if (at < 0 || at > limit) throw new Fault(Vector.GP, 0);
  return ((Number(memory.read(linearAdd(context, base, at), 1, "system")) >> (vector & 7)) & 1) !== 0;
}

/**
 * VME: through the 8086 program's own vector table at linear address 0. With IOPL below 3 the program sees
 * VIF as IF and an IOPL of 3.
 */
function interruptInV86(context: CpuContext, vector: number): void {
  const { memory, state } = context;
  const virtual = state.iopl < 3;
  let flags = state.rflags;
  if (virtual) {
    flags = (flags & ~Flag.IF) | Flag.IOPL | (state.flag(Flag.VIF) ? Flag.IF : 0);
  }
  const entry = memory.read(BigInt(vector * 4), 4);
  const stack = StackCursor.current(context);
  stack.push(BigInt(flags & 0xffff), 2);
  stack.push(BigInt(state.selector(SegmentIndex.CS)), 2);
  stack.push(state.nextRip, 2);
  stack.commit();
  writeV86Segment(state, SegmentIndex.CS, Number(entry >> 16n));
  state.rip = entry & 0xffffn;
  state.setFlag(Flag.TF | Flag.RF | (virtual ? Flag.VIF : Flag.IF), false);
  context.debug.cancelStep();
  context.modeChanged();
}
