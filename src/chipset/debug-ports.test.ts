import assert from "node:assert/strict";
import test from "node:test";
import { PhysicalMap } from "../memory/physical.js";
import { PortSpace } from "../memory/ports.js";
import { Probe } from "./bench.test.js";
import { DebugConsole, DebugExit, PostCode } from "./debug-ports.js";
import { PcTestdev } from "./pc-testdev.js";

test("debug console at 402h and E9h", () => {
  const ports = new PortSpace();
  let text = "";
  new DebugConsole((byte) => {
    text += String.fromCharCode(byte);
  }).attach(ports);
  assert.equal(ports.read(0x402, 1), 0xe9);
  assert.equal(ports.read(0xe9, 1), 0xe9);
  ports.write(0x402, 1, 0x68);
  ports.write(0xe9, 1, 0x69);
  assert.equal(text, "hi");
});

test("POST code", () => {
  const ports = new PortSpace();
  const codes: number[] = [];
  const post = new PostCode((code) => codes.push(code));
  post.attach(ports);
  ports.write(0x80, 1, 0x42);
  assert.equal(ports.read(0x80, 1), 0x42);
  assert.deepEqual(codes, [0x42]);
  post.reset();
  post.restore({ version: 1, code: 7 });
  assert.equal(post.save().code, 7);
});

test("isa-debug-exit takes every width", () => {
  const ports = new PortSpace();
  const codes: number[] = [];
  new DebugExit((code) => codes.push(code)).attach(ports);
  ports.write(0xf4, 1, 1);
  ports.write(0xf4, 2, 0x1234);
  ports.write(0xf4, 4, 0x89abcdef);
  assert.deepEqual(codes, [1, 0x1234, 0x89abcdef]);
});

test("pc-testdev: latch, flush, lines, memory", () => {
  const ports = new PortSpace();
  const physical = new PhysicalMap();
  const pins = Array.from({ length: 24 }, () => new Probe());
  const flushes: number[] = [];
  const device = new PcTestdev(
    (pin) => (level) => pins[pin]?.line(level),
    (address) => flushes.push(address),
  );
  device.attach(ports, physical);
  ports.write(0xe0, 4, 0x12345678);
  ports.write(0xe1, 1, 0xaa);
  assert.equal(ports.read(0xe0, 4), 0x1234aa78);
  assert.equal(ports.read(0xe2, 2), 0x1234);
  ports.write(0xe4, 4, 0x400000);
  assert.deepEqual(flushes, [0x400000]);
  ports.write(0x200e, 1, 1);
  assert.equal(pins[14]?.level, true);
  ports.write(0x200e, 1, 0);
  assert.equal(pins[14]?.level, false);
  physical.writeMmio(0xff000010, 4, 0xdeadbeef);
  assert.equal(physical.readMmio(0xff000011, 2), 0xadbe);
  const saved = JSON.parse(JSON.stringify(device.save()));
  device.reset();
  assert.equal(physical.readMmio(0xff000010, 4), 0);
  device.restore(saved);
  assert.equal(physical.readMmio(0xff000010, 4), 0xdeadbeef);
});
