import assert from "node:assert/strict";
import test from "node:test";
import { DeliveryMode } from "../interrupt-bus.js";
import { ApicBench } from "./bench.test.js";
import { Reg } from "./registers.js";

const LOGICAL = 0x800;
const LOWEST = 0x100;
const NMI = 0x400;
const INIT = 0x500;
const STARTUP = 0x600;
const ASSERT = 0x4000;
const LEVEL = 0x8000;
const SELF = 0x40000;
const ALL = 0x80000;
const OTHERS = 0xc0000;

function xapics(count: number): ApicBench {
  const bench = new ApicBench(count);
  for (const cpu of bench.cpus) cpu.enable();
  return bench;
}

function x2apics(count: number): ApicBench {
  const bench = new ApicBench(count);
  for (const cpu of bench.cpus) cpu.x2apic();
  return bench;
}

/** What each processor received. */
function received(bench: ApicBench): number[][] {
  return bench.cpus.map((cpu) => cpu.drain());
}

test("physical destination, broadcast and shorthands", () => {
  const bench = xapics(3);
  const [cpu] = bench.cpus;
  cpu.send(0x41, 2);
  cpu.send(0x42, 0xff);
  cpu.send(SELF | 0x43, 2);
  cpu.send(ALL | 0x44);
  cpu.send(OTHERS | ASSERT | LEVEL | 0x45);
  assert.equal(cpu.read(Reg.ICR), OTHERS | ASSERT | LEVEL | 0x45);
  assert.deepEqual(received(bench), [
    [0x44, 0x43, 0x42],
    [0x45, 0x44, 0x42],
    [0x45, 0x44, 0x42, 0x41],
  ]);
  assert.deepEqual(bench.eois, [], "IPIs are edges");
});

test("the id that software writes is the one that counts; two may share it", () => {
  const bench = xapics(3);
  bench.cpus[1].write(Reg.ID, 0x80ffffff);
  bench.cpus[2].write(Reg.ID, 0x80000000);
  assert.equal(bench.cpus[1].read(Reg.ID), 0x80000000);
  bench.cpus[0].send(0x41, 0x80);
  bench.cpus[0].send(0x42, 1);
  assert.deepEqual(received(bench), [[], [0x41], [0x41]]);
});

test("flat logical destination", () => {
  const bench = xapics(3);
  bench.cpus.forEach((cpu, index) => {
    cpu.write(Reg.LDR, (1 << (24 + index)) | 0xffff);
    assert.equal(cpu.read(Reg.LDR), 1 << (24 + index));
  });
  bench.cpus[0].send(LOGICAL | 0x41, 0x05);
  bench.cpus[0].send(LOGICAL | 0x42, 0xff);
  bench.cpus[0].send(LOGICAL | 0x43, 0x10);
  assert.deepEqual(received(bench), [[0x42, 0x41], [0x42], [0x42, 0x41]]);
});

test("cluster logical destination", () => {
  const bench = xapics(3);
  [0x11, 0x12, 0x21].forEach((id, index) => {
    bench.cpus[index].write(Reg.DFR, 0);
    bench.cpus[index].write(Reg.LDR, id << 24);
    assert.equal(bench.cpus[index].read(Reg.DFR), 0x0fffffff);
  });
  bench.cpus[0].send(LOGICAL | 0x41, 0x13);
  bench.cpus[0].send(LOGICAL | 0x42, 0x21);
  bench.cpus[0].send(LOGICAL | 0x43, 0xf1);
  bench.cpus[0].send(LOGICAL | 0x44, 0x31);
  assert.deepEqual(received(bench), [[0x43, 0x41], [0x41], [0x43, 0x42]]);
});

test("lowest priority goes to one, the least busy of those that are enabled", () => {
  const bench = new ApicBench(4);
  for (const cpu of bench.cpus.slice(1)) cpu.enable();
  bench.cpus[1].write(Reg.TPR, 0x20);
  bench.cpus[2].write(Reg.TPR, 0x10);
  bench.cpus[3].write(Reg.TPR, 0x10);
  bench.cpus[1].send(LOWEST | 0x41, 0xff);
  assert.deepEqual(received(bench), [[], [], [0x41], []]);
  bench.cpus[2].send(OTHERS | LOWEST | 0x42);
  assert.deepEqual(received(bench), [[], [], [], [0x42]]);
});

test("NMI, INIT and SIPI; a level de-assert does nothing", () => {
  const bench = xapics(2);
  const [cpu, other] = bench.cpus;
  cpu.send(NMI | ASSERT, 1);
  cpu.send(NMI | ASSERT, 0);
  cpu.send(OTHERS | INIT | ASSERT | LEVEL);
  cpu.send(OTHERS | INIT | LEVEL);
  cpu.send(OTHERS | STARTUP | 0x08);
  cpu.send(SELF | INIT | ASSERT);
  cpu.send(SELF | STARTUP | 0x08);
  cpu.send(SELF | 0x700);
  cpu.send(SELF | 0x300);
  assert.deepEqual(cpu.signals, ["nmi"]);
  assert.deepEqual(other.signals, ["nmi", "init", "startup 8"]);
});

test("the bus says whether somebody took the message", () => {
  const bench = xapics(1);
  const message = { logical: false, deliveryMode: DeliveryMode.fixed, vector: 0x50, level: false };
  assert.equal(bench.bus.send({ ...message, destination: 0 }), true);
  assert.equal(bench.bus.send({ ...message, destination: 1 }), false);
  assert.equal(bench.bus.send({ ...message, destination: 0, vector: 3 }), false);
});

test("x2APIC: 32-bit physical and logical destinations", () => {
  const bench = x2apics(18);
  const [cpu] = bench.cpus;
  cpu.wrmsr(Reg.ICR, (17n << 32n) | 0x41n);
  assert.equal(cpu.rdmsr(Reg.ICR), (17n << 32n) | 0x41n);
  cpu.wrmsr(Reg.ICR, (0x10003n << 32n) | 0x842n);
  cpu.wrmsr(Reg.ICR, (0xffffffffn << 32n) | 0x43n);
  cpu.wrmsr(Reg.ICR, (0xffn << 32n) | 0x44n);
  cpu.wrmsr(Reg.SELF_IPI, 0x45n);
  assert.equal(cpu.rdmsr(Reg.ICR), (0xffn << 32n) | 0x44n);
  const got = received(bench);
  assert.deepEqual(got[0], [0x45, 0x43]);
  assert.deepEqual(got[1], [0x43]);
  assert.deepEqual(got[16], [0x43, 0x42]);
  assert.deepEqual(got[17], [0x43, 0x42, 0x41]);
});

test("x2APIC: 8-bit messages reach cluster 0, and FFh is their broadcast", () => {
  const bench = x2apics(2);
  const message = { deliveryMode: DeliveryMode.fixed, level: false };
  bench.bus.send({ ...message, destination: 2, logical: true, vector: 0x41 });
  bench.bus.send({ ...message, destination: 0xff, logical: false, vector: 0x42 });
  bench.bus.send({ ...message, destination: 1, logical: false, vector: 0x43 });
  assert.deepEqual(received(bench), [[0x42], [0x43, 0x42, 0x41]]);
});

test("message signalled interrupts", () => {
  const bench = xapics(3);
  bench.cpus.forEach((cpu, index) => {
    cpu.write(Reg.LDR, 1 << (24 + index));
  });
  const { bus } = bench;
  assert.equal(bus.msi(0xfee01000, 0, 0x41), true);
  assert.equal(bus.msi(0xfee06004, 0, 0x42), true);
  bench.cpus[1].write(Reg.TPR, 0x10);
  assert.equal(bus.msi(0xfee0600c, 0, 0x43), true);
  assert.equal(bus.msi(0xfee02000, 0, 0xc044), true);
  assert.equal(bus.msi(0xfee09000, 0, 0x45), false);
  assert.equal(bus.msi(0xfed00000, 0, 0x45), false);
  assert.equal(bus.msi(0xfee00000, 1, 0x45), false);
  assert.deepEqual(received(bench), [[], [0x42, 0x41], [0x44, 0x43, 0x42]]);
  assert.deepEqual(bench.eois, [0x44]);
});
