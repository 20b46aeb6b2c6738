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

export class PhysicalMap {
  private ram: RamRegion[] = [];
  private mmio: MmioRegion[] = [];
  /** Called after any change of the map: whoever caches translations must drop them. */
  onChange: (() => void) | undefined;
  /** Told of every access that nobody answers; used by the log. */
  onUnclaimed: ((address: number, size: MmioSize, write: boolean) => void) | undefined;

  /** Maps `length` bytes of RAM (or ROM, when not `writable`) at `start` to offset `host` of the memory. 4 KiB aligned. */
  addRam(start: number, length: number, host: number, writable = true): void {
    this.ram = [{ start, end: start + length, host, writable }, ...this.ram];
    this.onChange?.();
  }

  /** Gives `length` bytes at `start` to a device. Devices lie over RAM; later ones over earlier ones. */
  addMmio(start: number, length: number, device: MmioDevice): void {
    this.mmio = [{ start, end: start + length, device }, ...this.mmio];
    this.onChange?.();
  }

  /** Removes what `device` has at `start`. */
  removeMmio(start: number, device: MmioDevice): void {
    this.mmio = this.mmio.filter((region) => region.start !== start || region.device !== device);
    this.onChange?.();
  }

  /** The RAM regions, for E820 and for snapshots; lowest address first. */
  get ramRegions(): readonly RamRegion[] {
    return [...this.ram].sort((a, b) => a.start - b.start);
  }

  /**
   * Host offset of a physical address when its 4 KiB page is RAM (or ROM, when only reading), else
   * {@link NOT_RAM}. A page of which a device claims any part is not RAM.
   */
  hostAddress(physical: number, write: boolean): number {
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
