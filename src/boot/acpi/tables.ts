/**
 * Puts the ACPI tables together: the RSDP in front, where guests search, the rest behind it.
 *
 * ACPI 6.5, 5.2.5 (RSDP, revision 2), 5.2.7 (RSDT), 5.2.8 (XSDT). The tables lie in E0000h to EFFFFh; the
 * FACS among them is written by the OS, so that memory must be RAM.
 */

import { UsageError } from "../../host/usage-error.js";
import { alignUp, type BootMemory, StructWriter } from "../guest-memory.js";
import { ACPI_TABLES, SMBIOS_TABLES } from "../layout.js";
import type { AcpiConfig } from "./config.js";
import { dsdt } from "./dsdt.js";
import { facs, fadt } from "./fadt.js";
import { checksum, OEM_ID, sdt } from "./sdt.js";
import { hpetTable, madt, mcfg } from "./static-tables.js";

const RSDP_LENGTH = 36;
/** Length of the part that ACPI 1.0 knew, which has a checksum of its own. */
const RSDP_OLD_LENGTH = 20;
/** What the FACS needs; it does no harm to the other tables. */
const ALIGNMENT = 64;

interface PlacedTable {
  readonly address: number;
  readonly bytes: Uint8Array;
}

/** All tables with their addresses; the first is the RSDP. */
export function acpiTables(config: AcpiConfig): readonly PlacedTable[] {
  const placed: PlacedTable[] = [];
  let next = alignUp(ACPI_TABLES + RSDP_LENGTH, ALIGNMENT);
  const place = (bytes: Uint8Array): number => {
    const address = next;
    placed.push({ address, bytes });
    next = alignUp(address + bytes.length, ALIGNMENT);
    return address;
  };
  const facsAddress = place(facs());
  const dsdtAddress = place(dsdt(config));
  const listed = [
    place(fadt(config, facsAddress, dsdtAddress)),
    place(madt(config)),
    place(mcfg()),
    ...(config.hpet ? [place(hpetTable())] : []),
    ...(config.extraTables ?? []).map(place),
  ];
  const rsdt = new StructWriter();
  const xsdt = new StructWriter();
  for (const address of listed) {
    rsdt.u32(address);
    xsdt.u64(address);
  }
  const rsdtAddress = place(sdt("RSDT", 1, rsdt.finish()));
  const xsdtAddress = place(sdt("XSDT", 1, xsdt.finish()));
  if (next > SMBIOS_TABLES) {
    throw new UsageError(
      `the ACPI tables need ${next - ACPI_TABLES} bytes, more than 64 KiB: use fewer processors.`,
    );
  }
  return [{ address: ACPI_TABLES, bytes: rsdp(rsdtAddress, xsdtAddress) }, ...placed];
}

function rsdp(rsdtAddress: number, xsdtAddress: number): Uint8Array {
  const revision = 2;
  const bytes = new StructWriter()
    .ascii("RSD PTR ")
    .u8(0)
    .ascii(OEM_ID, 6)
    .u8(revision)
    .u32(rsdtAddress)
    .u32(RSDP_LENGTH)
    .u64(xsdtAddress)
    .u8(0)
    .zeros(3)
    .finish();
  bytes[8] = checksum(bytes.subarray(0, RSDP_OLD_LENGTH));
  bytes[32] = checksum(bytes);
  return bytes;
}

/** Writes the tables into guest memory and returns the physical address of the RSDP. */
export function writeAcpiTables(memory: BootMemory, config: AcpiConfig): number {
  for (const { address, bytes } of acpiTables(config)) memory.write(address, bytes);
  return ACPI_TABLES;
}
