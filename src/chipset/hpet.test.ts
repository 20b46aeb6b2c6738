import assert from "node:assert/strict";
import test from "node:test";
import { Bench, Probe } from "./bench.test.js";
import { Hpet } from "./hpet.js";

const ENABLE = 1;
const LEGACY = 2;
const LEVEL = 1 << 1;
const INTERRUPT = 1 << 2;
const PERIODIC = 1 << 3;
const SET_VALUE = 1 << 6;
const ONLY_32 = 1 << 8;
const route = (pin: number) => pin << 9;

function setup() {
  const bench = new Bench();
  const irq0 = new Probe();
  const irq8 = new Probe();
  const pins = Array.from({ length: 24 }, () => new Probe());
  const hpet = new Hpet(bench.timeline, {
    irq0: irq0.line,
    irq8: irq8.line,
    pin: (pin) => (level) => pins[pin]?.line(level),
  });
  const write = (offset: number, value: number) => hpet.writeMmio(offset, 4, value >>> 0);
  const read = (offset: number) => hpet.readMmio(offset, 4) >>> 0;
  return { bench, irq0, irq8, pins, hpet, read, write };
}

test("capabilities: 100 MHz, 64 bits, three timers, legacy replacement", () => {
  const { read } = setup();
  assert.equal(read(0), 0x8086a201);
  assert.equal(read(4), 10_000_000);
  assert.equal(read(0x100), 0x30);
  assert.equal(read(0x104), 0x00f00000);
  assert.equal(read(0x144), 0x00f00800);
});

test("the main counter runs only while enabled and carries into its high half", () => {
  const { bench, read, write } = setup();
  bench.run(1000);
  assert.equal(read(0xf0), 0);
  write(0xf0, 0xfffffff0);
  write(0x10, ENABLE);
  bench.run(320);
  assert.equal(read(0xf0), 0x10);
  assert.equal(read(0xf4), 1);
  write(0x10, 0);
  bench.run(1000);
  assert.equal(read(0xf0), 0x10);
  assert.equal(read(0xf4), 1);
});

test("one-shot, edge: interrupts once at the match", () => {
  const { bench, pins, read, write } = setup();
  write(0x100, INTERRUPT | route(20));
  write(0x108, 100);
  write(0x10c, 0);
  write(0x10, ENABLE);
  bench.run(999);
  assert.equal(pins[20]?.rises, 0);
  bench.run(1);
  assert.equal(pins[20]?.rises, 1);
  assert.equal(read(0x20), 0, "no status for edges");
  bench.run(1e12);
  assert.equal(pins[20]?.rises, 1);
});

test("one-shot, 32 bits: matches again when the counter wraps", () => {
  const { bench, pins, read, write } = setup();
  write(0x100, INTERRUPT | ONLY_32 | route(20));
  write(0x108, 100);
  assert.equal(read(0x10c), 0);
  write(0x10, ENABLE);
  bench.run(1000 + 2 ** 32 * 10 - 1);
  assert.equal(pins[20]?.rises, 1);
  bench.run(1);
  assert.equal(pins[20]?.rises, 2);
});

test("level: asserted until its status bit is cleared", () => {
  const { bench, pins, read, write } = setup();
  write(0x120, INTERRUPT | LEVEL | route(21));
  write(0x128, 100);
  write(0x12c, 0);
  write(0x10, ENABLE);
  bench.run(5000);
  assert.equal(pins[21]?.level, true);
  assert.equal(read(0x20), 2);
  write(0x20, 1);
  assert.equal(pins[21]?.level, true);
  write(0x20, 2);
  assert.equal(pins[21]?.level, false);
  assert.equal(read(0x20), 0);
});

test("periodic, as Linux sets it up: first match and period written apart", () => {
  const { bench, irq0, read, write } = setup();
  write(0x10, ENABLE | LEGACY);
  write(0x100, INTERRUPT | PERIODIC | SET_VALUE | ONLY_32);
  write(0x108, 500);
  assert.equal(read(0x100) & SET_VALUE, 0);
  bench.run(1000);
  write(0x108, 200);
  bench.run(4000 - 1);
  assert.equal(irq0.rises, 0);
  bench.run(1);
  assert.equal(irq0.rises, 1);
  bench.run(20_000);
  assert.equal(irq0.rises, 11);
  assert.equal(read(0x108), 500 + 11 * 200);
});

test("periodic, 64 bits: the two halves of one write both set the comparator", () => {
  const { bench, pins, read, write } = setup();
  write(0x140, INTERRUPT | PERIODIC | SET_VALUE | route(11));
  write(0x148, 300);
  write(0x14c, 0);
  assert.equal(read(0x14c), 0);
  write(0x10, ENABLE);
  bench.run(9000);
  assert.equal(pins[11]?.rises, 3);
});

test("legacy replacement disconnects the 8254 and the RTC, and connects them again", () => {
  const { hpet, irq0, irq8, write } = setup();
  const pit = hpet.legacyLine(0);
  const rtc = hpet.legacyLine(8);
  pit(true);
  rtc(true);
  assert.deepEqual([irq0.level, irq8.level], [true, true]);
  write(0x10, LEGACY);
  assert.deepEqual([irq0.level, irq8.level], [false, false]);
  rtc(false);
  write(0x10, 0);
  assert.deepEqual([irq0.level, irq8.level], [true, false]);
});

test("a route outside the capabilities does not stick", () => {
  const { read, write } = setup();
  write(0x100, route(22));
  write(0x100, route(5));
  assert.equal((read(0x100) >> 9) & 31, 22);
});

test("reset stops everything", () => {
  const { bench, hpet, irq0, read, write } = setup();
  write(0x100, INTERRUPT | LEVEL);
  write(0x108, 1);
  write(0x10c, 0);
  write(0x10, ENABLE | LEGACY);
  bench.run(100);
  assert.equal(irq0.level, true);
  hpet.reset();
  assert.equal(irq0.level, false);
  assert.deepEqual([read(0x10), read(0x20), read(0xf0), read(0x108)], [0, 0, 0, 0xffffffff]);
});

test("state survives JSON", () => {
  const { bench, hpet, write } = setup();
  write(0x100, INTERRUPT | PERIODIC | SET_VALUE | route(20));
  write(0x108, 100);
  write(0x10c, 0);
  write(0x10, ENABLE);
  bench.run(1500);
  const other = setup();
  other.bench.tick = bench.tick;
  other.hpet.restore(JSON.parse(JSON.stringify(hpet.save())));
  assert.equal(other.read(0xf0), 150);
  other.bench.run(500);
  assert.equal(other.pins[20]?.rises, 1);
});
