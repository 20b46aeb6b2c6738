import assert from "node:assert/strict";
import test from "node:test";
import { PortSpace } from "../memory/ports.js";
import { Bench, Probe } from "./bench.test.js";
import { PIT_HERTZ, Pit8254 } from "./pit8254.js";
import { Rate } from "./rate.js";

const rate = new Rate(PIT_HERTZ);

function setup() {
  const bench = new Bench();
  const ports = new PortSpace();
  const irq0 = new Probe();
  const pit = new Pit8254(bench.timeline, irq0.line);
  pit.attach(ports);
  pit.reset();
  const write = (port: number, ...values: number[]) => {
    for (const value of values) ports.write(port, 1, value);
  };
  const read = (port: number) => ports.read(port, 1);
  /** Moves to the first tick of an absolute input cycle. */
  const toCycle = (cycle: number) => bench.run(rate.tickAt(cycle) - bench.tick);
  const latched = (channel: number) => {
    write(0x43, channel << 6);
    return read(0x40 + channel) | (read(0x40 + channel) << 8);
  };
  return { bench, pit, irq0, write, read, toCycle, latched };
}

test("mode 0 interrupts on terminal count, once", () => {
  const { irq0, write, toCycle, pit } = setup();
  write(0x43, 0x30);
  write(0x40, 100, 0);
  assert.equal(pit.count(0), 100);
  toCycle(100);
  assert.equal(irq0.level, false);
  assert.equal(pit.count(0), 1);
  toCycle(101);
  assert.equal(irq0.level, true, "high N + 1 clocks after the write");
  assert.equal(pit.count(0), 0);
  toCycle(102);
  assert.equal(pit.count(0), 0xffff, "the counter goes on");
  write(0x40, 5);
  assert.equal(irq0.level, false, "the first byte sets OUT low and stops the count");
  toCycle(200);
  write(0x40, 0);
  toCycle(205);
  assert.equal(irq0.level, false);
  toCycle(206);
  assert.equal(irq0.level, true);
  toCycle(1000);
  assert.equal(irq0.rises, 2);
});

test("mode 2 gives one rising edge per period and never drifts", () => {
  const { irq0, write, toCycle, pit, bench } = setup();
  write(0x43, 0x34);
  assert.equal(irq0.level, true, "the control word sets OUT high");
  irq0.rises = 0;
  write(0x40, 11932 & 0xff, 11932 >> 8);
  toCycle(1 + 11931);
  assert.equal(irq0.level, false, "low during the last count");
  assert.equal(pit.count(0), 1);
  toCycle(1 + 11932);
  assert.equal(irq0.level, true);
  assert.equal(pit.count(0), 11932);
  bench.run(3600e9);
  assert.equal(irq0.rises, Math.floor((rate.cyclesAt(bench.tick) - 1) / 11932));
});

test("mode 2 takes a new count at the end of the period", () => {
  const { irq0, write, toCycle } = setup();
  write(0x43, 0x34);
  write(0x40, 100, 0);
  toCycle(50);
  irq0.rises = 0;
  write(0x40, 10, 0);
  toCycle(100);
  assert.equal(irq0.rises, 0);
  toCycle(101);
  assert.equal(irq0.rises, 1);
  toCycle(111);
  assert.equal(irq0.rises, 2);
});

test("mode 3 is a square wave, one clock longer high when the count is odd", () => {
  const { irq0, write, toCycle, pit } = setup();
  write(0x43, 0x36);
  write(0x40, 5, 0);
  const wave: number[] = [];
  for (let cycle = 1; cycle <= 10; cycle++) {
    toCycle(cycle);
    wave.push(irq0.level ? 1 : 0);
  }
  assert.deepEqual(wave, [1, 1, 1, 0, 0, 1, 1, 1, 0, 0]);
  write(0x43, 0x36);
  write(0x40, 8, 0);
  const counts: number[] = [];
  for (let cycle = 11; cycle <= 18; cycle++) {
    toCycle(cycle);
    counts.push(pit.count(0));
  }
  assert.deepEqual(counts, [8, 6, 4, 2, 8, 6, 4, 2]);
});

test("mode 3 takes a new count at the end of the half period", () => {
  const { irq0, write, toCycle } = setup();
  write(0x43, 0x36);
  write(0x40, 20, 0);
  toCycle(5);
  write(0x40, 4, 0);
  toCycle(10);
  assert.equal(irq0.level, true);
  toCycle(11);
  assert.equal(irq0.level, false);
  toCycle(13);
  assert.equal(irq0.level, true, "the low half is that of the new count");
  toCycle(15);
  assert.equal(irq0.level, false);
});

test("mode 4 strobes for one clock", () => {
  const { irq0, write, toCycle } = setup();
  write(0x43, 0x38);
  irq0.rises = 0;
  write(0x40, 30, 0);
  toCycle(30);
  assert.equal(irq0.level, true);
  toCycle(31);
  assert.equal(irq0.level, false);
  toCycle(32);
  assert.equal(irq0.level, true);
  toCycle(200000);
  assert.equal(irq0.rises, 1);
});

test("channel 2: gate and output through port 61h", () => {
  const { write, read, toCycle, pit } = setup();
  write(0x61, 0x00);
  write(0x43, 0xb0);
  write(0x42, 50, 0);
  toCycle(100);
  assert.equal(read(0x61) & 0x20, 0, "the gate holds the count");
  assert.equal(pit.count(2), 50);
  write(0x61, 0x01);
  toCycle(149);
  assert.equal(read(0x61) & 0x21, 0x01);
  toCycle(150);
  assert.equal(read(0x61) & 0x21, 0x21);
});

test("channel 2: modes 1 and 5 are triggered by the gate", () => {
  const { write, toCycle, pit } = setup();
  write(0x43, 0xb2);
  write(0x42, 10, 0);
  assert.equal(pit.output(2), true);
  write(0x61, 0x01);
  toCycle(1);
  assert.equal(pit.output(2), false);
  toCycle(5);
  write(0x61, 0x00);
  write(0x61, 0x01);
  toCycle(15);
  assert.equal(pit.output(2), false, "retriggered");
  toCycle(16);
  assert.equal(pit.output(2), true);
  write(0x61, 0x00);
  write(0x43, 0xba);
  write(0x42, 3, 0);
  write(0x61, 0x01);
  const wave: number[] = [];
  for (let cycle = 17; cycle <= 21; cycle++) {
    toCycle(cycle);
    wave.push(pit.output(2) ? 1 : 0);
  }
  assert.deepEqual(wave, [1, 1, 1, 0, 1]);
});

test("channel 2: a low gate holds mode 2 high, a rising gate reloads", () => {
  const { write, toCycle, pit } = setup();
  write(0x61, 0x01);
  write(0x43, 0xb4);
  write(0x42, 10, 0);
  toCycle(5);
  write(0x61, 0x00);
  assert.equal(pit.output(2), true);
  toCycle(100);
  assert.equal(pit.count(2), 6);
  write(0x61, 0x01);
  toCycle(101);
  assert.equal(pit.count(2), 10);
});

test("counter latch holds until both bytes are read; a second latch is ignored", () => {
  const { write, read, toCycle, latched } = setup();
  write(0x43, 0x34);
  write(0x40, 0x34, 0x12);
  toCycle(1 + 4);
  write(0x43, 0x00);
  toCycle(1 + 500);
  write(0x43, 0x00);
  assert.equal(read(0x40), 0x30);
  toCycle(1 + 600);
  assert.equal(read(0x40), 0x12);
  assert.equal(latched(0), 0x1234 - 600);
});

test("read-back latches status and count of several counters", () => {
  const { write, read, toCycle } = setup();
  write(0x43, 0x34);
  write(0x43, 0xe2);
  assert.equal(read(0x40), 0x80 | 0x40 | 0x34, "OUT high, null count");
  write(0x40, 100, 0);
  toCycle(11);
  write(0x43, 0xc2);
  assert.equal(read(0x40), 0x80 | 0x34, "status first");
  assert.equal(read(0x40), 90);
  assert.equal(read(0x40), 0);
});

test("BCD counts", () => {
  const { write, toCycle, latched } = setup();
  write(0x43, 0x31);
  write(0x40, 0x00, 0x10);
  toCycle(2);
  assert.equal(latched(0), 0x0999);
  write(0x40, 0, 0);
  toCycle(4);
  assert.equal(latched(0), 0x9999, "zero is 10000");
});

test("LSB and MSB access", () => {
  const { write, read, toCycle } = setup();
  write(0x43, 0x20);
  write(0x40, 0x02);
  toCycle(3);
  assert.equal(read(0x40), 0x01, "512 - 2 = 510");
  write(0x43, 0x10);
  write(0x40, 0x20);
  toCycle(5);
  assert.equal(read(0x40), 0x1f);
});

test("the refresh bit toggles every 18 clocks", () => {
  const { read, toCycle } = setup();
  const bits: number[] = [];
  for (let index = 0; index < 4; index++) {
    toCycle(18 * index);
    bits.push(read(0x61) & 0x10);
  }
  assert.deepEqual(bits, [0, 0x10, 0, 0x10]);
});

test("state survives JSON and the timer goes on", () => {
  const { bench, pit, write, toCycle } = setup();
  write(0x43, 0x34);
  write(0x40, 100, 0);
  toCycle(50);
  const saved = JSON.parse(JSON.stringify(pit.save()));
  const other = setup();
  other.bench.tick = bench.tick;
  other.irq0.level = true;
  other.pit.restore(saved);
  other.toCycle(101);
  assert.equal(other.irq0.rises, 1);
  assert.equal(other.pit.count(0), 100);
});
