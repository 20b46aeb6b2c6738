/** Performance counters on a processor whose clocks a test moves. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Timeline } from "../../time/timeline.js";
import { Fault } from "../fault.js";
import { Pmu } from "./pmu.js";

const FULL = 2n ** 48n;
const [USR, OS, EDGE, INT, EN, INV] = [1 << 16, 1 << 17, 1 << 18, 1 << 20, 1 << 22, 1 << 23].map(BigInt) as [
  bigint,
  bigint,
  bigint,
  bigint,
  bigint,
  bigint,
];
const CYCLES = 0x3cn;
const INSTRUCTIONS = 0xc0n;
const mask = (count: number) => BigInt(count) << 24n;

function bench() {
  const clock = { now: 0, instructions: 0, cycles: 0 };
  const timeline = new Timeline(() => clock.now);
  const state = { cpl: 0, halted: false };
  const interrupts: number[] = [];
  const pmu = new Pmu({
    timeline,
    get cpl() {
      return state.cpl;
    },
    get halted() {
      return state.halted;
    },
    get instructions() {
      return clock.instructions;
    },
    get unhaltedCycles() {
      return clock.cycles;
    },
    performanceInterrupt: () => void interrupts.push(clock.now),
    watchPrivilege: () => {},
  });
  /** Time passes as the machine lets it: no further than to the next event. */
  const pass = (ticks: number, instructions: boolean, cycles: boolean) => {
    for (let left = ticks; left > 0; ) {
      const step = Math.min(left, Math.max(timeline.next - clock.now, 0));
      clock.now += step;
      if (instructions) clock.instructions += step;
      if (cycles) clock.cycles += step;
      left -= step;
      timeline.runDue(clock.now);
    }
  };
  return {
    pmu,
    clock,
    timeline,
    interrupts,
    run: (ticks: number) => pass(ticks, true, true),
    /** Pacing: time without instructions. */
    lag: (ticks: number) => pass(ticks, false, true),
    sleep: (ticks: number) => {
      state.halted = true;
      pass(ticks, false, false);
      state.halted = false;
      if (pmu.asleep) pmu.wake();
    },
    privilege: (cpl: number) => {
      state.cpl = cpl;
      if (pmu.watchesPrivilege) pmu.privilegeChanged();
    },
  };
}

describe("general-purpose counters", () => {
  test("instructions and cycles, from when they are enabled until they are not", () => {
    const { pmu, run, sleep, lag } = bench();
    run(50);
    pmu.writeSelect(0, INSTRUCTIONS | OS | EN);
    pmu.writeSelect(1, CYCLES | OS | EN);
    pmu.writeSelect(2, CYCLES | 0x100n | OS | EN);
    pmu.writeSelect(3, INSTRUCTIONS | OS);
    run(100);
    sleep(1000);
    lag(30);
    run(5);
    const counts = () => [0, 1, 2, 3].map((i) => Number(pmu.readGeneral(i)));
    assert.deepEqual(counts(), [105, 135, 135, 0]);
    pmu.writeGlobalControl(0b1010n);
    run(10);
    assert.deepEqual(counts(), [105, 145, 135, 0]);
    pmu.writeSelect(1, 0n);
    run(10);
    assert.deepEqual(counts(), [105, 145, 135, 0]);
    assert.equal(pmu.counting, false);
  });

  test("at the privilege levels that are wanted", () => {
    const { pmu, run, privilege } = bench();
    pmu.writeSelect(0, INSTRUCTIONS | OS | EN);
    pmu.writeSelect(1, INSTRUCTIONS | USR | EN);
    pmu.writeSelect(2, INSTRUCTIONS | USR | OS | EN);
    for (const [cpl, ticks] of [
      [0, 1],
      [3, 10],
      [0, 100],
      [3, 1000],
    ] as const) {
      privilege(cpl);
      run(ticks);
    }
    assert.deepEqual(
      [0, 1, 2].map((i) => Number(pmu.readGeneral(i))),
      [101, 1010, 1111],
    );
  });

  test("events that do not happen, counter masks, edges", () => {
    for (const [select, count] of [
      [0x412en, 0],
      [0xc4n, 0],
      [0x2c0n, 0],
      [INSTRUCTIONS | mask(1), 10],
      [INSTRUCTIONS | mask(2), 0],
      [INSTRUCTIONS | mask(2) | INV, 10],
      [INSTRUCTIONS | mask(1) | INV, 0],
      [INSTRUCTIONS | mask(1) | EDGE, 0],
    ] as const) {
      const { pmu, run } = bench();
      pmu.writeSelect(0, select | OS | EN);
      run(10);
      assert.equal(Number(pmu.readGeneral(0)), count, select.toString(16));
    }
  });

  test("WRMSR writes 32 bits, sign-extended to 48", () => {
    const { pmu } = bench();
    pmu.writeGeneral(0, 0xffff_ffff_8000_0001n);
    assert.equal(pmu.readGeneral(0), FULL - 0x7fff_ffffn);
    pmu.writeGeneral(0, 0x5_7fff_ffffn);
    assert.equal(pmu.readGeneral(0), 0x7fff_ffffn);
  });
});

describe("overflow", () => {
  test("sets its status bit, and interrupts at the exact tick if it is to", () => {
    const { pmu, run, interrupts } = bench();
    run(7);
    pmu.writeGeneral(0, -100n);
    pmu.writeGeneral(1, -50n);
    pmu.writeSelect(0, INSTRUCTIONS | OS | EN | INT);
    pmu.writeSelect(1, INSTRUCTIONS | OS | EN);
    run(99);
    assert.deepEqual(interrupts, []);
    assert.equal(pmu.readStatus(), 0b10n);
    run(1);
    assert.deepEqual(interrupts, [107]);
    assert.equal(pmu.readStatus(), 0b11n);
    pmu.clearStatus(0b01n);
    assert.equal(pmu.readStatus(), 0b10n);
    run(20);
    assert.equal(pmu.readGeneral(0), 20n, "it goes on from 0");
    assert.deepEqual(interrupts, [107]);
  });

  test("waits for what does not count: other privilege levels, sleep, pacing", () => {
    const { pmu, run, lag, sleep, privilege, interrupts, timeline } = bench();
    pmu.writeGeneral(0, -100n);
    pmu.writeSelect(0, INSTRUCTIONS | USR | EN | INT);
    run(1000);
    privilege(3);
    run(60);
    privilege(0);
    assert.equal(timeline.next, Number.POSITIVE_INFINITY);
    run(500);
    privilege(3);
    lag(1000);
    sleep(1_000_000);
    run(39);
    assert.deepEqual(interrupts, []);
    run(1);
    assert.equal(interrupts.length, 1);
  });

  test("a sleeping processor is woken once, not over and over", () => {
    const { pmu, sleep, run, interrupts, timeline } = bench();
    pmu.writeGeneral(0, -1n);
    pmu.writeSelect(0, CYCLES | OS | EN | INT);
    let moved = 0;
    timeline.onEarlier = () => void moved++;
    sleep(1_000_000);
    assert.ok(moved <= 2, `${moved}`);
    run(1);
    assert.deepEqual(interrupts, [1_000_001]);
  });
});

describe("fixed counters", () => {
  test("instructions, core cycles, reference cycles; an interrupt; 48-bit writes", () => {
    const { pmu, run, sleep, interrupts } = bench();
    pmu.writeGlobalControl(0x7_0000_0000n);
    pmu.writeFixed(0, FULL - 10n);
    pmu.writeFixedControl(0x339n);
    run(4);
    sleep(100);
    run(8);
    assert.equal(pmu.readFixed(0), 2n);
    assert.equal(pmu.readFixed(1), 12n);
    assert.equal(pmu.readFixed(2), 12n);
    assert.deepEqual(interrupts, [110]);
    assert.equal(pmu.readStatus(), 1n << 32n);
  });
});

test("RDPMC", () => {
  const { pmu } = bench();
  pmu.writeGeneral(3, 5n);
  pmu.writeFixed(2, 6n);
  assert.equal(pmu.readCounter(3), 5n);
  assert.equal(pmu.readCounter(0x4000_0002), 6n);
  for (const index of [4, 0x4000_0003, 0x8000_0000 | 0, -1]) {
    assert.throws(
      () => pmu.readCounter(index),
      (thrown) => thrown instanceof Fault && thrown.vector === 13,
    );
  }
});
