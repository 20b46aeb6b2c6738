/**
 * The chipset put together as the machine does it: 8254 and RTC behind the HPET's legacy gate, through the
 * router, to both interrupt controllers.
 */
import assert from "node:assert/strict";
import test from "node:test";
import { Bench, FakeBus } from "../chipset/bench.test.js";
import { Hpet } from "../chipset/hpet.js";
import { IoApic } from "../chipset/ioapic.js";
import { IRQ0_PIN, IrqRouter } from "../chipset/irq-router.js";
import { PicPair } from "../chipset/pic8259.js";
import { Pit8254 } from "../chipset/pit8254.js";
import { Rtc } from "../chipset/rtc.js";
import { PortSpace } from "../memory/ports.js";
import { COM_PORTS } from "./uart16550/registers.js";
import { Uart16550 } from "./uart16550/uart16550.js";

function setup() {
  const bench = new Bench();
  const bus = new FakeBus();
  const ports = new PortSpace();
  const pic = new PicPair();
  const ioapic = new IoApic(bus);
  const router = new IrqRouter(pic, ioapic);
  const hpet = new Hpet(bench.timeline, {
    irq0: router.line(0),
    irq8: router.line(8),
    pin: (pin) => router.pin(pin),
  });
  const pit = new Pit8254(bench.timeline, hpet.legacyLine(0));
  const rtc = new Rtc(bench.timeline, hpet.legacyLine(8), 0);
  const com1 = new Uart16550(bench.timeline, router.line(COM_PORTS[0].irq), COM_PORTS[0].base);
  const com3 = new Uart16550(bench.timeline, router.line(COM_PORTS[2].irq), COM_PORTS[2].base);
  for (const device of [pic, pit, rtc, com1, com3]) device.attach(ports);
  const write = (port: number, ...values: number[]) => {
    for (const value of values) ports.write(port, 1, value);
  };
  write(0x20, 0x11);
  write(0x21, 0x30, 0x04, 0x01, 0x00);
  write(0xa0, 0x11);
  write(0xa1, 0x38, 0x02, 0x01, 0x00);
  return { bench, bus, ports, pic, ioapic, hpet, write };
}

test("a timer tick of 1000 Hz reaches the CPU through the 8259, every time", () => {
  const { bench, pic, write } = setup();
  write(0x43, 0x34);
  write(0x40, 1193 & 0xff, 1193 >> 8);
  let ticks = 0;
  for (let step = 0; step < 100_000; step++) {
    bench.run(10_000);
    if (!pic.output) continue;
    assert.equal(pic.acknowledge(), 0x30);
    write(0x20, 0x20);
    ticks++;
  }
  // The control word sets OUT high, which is an edge of its own.
  assert.equal(ticks, 1 + Math.floor((1193182 - 1) / 1193));
});

test("a tick through I/O APIC pin 2, then the HPET takes it over", () => {
  const { bench, bus, ioapic, hpet, write } = setup();
  ioapic.writeMmio(0, 4, 0x10 + 2 * IRQ0_PIN);
  ioapic.writeMmio(0x10, 4, 0x30);
  write(0x43, 0x34);
  write(0x40, 0, 0x10);
  bench.run(1e9);
  const fromPit = bus.sent.length;
  assert.equal(fromPit, 1 + Math.floor((1193182 - 1) / 4096));
  hpet.writeMmio(0x100, 4, 0x14c);
  hpet.writeMmio(0x108, 4, 1_000_000);
  hpet.writeMmio(0x010, 4, 3);
  bench.run(1e9);
  assert.equal(bus.sent.length - fromPit, 100, "every 10 ms, and nothing from the 8254");
});

test("COM1 and COM3 share IRQ4", () => {
  const { pic, ports, write } = setup();
  for (const base of [0x3f8, 0x3e8]) write(base + 4, 0x08);
  write(0x3f9, 0x02);
  assert.equal(pic.acknowledge(), 0x34);
  write(0x3e9, 0x02);
  ports.read(0x3fa, 1);
  write(0x20, 0x20);
  assert.equal(pic.output, false, "edge-triggered: the wire never fell");
  ports.read(0x3ea, 1);
  write(0x3e8, 0x41);
  assert.equal(pic.acknowledge(), 0x34);
});

test("the RTC's interrupt is IRQ8", () => {
  const { bench, pic, write } = setup();
  write(0x70, 0x0b);
  write(0x71, 0x12);
  bench.run(1e9);
  assert.equal(pic.acknowledge(), 0x38);
});
