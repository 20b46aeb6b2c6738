import assert from "node:assert/strict";
import test from "node:test";
import { FakeBus } from "./bench.test.js";
import { IoApic } from "./ioapic.js";

const LEVEL = 1 << 15;
const MASKED = 1 << 16;
const REMOTE_IRR = 1 << 14;

function setup() {
  const bus = new FakeBus();
  const ioapic = new IoApic(bus);
  const write = (index: number, value: number) => {
    ioapic.writeMmio(0x00, 4, index);
    ioapic.writeMmio(0x10, 4, value >>> 0);
  };
  const read = (index: number) => {
    ioapic.writeMmio(0x00, 4, index);
    return ioapic.readMmio(0x10, 4);
  };
  const entry = (pin: number, low: number, high = 0) => {
    write(0x11 + 2 * pin, high);
    write(0x10 + 2 * pin, low);
  };
  return { bus, ioapic, write, read, entry };
}

test("registers: id, version, arbitration, reserved bits", () => {
  const { read, write } = setup();
  assert.equal(read(0x01), 0x00170020);
  write(0x01, 0);
  assert.equal(read(0x01), 0x00170020);
  write(0x00, 0xffffffff);
  assert.equal(read(0x00), 0x0f000000);
  assert.equal(read(0x02), 0x0f000000);
  assert.equal(read(0x10), MASKED);
  write(0x10, 0xffffffff);
  assert.equal(read(0x10), 0x0001afff, "delivery status and remote IRR are read-only");
  write(0x11, 0xffffffff);
  assert.equal(read(0x11), 0xffff0000);
  assert.equal(read(0x40), 0, "beyond the last pin");
});

test("an edge sends one message with the fields of the entry", () => {
  const { bus, ioapic, entry } = setup();
  entry(4, 0x0931, 0x05000000);
  const line = ioapic.line(4);
  line(true);
  line(true);
  assert.deepEqual(bus.sent, [
    { destination: 5, logical: true, deliveryMode: 1, vector: 0x31, level: false },
  ]);
  line(false);
  line(true);
  assert.equal(bus.sent.length, 2);
});

test("an edge on a masked pin is lost", () => {
  const { bus, ioapic, entry } = setup();
  entry(4, 0x31 | MASKED);
  ioapic.line(4)(true);
  entry(4, 0x31);
  assert.equal(bus.sent.length, 0);
});

test("a level is delivered once until EOI, and again while it is asserted", () => {
  const { bus, ioapic, entry, read } = setup();
  entry(10, 0x41 | LEVEL);
  const line = ioapic.line(10);
  line(true);
  assert.equal(bus.sent.length, 1);
  assert.equal(bus.sent[0]?.level, true);
  assert.equal(read(0x10 + 20) & REMOTE_IRR, REMOTE_IRR);
  line(false);
  line(true);
  assert.equal(bus.sent.length, 1, "remote IRR blocks");
  bus.eoi(0x42);
  assert.equal(bus.sent.length, 1);
  bus.eoi(0x41);
  assert.equal(bus.sent.length, 2);
  line(false);
  ioapic.writeMmio(0x40, 4, 0x41);
  assert.equal(read(0x10 + 20) & REMOTE_IRR, 0, "the EOI register does what the broadcast does");
  assert.equal(bus.sent.length, 2);
});

test("a masked level is delivered when unmasked", () => {
  const { bus, ioapic, entry } = setup();
  entry(10, 0x41 | LEVEL | MASKED);
  ioapic.line(10)(true);
  assert.equal(bus.sent.length, 0);
  entry(10, 0x41 | LEVEL);
  assert.equal(bus.sent.length, 1);
});

test("switching to edge and back clears remote IRR", () => {
  const { ioapic, entry, read } = setup();
  entry(10, 0x41 | LEVEL);
  ioapic.line(10)(true);
  ioapic.line(10)(false);
  entry(10, 0x41 | MASKED);
  entry(10, 0x41 | LEVEL);
  assert.equal(read(0x10 + 20) & REMOTE_IRR, 0);
});

test("a message that no APIC accepts leaves remote IRR clear", () => {
  const { bus, ioapic, entry, read } = setup();
  bus.accepts = false;
  entry(10, 0x41 | LEVEL);
  ioapic.line(10)(true);
  assert.equal(read(0x10 + 20) & REMOTE_IRR, 0);
  bus.accepts = true;
  entry(10, 0x41 | LEVEL);
  assert.equal(bus.sent.length, 1);
});

test("ExtINT and NMI are edges whatever the trigger bit says", () => {
  const { bus, ioapic, entry, read } = setup();
  entry(0, 0x0700 | LEVEL);
  ioapic.line(0)(true);
  assert.equal(bus.sent[0]?.deliveryMode, 7);
  assert.equal(bus.sent[0]?.level, false);
  assert.equal(read(0x10) & REMOTE_IRR, 0);
});

test("interrupt remapping may replace the translation and block", () => {
  const { bus, ioapic, entry } = setup();
  ioapic.translate = (_low, _high, pin) => {
    assert.equal(pin, 3);
    return undefined;
  };
  entry(3, 0x31);
  ioapic.line(3)(true);
  assert.equal(bus.sent.length, 0);
});

test("state survives JSON", () => {
  const { ioapic, entry } = setup();
  entry(10, 0x41 | LEVEL);
  ioapic.line(10)(true);
  const other = setup();
  other.ioapic.restore(JSON.parse(JSON.stringify(ioapic.save())));
  assert.equal(other.bus.sent.length, 0);
  other.bus.eoi(0x41);
  assert.equal(other.bus.sent.length, 1);
});
