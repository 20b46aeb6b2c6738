import assert from "node:assert/strict";
import test from "node:test";
import { ApicBench, faults, TSC_DEADLINE } from "./bench.test.js";
import { Reg } from "./registers.js";

const PERIODIC = 0x20000;
const DEADLINE = 0x40000;
const MASKED = 0x10000;
const DIVIDE_1 = 0x0b;

function bench() {
  const b = new ApicBench();
  const cpu = b.cpus[0].enable();
  cpu.write(Reg.DIVIDE, DIVIDE_1);
  return { b, cpu };
}

test("one-shot: 100 MHz, one interrupt at the exact tick, then 0", () => {
  const { b, cpu } = bench();
  cpu.write(Reg.LVT_TIMER, 0x40);
  cpu.write(Reg.INITIAL_COUNT, 100);
  assert.equal(cpu.read(Reg.CURRENT_COUNT), 100);
  b.run(9);
  assert.equal(cpu.read(Reg.CURRENT_COUNT), 100);
  b.run(1);
  assert.equal(cpu.read(Reg.CURRENT_COUNT), 99);
  b.run(989);
  assert.deepEqual(cpu.drain(), []);
  b.run(1);
  assert.deepEqual(cpu.drain(), [0x40]);
  assert.equal(cpu.read(Reg.CURRENT_COUNT), 0);
  assert.equal(cpu.read(Reg.INITIAL_COUNT), 100);
  b.run(100000);
  assert.deepEqual(cpu.drain(), []);
});

test("every divide configuration", () => {
  const { b, cpu } = bench();
  const codes = [
    [0, 2],
    [1, 4],
    [2, 8],
    [3, 16],
    [8, 32],
    [9, 64],
    [10, 128],
    [11, 1],
  ];
  for (const [code, divisor] of codes) {
    cpu.write(Reg.DIVIDE, code | 0xf4);
    assert.equal(cpu.read(Reg.DIVIDE), code);
    cpu.write(Reg.INITIAL_COUNT, 0xffffffff);
    b.run(divisor * 1000);
    assert.equal(cpu.read(Reg.CURRENT_COUNT), 0xffffffff - 100);
  }
});

test("a new divider changes the pace, not the count", () => {
  const { b, cpu } = bench();
  cpu.write(Reg.LVT_TIMER, 0x40);
  cpu.write(Reg.INITIAL_COUNT, 1000);
  b.run(4000);
  cpu.write(Reg.DIVIDE, 0);
  assert.equal(cpu.read(Reg.CURRENT_COUNT), 600);
  b.run(11999);
  assert.equal(cpu.read(Reg.CURRENT_COUNT), 1);
  assert.deepEqual(cpu.drain(), []);
  b.run(1);
  assert.deepEqual(cpu.drain(), [0x40]);
});

test("periodic: no drift, even where events are seen late", () => {
  const { b, cpu } = bench();
  cpu.write(Reg.LVT_TIMER, PERIODIC | 0x40);
  b.tick = 3;
  cpu.write(Reg.INITIAL_COUNT, 7);
  const seen: number[] = [];
  for (let i = 0; i < 300; i++) {
    b.run(1);
    if (cpu.drain().length > 0) seen.push(b.tick);
  }
  assert.deepEqual(seen, [73, 143, 213, 283]);
  b.tick = 1000;
  b.timeline.runDue(1000);
  assert.deepEqual(cpu.drain(), [0x40]);
  assert.equal(b.timeline.next, 1053);
});

test("a masked timer needs no event, and unmasking does not bring the past back", () => {
  const { b, cpu } = bench();
  cpu.write(Reg.LVT_TIMER, MASKED | PERIODIC | 0x40);
  cpu.write(Reg.INITIAL_COUNT, 100);
  assert.equal(b.timeline.next, Number.POSITIVE_INFINITY);
  b.run(2250);
  assert.equal(cpu.read(Reg.CURRENT_COUNT), 75);
  cpu.write(Reg.LVT_TIMER, PERIODIC | 0x40);
  assert.deepEqual(cpu.drain(), []);
  b.run(749);
  assert.deepEqual(cpu.drain(), []);
  b.run(1);
  assert.deepEqual(cpu.drain(), [0x40]);
});

test("one-shot and periodic change into each other while the count goes on", () => {
  const { b, cpu } = bench();
  cpu.write(Reg.LVT_TIMER, 0x40);
  cpu.write(Reg.INITIAL_COUNT, 100);
  b.run(600);
  cpu.write(Reg.LVT_TIMER, PERIODIC | 0x40);
  assert.equal(cpu.read(Reg.CURRENT_COUNT), 40);
  b.run(500);
  assert.deepEqual(cpu.drain(), [0x40]);
  assert.equal(cpu.read(Reg.CURRENT_COUNT), 90);
  cpu.write(Reg.LVT_TIMER, 0x40);
  b.run(900);
  assert.deepEqual(cpu.drain(), [0x40]);
  assert.equal(cpu.read(Reg.CURRENT_COUNT), 0);
  cpu.write(Reg.LVT_TIMER, PERIODIC | 0x40);
  b.run(5000);
  assert.deepEqual(cpu.drain(), [], "a count that ended stays at 0");
});

test("writing 0 stops the count; disabling the APIC silences it", () => {
  const { b, cpu } = bench();
  cpu.write(Reg.LVT_TIMER, 0x40);
  cpu.write(Reg.INITIAL_COUNT, 100);
  cpu.write(Reg.INITIAL_COUNT, 0);
  b.run(2000);
  cpu.write(Reg.INITIAL_COUNT, 100);
  cpu.write(Reg.SVR, 0xff);
  b.run(2000);
  assert.deepEqual(cpu.drain(), []);
});

test("an illegal vector logs an error instead", () => {
  const { b, cpu } = bench();
  cpu.write(Reg.LVT_TIMER, 0);
  cpu.write(Reg.INITIAL_COUNT, 10);
  b.run(100);
  assert.deepEqual(cpu.drain(), []);
  assert.equal(cpu.errors(), 0x40);
});

test("TSC deadline: fires once the counter reaches it, and reads as 0 then", () => {
  const { b, cpu } = bench();
  b.tscOffset = 1n << 60n;
  cpu.apic.writeMsr(TSC_DEADLINE, 5n);
  assert.equal(cpu.apic.readMsr(TSC_DEADLINE), 0n, "ignored in the other modes");
  cpu.write(Reg.LVT_TIMER, DEADLINE | 0x40);
  cpu.apic.writeMsr(TSC_DEADLINE, (1n << 60n) + 500n);
  cpu.write(Reg.INITIAL_COUNT, 10);
  assert.equal(cpu.read(Reg.INITIAL_COUNT), 0);
  b.run(499);
  assert.equal(cpu.apic.readMsr(TSC_DEADLINE), (1n << 60n) + 500n);
  assert.deepEqual(cpu.drain(), []);
  b.run(1);
  assert.equal(cpu.apic.readMsr(TSC_DEADLINE), 0n);
  assert.deepEqual(cpu.drain(), [0x40]);
  cpu.apic.writeMsr(TSC_DEADLINE, 1n);
  assert.deepEqual(cpu.drain(), [0x40], "a deadline in the past fires at once");
});

test("TSC deadline: 0 disarms, a mode change disarms, a mask only silences", () => {
  const { b, cpu } = bench();
  cpu.write(Reg.LVT_TIMER, DEADLINE | 0x40);
  cpu.apic.writeMsr(TSC_DEADLINE, 100n);
  cpu.apic.writeMsr(TSC_DEADLINE, 0n);
  b.run(200);
  cpu.apic.writeMsr(TSC_DEADLINE, 300n);
  cpu.write(Reg.LVT_TIMER, 0x40);
  cpu.write(Reg.LVT_TIMER, DEADLINE | 0x40);
  assert.equal(cpu.apic.readMsr(TSC_DEADLINE), 0n);
  cpu.apic.writeMsr(TSC_DEADLINE, 300n);
  cpu.write(Reg.LVT_TIMER, MASKED | DEADLINE | 0x40);
  b.run(200);
  assert.equal(cpu.apic.readMsr(TSC_DEADLINE), 0n);
  assert.deepEqual(cpu.drain(), []);
});

test("TSC deadline: follows a write of the TSC", () => {
  const { b, cpu } = bench();
  cpu.write(Reg.LVT_TIMER, DEADLINE | 0x40);
  cpu.apic.writeMsr(TSC_DEADLINE, 1000n);
  b.tscOffset = -500n;
  cpu.apic.tscChanged();
  b.run(1499);
  assert.deepEqual(cpu.drain(), []);
  b.run(1);
  assert.deepEqual(cpu.drain(), [0x40]);
  cpu.apic.writeMsr(TSC_DEADLINE, (1n << 64n) - 1n);
  b.run(1_000_000);
  assert.deepEqual(cpu.drain(), []);
});

test("TSC deadline survives a snapshot", () => {
  const { b, cpu } = bench();
  cpu.write(Reg.LVT_TIMER, DEADLINE | 0x40);
  cpu.apic.writeMsr(TSC_DEADLINE, 1000n);
  const state = JSON.parse(JSON.stringify(cpu.apic.save()));
  const other = new ApicBench();
  other.tick = b.tick;
  other.cpus[0].apic.restore(state);
  other.run(1000);
  assert.deepEqual(other.cpus[0].drain(), [0x40]);
});

test("without TSC deadline its MSR and its mode bit do not exist", () => {
  const b = new ApicBench(1, { tscDeadline: { supported: false, now: () => 0n } });
  const cpu = b.cpus[0].enable();
  faults(() => cpu.apic.readMsr(TSC_DEADLINE));
  faults(() => cpu.apic.writeMsr(TSC_DEADLINE, 0n));
  cpu.write(Reg.LVT_TIMER, DEADLINE | 0x40);
  assert.equal(cpu.read(Reg.LVT_TIMER), 0x40);
  cpu.x2apic();
  faults(() => cpu.wrmsr(Reg.LVT_TIMER, BigInt(DEADLINE | 0x40)));
});
