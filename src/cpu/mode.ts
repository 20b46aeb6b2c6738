/**
 * The decoding mode: everything besides the bytes that decides what an instruction decodes to. Decoded code
 * is kept per mode, so a mode change needs no flush.
 *
 * MODE bits: 0-1 code size (0: 16, 1: 32, 2: 64), 2 protected (not real or virtual-8086), 3 CR0.EM, 4 CR0.TS,
 * 5 CR0.MP, 6 CR4.OSFXSR, 7 AVX enabled (CR4.OSXSAVE and XCR0[2:1]), 8 flat data segments
 * (see isa/state.ts), from 9 the number of the CS limit. The low 9 bits go into the tags of the jump cache, with a number for the CS base.
 */

import { Flag } from "../isa/flags.js";
import {
  FLAG_OTHERS,
  FLAT,
  MODE,
  MODE_TAG,
  SEGMENT_BASE,
  SEGMENT_LIMIT,
  STACK_MASK,
  XCR0,
} from "../isa/state.js";
import { type CpuState, Rights, SegmentIndex } from "./cpu-state.js";
import { Cr0, Cr4 } from "./mmu.js";

export const Mode = {
  codeSize: 3,
  protected: 4,
  EM: 8,
  TS: 0x10,
  MP: 0x20,
  OSFXSR: 0x40,
  AVX: 0x80,
  FLAT: 0x100,
  limitShift: 9,
} as const;

export const codeSizeOf = (mode: number): 16 | 32 | 64 =>
  (mode & 3) === 2 ? 64 : (mode & 3) === 1 ? 32 : 16;

/** Values that one processor meets and that are remembered. */
const MOST_NUMBERS = 16384;

/** The numbers by which one processor knows CS limits and CS bases, so that they fit in keys. */
export class ModeNumbers {
  private readonly limits = new Map<number, number>();
  private readonly bases = new Map<number, number>();
  /** Changes when the numbers get new meanings: what is kept by MODE is void then. */
  generation = 0;

  limit(value: number): number {
    return value === 0xffffffff ? 0 : 1 + number(this.limits, value);
  }

  /** @param limit number of the limit */
  base(value: number, limit: number): number {
    return 0x10001 + number(this.bases, value * 0x10000 + limit);
  }

  /** Forgets everything when it has become too much, as a guest may make up descriptors without end. */
  prune(): void {
    if (this.limits.size < MOST_NUMBERS && this.bases.size < MOST_NUMBERS) return;
    this.limits.clear();
    this.bases.clear();
    this.generation++;
  }
}

function number(numbers: Map<number, number>, value: number): number {
  let found = numbers.get(value);
  if (found === undefined) {
    found = numbers.size;
    numbers.set(value, found);
  }
  return found;
}

/** Base 0, limit 4 GiB, present, writable, expand-up: nothing that an access through it could violate. */
const isFlatSegment = (state: CpuState, index: number): boolean =>
  (state.rights(index) & 0x1009e) === 0x92 &&
  state.u32(SEGMENT_BASE + index * 8) === 0 &&
  state.u32(SEGMENT_LIMIT + index * 4) === 0xffffffff;

/** Whether ES, SS and DS are flat, and the stack pointer has 32 bits. */
export const flatData = (state: CpuState): boolean =>
  (state.rights(SegmentIndex.SS) & Rights.DB) !== 0 &&
  isFlatSegment(state, SegmentIndex.DS) &&
  isFlatSegment(state, SegmentIndex.SS) &&
  isFlatSegment(state, SegmentIndex.ES);

/** Works out MODE, MODE_TAG and STACK_MASK from control registers, EFLAGS.VM and the segment registers. */
export function updateMode(state: CpuState, numbers: ModeNumbers): void {
  const { cr0, cr4 } = state;
  const csRights = state.rights(SegmentIndex.CS);
  const { long } = state;
  const isProtected = (cr0 & Cr0.PE) !== 0 && (state.u32(FLAG_OTHERS) & Flag.VM) === 0;
  let mode = long ? 2 : (csRights & Rights.DB) !== 0 ? 1 : 0;
  if (isProtected) mode |= Mode.protected;
  if (cr0 & Cr0.EM) mode |= Mode.EM;
  if (cr0 & Cr0.TS) mode |= Mode.TS;
  if (cr0 & Cr0.MP) mode |= Mode.MP;
  if (cr4 & Cr4.OSFXSR) mode |= Mode.OSFXSR;
  if ((cr4 & Cr4.OSXSAVE) !== 0 && (state.u32(XCR0) & 6) === 6) mode |= Mode.AVX;
  // In 64-bit mode everything follows from the number: events and returns change the privilege only.
  if (long && state.u32(MODE) === mode) return;
  const isFlat = !long && flatData(state);
  if (isFlat) mode |= Mode.FLAT;
  state.setU32(FLAT, isFlat ? 1 : 0);
  // The upper half of the tag; the lower one is 0.
  let tag = mode << 20;
  if (!long) {
    const { limit, base } = state.segment(SegmentIndex.CS);
    numbers.prune();
    const limitNumber = numbers.limit(limit);
    mode |= limitNumber << Mode.limitShift;
    const place = Number(BigInt.asUintN(32, base));
    // The limit goes with the base. Flat segments and those of real mode (a 16-bit selector times 16) need no table.
    const flat = place === 0 && limit === 0xffffffff;
    const real = place !== 0 && place % 16 === 0 && place < 0x100000 && limit === 0xffff;
    const number = flat || real ? place / 16 : numbers.base(place, limitNumber);
    tag ^= number;
  }
  state.setU32(MODE, mode);
  state.setU32(MODE_TAG, 0);
  state.setU32(MODE_TAG + 4, tag);
  state.setU32(STACK_MASK, long || (state.rights(SegmentIndex.SS) & Rights.DB) !== 0 ? 0xffffffff : 0xffff);
  state.setU32(STACK_MASK + 4, long ? 0xffffffff : 0);
}
