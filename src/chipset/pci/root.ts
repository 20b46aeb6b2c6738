/**
 * The root of the PCI hierarchy: finds the function that a configuration access means.
 *
 * Two ways in: configuration mechanism #1 at CF8h/CFCh (PCI 3.0, 3.2.2.3.2) and the enhanced configuration
 * access mechanism, ECAM (PCI Express 3.0, 7.2.2), 1 MiB of memory per bus. Absent functions read as all ones.
 */
import type { MmioDevice, MmioSize } from "../../memory/physical.js";
import type { PortDevice, PortSize, PortSpace } from "../../memory/ports.js";
import { expectVersion, type VersionedState } from "../state.js";
import type { PciFunction } from "./function.js";

export const ECAM_BASE = 0xb0000000;
export const ECAM_SIZE = 0x10000000;

const CONFIG_ADDRESS = 0xcf8;
const CONFIG_DATA = 0xcfc;
const ADDRESS_ENABLE = 0x80000000;

function allOnes(size: PortSize): number {
  return size === 4 ? 0xffffffff : 2 ** (8 * size) - 1;
}

export interface PciRootState extends VersionedState {
  readonly version: 1;
  readonly address: number;
}

export class PciRoot implements PortDevice, MmioDevice {
  /** By bus:device.function, `bus << 8 | device << 3 | function`. */
  private readonly functions = new Map<number, PciFunction>();
  private address = 0;

  /** Claims CF8h … CFFh. Attach it before the reset control, whose CF9h lies inside. */
  attach(ports: PortSpace): void {
    ports.claim(CONFIG_ADDRESS, CONFIG_DATA + 3, this);
  }

  /** Puts a function on bus 0, or on the bus behind a bridge once that has its number. */
  add(device: number, fn: number, target: PciFunction, bus = 0): void {
    const key = (bus << 8) | (device << 3) | fn;
    if (this.functions.has(key))
      throw new Error(`there is already a PCI function at ${device}.${fn} of bus ${bus}`);
    this.functions.set(key, target);
  }

  remove(device: number, fn: number, bus = 0): void {
    this.functions.delete((bus << 8) | (device << 3) | fn);
  }

  /** All functions in the order of their addresses. */
  *entries(): Iterable<readonly [bdf: number, target: PciFunction]> {
    for (const key of [...this.functions.keys()].sort((a, b) => a - b)) {
      const target = this.functions.get(key);
      if (target) yield [key, target];
    }
  }

  private readConfig(bdf: number, offset: number, size: PortSize): number {
    return this.functions.get(bdf)?.config.read(offset, size) ?? allOnes(size);
  }

  private writeConfig(bdf: number, offset: number, size: PortSize, value: number): void {
    this.functions.get(bdf)?.config.write(offset, size, value);
  }

  readPort(port: number, size: PortSize): number {
    if (port >= CONFIG_DATA) {
      if (!this.decodes(port, size)) return allOnes(size);
      return this.readConfig((this.address >>> 8) & 0xffff, (this.address & 0xfc) + port - CONFIG_DATA, size);
    }
    // Only dword accesses reach the address register.
    return port === CONFIG_ADDRESS && size === 4 ? this.address : allOnes(size);
  }

  writePort(port: number, size: PortSize, value: number): void {
    if (port >= CONFIG_DATA) {
      if (!this.decodes(port, size)) return;
      this.writeConfig(
        (this.address >>> 8) & 0xffff,
        (this.address & 0xfc) + port - CONFIG_DATA,
        size,
        value,
      );
    } else if (port === CONFIG_ADDRESS && size === 4) {
      this.address = (value & 0x80fffffc) >>> 0;
    }
  }

  /** The address is enabled and the access stays within the dword. */
  private decodes(port: number, size: PortSize): boolean {
    return this.address >= ADDRESS_ENABLE && port - CONFIG_DATA + size <= 4;
  }

  /** ECAM: `offset` is bus, device, function and register in bits 27:20, 19:15, 14:12 and 11:0. */
  readMmio(offset: number, size: MmioSize): number {
    return this.readConfig(offset >>> 12, offset & 0xfff, size);
  }

  writeMmio(offset: number, size: MmioSize, value: number): void {
    this.writeConfig(offset >>> 12, offset & 0xfff, size, value);
  }

  reset(): void {
    this.address = 0;
  }

  save(): PciRootState {
    return { version: 1, address: this.address };
  }

  restore(state: PciRootState): void {
    expectVersion("PCI root", state, 1);
    this.address = state.address;
  }
}
