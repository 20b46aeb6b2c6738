/** Delivery of an event in real-address mode, through the interrupt vector table (SDM vol. 3, 21.1.4). */
import { Vector } from "../isa/emit.js";
import { Flag } from "../isa/flags.js";
import { IDTR_BASE, IDTR_LIMIT } from "../isa/state.js";
import type { CpuContext } from "./context.js";
import { SegmentIndex } from "./cpu-state.js";
import { linearAdd } from "./descriptor-table.js";
import { type CpuEvent, externalBit } from "./event.js";
import { Fault } from "./fault.js";
import { writeRealSegment } from "./segment-write.js";
import { StackCursor } from "./stack-cursor.js";

/** Flags that an interrupt through the IVT clears. */
const CLEARED = Flag.IF | Flag.TF | Flag.AC | Flag.RF;

export function deliverReal(context: CpuContext, event: CpuEvent): void {
  const { memory, state } = context;
  if (event.vector * 4 + 3 > state.u32(IDTR_LIMIT)) {
    throw new Fault(Vector.GP, event.vector * 8 + 2 + externalBit(event));
  }
  const entry = memory.read(linearAdd(context, state.u64(IDTR_BASE), event.vector * 4), 4, "system");
  const stack = StackCursor.current(context);
  stack.push(BigInt(state.rflags), 2);
  stack.push(BigInt(state.selector(SegmentIndex.CS)), 2);
  stack.push(event.returnRip, 2);
  stack.commit();
  writeRealSegment(state, SegmentIndex.CS, Number(entry >> 16n));
  state.rip = entry & 0xffffn;
  state.setFlag(CLEARED, false);
}
