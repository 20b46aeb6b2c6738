import assert from "node:assert/strict";
import test from "node:test";
import { DeliveryMode } from "../interrupt-bus.js";
import { APIC_BASE, ApicBench, ENABLE } from "./bench.test.js";
import { setVirtualWireMode } from "./firmware.js";
import { Reg } from "./registers.js";

test("LINT0 in ExtINT mode is the 8259's INTR", () => {
  const cpu = new ApicBench().cpus[0].enable();
  cpu.apic.lint(0, true);
  assert.equal(cpu.apic.extIntPending, false, "masked");
  cpu.write(Reg.LVT_LINT0, 0x700);
  assert.equal(cpu.apic.extIntPending, true);
  assert.equal(cpu.changes, 1);
  cpu.apic.taskPriority = 15;
  assert.equal(cpu.apic.extIntPending, true, "no part in the priorities");
  assert.equal(cpu.apic.acknowledgeExtInt(), 0x08);
  cpu.apic.lint(0, false);
  assert.equal(cpu.apic.extIntPending, false);
});

test("an ExtINT message waits for its INTA", () => {
  const bench = new ApicBench();
  const cpu = bench.cpus[0].enable();
  const message = { destination: 0, logical: false, vector: 0, level: false };
  assert.equal(bench.bus.send({ ...message, deliveryMode: DeliveryMode.extInt }), true);
  assert.equal(cpu.apic.extIntPending, true);
  assert.equal(cpu.apic.acknowledgeExtInt(), 0x08);
  assert.equal(cpu.apic.extIntPending, false);
});

test("while globally disabled the pins are INTR and NMI", () => {
  const bench = new ApicBench();
  const cpu = bench.cpus[0].enable();
  cpu.apic.lint(0, true);
  cpu.apic.writeMsr(APIC_BASE, cpu.apic.readMsr(APIC_BASE) & ~ENABLE);
  assert.equal(cpu.apic.extIntPending, true);
  cpu.apic.lint(1, true);
  cpu.apic.lint(1, true);
  assert.deepEqual(cpu.signals, ["base -1", "nmi"]);
  cpu.apic.writeMsr(APIC_BASE, cpu.apic.readMsr(APIC_BASE) | ENABLE);
  assert.equal(cpu.apic.extIntPending, false);
});

test("LINT1 as NMI, SMI, INIT and fixed: an edge each", () => {
  const cpu = new ApicBench().cpus[0].enable();
  for (const entry of [0x400, 0x8400, 0x200, 0x500, 0x1400, 0x10400]) {
    cpu.write(Reg.LVT_LINT1, entry);
    cpu.apic.lint(1, true);
    cpu.apic.lint(1, false);
  }
  assert.deepEqual(cpu.signals, ["nmi", "nmi", "smi", "init", "nmi"]);
  cpu.write(Reg.LVT_LINT1, 0x55);
  cpu.apic.lint(1, true);
  assert.deepEqual(cpu.drain(), [0x55]);
});

test("a level on LINT0 interrupts again after each EOI until it falls", () => {
  const cpu = new ApicBench().cpus[0].enable();
  cpu.apic.lint(0, true);
  cpu.write(Reg.LVT_LINT0, 0x8041);
  assert.equal(cpu.read(Reg.LVT_LINT0), 0xc041, "remote IRR");
  assert.equal(cpu.apic.acknowledge(), 0x41);
  cpu.write(Reg.EOI, 0);
  assert.equal(cpu.apic.acknowledge(), 0x41);
  cpu.apic.lint(0, false);
  cpu.write(Reg.EOI, 0);
  assert.equal(cpu.apic.pending(), -1);
  assert.equal(cpu.read(Reg.LVT_LINT0), 0x8041);
});

test("an edge on LINT0 interrupts once", () => {
  const cpu = new ApicBench().cpus[0].enable();
  cpu.write(Reg.LVT_LINT0, 0x41);
  cpu.apic.lint(0, true);
  assert.deepEqual(cpu.drain(), [0x41]);
});

test("a performance interrupt masks its entry, a thermal one does not", () => {
  const cpu = new ApicBench().cpus[0].enable();
  cpu.write(Reg.LVT_PERFORMANCE, 0x400);
  cpu.write(Reg.LVT_THERMAL, 0xfa);
  cpu.apic.performanceInterrupt();
  cpu.apic.performanceInterrupt();
  assert.deepEqual(cpu.signals, ["nmi"]);
  assert.equal(cpu.read(Reg.LVT_PERFORMANCE), 0x10400);
  cpu.apic.thermalInterrupt();
  assert.deepEqual(cpu.drain(), [0xfa]);
  assert.equal(cpu.read(Reg.LVT_THERMAL), 0xfa);
});

test("firmware leaves virtual wire mode: LINT0 is INTR, LINT1 is NMI", () => {
  const cpu = new ApicBench().cpus[0];
  cpu.apic.lint(0, true);
  assert.equal(cpu.apic.extIntPending, false);
  setVirtualWireMode(cpu.apic);
  assert.equal(cpu.apic.extIntPending, true);
  cpu.apic.lint(1, true);
  assert.deepEqual(cpu.signals, ["nmi"]);
  assert.equal(cpu.read(Reg.SVR), 0x1ff);
});
