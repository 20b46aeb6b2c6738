import assert from "node:assert/strict";
import test from "node:test";
import { PortSpace } from "../memory/ports.js";
import { Probe } from "./bench.test.js";
import { PicPair } from "./pic8259.js";

/** A pair as a PC's firmware sets it up: vectors 08h and 70h, everything unmasked. */
function setup(icw4 = 0x01) {
  const pic = new PicPair();
  const ports = new PortSpace();
  const output = new Probe();
  pic.onOutput = output.line;
  pic.attach(ports);
  const write = (port: number, ...values: number[]) => {
    for (const value of values) ports.write(port, 1, value);
  };
  write(0x20, 0x11);
  write(0x21, 0x08, 0x04, icw4, 0x00);
  write(0xa0, 0x11);
  write(0xa1, 0x70, 0x02, icw4, 0x00);
  return { pic, output, write, read: (port: number) => ports.read(port, 1) };
}

test("an edge requests once and holds until EOI", () => {
  const { pic, output, write, read } = setup();
  const line = pic.line(4);
  line(true);
  assert.equal(output.level, true);
  assert.equal(read(0x20), 0x10, "IRR");
  assert.equal(pic.acknowledge(), 0x0c);
  assert.equal(pic.output, false);
  write(0x20, 0x0b);
  assert.equal(read(0x20), 0x10, "ISR");
  line(false);
  line(true);
  assert.equal(pic.output, false, "in service blocks the same level");
  write(0x20, 0x20);
  assert.equal(pic.output, true);
  assert.equal(pic.acknowledge(), 0x0c);
});

test("fully nested: a higher priority interrupts a lower one, not the other way round", () => {
  const { pic, write } = setup();
  pic.line(5)(true);
  assert.equal(pic.acknowledge(), 0x0d);
  pic.line(6)(true);
  assert.equal(pic.output, false);
  pic.line(1)(true);
  assert.equal(pic.acknowledge(), 0x09);
  write(0x20, 0x20);
  assert.equal(pic.output, false, "IRQ5 is still in service");
  write(0x20, 0x20);
  assert.equal(pic.acknowledge(), 0x0e);
});

test("the slave interrupts through IRQ2 and needs two EOIs", () => {
  const { pic, write, read } = setup();
  pic.line(12)(true);
  assert.equal(pic.acknowledge(), 0x74);
  pic.line(8)(true);
  assert.equal(pic.output, false, "IRQ2 is in service at the master");
  write(0xa0, 0x20);
  write(0x20, 0x20);
  assert.equal(pic.acknowledge(), 0x70);
  write(0xa0, 0x0b);
  assert.equal(read(0xa0), 0x01);
});

test("special fully nested mode lets a higher slave request through", () => {
  const { pic } = setup(0x11);
  pic.line(12)(true);
  assert.equal(pic.acknowledge(), 0x74);
  pic.line(8)(true);
  assert.equal(pic.acknowledge(), 0x70);
});

test("a request that vanishes gives the spurious vectors of IR7", () => {
  const { pic, write, read } = setup();
  pic.line(3)(true);
  pic.line(3)(false);
  assert.equal(pic.output, false);
  assert.equal(pic.acknowledge(), 0x0f);
  write(0x20, 0x0b);
  assert.equal(read(0x20), 0, "no in-service bit for a spurious interrupt");
});

test("the slave's request falls between the two INTA pulses: spurious IRQ15 with IRQ2 in service", () => {
  const { pic, write, read } = setup();
  const line = pic.line(10);
  line(true);
  // The master has taken INT; the wire falls before the slave freezes its priorities.
  pic.onOutput = (level) => {
    if (!level) line(false);
  };
  assert.equal(pic.acknowledge(), 0x77);
  write(0x20, 0x0b);
  assert.equal(read(0x20), 0x04);
});

test("level-triggered inputs request again after EOI while asserted", () => {
  const { pic, write, read } = setup();
  write(0x4d1, 0xff);
  assert.equal(read(0x4d1), 0xde, "IRQ8 and IRQ13 cannot be level-triggered");
  write(0x4d0, 0xff);
  assert.equal(read(0x4d0), 0xf8);
  const line = pic.line(10);
  line(true);
  assert.equal(pic.acknowledge(), 0x72);
  write(0xa0, 0x20);
  write(0x20, 0x20);
  assert.equal(pic.acknowledge(), 0x72);
  line(false);
  write(0xa0, 0x20);
  write(0x20, 0x20);
  assert.equal(pic.output, false);
});

test("a masked request is kept and delivered when unmasked", () => {
  const { pic, write, read } = setup();
  write(0x21, 0xff);
  pic.line(0)(true);
  assert.equal(pic.output, false);
  assert.equal(read(0x21), 0xff);
  write(0x21, 0xfe);
  assert.equal(pic.acknowledge(), 0x08);
});

test("ICW1 resets the edge sense: a wire that stays high does not request", () => {
  const { pic, write } = setup();
  pic.line(0)(true);
  write(0x20, 0x11);
  write(0x21, 0x08, 0x04, 0x01);
  assert.equal(pic.output, false);
  pic.line(0)(false);
  pic.line(0)(true);
  assert.equal(pic.output, true);
});

test("automatic EOI leaves nothing in service", () => {
  const { pic, write, read } = setup(0x03);
  pic.line(9)(true);
  pic.line(11)(true);
  assert.equal(pic.acknowledge(), 0x71);
  assert.equal(pic.acknowledge(), 0x73);
  assert.equal(pic.output, false);
  write(0x20, 0x0b);
  assert.equal(read(0x20), 0);
});

test("rotation: the level just served becomes the lowest", () => {
  const { pic, write } = setup();
  pic.line(3)(true);
  pic.acknowledge();
  write(0x20, 0xa0);
  pic.line(3)(false);
  pic.line(3)(true);
  pic.line(6)(true);
  assert.equal(pic.acknowledge(), 0x0e);
  write(0x20, 0xe6);
  assert.equal(pic.acknowledge(), 0x0b, "specific rotation, IRQ6 lowest");
  write(0x20, 0x63);
  write(0x20, 0xc7);
  pic.line(7)(true);
  pic.line(0)(true);
  assert.equal(pic.acknowledge(), 0x08, "set priority: IRQ7 lowest");
});

test("rotation in automatic EOI mode", () => {
  const { pic, write } = setup(0x03);
  write(0x20, 0x80);
  for (const irq of [3, 4]) pic.line(irq)(true);
  assert.equal(pic.acknowledge(), 0x0b);
  pic.line(3)(false);
  pic.line(3)(true);
  assert.equal(pic.acknowledge(), 0x0c, "IRQ3 is the lowest now");
});

test("special mask mode lets lower priorities in and shields masked levels from the non-specific EOI", () => {
  const { pic, write, read } = setup();
  pic.line(1)(true);
  pic.acknowledge();
  write(0x21, 0x02);
  pic.line(5)(true);
  assert.equal(pic.output, false);
  write(0x20, 0x68);
  assert.equal(pic.acknowledge(), 0x0d);
  write(0x20, 0x20, 0x0b);
  assert.equal(read(0x20), 0x02);
  write(0x20, 0x61);
  assert.equal(read(0x20), 0);
});

test("poll mode acknowledges by reading", () => {
  const { pic, write, read } = setup();
  write(0x20, 0x0c);
  assert.equal(read(0x20), 0x07, "nothing pending");
  pic.line(6)(true);
  write(0x20, 0x0c);
  assert.equal(read(0x20), 0x86);
  assert.equal(pic.output, false);
  write(0x20, 0x0b);
  assert.equal(read(0x20), 0x40);
});

test("IRQ2 has no wire", () => {
  const { pic } = setup();
  pic.line(2)(true);
  assert.equal(pic.output, false);
});

test("state survives JSON without moving the output", () => {
  const { pic, write } = setup();
  write(0x21, 0x10);
  pic.line(4)(true);
  pic.line(9)(true);
  const saved = JSON.parse(JSON.stringify(pic.save()));
  const other = setup();
  other.pic.onOutput = () => assert.fail("restore moved the output");
  other.pic.restore(saved);
  other.pic.onOutput = undefined;
  assert.equal(other.pic.output, true);
  assert.equal(other.pic.acknowledge(), 0x71);
  assert.deepEqual(saved, JSON.parse(JSON.stringify(pic.save())));
  assert.throws(() => pic.restore({ ...saved, version: 2 }), /8259/);
});
