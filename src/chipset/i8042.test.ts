import assert from "node:assert/strict";
import test from "node:test";
import { PortSpace } from "../memory/ports.js";
import { Probe } from "./bench.test.js";
import { I8042 } from "./i8042.js";

function setup() {
  const ports = new PortSpace();
  const irq1 = new Probe();
  const seen: string[] = [];
  const controller = new I8042({
    irq1: irq1.line,
    a20: (enabled) => seen.push(enabled ? "a20 on" : "a20 off"),
    reset: () => seen.push("reset"),
  });
  controller.attach(ports);
  const command = (value: number, ...data: number[]) => {
    ports.write(0x64, 1, value);
    for (const byte of data) ports.write(0x60, 1, byte);
  };
  const status = () => ports.read(0x64, 1);
  /** The answer, or -1 when the output buffer is empty. */
  const answer = () => (status() & 1 ? ports.read(0x60, 1) : -1);
  return { controller, irq1, seen, command, status, answer, ports };
}

test("self test, configuration byte, status", () => {
  const { command, answer, status } = setup();
  assert.equal(status(), 0x10, "not locked, nothing to read");
  command(0xaa);
  assert.equal(status() & 1, 1);
  assert.equal(answer(), 0x55);
  assert.equal(status() & 4, 4, "system flag");
  command(0x60, 0x47);
  command(0x20);
  assert.equal(answer(), 0x67, "the second port stays off");
  assert.equal(answer(), -1);
});

test("there is no second port: what Linux's probe asks", () => {
  const { command, answer, status } = setup();
  command(0xd3, 0x5a);
  assert.equal(status() & 0x21, 0x01, "not from the second port");
  assert.notEqual(answer(), 0x5a);
  command(0xa9);
  assert.equal(answer(), 0x01);
  command(0xa8);
  command(0x20);
  assert.equal(answer() & 0x20, 0x20);
});

test("there is no keyboard: interface test fails, a byte to it times out", () => {
  const { command, answer, status, ports } = setup();
  command(0xab);
  assert.notEqual(answer(), 0);
  ports.write(0x60, 1, 0xf2);
  assert.equal(status() & 0x40, 0x40);
  assert.equal(answer(), 0xfe);
  assert.equal(status() & 0x40, 0);
});

test("A20 and reset", () => {
  const { command, answer, seen } = setup();
  command(0xd1, 0xdd);
  command(0xd0);
  assert.equal(answer() & 2, 0);
  command(0xdf);
  command(0xdd);
  command(0xfe);
  command(0xff);
  assert.deepEqual(seen, ["a20 off", "a20 on", "a20 off", "reset"]);
  command(0xd1, 0x02);
  assert.deepEqual(seen.slice(4), ["a20 on", "reset"]);
});

test("injected scan codes wait for the port and interrupt", () => {
  const { controller, command, answer, irq1 } = setup();
  controller.inject([0x1c, 0x9c]);
  assert.equal(answer(), -1, "the keyboard port is off after power on");
  command(0x60, 0x01);
  assert.equal(irq1.level, true);
  assert.equal(answer(), 0x1c);
  assert.equal(irq1.rises, 2);
  assert.equal(answer(), 0x9c);
  assert.equal(irq1.level, false);
});

test("state survives JSON", () => {
  const { controller, command } = setup();
  command(0x60, 0x01);
  controller.inject([1, 2, 3]);
  const other = setup();
  other.controller.restore(JSON.parse(JSON.stringify(controller.save())));
  assert.deepEqual([other.answer(), other.answer(), other.answer(), other.answer()], [1, 2, 3, -1]);
});
