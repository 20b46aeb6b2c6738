/**
 * SMBIOS tables: what the machine tells about itself as a product.
 *
 * DMTF DSP0134 (SMBIOS 2.8): the 32-bit entry point `_SM_` on a 16-byte boundary in F0000h to FFFFFh, and the
 * structures behind it.
 */

import { checksum } from "./acpi/sdt.js";
import { alignUp, type BootMemory, StructWriter } from "./guest-memory.js";
import { FOUR_GIB, SMBIOS_TABLES } from "./layout.js";

export interface SmbiosConfig {
  /** RAM below and above the hole that ends at 4 GiB, in bytes. */
  readonly lowRam: number;
  readonly highRam: number;
  readonly processors: number;
  /** Version of vt86, shown as the firmware's and the product's. */
  readonly version: string;
  /** Speed of the processor in MHz, as shown. */
  readonly megahertz: number;
}

const ENTRY_LENGTH = 31;
const INTERMEDIATE_OFFSET = 16;
const MAKER = "vt86";
const FIRMWARE_DATE = "01/01/2026";
/** Handle that stands for "not given". */
const NO_HANDLE = 0xfffe;
const ARRAY_HANDLE = 0x1000;

/** Collects structures: header, formatted area, strings. */
class Structures {
  readonly bytes = new StructWriter();
  count = 0;
  longest = 0;

  /** `fill` writes what follows the 4-byte header; its `text` adds a string and returns the string's number. */
  add(
    type: number,
    handle: number,
    fill: (area: StructWriter, text: (value: string) => number) => void,
  ): void {
    const area = new StructWriter();
    const strings: string[] = [];
    fill(area, (value) => strings.push(value));
    const start = this.bytes.length;
    this.bytes
      .u8(type)
      .u8(4 + area.length)
      .u16(handle)
      .bytes(area.finish());
    for (const value of strings) this.bytes.ascii(`${value}\0`);
    this.bytes.zeros(strings.length === 0 ? 2 : 1);
    this.count++;
    this.longest = Math.max(this.longest, this.bytes.length - start);
  }
}

/** Entry point and structures, to be placed at `SMBIOS_TABLES`. */
export function smbiosTables(config: SmbiosConfig): Uint8Array {
  const structures = new Structures();
  firmware(structures, config);
  system(structures, config);
  for (let i = 0; i < config.processors; i++) processor(structures, config, i);
  memoryDevices(structures, config);
  structures.add(32, 0x2000, (area) => area.zeros(6).u8(0)); // booted without errors
  structures.add(127, 0x7f00, () => undefined); // end

  const table = structures.bytes.finish();
  const tableAddress = SMBIOS_TABLES + alignUp(ENTRY_LENGTH, 16);
  const entry = new StructWriter()
    .ascii("_SM_")
    .u8(0)
    .u8(ENTRY_LENGTH)
    .u8(2) // version 2.8
    .u8(8)
    .u16(structures.longest)
    .u8(0)
    .zeros(5)
    .ascii("_DMI_")
    .u8(0)
    .u16(table.length)
    .u32(tableAddress)
    .u16(structures.count)
    .u8(0x28)
    .finish();
  entry[INTERMEDIATE_OFFSET + 5] = checksum(entry.subarray(INTERMEDIATE_OFFSET));
  entry[4] = checksum(entry);
  return new StructWriter().bytes(entry).align(16).bytes(table).finish();
}

/** Writes the tables into guest memory. */
export function writeSmbiosTables(memory: BootMemory, config: SmbiosConfig): void {
  memory.write(SMBIOS_TABLES, smbiosTables(config));
}

function firmware(structures: Structures, config: SmbiosConfig): void {
  const notSupported = 1n << 3n;
  const virtualMachine = 0x10;
  structures.add(0, 0x0000, (area, text) => {
    area.u8(text(MAKER)).u8(text(config.version)).u16(0xf000).u8(text(FIRMWARE_DATE)).u8(0);
    area.u64(notSupported).u8(0).u8(virtualMachine);
    area.u8(0).u8(0).u8(0xff).u8(0xff);
  });
}

function system(structures: Structures, config: SmbiosConfig): void {
  const powerSwitch = 6;
  structures.add(1, 0x0100, (area, text) => {
    area.u8(text(MAKER)).u8(text("vt86 PC")).u8(text(config.version)).u8(0);
    area.zeros(16).u8(powerSwitch).u8(0).u8(0);
  });
  structures.add(3, 0x0300, (area, text) => {
    const other = 1;
    const [safe, none] = [3, 3];
    area.u8(text(MAKER)).u8(other).u8(0).u8(0).u8(0);
    area.u8(safe).u8(safe).u8(safe).u8(none).u32(0).u8(0).u8(0).u8(0).u8(0).u8(0);
  });
}

function processor(structures: Structures, config: SmbiosConfig, index: number): void {
  const [central, otherFamily, otherUpgrade] = [3, 1, 1];
  const populatedAndEnabled = 0x41;
  structures.add(4, 0x0400 + index, (area, text) => {
    area
      .u8(text(`CPU ${index}`))
      .u8(central)
      .u8(otherFamily)
      .u8(text(MAKER))
      .u64(0)
      .u8(0);
    area.u8(0).u16(0).u16(config.megahertz).u16(config.megahertz);
    area.u8(populatedAndEnabled).u8(otherUpgrade).u16(0xffff).u16(0xffff).u16(0xffff);
    area.u8(0).u8(0).u8(0).u8(1).u8(1).u8(1).u16(0x04).u16(otherFamily); // one core, 64-bit capable
  });
}

function memoryDevices(structures: Structures, { lowRam, highRam }: SmbiosConfig): void {
  const total = lowRam + highRam;
  const other = 1;
  structures.add(16, ARRAY_HANDLE, (area) => {
    const [systemMemory, noCorrection] = [3, 3];
    area.u8(other).u8(systemMemory).u8(noCorrection).u32(0x80000000).u16(NO_HANDLE).u16(1).u64(total);
  });
  structures.add(17, 0x1100, (area, text) => {
    const [dimm, ram, unknownBits] = [9, 7, 2];
    const mebibytes = total / 0x100000;
    // Sizes from 32767 MiB on are in the extended field.
    const extended = mebibytes >= 0x7fff;
    area.u16(ARRAY_HANDLE).u16(NO_HANDLE).u16(0xffff).u16(0xffff);
    area
      .u16(extended ? 0x7fff : mebibytes)
      .u8(dimm)
      .u8(0)
      .u8(text("DIMM 0"))
      .u8(0)
      .u8(ram)
      .u16(unknownBits);
    area
      .u16(0)
      .u8(text(MAKER))
      .u8(0)
      .u8(0)
      .u8(0)
      .u8(0)
      .u32(extended ? mebibytes : 0)
      .u16(0)
      .u16(0)
      .u16(0)
      .u16(0);
  });
  const mapped = (handle: number, start: number, length: number): void => {
    structures.add(19, handle, (area) => {
      // Below 4 TiB addresses count KiB; the last one is inclusive.
      area
        .u32(start / 1024)
        .u32((start + length) / 1024 - 1)
        .u16(ARRAY_HANDLE)
        .u8(1)
        .u64(0)
        .u64(0);
    });
  };
  mapped(0x1300, 0, lowRam);
  if (highRam > 0) mapped(0x1301, FOUR_GIB, highRam);
}
