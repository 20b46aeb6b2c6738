/**
 * The small tables: MADT (interrupt controllers), MCFG (PCI Express configuration space), HPET.
 *
 * ACPI 6.5, 5.2.12 (MADT); PCI Firmware Specification 3.3, 4.1.2 (MCFG); IA-PC HPET 1.0a, 3.2.4.
 */

import { StructWriter } from "../guest-memory.js";
import { ECAM_BASE, HPET_BASE, IOAPIC_BASE, LAPIC_BASE, LAST_BUS } from "../layout.js";
import type { AcpiConfig } from "./config.js";
import { genericAddress, SPACE_MEMORY, sdt } from "./sdt.js";

/** The machine also has two 8259s. */
const PCAT_COMPAT = 1;
const ENABLED = 1;
/** MPS INTI flags: as the bus has it; active high and level triggered. */
const CONFORMING = 0;
const LEVEL_HIGH = 0x0d;
/** ISA interrupts that PIRQs and the SCI may use. */
const LEVEL_ISA_IRQS = [5, 9, 10, 11];
/** Local APIC ids from here on need the x2APIC structures. */
const FIRST_X2APIC_ID = 255;

export function madt(config: AcpiConfig): Uint8Array {
  const body = new StructWriter().u32(LAPIC_BASE).u32(PCAT_COMPAT);
  config.apicIds.forEach((id, uid) => {
    if (id < FIRST_X2APIC_ID) body.u8(0).u8(8).u8(uid).u8(id).u32(ENABLED);
    else body.u8(9).u8(16).u16(0).u32(id).u32(ENABLED).u32(uid);
  });
  body.u8(1).u8(12).u8(config.ioapicId).u8(0).u32(IOAPIC_BASE).u32(0);
  const override = (irq: number, gsi: number, flags: number): void => {
    body.u8(2).u8(10).u8(0).u8(irq).u32(gsi).u16(flags);
  };
  override(0, 2, CONFORMING);
  for (const irq of LEVEL_ISA_IRQS) override(irq, irq, LEVEL_HIGH);
  // NMI: LINT1 of all processors.
  body.u8(4).u8(6).u8(0xff).u16(CONFORMING).u8(1);
  if (config.apicIds.some((id) => id >= FIRST_X2APIC_ID)) {
    body.u8(10).u8(12).u16(CONFORMING).u32(0xffffffff).u8(1).zeros(3);
  }
  return sdt("APIC", 3, body.finish());
}

/** Segment 0, the buses that there are. */
export function mcfg(): Uint8Array {
  return sdt("MCFG", 1, new StructWriter().zeros(8).u64(ECAM_BASE).u16(0).u8(0).u8(LAST_BUS).u32(0).finish());
}

/** Low half of the HPET's capability register: Intel, legacy replacement, 64-bit counter, 3 timers, revision 1. */
const HPET_CAPABILITIES = 0x8086a201;
/** Shortest period for periodic interrupts without losing any, in timer ticks. */
const HPET_MINIMUM_TICK = 0x80;

export function hpetTable(): Uint8Array {
  const body = new StructWriter()
    .u32(HPET_CAPABILITIES)
    .bytes(genericAddress(SPACE_MEMORY, 64, HPET_BASE))
    .u8(0)
    .u16(HPET_MINIMUM_TICK)
    .u8(0);
  return sdt("HPET", 1, body.finish());
}
