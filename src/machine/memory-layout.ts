/**
 * What lies where in the machine's one `WebAssembly.Memory`, and how guest RAM is spread over the physical
 * address space of a Q35.
 */
import { MMU_BYTES } from "../cpu/mmu.js";
import { STATE_SIZE } from "../isa/state.js";

const PAGE = 4096;
const MIB = 0x100000;

/** State block of the (first) CPU. */
export const STATE_AT = 0x10000;
/** A page of FFh bytes. */
export const EMPTY_PAGE_AT = 0x1f000;
export const VIEWS_AT = 0x20000;
/** Decoded records. */
export const ARENA_AT = 48 * MIB;
export const ARENA_SIZE = 64 * MIB;
/** Counters of executed shapes, 8 bytes each; used by `npm run profile:shapes` only. */
export const COUNTERS_AT = ARENA_AT - 0x20000;
/** What a VMCS looks like, for generated code: 64 KiB. */
export const VMCS_LAYOUT_AT = COUNTERS_AT - 0x10000;
/** Guest RAM. */
export const RAM_AT = ARENA_AT + ARENA_SIZE;

if (STATE_AT + STATE_SIZE > EMPTY_PAGE_AT || VIEWS_AT + MMU_BYTES > VMCS_LAYOUT_AT) {
  throw new Error("the regions of the machine's memory overlap");
}

/** Least and most guest RAM, in bytes. The most is what 32-bit WebAssembly memory leaves. */
export const LEAST_RAM = 4 * MIB;
export const MOST_RAM = 0x1_0000_0000 - RAM_AT - PAGE * 16;

/** RAM below 4 GiB ends at 2 GiB where the rest would reach into the ECAM window at B0000000h, as on QEMU's Q35. */
const ECAM_BASE = 0xb0000000;
const LOW_RAM_IF_SPLIT = 0x80000000;
/** From here to 4 GiB there are only devices (memory type UC), or from 2 GiB when RAM is split. */
export const DEVICE_WINDOW = ECAM_BASE;

export interface RamSplit {
  /** Bytes from address 0. */
  readonly low: number;
  /** Bytes from 4 GiB. */
  readonly high: number;
}

export function splitRam(size: number): RamSplit {
  return size <= ECAM_BASE
    ? { low: size, high: 0 }
    : { low: LOW_RAM_IF_SPLIT, high: size - LOW_RAM_IF_SPLIT };
}
