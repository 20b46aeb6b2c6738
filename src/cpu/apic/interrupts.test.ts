import assert from "node:assert/strict";
import test from "node:test";
import { DeliveryMode } from "../interrupt-bus.js";
import { ApicBench } from "./bench.test.js";
import { Reg } from "./registers.js";

const FIXED_SELF = 0x40000;

function fixed(vector: number, level = false) {
  return { destination: 0, logical: false, deliveryMode: DeliveryMode.fixed, vector, level };
}

test("after power-up: disabled by software, everything masked", () => {
  const cpu = new ApicBench().cpus[0];
  assert.equal(cpu.read(Reg.VERSION), 0x00050014);
  assert.equal(cpu.read(Reg.SVR), 0xff);
  assert.equal(cpu.read(Reg.DFR), 0xffffffff);
  for (let register: number = Reg.LVT_TIMER; register <= Reg.LVT_ERROR; register++) {
    assert.equal(cpu.read(register), 0x10000);
    cpu.write(register, 0x30);
    assert.equal(cpu.read(register), 0x10030, "the mask cannot be cleared while disabled");
  }
  cpu.send(FIXED_SELF | 0x40);
  assert.equal(cpu.apic.pending(), -1);
});

test("the highest class is served first; the same class waits for the EOI", () => {
  const bench = new ApicBench();
  const cpu = bench.cpus[0].enable();
  for (const vector of [0x31, 0x61, 0x6f, 0x20]) assert.equal(bench.bus.send(fixed(vector)), true);
  assert.equal(cpu.read(Reg.IRR + 3), (1 << 1) | (1 << 15));
  assert.equal(cpu.apic.acknowledge(), 0x6f);
  assert.equal(cpu.read(Reg.ISR + 3), 1 << 15);
  assert.equal(cpu.read(Reg.PPR), 0x60);
  assert.equal(cpu.apic.pending(), -1);
  bench.bus.send(fixed(0x70));
  assert.equal(cpu.apic.acknowledge(), 0x70, "nests");
  cpu.write(Reg.EOI, 0);
  cpu.write(Reg.EOI, 0);
  assert.deepEqual(cpu.drain(), [0x61, 0x31, 0x20]);
  assert.deepEqual(bench.eois, []);
});

test("the task priority holds classes back, and CR8 is its upper half", () => {
  const bench = new ApicBench();
  const cpu = bench.cpus[0].enable();
  bench.bus.send(fixed(0x45));
  const { changes } = cpu;
  cpu.apic.taskPriority = 4;
  assert.equal(cpu.changes, changes + 1);
  assert.equal(cpu.read(Reg.TPR), 0x40);
  assert.equal(cpu.apic.pending(), -1);
  cpu.write(Reg.TPR, 0x3f);
  assert.equal(cpu.apic.taskPriority, 3);
  assert.equal(cpu.read(Reg.PPR), 0x3f);
  assert.equal(cpu.apic.pending(), 0x45);
  assert.equal(cpu.read(Reg.APR), 0x40);
});

test("an INTA that comes too late gets the spurious vector, which sets no ISR bit", () => {
  const bench = new ApicBench();
  const cpu = bench.cpus[0];
  cpu.write(Reg.SVR, 0x1ef);
  bench.bus.send(fixed(0x45));
  cpu.write(Reg.TPR, 0xf0);
  assert.equal(cpu.apic.acknowledge(), 0xef);
  assert.equal(cpu.read(Reg.ISR + 7), 0);
  cpu.write(Reg.TPR, 0);
  assert.deepEqual(cpu.drain(), [0x45]);
});

test("level interrupts set TMR and broadcast their EOI, unless that is suppressed", () => {
  const bench = new ApicBench(1, { eoiSuppression: true });
  const cpu = bench.cpus[0].enable();
  assert.equal(cpu.read(Reg.VERSION), 0x01050014);
  bench.bus.send(fixed(0x51, true));
  assert.equal(cpu.read(Reg.TMR + 2), 1 << 17);
  cpu.drain();
  assert.deepEqual(bench.eois, [0x51]);
  cpu.write(Reg.SVR, 0x11ff);
  bench.bus.send(fixed(0x51, true));
  cpu.drain();
  assert.deepEqual(bench.eois, [0x51]);
  bench.bus.send(fixed(0x51, false));
  assert.equal(cpu.read(Reg.TMR + 2), 0);
});

test("what waits in IRR survives a disable by software; nothing new is taken but NMI, SMI, INIT", () => {
  const bench = new ApicBench();
  const cpu = bench.cpus[0].enable();
  bench.bus.send(fixed(0x33));
  cpu.write(Reg.LVT_LINT1, 0x400);
  cpu.write(Reg.SVR, 0xff);
  assert.equal(cpu.read(Reg.LVT_LINT1), 0x10400);
  assert.equal(bench.bus.send(fixed(0x34)), false);
  assert.deepEqual(cpu.drain(), [0x33]);
  for (const deliveryMode of [DeliveryMode.nmi, DeliveryMode.smi, DeliveryMode.init]) {
    assert.equal(bench.bus.send({ ...fixed(0), deliveryMode }), true);
  }
  assert.deepEqual(cpu.signals, ["nmi", "smi", "init"]);
});

test("errors show after a write of the ESR, and the first one interrupts", () => {
  const bench = new ApicBench();
  const cpu = bench.cpus[0].enable();
  cpu.write(Reg.LVT_ERROR, 0xfe);
  cpu.send(FIXED_SELF | 0x0f);
  assert.equal(cpu.read(Reg.ESR), 0, "not yet");
  assert.deepEqual(cpu.drain(), [0xfe]);
  bench.bus.send(fixed(0x05));
  assert.deepEqual(cpu.drain(), [], "not armed again");
  assert.equal(cpu.errors(), 0x60);
  assert.equal(cpu.errors(), 0);
  assert.equal(cpu.read(0x04), 0);
  cpu.write(0x3f, 0x20);
  assert.deepEqual(cpu.drain(), [0xfe]);
  assert.equal(cpu.errors(), 0x80);
  cpu.write(Reg.VERSION, 1);
  cpu.write(Reg.IRR, 1);
  assert.equal(cpu.errors(), 0, "writing a read-only register is no error");
});

test("an error vector that is illegal itself does not recurse", () => {
  const cpu = new ApicBench().cpus[0].enable();
  cpu.write(Reg.LVT_ERROR, 0x03);
  cpu.read(0x04);
  assert.equal(cpu.errors(), 0xc0);
});

test("accesses that are no aligned words do nothing", () => {
  const { apic } = new ApicBench().cpus[0];
  assert.equal(apic.readMmio(0x34, 4), 0xffffffff);
  assert.equal(apic.readMmio(0x30, 1), 0xff);
  apic.writeMmio(0x81, 1, 0x50);
  apic.writeMmio(0x80, 2, 0x50);
  assert.equal(apic.taskPriority, 0);
  assert.equal(apic.readMmio(0xff0, 4), 0);
});

test("a reset keeps the id on INIT and forgets it at power-up", () => {
  const bench = new ApicBench(2);
  const cpu = bench.cpus[1].enable();
  cpu.write(Reg.ID, 0x77 << 24);
  cpu.write(Reg.LDR, 0x01000000);
  bench.bus.send({ ...fixed(0x44), destination: 0x77 });
  cpu.apic.reset("init");
  assert.equal(cpu.read(Reg.ID), 0x77000000);
  assert.equal(cpu.read(Reg.LDR), 0);
  assert.equal(cpu.read(Reg.SVR), 0xff);
  assert.equal(cpu.apic.pending(), -1);
  cpu.apic.reset("power");
  assert.equal(cpu.read(Reg.ID), 0x01000000);
});

test("a saved APIC goes on where it was, and restoring calls nobody but the address decoder", () => {
  const bench = new ApicBench();
  const cpu = bench.cpus[0].enable();
  cpu.write(Reg.LVT_LINT0, 0x8031);
  cpu.apic.lint(0, true);
  cpu.write(Reg.LVT_TIMER, 0x20050);
  cpu.write(Reg.DIVIDE, 0x0b);
  cpu.write(Reg.INITIAL_COUNT, 1000);
  bench.run(2500);
  bench.bus.send(fixed(0x71));
  cpu.apic.acknowledge();
  const state = JSON.parse(JSON.stringify(cpu.apic.save()));

  const other = new ApicBench();
  other.tick = bench.tick;
  const copy = other.cpus[0];
  copy.apic.restore(state);
  assert.deepEqual(copy.apic.save(), state);
  assert.deepEqual(copy.signals, ["base fee00000"]);
  assert.equal(copy.changes, 0);
  assert.equal(copy.read(Reg.CURRENT_COUNT), 750);
  other.run(7500);
  copy.write(Reg.EOI, 0);
  assert.equal(copy.apic.acknowledge(), 0x50);
  copy.write(Reg.EOI, 0);
  assert.equal(copy.apic.acknowledge(), 0x31);
  copy.apic.lint(0, false);
  copy.write(Reg.EOI, 0);
  assert.equal(copy.apic.pending(), -1);
  assert.throws(() => copy.apic.restore({ ...state, version: 2 }), /take the snapshot again/);
});
