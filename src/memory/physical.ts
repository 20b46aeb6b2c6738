/**
 * The physical address space: RAM, ROM and memory-mapped devices.
 *
 * RAM lies in the machine's one `WebAssembly.Memory`; the map says which physical page is found at which
 * offset of it. Everything else is a range with a handler. Unclaimed addresses read as all ones and ignore
 * writes. Physical addresses are `number`s (exact: at most 52 bits).
 */

export type MmioSize = 1 | 2 | 4;

/** What a device implements to be reachable through loads and stores. `offset` counts from the start of its range. */
export interface MmioDevice {
  /** Returns the value read, zero-extended. Accesses of 8 bytes and more arrive as several of 4. */
  readMmio(offset: number, size: MmioSize): number;
  writeMmio(offset: number, size: MmioSize, value: number): void;
}

interface Region {
  readonly start: number;
  readonly end: number;
}

interface RamRegion extends Region {
  /** Offset of `start` in the WebAssembly memory. */
  readonly host: number;
  readonly writable: boolean;
}

interface MmioRegion extends Region {
  readonly device: MmioDevice;
}

/** No host address: the page is not RAM. */
export const NOT_RAM = -1;

const PAGES_BELOW_4G = 0x100000;

export class PhysicalMap {
  private ram: RamRegion[] = [];
  private mmio: MmioRegion[] = [];
  /** Host page of each page below 4 GiB, or -1; for reading and for writing. */
  private readonly readPages = new Int32Array(PAGES_BELOW_4G).fill(NOT_RAM);
  private readonly writePages = new Int32Array(PAGES_BELOW_4G).fill(NOT_RAM);
  /** The tables are to be filled before they are used. */
  private stale = false;
  /** Called after any change of the map: whoever caches translations must drop them. */
  onChange: (() => void) | undefined;
  /** Told of every access that nobody answers; used by the log. */
  onUnclaimed: ((address: number, size: MmioSize, write: boolean) => void) | undefined;

  /** Maps `length` bytes of RAM (or ROM, when not `writable`) at `start` to offset `host` of the memory. 4 KiB aligned; later regions lie over earlier ones. */
  addRam(start: number, length: number, host: number, writable = true): void {
    this.ram = [{ start, end: start + length, host, writable }, ...this.ram];
    this.changed();
  }

  /** Gives `length` bytes at `start` to a device. Devices lie over RAM; later ones over earlier ones. */
  addMmio(start: number, length: number, device: MmioDevice): void {
    this.mmio = [{ start, end: start + length, device }, ...this.mmio];
    this.changed();
  }

  /** Removes what `device` has at `start`. */
  removeMmio(start: number, device: MmioDevice): void {
    this.mmio = this.mmio.filter((region) => region.start !== start || region.device !== device);
    this.changed();
  }

  /** The RAM regions, for E820 and for snapshots; lowest address first. */
  get ramRegions(): readonly RamRegion[] {
    return [...this.ram].sort((a, b) => a.start - b.start);
  }

  private changed(): void {
    this.stale = true;
    this.onChange?.();
  }

  /** Fills the tables of pages anew. A machine is put together of many regions before anybody asks. */
  private rebuild(): void {
    this.stale = false;
    this.readPages.fill(NOT_RAM);
    this.writePages.fill(NOT_RAM);
    for (const { start, end, host, writable } of [...this.ram].reverse()) {
      const last = Math.min(end / 4096, PAGES_BELOW_4G);
      for (let page = start / 4096, hostPage = host / 4096; page < last; page++, hostPage++) {
        this.readPages[page] = hostPage;
        this.writePages[page] = writable ? hostPage : NOT_RAM;
      }
    }
    for (const { start, end } of this.mmio) {
      const first = Math.floor(start / 4096);
      const last = Math.min(Math.ceil(end / 4096), PAGES_BELOW_4G);
      this.readPages.fill(NOT_RAM, first, last);
      this.writePages.fill(NOT_RAM, first, last);
    }
  }

  /**
   * Host offset of a physical address when its 4 KiB page is RAM (or ROM, when only reading), else
   * {@link NOT_RAM}. A page of which a device claims any part is not RAM.
   */
  hostAddress(physical: number, write: boolean): number {
    if (physical < 0x1_0000_0000) {
      if (this.stale) this.rebuild();
      const hostPage = (write ? this.writePages : this.readPages)[physical >>> 12]!;
      return hostPage === NOT_RAM ? NOT_RAM : hostPage * 4096 + (physical & 0xfff);
    }
    const page = physical - (physical % 4096);
    for (const region of this.mmio) if (page < region.end && page + 4096 > region.start) return NOT_RAM;
    for (const region of this.ram) {
      if (physical >= region.start && physical < region.end) {
        return write && !region.writable ? NOT_RAM : region.host + (physical - region.start);
      }
    }
    return NOT_RAM;
  }

  /** Reads from a device (or from nothing: all ones). Never called for RAM. */
  readMmio(physical: number, size: MmioSize): number {
    for (const region of this.mmio) {
      if (physical >= region.start && physical < region.end) {
        return region.device.readMmio(physical - region.start, size) >>> 0;
      }
    }
    this.onUnclaimed?.(physical, size, false);
    return size === 1 ? 0xff : size === 2 ? 0xffff : 0xffffffff;
  }

  /** Writes to a device (or to nothing; a write to ROM is ignored). */
  writeMmio(physical: number, size: MmioSize, value: number): void {
    for (const region of this.mmio) {
      if (physical >= region.start && physical < region.end) {
        region.device.writeMmio(physical - region.start, size, value >>> 0);
        return;
      }
    }
    this.onUnclaimed?.(physical, size, true);
  }
}
