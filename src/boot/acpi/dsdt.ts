/**
 * DSDT: processors, the PCI root bridge with its windows and interrupt routing, the legacy devices, power-off.
 *
 * ACPI 6.5, 5.2.11.1; PCI Firmware Specification 3.3, 4.3 (root bridges). Interrupts: with the IOAPIC, INTx
 * pins are hard-wired to GSI 16 to 23; with the 8259s they go through the PIRQ routing registers of the ICH9
 * LPC bridge (ICH9 datasheet, 13.1.17 and 13.1.19), which the link devices GSIA … GSIH and LNKA … LNKH show.
 */

import { SLP_TYP_S5 } from "../../chipset/acpi-pm.js";
import { PIRQ_FIRST_PIN } from "../../chipset/pci/pirq.js";
import { concat } from "../guest-memory.js";
import { ECAM_BASE, ECAM_LENGTH, HPET_BASE, IOAPIC_BASE, LAST_BUS } from "../layout.js";
import {
  type Aml,
  and,
  arg,
  byteField,
  createDwordField,
  device,
  eisaId,
  equal,
  integer,
  method,
  name,
  operationRegion,
  or,
  otherwise,
  pack,
  path,
  REGION_PCI_CONFIG,
  returns,
  scope,
  store,
  string,
  uuid,
  when,
} from "./aml.js";
import type { AcpiConfig } from "./config.js";
import {
  busNumbers,
  extendedInterrupt,
  io,
  ioWindow,
  irq,
  memory32Fixed,
  memoryWindow32,
  memoryWindow64,
  resourceTemplate,
} from "./resources.js";
import { sdt } from "./sdt.js";

/** Revision 2 makes AML integers 64 bits wide. */
const REVISION = 2;

const LPC_BRIDGE_ADDRESS = 0x001f0000;
const PIRQ_LETTERS = ["A", "B", "C", "D", "E", "F", "G", "H"] as const;
/** 8259 inputs that a PIRQ can be routed to. */
const PIRQ_CHOICES = [5, 10, 11];
/** Bit 7 of a PIRQ routing register: not routed to the 8259s. */
const PIRQ_DISABLED = 0x80;
const STA_PRESENT_DISABLED = 0x09;
const STA_PRESENT_ENABLED = 0x0b;

const PCI_HOST_BRIDGE_UUID = "33DB4D5B-1FF7-401C-9657-7441C03DD766";
/** _OSC control: native hot-plug, SHPC, PME, AER, capability structure. */
const OSC_CONTROL = 0x1f;
const OSC_UNRECOGNIZED_UUID = 0x04;

export function dsdt(config: AcpiConfig): Uint8Array {
  const terms = concat(
    name("PICF", integer(0)),
    method("_PIC", 1, store(arg(0), path("PICF"))),
    // The values for SLP_TYP in PM1a and PM1b control.
    name("_S5", pack(integer(SLP_TYP_S5), integer(SLP_TYP_S5), integer(0), integer(0))),
    scope("\\_SB", ...processors(config), pciRoot(config), ...links(), ...(config.hpet ? [hpet()] : [])),
  );
  return sdt("DSDT", REVISION, terms);
}

function processors(config: AcpiConfig): Aml[] {
  return config.apicIds.map((_, uid) => {
    const label = `C${uid.toString(16).toUpperCase().padStart(3, "0")}`;
    return device(label, name("_HID", string("ACPI0007")), name("_UID", integer(uid)));
  });
}

function pciRoot(config: AcpiConfig): Aml {
  return device(
    "PCI0",
    name("_HID", eisaId("PNP0A08")),
    name("_CID", eisaId("PNP0A03")),
    name("_UID", integer(0)),
    name("_SEG", integer(0)),
    name("_BBN", integer(0)),
    name("_CRS", rootWindows(config)),
    name("PRTA", routingToGsi(config)),
    name("PRTP", routingToLinks(config)),
    method("_PRT", 0, when(path("PICF"), returns(path("PRTA"))), returns(path("PRTP"))),
    negotiation(),
    motherboard(),
    lpcBridge(config),
  );
}

function rootWindows(config: AcpiConfig): Aml {
  const window = (base: number, end: number): Uint8Array => memoryWindow32({ base, length: end - base });
  return resourceTemplate(
    busNumbers(0, LAST_BUS),
    ioWindow(0, 0xcf7),
    // The configuration ports CF8h to CFFh are the bridge's own.
    io(0xcf8, 8),
    ioWindow(0xd00, 0xffff),
    memoryWindow32({ base: 0xa0000, length: 0x20000 }, true),
    ...(config.lowRam < ECAM_BASE ? [window(config.lowRam, ECAM_BASE)] : []),
    window(ECAM_BASE + ECAM_LENGTH, IOAPIC_BASE),
    ...(config.pciWindow64 ? [memoryWindow64(config.pciWindow64)] : []),
  );
}

type Route = (gsi: number) => Aml[];

/** One package for each pin of each device on bus 0: address, pin, source, index in the source. */
function routing(config: AcpiConfig, route: Route): Aml {
  const entries: Aml[] = [];
  for (let slot = 0; slot < 32; slot++) {
    for (let pin = 0; pin < 4; pin++) {
      const anyFunction = slot * 0x10000 + 0xffff;
      entries.push(pack(integer(anyFunction), integer(pin), ...route(config.intxGsi(slot, pin))));
    }
  }
  return pack(...entries);
}

function routingToGsi(config: AcpiConfig): Aml {
  return routing(config, (gsi) => [integer(0), integer(gsi)]);
}

function routingToLinks(config: AcpiConfig): Aml {
  return routing(config, (gsi) => [
    path(`\\_SB.LNK${PIRQ_LETTERS[gsi - PIRQ_FIRST_PIN] ?? "A"}`),
    integer(0),
  ]);
}

/** Interrupt link devices, one for each PIRQ routing register. */
function links(): Aml[] {
  return PIRQ_LETTERS.map((letter, index) => {
    const register = path(`\\_SB.PCI0.LPC.PRQ${letter}`);
    return device(
      `LNK${letter}`,
      name("_HID", eisaId("PNP0C0F")),
      name("_UID", integer(index)),
      name("_PRS", resourceTemplate(extendedInterrupt(...PIRQ_CHOICES))),
      method(
        "_STA",
        0,
        when(and(register, integer(PIRQ_DISABLED)), returns(integer(STA_PRESENT_DISABLED))),
        returns(integer(STA_PRESENT_ENABLED)),
      ),
      method("_DIS", 0, or(register, integer(PIRQ_DISABLED), register)),
      name("BUFI", resourceTemplate(extendedInterrupt(0))),
      method(
        "_CRS",
        0,
        createDwordField(path("BUFI"), INTERRUPT_NUMBER, "IRQN"),
        and(register, integer(0x0f), path("IRQN")),
        returns(path("BUFI")),
      ),
      method("_SRS", 1, createDwordField(arg(0), INTERRUPT_NUMBER, "IRQS"), store(path("IRQS"), register)),
    );
  });
}

/** Offset of the first interrupt number in an extended interrupt descriptor. */
const INTERRUPT_NUMBER = 5;

/** _OSC: gives the OS all PCI Express features that it asks for. */
function negotiation(): Aml {
  return method(
    "_OSC",
    4,
    createDwordField(arg(3), 0, "CDW1"),
    when(
      equal(arg(0), uuid(PCI_HOST_BRIDGE_UUID)),
      createDwordField(arg(3), 8, "CDW3"),
      and(path("CDW3"), integer(OSC_CONTROL), path("CDW3")),
    ),
    otherwise(or(path("CDW1"), integer(OSC_UNRECOGNIZED_UUID), path("CDW1"))),
    returns(arg(3)),
  );
}

/** Reserves the configuration space, as operating systems expect before they use it. */
function motherboard(): Aml {
  return device(
    "ECAM",
    name("_HID", eisaId("PNP0C02")),
    name("_UID", integer(0)),
    name("_CRS", resourceTemplate(memory32Fixed(ECAM_BASE, ECAM_LENGTH))),
  );
}

function lpcBridge(config: AcpiConfig): Aml {
  return device(
    "LPC",
    name("_ADR", integer(LPC_BRIDGE_ADDRESS)),
    operationRegion("PIRQ", REGION_PCI_CONFIG, 0x60, 0x0c),
    byteField("PIRQ", [
      ["PRQA", 8],
      ["PRQB", 8],
      ["PRQC", 8],
      ["PRQD", 8],
      ["", 32],
      ["PRQE", 8],
      ["PRQF", 8],
      ["PRQG", 8],
      ["PRQH", 8],
    ]),
    legacyDevice("RTC", "PNP0B00", io(0x70, 2), irq(8)),
    ...(config.i8042 ? [legacyDevice("KBD", "PNP0303", io(0x60, 1), io(0x64, 1), irq(1))] : []),
    ...(config.i8042 ? [legacyDevice("MOU", "PNP0F13", irq(12))] : []),
    ...config.serialPorts.map(({ port, irq: line }, index) =>
      device(
        `COM${index + 1}`,
        name("_HID", eisaId("PNP0501")),
        name("_UID", integer(index + 1)),
        name("_CRS", resourceTemplate(io(port, 8), irq(line))),
      ),
    ),
  );
}

function legacyDevice(label: string, id: string, ...resources: readonly Uint8Array[]): Aml {
  return device(label, name("_HID", eisaId(id)), name("_CRS", resourceTemplate(...resources)));
}

function hpet(): Aml {
  return device(
    "HPET",
    name("_HID", eisaId("PNP0103")),
    name("_UID", integer(0)),
    name("_CRS", resourceTemplate(memory32Fixed(HPET_BASE, 0x400))),
  );
}
