/**
 * What the ACPI tables need to know about the machine.
 */

import { PIRQ_FIRST_PIN, pirqOf } from "../../chipset/pci/pirq.js";
import type { Window } from "./resources.js";

/** A 16550 at a fixed place. */
export interface SerialPort {
  readonly port: number;
  readonly irq: number;
}

export interface AcpiConfig {
  /** Local APIC ids of the processors; the boot processor first. */
  readonly apicIds: readonly number[];
  /** RAM below the hole that ends at 4 GiB, and from 4 GiB up; in bytes. */
  readonly lowRam: number;
  readonly highRam: number;
  readonly ioapicId: number;
  readonly serialPorts: readonly SerialPort[];
  readonly hpet: boolean;
  readonly i8042: boolean;
  readonly vga: boolean;
  /** Global interrupt (16 … 23) of the INTx pin (0 … 3) of a device on bus 0. */
  readonly intxGsi: (device: number, pin: number) => number;
  /** Addresses above RAM that the OS may give to PCI memory BARs; absent for none. */
  readonly pciWindow64?: Window;
  /** Complete tables of others (DMAR, IVRS, …), made with `sdt`. */
  readonly extraTables?: readonly Uint8Array[];
}

const GIBIBYTE = 0x40000000;

/** The machine of the fixed parts, with COM1, HPET and i8042, and 64 GiB for large BARs. */
export function defaultAcpiConfig(lowRam: number, highRam: number, processors: number): AcpiConfig {
  const ramEnd = 4 * GIBIBYTE + highRam;
  return {
    apicIds: Array.from({ length: processors }, (_, i) => i),
    lowRam,
    highRam,
    ioapicId: 0,
    serialPorts: [{ port: 0x3f8, irq: 4 }],
    hpet: true,
    i8042: true,
    vga: true,
    intxGsi: (device, pin) => PIRQ_FIRST_PIN + pirqOf(device, pin),
    pciWindow64: { base: Math.ceil(ramEnd / GIBIBYTE) * GIBIBYTE, length: 64 * GIBIBYTE },
  };
}
