/**
 * Memory-type MSRs: MTRRs and PAT (SDM vol. 3, 12.11 and 12.12; APM vol. 2, 7.7 and 7.8). vt86 has no caches, so the
 * types have no effect; what may be written there is checked all the same.
 */
import { highHalf, lowHalf } from "../halves.js";
import { Msr } from "./architectural.js";
import { ALL_BITS, type MsrAccess, type MsrRow } from "./row.js";

export const VARIABLE_MTRRS = 8;

export const MemoryType = { UC: 0, WC: 1, WT: 4, WP: 5, WB: 6, UCminus: 7 } as const;

/** Bit masks of the types. */
const MTRR_TYPES =
  (1 << MemoryType.UC) |
  (1 << MemoryType.WC) |
  (1 << MemoryType.WT) |
  (1 << MemoryType.WP) |
  (1 << MemoryType.WB);
const PAT_TYPES = MTRR_TYPES | (1 << MemoryType.UCminus);
const TYPES = 8;

const isType = (value: number, types: number): boolean => value < TYPES && ((types >>> value) & 1) !== 0;

/** PA0 to PA7: WB WT UC- UC, twice. */
export const PAT_RESET = 0x0007_0406_0007_0406n;

/** Each of the eight bytes, less the bits in `drop`, is one of `types`. */
function everyByte(value: bigint, types: number, drop = 0): boolean {
  const low = lowHalf(value);
  const high = highHalf(value);
  for (let shift = 0; shift < 32; shift += 8) {
    if (!isType((low >>> shift) & 0xff & ~drop, types)) return false;
    if (!isType((high >>> shift) & 0xff & ~drop, types)) return false;
  }
  return true;
}

/** AMD's RdMem and WrMem in the fixed-range registers. */
const RD_WR_MEM = 0x18;

const typeIn = (value: bigint): boolean => isType(lowHalf(value) & 0xff, MTRR_TYPES);

/** Address bits from 12 up to the physical width. */
const frame = (bits: number): bigint => (1n << BigInt(bits)) - 0x1000n;

const fixedLegal = (value: bigint, { context }: MsrAccess): boolean =>
  everyByte(value, MTRR_TYPES, context.model.vendor === "amd" ? RD_WR_MEM : 0);

const fixed = (name: string, index: number, count: number): MsrRow => ({
  name,
  index,
  count,
  needs: ["mtrr"],
  legal: fixedLegal,
});

export const MEMORY_TYPE: readonly MsrRow[] = [
  {
    name: "IA32_MTRRCAP",
    index: Msr.MTRRCAP,
    needs: ["mtrr"],
    access: "ro",
    // Fixed ranges (bit 8) and write-combining (bit 10).
    reset: BigInt(VARIABLE_MTRRS) | 0x500n,
  },
  {
    name: "IA32_MTRR_PHYSBASE#",
    index: Msr.MTRR_PHYSBASE0,
    count: VARIABLE_MTRRS,
    stride: 2,
    needs: ["mtrr"],
    writable: (model) => frame(model.physBits) | 0xffn,
    legal: typeIn,
  },
  {
    name: "IA32_MTRR_PHYSMASK#",
    index: Msr.MTRR_PHYSMASK0,
    count: VARIABLE_MTRRS,
    stride: 2,
    needs: ["mtrr"],
    writable: (model) => frame(model.physBits) | 0x800n,
  },
  fixed("IA32_MTRR_FIX64K_00000", 0x250, 1),
  fixed("IA32_MTRR_FIX16K #", 0x258, 2),
  fixed("IA32_MTRR_FIX4K #", 0x268, 8),
  {
    name: "IA32_MTRR_DEF_TYPE",
    index: Msr.MTRR_DEF_TYPE,
    needs: ["mtrr"],
    writable: 0xcffn,
    legal: typeIn,
  },
  {
    name: "IA32_PAT",
    index: Msr.PAT,
    needs: ["pat"],
    reset: PAT_RESET,
    writable: ALL_BITS,
    legal: (value) => everyByte(value, PAT_TYPES),
  },
];
