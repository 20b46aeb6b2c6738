import assert from "node:assert/strict";
import test from "node:test";
import { PortSpace } from "../memory/ports.js";
import { FakeBus, Probe } from "./bench.test.js";
import { IoApic } from "./ioapic.js";
import { IrqRouter, SharedLine } from "./irq-router.js";
import { PicPair } from "./pic8259.js";

function setup() {
  const bus = new FakeBus();
  const ioapic = new IoApic(bus);
  const pic = new PicPair();
  const ports = new PortSpace();
  pic.attach(ports);
  for (const [port, value] of [
    [0x20, 0x11],
    [0x21, 0x20],
    [0x21, 0x04],
    [0x21, 0x01],
    [0xa0, 0x11],
    [0xa1, 0x28],
    [0xa1, 0x02],
    [0xa1, 0x01],
  ] as const) {
    ports.write(port, 1, value);
  }
  for (let pin = 0; pin < 24; pin++) {
    ioapic.writeMmio(0, 4, 0x10 + 2 * pin);
    ioapic.writeMmio(0x10, 4, 0x40 + pin);
  }
  return { bus, pic, ioapic, router: new IrqRouter(pic, ioapic) };
}

test("an ISA interrupt reaches both controllers; IRQ0 arrives at pin 2", () => {
  const { bus, pic, router } = setup();
  router.line(0)(true);
  router.line(9)(true);
  assert.deepEqual(
    bus.sent.map((message) => message.vector),
    [0x42, 0x49],
  );
  assert.equal(pic.acknowledge(), 0x20);
});

test("IRQ2 is the cascade; pins and PIC inputs can be driven alone", () => {
  const { bus, pic, router } = setup();
  router.line(2)(true);
  router.pin(20)(true);
  assert.equal(pic.output, false);
  router.picLine(5)(true);
  assert.equal(pic.acknowledge(), 0x25);
  assert.deepEqual(
    bus.sent.map((message) => message.vector),
    [0x54],
  );
});

test("shared lines are wired-OR", () => {
  const probe = new Probe();
  const shared = new SharedLine(probe.line);
  const a = shared.source();
  const b = shared.source();
  a(true);
  a(true);
  b(true);
  a(false);
  assert.equal(probe.level, true);
  b(false);
  assert.equal(probe.level, false);
  assert.equal(probe.rises, 1);
});

test("state survives JSON and moves nothing", () => {
  const { router } = setup();
  router.line(4)(true);
  const other = setup();
  const line = other.router.line(4);
  other.router.restore(JSON.parse(JSON.stringify(router.save())));
  assert.equal(other.bus.sent.length, 0);
  line(true);
  assert.equal(other.bus.sent.length, 0, "it is up already");
  line(false);
  line(true);
  assert.equal(other.bus.sent.length, 1);
});
