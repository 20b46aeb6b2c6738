import assert from "node:assert/strict";
import test from "node:test";
import { APIC_BASE, ApicBench, ENABLE, EXTD, faults } from "./bench.test.js";
import { LocalApic } from "./local-apic.js";
import { Reg } from "./registers.js";

const BASE = 0xfee00000n;
const BSP = 0x100n;

test("IA32_APIC_BASE after power-up names the bootstrap processor", () => {
  const { cpus } = new ApicBench(2);
  assert.equal(cpus[0].apic.readMsr(APIC_BASE), BASE | ENABLE | BSP);
  assert.equal(cpus[1].apic.readMsr(APIC_BASE), BASE | ENABLE);
});

test("the arrows of figure 11-27, and #GP for all others", () => {
  const { apic } = new ApicBench().cpus[0];
  const go = (bits: bigint) => () => apic.writeMsr(APIC_BASE, BASE | BSP | bits);
  faults(go(EXTD));
  go(ENABLE)();
  go(ENABLE | EXTD)();
  go(ENABLE | EXTD)();
  assert.equal(apic.mode, "x2apic");
  faults(go(ENABLE));
  faults(go(EXTD));
  assert.equal(apic.readMsr(APIC_BASE), BASE | BSP | ENABLE | EXTD);
  go(0n)();
  assert.equal(apic.mode, "disabled");
  assert.equal(apic.globallyEnabled, false);
  faults(go(EXTD));
  faults(go(ENABLE | EXTD));
  go(0n)();
  go(ENABLE)();
  assert.equal(apic.mode, "xapic");
});

test("reserved bits of IA32_APIC_BASE", () => {
  const { apic } = new ApicBench(1, { physicalAddressBits: 40, x2apicSupported: false }).cpus[0];
  for (const bit of [0n, 7n, 9n, 10n, 40n, 63n]) {
    faults(() => apic.writeMsr(APIC_BASE, BASE | ENABLE | (1n << bit)));
  }
  apic.writeMsr(APIC_BASE, (1n << 39n) | ENABLE);
  assert.equal(apic.mmioBase, 2 ** 39);
});

test("the page moves, and its users are told", () => {
  const { apic, signals } = new ApicBench().cpus[0];
  apic.writeMsr(APIC_BASE, 0x42000000n | ENABLE | BSP);
  assert.equal(apic.mmioBase, 0x42000000);
  apic.writeMsr(APIC_BASE, BASE | ENABLE | BSP | EXTD);
  apic.reset("power");
  assert.deepEqual(signals, ["base 42000000", "base -1", "base fee00000"]);
});

test("a globally disabled APIC answers nobody, forgets everything, and leaves CR8 alone", () => {
  const bench = new ApicBench();
  const cpu = bench.cpus[0].enable();
  const { apic } = cpu;
  cpu.send(0x40041);
  assert.equal(apic.pending(), 0x41);
  apic.writeMsr(APIC_BASE, BASE | BSP);
  assert.equal(apic.pending(), -1);
  assert.equal(cpu.read(Reg.VERSION), 0xffffffff);
  cpu.write(Reg.TPR, 0xff);
  assert.equal(apic.taskPriority, 0);
  apic.taskPriority = 9;
  assert.equal(apic.taskPriority, 9);
  apic.taskPriority = 0;
  assert.equal(bench.bus.msi(0xfee00000, 0, 0x400), false);
  faults(() => cpu.rdmsr(Reg.VERSION));
  apic.writeMsr(APIC_BASE, BASE | BSP | ENABLE);
  assert.equal(cpu.read(Reg.SVR), 0xff);
  cpu.enable();
  cpu.send(0x40042);
  assert.deepEqual(cpu.drain(), [0x42]);
});

test("x2APIC: ids are derived, the page is gone, the rest stays", () => {
  const bench = new ApicBench(1, { id: 0x123 });
  const cpu = bench.cpus[0].enable();
  assert.equal(cpu.read(Reg.ID), 0x23000000);
  faults(() => cpu.rdmsr(Reg.ID));
  cpu.write(Reg.ID, 0x05000000);
  cpu.write(Reg.LVT_THERMAL, 0x99);
  cpu.send(0x4004f, 7);
  cpu.apic.writeMsr(APIC_BASE, BASE | ENABLE | EXTD);
  assert.equal(cpu.read(Reg.VERSION), 0xffffffff);
  assert.equal(cpu.rdmsr(Reg.ID), 0x123n);
  assert.equal(cpu.rdmsr(Reg.LDR), 0x120008n);
  assert.equal(cpu.rdmsr(Reg.LVT_THERMAL), 0x99n);
  assert.equal(cpu.rdmsr(Reg.ICR), 0x4004fn);
  assert.equal(cpu.apic.pending(), 0x4f);
  cpu.apic.reset("init");
  assert.equal(cpu.apic.mode, "x2apic");
  assert.equal(cpu.rdmsr(Reg.ID), 0x123n);
  assert.equal(cpu.rdmsr(Reg.SVR), 0xffn);
});

/** x2APIC registers that exist, by number. */
function readable(register: number): boolean {
  const others: number[] = [
    Reg.ID,
    Reg.VERSION,
    Reg.TPR,
    Reg.PPR,
    Reg.LDR,
    Reg.SVR,
    Reg.ESR,
    Reg.ICR,
    Reg.DIVIDE,
  ];
  return (
    (register >= 0x10 && register < 0x28) ||
    (register >= 0x32 && register <= 0x39) ||
    others.includes(register)
  );
}

test("x2APIC: exactly the registers of table 11-6 can be read", () => {
  const cpu = new ApicBench().cpus[0].x2apic();
  for (let register = 0; register < 0x100; register++) {
    if (readable(register)) assert.equal(typeof cpu.rdmsr(register), "bigint");
    else faults(() => cpu.rdmsr(register));
  }
  assert.equal(LocalApic.ownsMsr(0x8ff), true);
  assert.equal(LocalApic.ownsMsr(0x900), false);
  faults(() => cpu.apic.readMsr(0x900));
});

test("x2APIC: writes of reserved bits and of read-only registers are #GP and change nothing", () => {
  const cpu = new ApicBench().cpus[0].x2apic();
  const bad: readonly [number, bigint][] = [
    [Reg.ID, 0n],
    [Reg.VERSION, 0n],
    [Reg.PPR, 0n],
    [Reg.LDR, 0n],
    [Reg.DFR, 0n],
    [Reg.ICR_HIGH, 0n],
    [Reg.ISR, 0n],
    [Reg.CURRENT_COUNT, 0n],
    [Reg.TPR, 0x100n],
    [Reg.TPR, 1n << 32n],
    [Reg.EOI, 1n],
    [Reg.ESR, 1n],
    [Reg.SVR, 0x400n],
    [Reg.SVR, 0x11ffn],
    [Reg.ICR, 0x100000n],
    [Reg.ICR, 0x10000n],
    [Reg.ICR, 0x2000n],
    [Reg.LVT_TIMER, 0x60030n],
    [Reg.LVT_TIMER, 0x100n],
    [Reg.LVT_THERMAL, 0x8000n],
    [Reg.LVT_LINT0, 0x800n],
    [Reg.LVT_ERROR, 0x400n],
    [Reg.DIVIDE, 4n],
    [Reg.SELF_IPI, 0x100n],
    [Reg.INITIAL_COUNT, 1n << 32n],
  ];
  const before = JSON.stringify(cpu.apic.save());
  for (const [register, value] of bad) faults(() => cpu.wrmsr(register, value));
  assert.equal(JSON.stringify(cpu.apic.save()), before);
  cpu.wrmsr(Reg.LVT_LINT0, 0x1f700n & ~0x800n);
  assert.equal(cpu.rdmsr(Reg.LVT_LINT0), 0x1a700n, "read-only bits are no fault");
  cpu.wrmsr(Reg.SELF_IPI, 3n);
  cpu.wrmsr(Reg.ESR, 0n);
  assert.equal(cpu.rdmsr(Reg.ESR), 0x20n);
});
