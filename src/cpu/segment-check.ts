/**
 * Limit and type checks of a memory access through a segment register (SDM vol. 3, 5.3-5.5), outside
 * 64-bit mode. Generated code passes the common cases itself; the rest comes here.
 */
import { Vector } from "../isa/emit.js";
import { type CpuState, Rights, SegmentIndex } from "./cpu-state.js";
import { Fault } from "./fault.js";

const CODE = 8;
const EXPAND_DOWN = 4;
const WRITABLE = 2;
const READABLE = 2;

/** Checks an access of `bytes` at `offset`; throws #SS(0) for the stack segment, else #GP(0). */
export function checkSegment(
  state: CpuState,
  segment: number,
  offset: number,
  bytes: number,
  write: boolean,
): void {
  const { limit, rights } = state.segment(segment);
  const fail = () => new Fault(segment === SegmentIndex.SS ? Vector.SS : Vector.GP, 0);
  const type = rights & Rights.type;
  // In real-address and virtual-8086 mode the segment registers hold types that pass.
  if ((rights & Rights.unusable) !== 0 || (rights & Rights.P) === 0) throw fail();
  if ((type & CODE) !== 0) {
    if (write || (type & READABLE) === 0) throw fail();
  } else if (write && (type & WRITABLE) === 0) throw fail();
  const last = offset + bytes - 1;
  if ((type & CODE) === 0 && (type & EXPAND_DOWN) !== 0) {
    const top = (rights & Rights.DB) !== 0 ? 0xffffffff : 0xffff;
    if (offset <= limit || last > top) throw fail();
  } else if (last > limit) throw fail();
}
