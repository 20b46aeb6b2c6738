/** Physical memory for the structures that VMCSs point to: bitmaps, MSR areas, virtual-APIC pages. */
import { NOT_RAM, type PhysicalMap } from "../../memory/physical.js";
import type { CodePages } from "../code-pages.js";
import { type CpuState, SegmentIndex } from "../cpu-state.js";
import type { Mmu } from "../mmu.js";
import type { PhysicalMemory } from "./entry-processor.js";

const ALL_ONES = 0xffff_ffff;

export class PhysicalAccess implements PhysicalMemory {
  private readonly view: DataView;

  constructor(
    memory: ArrayBuffer,
    private readonly physical: PhysicalMap,
    private readonly code: CodePages,
  ) {
    this.view = new DataView(memory);
  }

  read32(address: number): number {
    const host = this.physical.hostAddress(address, false);
    return host === NOT_RAM ? ALL_ONES : this.view.getUint32(host, true);
  }

  write32(address: number, value: number): void {
    const host = this.physical.hostAddress(address, true);
    if (host === NOT_RAM) return;
    if (this.code.has(host >>> 12)) this.code.written(host, 4);
    this.view.setUint32(host, value, true);
  }

  read64(address: number): bigint {
    return (BigInt(this.read32(address + 4)) << 32n) | BigInt(this.read32(address));
  }

  write64(address: number, value: bigint): void {
    this.write32(address, Number(value & 0xffff_ffffn));
    this.write32(address + 4, Number((value >> 32n) & 0xffff_ffffn));
  }
}

/** The bytes of the instruction that runs: fetched, as they may be executable without being readable. */
export function instructionBytes(
  state: CpuState,
  mmu: Pick<Mmu, "translateFetch">,
  memory: PhysicalMemory,
): Uint8Array {
  const { long } = state;
  const start = long ? state.rip : state.rip + state.segmentBase(SegmentIndex.CS);
  const bytes = new Uint8Array(Number(BigInt.asUintN(4, state.nextRip - state.rip)));
  for (let i = 0; i < bytes.length; i++) {
    const at = BigInt.asUintN(long ? 64 : 32, start + BigInt(i));
    const low = Number(BigInt.asIntN(32, at));
    const address = mmu.translateFetch(low, Number(BigInt.asIntN(32, at >> 32n)));
    const inWord = address % 4;
    bytes[i] = memory.read32(address - inWord) >>> (inWord * 8);
  }
  return bytes;
}
