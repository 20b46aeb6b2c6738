/**
 * What firmware leaves in the MSRs before it starts an operating system: memory types. Needed when a kernel is
 * loaded directly, because Linux takes disabled MTRRs for a broken BIOS and then does without PAT too.
 */
import { Msr } from "./architectural.js";
import { MemoryType } from "./memory-type.js";
import type { MsrFile } from "./msr-file.js";

/** Fixed and variable ranges are on. */
const MTRR_ENABLE = 0xc00n;
const FOUR_GIB = 1n << 32n;

const repeat = (type: number): bigint => BigInt(type) * 0x0101_0101_0101_0101n;

/**
 * Everything write-back, except the VGA window, the ROM area (write-protected) and the device window below 4 GiB.
 *
 * @param deviceWindow where the window begins that ends at 4 GiB, such as 8000_0000H or B000_0000H
 */
export function setFirmwareMemoryTypes(msrs: MsrFile, physBits: number, deviceWindow: bigint): void {
  if (!msrs.has(Msr.MTRRCAP)) return;
  msrs.write(0x250, repeat(MemoryType.WB));
  msrs.write(0x258, repeat(MemoryType.WB));
  msrs.write(0x259, repeat(MemoryType.UC));
  for (let index = 0x268; index < 0x270; index++) msrs.write(index, repeat(MemoryType.WP));
  let pair = 0;
  for (let start = deviceWindow; start < FOUR_GIB; pair += 2) {
    // The largest block that is aligned to its own size.
    const length = start & -start;
    const mask = ((1n << BigInt(physBits)) - 1n) & ~(length - 1n);
    msrs.write(Msr.MTRR_PHYSBASE0 + pair, start | BigInt(MemoryType.UC));
    msrs.write(Msr.MTRR_PHYSMASK0 + pair, mask | 0x800n);
    start += length;
  }
  msrs.write(Msr.MTRR_DEF_TYPE, MTRR_ENABLE | BigInt(MemoryType.WB));
}
