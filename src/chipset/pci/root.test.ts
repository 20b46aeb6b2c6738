import assert from "node:assert/strict";
import test from "node:test";
import { PhysicalMap } from "../../memory/physical.js";
import { PortSpace } from "../../memory/ports.js";
import { FakeBus } from "../bench.test.js";
import { IoApic } from "../ioapic.js";
import { IrqRouter } from "../irq-router.js";
import { PicPair } from "../pic8259.js";
import { ResetControl } from "../reset.js";
import { PirqRouter, pirqOf } from "./pirq.js";
import { HostBridge, LpcBridge } from "./q35.js";
import { ECAM_BASE, ECAM_SIZE, PciRoot } from "./root.js";

function setup() {
  const bus = new FakeBus();
  const pic = new PicPair();
  const ioapic = new IoApic(bus);
  for (let pin = 16; pin < 24; pin++) {
    ioapic.writeMmio(0, 4, 0x10 + 2 * pin);
    ioapic.writeMmio(0x10, 4, 0x8040 + pin);
  }
  const ports = new PortSpace();
  const physical = new PhysicalMap();
  const root = new PciRoot();
  const pirqs = new PirqRouter(new IrqRouter(pic, ioapic));
  const seen: unknown[] = [];
  const host = new HostBridge({
    onEcam: (base, size) => seen.push(["ecam", base, size]),
    onPam: (segments) => seen.push(["pam", segments.filter((s) => s.readRam || s.writeRam)]),
  });
  const lpc = new LpcBridge(pirqs, {
    onPmBase: (base) => seen.push(["pm", base]),
    onRootComplex: (base) => seen.push(["rcba", base]),
  });
  root.add(0, 0, host);
  root.add(31, 0, lpc);
  root.attach(ports);
  pic.attach(ports);
  new ResetControl().attach(ports);
  physical.addMmio(ECAM_BASE, ECAM_SIZE, root);
  const address = (device: number, fn: number, register: number, bus_ = 0) =>
    ports.write(0xcf8, 4, (0x80000000 | (bus_ << 16) | (device << 11) | (fn << 8) | register) >>> 0);
  return { bus, pic, ports, physical, root, pirqs, host, lpc, seen, address };
}

test("mechanism #1: Linux's and SeaBIOS's probes", () => {
  const { ports, address } = setup();
  ports.write(0xcfb, 1, 1);
  ports.write(0xcf8, 4, 0x80000000);
  assert.equal(ports.read(0xcf8, 4), 0x80000000);
  assert.equal(ports.read(0xcfc, 4), 0x29c08086);
  address(31, 0, 8);
  assert.equal(ports.read(0xcfe, 2), 0x0601);
  assert.equal(ports.read(0xcff, 1), 0x06);
  address(31, 0, 0x0c);
  assert.equal(ports.read(0xcfe, 1), 0x80);
  address(5, 0, 0);
  assert.equal(ports.read(0xcfc, 2), 0xffff);
  address(0, 0, 0, 3);
  assert.equal(ports.read(0xcfc, 4), 0xffffffff);
  ports.write(0xcf8, 4, 0);
  assert.equal(ports.read(0xcfc, 4), 0xffffffff, "not enabled");
});

test("CF9h belongs to the reset control", () => {
  const { ports } = setup();
  ports.write(0xcf8, 4, 0x80000000);
  ports.write(0xcf9, 1, 0x02);
  assert.equal(ports.read(0xcf9, 1), 0x02);
  assert.equal(ports.read(0xcf8, 4), 0x80000000);
});

test("ECAM", () => {
  const { physical } = setup();
  assert.equal(physical.readMmio(0xb0000000, 4), 0x29c08086);
  assert.equal(physical.readMmio(0xb0000000 + (31 << 15) + 2, 2), 0x2918);
  assert.equal(physical.readMmio(0xb0000000 + (1 << 15), 4), 0xffffffff);
  assert.equal(physical.readMmio(0xbffff000, 4), 0xffffffff);
  physical.writeMmio(0xb0000000 + (31 << 15) + 0x3c, 1, 0x0b);
  assert.equal(physical.readMmio(0xb0000000 + (31 << 15) + 0x3c, 1), 0x0b);
});

test("two functions cannot share an address", () => {
  const { root, host } = setup();
  assert.throws(() => root.add(0, 0, host), /already/);
  assert.deepEqual(
    [...root.entries()].map(([bdf]) => bdf),
    [0, 0xf8],
  );
  root.remove(0, 0);
  root.add(0, 0, host);
});

test("host bridge: PCIEXBAR moves and disables the ECAM", () => {
  const { host, seen } = setup();
  assert.equal(host.ecamBase, 0xb0000000);
  host.config.write(0x60, 4, 0);
  host.config.write(0x60, 4, 0xe0000001);
  assert.deepEqual(seen, [
    ["ecam", undefined, 0x10000000],
    ["ecam", 0xe0000000, 0x10000000],
  ]);
});

test("host bridge: PAM", () => {
  const { host, seen } = setup();
  host.config.write(0x90, 1, 0x10);
  host.config.write(0x93, 1, 0x32);
  assert.deepEqual(seen[1], [
    "pam",
    [
      { start: 0xf0000, length: 0x10000, readRam: true, writeRam: false },
      { start: 0xd0000, length: 0x4000, readRam: false, writeRam: true },
      { start: 0xd4000, length: 0x4000, readRam: true, writeRam: true },
    ],
  ]);
  assert.equal(host.pamSegments.length, 13);
});

test("LPC bridge: PMBASE, ACPI_CNTL, RCBA", () => {
  const { lpc, seen } = setup();
  assert.equal(lpc.pmBase, 0x600);
  lpc.config.write(0x40, 4, 0xb001);
  lpc.config.write(0x44, 1, 0);
  lpc.config.write(0xf0, 4, 0xfed1c001);
  assert.deepEqual(seen, [
    ["pm", 0xb000],
    ["pm", undefined],
    ["rcba", 0xfed1c000],
  ]);
});

test("INTx swizzle", () => {
  assert.equal(pirqOf(1, 0), 5);
  assert.equal(pirqOf(2, 3), 5);
  assert.equal(pirqOf(31, 1), 1);
});

test("a PIRQ drives its I/O APIC pin, and the 8259 when routed", () => {
  const { bus, pic, pirqs, lpc, ports } = setup();
  assert.deepEqual(
    [0x60, 0x61, 0x62, 0x63, 0x68, 0x69, 0x6a, 0x6b].map((register) => lpc.config.read(register, 1)),
    [10, 10, 11, 11, 10, 10, 11, 11],
    "as firmware leaves it",
  );
  lpc.config.write(0x69, 1, 0x80);
  for (const [port, value] of [
    [0x20, 0x11],
    [0x21, 0x20],
    [0x21, 0x04],
    [0x21, 0x01],
    [0xa0, 0x11],
    [0xa1, 0x28],
    [0xa1, 0x02],
    [0xa1, 0x01],
    [0x4d1, 0x0c],
  ] as const) {
    ports.write(port, 1, value);
  }
  const a = pirqs.intx(1, 0);
  const b = pirqs.intx(5, 0);
  a(true);
  assert.equal(bus.sent[0]?.vector, 0x40 + 16 + 5);
  assert.equal(pic.output, false);
  lpc.config.write(0x69, 1, 0x0a);
  assert.equal(pic.output, true);
  lpc.config.write(0x69, 1, 0x0b);
  assert.equal(pic.acknowledge(), 0x2b);
  b(true);
  a(false);
  ports.write(0xa0, 1, 0x20);
  ports.write(0x20, 1, 0x20);
  assert.equal(pic.output, true, "wired-OR: the other device still asserts");
  b(false);
  assert.equal(pic.output, false);
  lpc.reset();
  a(true);
  assert.equal(pic.acknowledge(), 0x2a, "the firmware's route again");
});

test("PIRQ state survives JSON; restoring the bridge moves no line", () => {
  const { pirqs, lpc } = setup();
  lpc.config.write(0x69, 1, 0x0a);
  pirqs.intx(1, 0)(true);
  const other = setup();
  const line = other.pirqs.intx(1, 0);
  other.pirqs.restore(JSON.parse(JSON.stringify(pirqs.save())));
  other.lpc.config.restore(JSON.parse(JSON.stringify(lpc.config.save())));
  assert.equal(other.bus.sent.length, 0);
  assert.deepEqual(other.seen, [
    ["pm", 0x600],
    ["rcba", undefined],
  ]);
  line(false);
  line(true);
  assert.equal(other.bus.sent.length, 1);
});
