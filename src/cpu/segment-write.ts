/**
 * Writing segment registers with their hidden part, in the few shapes that the processor knows.
 *
 * Real-address mode keeps limit, D/B and G when it loads a selector: that is what "big real mode" uses.
 */
import { SEGMENT_BASE, SEGMENT_LIMIT, SEGMENT_RIGHTS, SEGMENT_SELECTOR } from "../isa/state.js";
import { type CpuState, Rights, SegmentIndex } from "./cpu-state.js";
import type { Descriptor } from "./descriptor.js";

/** Type read/write data or execute/read code, accessed. */
const DATA_ACCESSED = 0x3;
/** Rights of all segments in virtual-8086 mode (SDM vol. 3, 27.3.1.2). */
const V86_RIGHTS = Rights.P | (3 << Rights.dplShift) | Rights.S | DATA_ACCESSED;

/** Rights of flat segments as SYSCALL and its kin load them; DPL and L/D are or-ed to them. */
export const FLAT_CODE = Rights.G | Rights.P | Rights.S | 0xb;
export const FLAT_DATA = Rights.G | Rights.DB | Rights.P | Rights.S | DATA_ACCESSED;
export const FLAT_LIMIT = 0xffff_ffff;

/** @param base the low 32 bits; the rest becomes 0 */
export function writeSegment(
  state: CpuState,
  index: number,
  selector: number,
  base: number,
  limit: number,
  rights: number,
): void {
  state.setU32(SEGMENT_SELECTOR + index * 4, selector);
  state.setU32(SEGMENT_BASE + index * 8, base);
  state.setU32(SEGMENT_BASE + index * 8 + 4, 0);
  state.setU32(SEGMENT_LIMIT + index * 4, limit);
  state.setU32(SEGMENT_RIGHTS + index * 4, rights);
}

/** Loads a code or data segment whose checks have passed; the accessed bit counts as set. */
export function writeFromDescriptor(
  state: CpuState,
  index: number,
  selector: number,
  descriptor: Descriptor,
): void {
  writeSegment(state, index, selector, descriptor.base, descriptor.limit, descriptor.rights | 1);
}

/** Loads a selector in real-address mode. */
export function writeRealSegment(state: CpuState, index: number, selector: number): void {
  const kept = state.rights(index) & (Rights.DB | Rights.G | Rights.AVL);
  state.setU32(SEGMENT_SELECTOR + index * 4, selector);
  state.setU32(SEGMENT_BASE + index * 8, selector << 4);
  state.setU32(SEGMENT_BASE + index * 8 + 4, 0);
  state.setU32(SEGMENT_RIGHTS + index * 4, kept | Rights.P | Rights.S | DATA_ACCESSED);
}

/** Loads a selector in virtual-8086 mode. */
export function writeV86Segment(state: CpuState, index: number, selector: number): void {
  writeSegment(state, index, selector, selector << 4, 0xffff, V86_RIGHTS);
}

/**
 * Loads a null selector. Intel processors clear the base, AMD's keep base and limit (APM vol. 2, 4.5.3).
 * The DPL of SS stays that of the stack's owner: VMX takes the CPL from there.
 */
export function writeNullSegment(
  state: CpuState,
  index: number,
  selector: number,
  cpl: number,
  keepBase = false,
): void {
  const dpl = index === SegmentIndex.SS ? cpl << Rights.dplShift : 0;
  if (keepBase) {
    state.setU32(SEGMENT_SELECTOR + index * 4, selector);
    state.setU32(SEGMENT_RIGHTS + index * 4, Rights.unusable | dpl);
  } else writeSegment(state, index, selector, 0, 0, Rights.unusable | dpl);
}

/**
 * After a return to an outer ring: data segments that the new privilege may not use become null
 * (SDM vol. 3, 5.8.6). A selector that is null already loses its RPL (SDM vol. 2, IRET). The bases stay, which
 * 64-bit code sees in FS and GS.
 */
export function dropInnerSegments(state: CpuState, newCpl: number): void {
  for (const index of [SegmentIndex.ES, SegmentIndex.FS, SegmentIndex.GS, SegmentIndex.DS]) {
    const rights = state.rights(index);
    const dpl = (rights >>> Rights.dplShift) & 3;
    const conforming = (rights & 0xc) === 0xc;
    if ((rights & Rights.unusable) === 0 && (dpl >= newCpl || conforming)) continue;
    state.setU32(SEGMENT_SELECTOR + index * 4, 0);
    state.setU32(SEGMENT_RIGHTS + index * 4, Rights.unusable);
  }
}
