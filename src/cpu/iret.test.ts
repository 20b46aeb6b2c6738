/** IRET: SDM vol. 2, and vol. 3, 6.14.3. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Control } from "../isa/helper.js";
import * as S from "../isa/state.js";
import { Rights, SegmentIndex } from "./cpu-state.js";
import { enteringCode } from "./exceptions.js";
import { interruptReturn } from "./iret.js";
import { writeNullSegment } from "./segment-write.js";
import { IDT, raises, Sel, TestCpu } from "./system-fixture.test.helper.js";

const IF = 0x200;
const NT = 0x4000;

function frame(cpu: TestCpu, size: 2 | 4 | 8, ...values: (number | bigint)[]): void {
  const top = Number(cpu.state.gpr(4)) + Number(cpu.state.long ? 0n : cpu.state.segmentBase(SegmentIndex.SS));
  for (const [i, value] of values.entries()) cpu.put(top + i * size, size, value);
}

describe("64-bit mode", () => {
  test("to ring 3, with SS:RSP, leaving for the run loop when IF becomes 1 and an interrupt waits", () => {
    const cpu = new TestCpu().longMode();
    const { state } = cpu;
    state.setU32(S.INTERRUPT_PENDING, 1);
    frame(cpu, 8, 0x401000, Sel.userCode64, IF | 0x3002, 0x7ffe_0000n, Sel.userData32);
    assert.equal(interruptReturn(cpu, 64), Control.leave);
    assert.deepEqual([state.rip, state.gpr(4), state.cpl], [0x401000n, 0x7ffe_0000n, 3]);
    assert.equal(state.rflags, IF | 0x3002);
    assert.equal(state.selector(SegmentIndex.SS), Sel.userData32);
  });

  test("IF that becomes 1 with nothing waiting does not leave", () => {
    const cpu = new TestCpu().longMode();
    frame(cpu, 8, 0x401000, Sel.userCode64, IF | 0x3002, 0x7ffe_0000n, Sel.userData32);
    assert.equal(interruptReturn(cpu, 64), Control.jump);
    assert.equal(cpu.state.rflags, IF | 0x3002);
  });

  test("a stack that leaves the canonical addresses raises #SS, before anything is read", () => {
    const cpu = new TestCpu().longMode();
    cpu.state.setGpr(4, 0x7fff_ffff_ffe0n);
    raises(cpu, 12, 0, () => interruptReturn(cpu, 64));
    cpu.state.setGpr(4, 0x8000_0000_0000n);
    raises(cpu, 12, 0, () => interruptReturn(cpu, 64));
  });

  test("an entry point that is not canonical raises #GP(0)", () => {
    const cpu = new TestCpu().longMode();
    frame(cpu, 8, 0x8000_0000_0000n, Sel.userCode64, 2, 0x5000, Sel.userData32);
    raises(cpu, 13, 0, () => interruptReturn(cpu, 64));
  });

  test("the same level pops SS:RSP too, and SS may be null", () => {
    const cpu = new TestCpu().longMode();
    frame(cpu, 8, 0x1000, Sel.code64, 2, 0x5000, 0);
    assert.equal(interruptReturn(cpu, 64), Control.jump);
    assert.equal(cpu.state.gpr(4), 0x5000n);
    assert.notEqual(cpu.state.rights(SegmentIndex.SS) & Rights.unusable, 0);
  });

  test("a null SS is no stack for ring 3 nor for compatibility mode", () => {
    const cpu = new TestCpu().longMode();
    frame(cpu, 8, 0x1000, Sel.userCode64, 2, 0x5000, 3);
    raises(cpu, 13, 0, () => interruptReturn(cpu, 64));
    frame(cpu, 8, 0x1000, Sel.code32, 2, 0x5000, 0);
    raises(cpu, 13, 0, () => interruptReturn(cpu, 64));
  });

  test("with 32- and 16-bit operands the five items are smaller", () => {
    for (const size of [4, 2] as const) {
      const cpu = new TestCpu().longMode();
      frame(cpu, size, 0x1000, Sel.userCode64, 2, 0x5000, Sel.userData32);
      interruptReturn(cpu, size * 8);
      assert.deepEqual([cpu.state.rip, cpu.state.gpr(4), cpu.state.cpl], [0x1000n, 0x5000n, 3]);
    }
  });

  test("to an outer ring null selectors lose their RPL and inner segments become null; bases stay", () => {
    const cpu = new TestCpu().longMode();
    const { state } = cpu;
    state.setSegment(SegmentIndex.GS, {
      selector: Sel.data32,
      base: 0x5_0000_0000n,
      limit: 0xffff,
      rights: 0xc093,
    });
    writeNullSegment(state, SegmentIndex.ES, 3, 0);
    writeNullSegment(state, SegmentIndex.FS, 2, 0);
    state.setU64(S.SEGMENT_BASE + SegmentIndex.FS * 8, 0x7fff_1234_5678n);
    frame(cpu, 8, 0x1000, Sel.userCode64, 2, 0x5000, Sel.userData32);
    interruptReturn(cpu, 64);
    assert.deepEqual([state.selector(SegmentIndex.ES), state.selector(SegmentIndex.FS)], [0, 0]);
    assert.equal(state.segmentBase(SegmentIndex.FS), 0x7fff_1234_5678n);
    assert.equal(state.selector(SegmentIndex.GS), 0);
    assert.notEqual(state.rights(SegmentIndex.GS) & Rights.unusable, 0);
    assert.equal(state.segmentBase(SegmentIndex.GS), 0x5_0000_0000n);
  });

  test("NT, a non-canonical RIP and an inner RPL are #GP", () => {
    const cpu = new TestCpu().longMode(3);
    frame(cpu, 8, 0x1000, Sel.code64, 2, 0x5000, 0);
    raises(cpu, 13, Sel.code64, () => interruptReturn(cpu, 64));
    frame(cpu, 8, 0x8000_0000_0000n, Sel.userCode64, 2, 0x5000, Sel.userData32);
    raises(cpu, 13, 0, () => interruptReturn(cpu, 64));
    cpu.state.setFlag(NT, true);
    raises(cpu, 13, 0, () => interruptReturn(cpu, 64));
  });

  test("ring 3 changes neither IF (IOPL 0) nor IOPL; VM is ignored", () => {
    const cpu = new TestCpu().longMode(3);
    cpu.state.rflags = IF | 2;
    frame(cpu, 8, 0x1000, Sel.userCode64, 0x2_3000 | 0xd5, 0x5000, Sel.userData32);
    interruptReturn(cpu, 64);
    assert.equal(cpu.state.rflags, IF | 0xd7);
  });

  test("NMIs are unblocked, even by an IRET that faults", () => {
    const cpu = new TestCpu().longMode();
    cpu.nmiBlocked = true;
    frame(cpu, 8, 0x1000, Sel.code64, 2, 0x5000, 0);
    assert.equal(interruptReturn(cpu, 64), Control.leave);
    assert.equal(cpu.nmiBlocked, false);
    cpu.nmiBlocked = true;
    frame(cpu, 8, 0x1000, 0, 2, 0x5000, 0);
    cpu.state.setGpr(4, 0x5000n);
    raises(cpu, 13, 0, () => interruptReturn(cpu, 64));
    assert.equal(cpu.nmiBlocked, false);
  });

  test("a stack that is not canonical is #SS(0)", () => {
    const cpu = new TestCpu().longMode();
    cpu.state.setGpr(4, 0x7fff_ffff_fff0n);
    raises(cpu, 12, 0, () => interruptReturn(cpu, 64));
  });

  test("to a 32-bit stack RSP is cut", () => {
    const cpu = new TestCpu().longMode();
    frame(cpu, 8, 0x1000, Sel.userCode32, 2, 0x1_0000_5000n, Sel.userData32);
    interruptReturn(cpu, 64);
    assert.equal(cpu.state.gpr(4), 0x5000n);
    assert.equal(cpu.state.long, false);
  });
});

describe("protected mode", () => {
  test("same level pops three items", () => {
    const cpu = new TestCpu().protectedMode();
    frame(cpu, 4, 0x1000, Sel.code32, IF | 2);
    interruptReturn(cpu, 32);
    assert.deepEqual([cpu.state.rip, cpu.state.gpr(4)], [0x1000n, 0x800cn]);
  });

  test("to ring 3", () => {
    const cpu = new TestCpu().protectedMode();
    frame(cpu, 4, 0x1000, Sel.userCode32, IF | 2, 0x6000, Sel.userData32);
    interruptReturn(cpu, 32);
    assert.deepEqual([cpu.state.rip, cpu.state.gpr(4), cpu.state.cpl], [0x1000n, 0x6000n, 3]);
    assert.equal(cpu.state.selector(SegmentIndex.DS), 0, "data segments of ring 0 are dropped");
  });

  test("a 16-bit operand size leaves the upper half of EFLAGS", () => {
    const cpu = new TestCpu().protectedMode();
    cpu.state.setFlag(0x20_0000, true);
    frame(cpu, 2, 0x1000, Sel.code32, 2);
    interruptReturn(cpu, 16);
    assert.equal(cpu.state.rflags, 0x20_0002);
  });

  test("to virtual-8086 mode", () => {
    const cpu = new TestCpu().protectedMode();
    const { state } = cpu;
    frame(cpu, 4, 0x1234, 0x2000, 0x2_3202, 0xfffe, 0x3000, 0x4000, 0x5000, 0x6000, 0x7000);
    interruptReturn(cpu, 32);
    assert.equal(state.v86, true);
    assert.equal(state.cpl, 3);
    assert.equal(state.rflags, 0x2_3202);
    assert.deepEqual([state.rip, state.gpr(4)], [0x1234n, 0xfffen]);
    const selectors = [0, 1, 2, 3, 4, 5].map((index) => state.selector(index));
    assert.deepEqual(selectors, [0x4000, 0x2000, 0x3000, 0x5000, 0x6000, 0x7000]);
    assert.equal(state.segmentBase(SegmentIndex.CS), 0x20000n);
    assert.equal(state.rights(SegmentIndex.GS), 0xf3);
  });

  test("virtual-8086 code cannot begin with VIF and VIP set: #GP at its first instruction", () => {
    const cpu = new TestCpu().protectedMode();
    cpu.state.cr4 = 1;
    cpu.gate(IDT + 13 * 8, Sel.code32, 0x5000, 0x8e);
    frame(cpu, 4, 0x1234, 0x2000, 0x1a_0002, 0xfffe, 0x3000, 0, 0, 0, 0);
    enteringCode(cpu, () => interruptReturn(cpu, 32));
    assert.equal(cpu.state.rip, 0x5000n);
    assert.deepEqual(cpu.stack(3, 4), [0, 0x1234, 0x2000]);
  });

  test("ring 3 cannot enter virtual-8086 mode", () => {
    const cpu = new TestCpu().protectedMode(3);
    frame(cpu, 4, 0x1000, Sel.userCode32, 0x2_0002);
    interruptReturn(cpu, 32);
    assert.equal(cpu.state.v86, false);
  });
});

describe("real-address and virtual-8086 mode", () => {
  test("real-address mode", () => {
    const cpu = new TestCpu();
    cpu.state.setGpr(4, 0x1000n);
    frame(cpu, 2, 0x50, 0xf000, IF | 0x7002);
    interruptReturn(cpu, 16);
    assert.deepEqual([cpu.state.rip, cpu.state.selector(SegmentIndex.CS)], [0x50n, 0xf000]);
    assert.equal(cpu.state.rflags, IF | 0x7002);
  });

  test("virtual-8086 mode with IOPL 3 keeps IOPL", () => {
    const cpu = new TestCpu().v86();
    frame(cpu, 2, 0x50, 0x300, IF | 2);
    interruptReturn(cpu, 16);
    assert.equal(cpu.state.rflags, 0x2_3202);
    assert.equal(cpu.state.segmentBase(SegmentIndex.CS), 0x3000n);
  });

  test("with IOPL below 3 it is #GP, but VME works on VIF", () => {
    const cpu = new TestCpu().v86(0);
    frame(cpu, 2, 0x50, 0x300, IF | 2);
    raises(cpu, 13, 0, () => interruptReturn(cpu, 16));
    cpu.state.cr4 = 1;
    interruptReturn(cpu, 16);
    assert.equal(cpu.state.rflags, 0xa_0002, "VIF is set, IF is not");
    cpu.state.setU64(S.GPR + 4 * 8, 0x100n);
    cpu.state.setFlag(0x10_0000, true);
    frame(cpu, 2, 0x50, 0x300, IF | 2);
    raises(cpu, 13, 0, () => interruptReturn(cpu, 16));
  });
});
