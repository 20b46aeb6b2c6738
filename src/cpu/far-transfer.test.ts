/** Far JMP, CALL and RETF: SDM vol. 2, and vol. 3, 5.8. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as S from "../isa/state.js";
import { Rights, SegmentIndex } from "./cpu-state.js";
import { farReturn } from "./far-return.js";
import { farCall, farJump } from "./far-transfer.js";
import { GDT, raises, Sel, TestCpu, TSS } from "./system-fixture.test.helper.js";

const gateAt = GDT + Sel.gate;

describe("real-address and virtual-8086 mode", () => {
  test("JMP loads CS without a descriptor", () => {
    const cpu = new TestCpu();
    farJump(cpu, 0xf000, 0xfff0n);
    assert.equal(cpu.state.segmentBase(SegmentIndex.CS), 0xf0000n);
    assert.equal(cpu.state.rip, 0xfff0n);
  });

  test("an offset beyond the limit is #GP(0)", () => {
    const cpu = new TestCpu();
    raises(cpu, 13, 0, () => farJump(cpu, 0, 0x10000n));
  });

  test("CALL and RETF", () => {
    const cpu = new TestCpu();
    const { state } = cpu;
    state.setGpr(4, 0x2_1000n);
    state.setU64(S.NEXT_RIP, 0x55n);
    farCall(cpu, 0x100, 0x20n, 16);
    assert.deepEqual(cpu.get(0x1000 - 4, 4), 0x55n);
    assert.equal(state.gpr(4), 0x2_0ffcn, "only SP moves");
    farReturn(cpu, 2, 16);
    assert.deepEqual([state.rip, state.gpr(4), state.selector(SegmentIndex.CS)], [0x55n, 0x2_1002n, 0]);
  });

  test("loading CS keeps its limit and size: big real mode", () => {
    const cpu = new TestCpu();
    cpu.state.setU32(S.SEGMENT_LIMIT + 4, 0xffff_ffff);
    farJump(cpu, 0x10, 0x12345n);
    assert.equal(cpu.state.segment(SegmentIndex.CS).limit, 0xffff_ffff);
  });

  test("virtual-8086 mode sets limit and rights", () => {
    const cpu = new TestCpu().v86();
    farJump(cpu, 0x300, 0x10n);
    const cs = cpu.state.segment(SegmentIndex.CS);
    assert.deepEqual(cs, { selector: 0x300, base: 0x3000n, limit: 0xffff, rights: 0xf3 });
    assert.equal(cpu.state.cpl, 3);
  });
});

describe("code segments", () => {
  test("the same privilege, with the accessed bit", () => {
    const cpu = new TestCpu().protectedMode();
    cpu.put(GDT + Sel.code16 + 5, 1, 0x9a);
    farJump(cpu, Sel.code16, 0x1234n);
    assert.equal(cpu.state.segmentBase(SegmentIndex.CS), 0x500n);
    assert.equal(cpu.get(GDT + Sel.code16 + 5, 1), 0x9bn);
    assert.equal(cpu.modeChanges, 1);
  });

  test("the RPL becomes the CPL", () => {
    const cpu = new TestCpu().protectedMode(3);
    farJump(cpu, Sel.userCode32 & ~3, 0n);
    assert.equal(cpu.state.selector(SegmentIndex.CS), Sel.userCode32);
  });

  test("conforming code keeps the privilege", () => {
    const cpu = new TestCpu().protectedMode(3);
    farCall(cpu, Sel.conforming32, 0x10n, 32);
    assert.equal(cpu.state.cpl, 3);
    assert.equal(cpu.state.selector(SegmentIndex.CS), Sel.conforming32 | 3);
  });

  const wrong: [string, number, number, number, number][] = [
    ["null selector", 0, 3, 13, 0],
    ["beyond the table", 0x1f8, 3, 13, 0x1f8],
    ["data segment", Sel.data32, 0, 13, Sel.data32],
    ["more privileged code", Sel.code32, 3, 13, Sel.code32],
    ["less privileged code", Sel.userCode32, 0, 13, Sel.userCode32 & ~3],
    ["LDT descriptor", Sel.ldt, 0, 13, Sel.ldt],
    ["no LDT loaded", 4 | 8, 0, 13, 12],
  ];
  for (const [name, selector, cpl, vector, error] of wrong) {
    test(`JMP and CALL: ${name}`, () => {
      const cpu = new TestCpu().protectedMode(cpl);
      raises(cpu, vector, error, () => farJump(cpu, selector, 0n));
      raises(cpu, vector, error, () => farCall(cpu, selector, 0n, 32));
    });
  }

  test("not present is #NP, an offset beyond the limit #GP(0)", () => {
    const cpu = new TestCpu().protectedMode();
    cpu.put(GDT + Sel.code16 + 5, 1, 0x1b);
    raises(cpu, 11, Sel.code16, () => farJump(cpu, Sel.code16, 0n));
    cpu.put(GDT + Sel.code16 + 5, 1, 0x9b);
    raises(cpu, 13, 0, () => farJump(cpu, Sel.code16, 0x10000n));
  });

  test("a stack without room is #SS(0)", () => {
    const cpu = new TestCpu().protectedMode();
    cpu.state.setU32(S.SEGMENT_LIMIT + 2 * 4, 0x7ff9);
    raises(cpu, 12, 0, () => farCall(cpu, Sel.code32, 0n, 32));
  });

  test("between 64-bit and compatibility mode", () => {
    const cpu = new TestCpu().longMode();
    farJump(cpu, Sel.code32, 0xffff_ffff_0000_1000n);
    assert.equal(cpu.state.long, false);
    assert.equal(cpu.state.rip, 0x1000n);
    farJump(cpu, Sel.code64, 0x2000n);
    assert.equal(cpu.state.long, true);
  });

  test("L and D together are reserved; 64-bit targets must be canonical", () => {
    const cpu = new TestCpu().longMode();
    cpu.put(GDT + Sel.code64 + 6, 1, 0xef);
    raises(cpu, 13, Sel.code64, () => farJump(cpu, Sel.code64, 0n));
    cpu.put(GDT + Sel.code64 + 6, 1, 0xaf);
    raises(cpu, 13, 0, () => farJump(cpu, Sel.code64, 0x8000_0000_0000n));
  });
});

describe("call gates", () => {
  const withGate = (cpl: number, access = 0xec, parameters = 2) => {
    const cpu = new TestCpu().protectedMode(cpl);
    cpu.gate(gateAt, Sel.code32, 0x1234_5678, access, parameters);
    return cpu;
  };

  test("to an inner level: stack switch and copied parameters", () => {
    const cpu = withGate(3);
    cpu.put(0x8000, 4, 0x1111);
    cpu.put(0x8004, 4, 0x2222);
    farCall(cpu, Sel.gate | 3, 0x999n, 32);
    assert.equal(cpu.state.cpl, 0);
    assert.equal(cpu.state.rip, 0x1234_5678n);
    assert.equal(cpu.state.selector(SegmentIndex.CS), Sel.code32);
    assert.deepEqual(cpu.stack(6, 4), [0x102, Sel.userCode32, 0x1111, 0x2222, 0x8000, Sel.userData32]);
    assert.equal(cpu.state.selector(SegmentIndex.SS), Sel.data32);
  });

  test("and back by RETF with an immediate; inner data segments are dropped", () => {
    const cpu = withGate(3);
    farCall(cpu, Sel.gate | 3, 0n, 32);
    const { state } = cpu;
    const ds = { selector: Sel.data32, base: 0n, limit: 0xffff_ffff, rights: 0xc093 };
    state.setSegment(SegmentIndex.DS, ds);
    farReturn(cpu, 8, 32);
    assert.equal(state.cpl, 3);
    assert.equal(state.rip, 0x102n);
    assert.equal(state.gpr(4), 0x8008n);
    assert.equal(state.selector(SegmentIndex.SS), Sel.userData32);
    assert.equal(state.selector(SegmentIndex.DS), 0);
    assert.notEqual(state.rights(SegmentIndex.DS) & Rights.unusable, 0);
    assert.equal(state.selector(SegmentIndex.ES), Sel.userData32, "segments of ring 3 stay");
  });

  test("a 16-bit gate pushes words", () => {
    const cpu = withGate(3, 0xe4, 0);
    farCall(cpu, Sel.gate | 3, 0n, 32);
    assert.equal(cpu.state.rip, 0x5678n);
    assert.deepEqual(cpu.stack(4, 2), [0x102, Sel.userCode32, 0x8000, Sel.userData32]);
  });

  test("the same level uses the stack in use", () => {
    const cpu = withGate(0);
    farCall(cpu, Sel.gate, 0n, 32);
    assert.deepEqual(cpu.stack(2, 4), [0x102, Sel.code32]);
    assert.equal(cpu.state.gpr(4), 0x7ff8n);
  });

  test("JMP cannot change the privilege", () => {
    const cpu = withGate(3);
    raises(cpu, 13, Sel.code32, () => farJump(cpu, Sel.gate | 3, 0n));
  });

  test("checks of the gate and of what it names", () => {
    raises2(0x8c, 13, Sel.gate);
    raises2(0x6c, 11, Sel.gate);
    const cpu = withGate(3);
    cpu.put(gateAt + 2, 2, 0);
    raises(cpu, 13, 0, () => farCall(cpu, Sel.gate | 3, 0n, 32));
    cpu.put(gateAt + 2, 2, Sel.data32);
    raises(cpu, 13, Sel.data32, () => farCall(cpu, Sel.gate | 3, 0n, 32));
    cpu.put(gateAt + 2, 2, Sel.code32);
    cpu.put(GDT + Sel.code32 + 5, 1, 0x1b);
    raises(cpu, 11, Sel.code32, () => farCall(cpu, Sel.gate | 3, 0n, 32));
  });

  function raises2(access: number, vector: number, error: number): void {
    const cpu = withGate(3, access);
    raises(cpu, vector, error, () => farCall(cpu, Sel.gate | 3, 0n, 32));
  }

  test("the inner stack: #TS for its selector, #SS if absent or too small", () => {
    const cpu = withGate(3);
    const call = () => farCall(cpu, Sel.gate | 3, 0n, 32);
    cpu.put(TSS + 8, 4, 0);
    raises(cpu, 10, 0, call);
    cpu.put(TSS + 8, 4, Sel.userData32);
    raises(cpu, 10, Sel.userData32 & ~3, call);
    cpu.put(TSS + 8, 4, Sel.data32);
    cpu.put(GDT + Sel.data32 + 5, 1, 0x13);
    raises(cpu, 12, Sel.data32, call);
    cpu.describe(Sel.data32, 0, 0x8fff, 0x93, 0x4);
    cpu.put(TSS + 4, 4, 0xa000);
    raises(cpu, 12, Sel.data32, call);
    cpu.state.setU32(S.SEGMENT_LIMIT + 7 * 4, 8);
    raises(cpu, 10, Sel.tss, call);
  });

  test("64-bit gates: 16 bytes, a null SS, quadwords", () => {
    const cpu = new TestCpu().longMode(3);
    cpu.gate(gateAt, Sel.code64, 0x1234_5678, 0xec, 0, true);
    cpu.put(gateAt + 8, 4, 0xffff_8000);
    farCall(cpu, Sel.gate | 3, 0n, 32);
    assert.equal(cpu.state.rip, 0xffff_8000_1234_5678n);
    assert.equal(cpu.state.cpl, 0);
    assert.equal(cpu.state.selector(SegmentIndex.SS), 0);
    assert.deepEqual(cpu.stack(4, 8), [0x102, Sel.userCode64, 0x8000, Sel.userData32]);
    farReturn(cpu, 0, 64);
    assert.deepEqual([cpu.state.cpl, cpu.state.rip, cpu.state.gpr(4)], [3, 0x102n, 0x8000n]);
  });

  test("64-bit gates: reserved type bits and 16-bit targets are #GP", () => {
    const cpu = new TestCpu().longMode(3);
    cpu.gate(gateAt, Sel.code64, 0, 0xec, 0, true);
    cpu.put(gateAt + 12, 4, 0x100);
    raises(cpu, 13, Sel.gate, () => farCall(cpu, Sel.gate | 3, 0n, 32));
    cpu.put(gateAt + 12, 4, 0);
    cpu.put(gateAt + 2, 2, Sel.code32);
    raises(cpu, 13, Sel.code32, () => farCall(cpu, Sel.gate | 3, 0n, 32));
    raises(cpu, 13, Sel.tss, () => farCall(cpu, Sel.tss, 0n, 32));
  });
});

describe("RETF", () => {
  const stack = (cpu: TestCpu, ...values: number[]) => {
    for (const [i, value] of values.entries()) cpu.put(0x8000 + i * 4, 4, value);
  };
  test("to an inner level is #GP", () => {
    const cpu = new TestCpu().protectedMode(3);
    stack(cpu, 0x10, Sel.code32);
    raises(cpu, 13, Sel.code32, () => farReturn(cpu, 0, 32));
  });
  test("the outer stack must belong to the outer level", () => {
    const cpu = new TestCpu().protectedMode();
    stack(cpu, 0x10, Sel.userCode32, 0x7000, Sel.data32);
    raises(cpu, 13, Sel.data32, () => farReturn(cpu, 0, 32));
    stack(cpu, 0x10, Sel.userCode32, 0x7000, 0);
    raises(cpu, 13, 0, () => farReturn(cpu, 0, 32));
  });
  test("the DPL of code must be the RPL", () => {
    const cpu = new TestCpu().protectedMode();
    stack(cpu, 0x10, Sel.code32 | 3, 0x7000, Sel.userData32);
    raises(cpu, 13, Sel.code32, () => farReturn(cpu, 0, 32));
  });
});
