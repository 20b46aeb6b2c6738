/** Debug registers and breakpoints: SDM vol. 3, chapter 18. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as S from "../isa/state.js";
import { readDebugRegister, writeDebugRegister } from "./debug.js";
import { deliverException } from "./exceptions.js";
import { Fault } from "./fault.js";
import { breakpoint } from "./software-interrupt.js";
import { IDT, raises, Sel, TestCpu } from "./system-fixture.test.helper.js";

const TF = 0x100;
const RF = 0x1_0000;

describe("MOV DRn", () => {
  test("reserved bits read as fixed values", () => {
    const cpu = new TestCpu().longMode();
    writeDebugRegister(cpu, 6, 0n);
    writeDebugRegister(cpu, 7, 0xffff_dfffn);
    assert.deepEqual([readDebugRegister(cpu, 6), readDebugRegister(cpu, 7)], [0xffff_0ff0n, 0xffff_07ffn]);
    raises(cpu, 13, 0, () => writeDebugRegister(cpu, 7, 1n << 32n));
    writeDebugRegister(cpu, 0, -1n);
    assert.equal(readDebugRegister(cpu, 0), 0xffff_ffff_ffff_ffffn);
  });

  test("DR4 and DR5 are aliases, or undefined with CR4.DE", () => {
    const cpu = new TestCpu().longMode();
    writeDebugRegister(cpu, 4, 0xfn);
    assert.equal(readDebugRegister(cpu, 6), 0xffff_0fffn);
    cpu.state.cr4 |= 8;
    raises(cpu, 6, 0, () => readDebugRegister(cpu, 5));
    raises(cpu, 6, 0, () => readDebugRegister(cpu, 8));
  });

  test("privilege comes before general detect, which is a fault with BD", () => {
    const cpu = new TestCpu().longMode();
    cpu.state.setDr(7, 0x2400n);
    assert.throws(
      () => readDebugRegister(cpu, 0),
      (fault) => fault instanceof Fault && fault.vector === 1 && fault.address === 0x2000n,
    );
    cpu.state.cpl = 3;
    raises(cpu, 13, 0, () => readDebugRegister(cpu, 0));
  });
});

describe("#DB", () => {
  test("sets DR6 and clears DR7.GD; general detect pushes RF, a trap does not", () => {
    for (const [bits, flag] of [
      [0x2000n, RF],
      [0x4001n, 0],
    ] as const) {
      const cpu = new TestCpu().longMode();
      cpu.gate(IDT + 16, Sel.code64, 0x5000, 0x8e, 0, true);
      cpu.state.setDr(6, 0xffff_0ff2n);
      cpu.state.setDr(7, 0x2400n);
      deliverException(cpu, new Fault(1, 0, bits));
      assert.equal(cpu.state.dr(6), 0xffff_0ff0n | bits);
      assert.equal(cpu.state.dr(7), 0x400n);
      assert.equal(cpu.stack(3, 8)[2]! & RF, flag);
    }
  });
});

describe("breakpoints", () => {
  const armed = (control: bigint, address = 0x1000n) => {
    const cpu = new TestCpu().longMode();
    cpu.state.setDr(0, address);
    cpu.state.setDr(7, 0x400n | control);
    return cpu;
  };

  test("instruction breakpoints yield to RF and to the shadow of MOV SS", () => {
    const cpu = armed(1n);
    assert.equal(cpu.debug.instructionBreakpoint(0x1000n), 1);
    assert.equal(cpu.debug.instructionBreakpoint(0x1001n), 0);
    cpu.state.setFlag(RF, true);
    assert.equal(cpu.debug.instructionBreakpoint(0x1000n), 0);
    cpu.state.setFlag(RF, false);
    cpu.state.setU32(S.SHADOW, 2);
    assert.equal(cpu.debug.instructionBreakpoint(0x1000n), 0);
  });

  test("data breakpoints match any overlap with their aligned bytes", () => {
    const cpu = armed(1n | (0xdn << 16n), 0x1003n);
    assert.deepEqual(cpu.debug.dataBreakpoints(), [{ linear: 0x1000n, length: 4 }]);
    assert.equal(cpu.debug.dataBreakpoint(0xffen, 2, true), false);
    assert.equal(cpu.debug.dataBreakpoint(0x1004n, 8, true), false);
    assert.equal(cpu.debug.dataBreakpoint(0xfffn, 2, false), false, "writes only");
    assert.equal(cpu.debug.dataBreakpoint(0xfffn, 2, true), true);
    assert.equal(cpu.debug.endInstruction()?.address, 1n);
    assert.equal(cpu.debug.endInstruction(), undefined);
  });

  test("those of an instruction that faults are forgotten, those left by MOV SS are not", () => {
    const cpu = armed(1n | (1n << 16n) | 4n | (1n << 20n));
    cpu.state.setDr(1, 0x2000n);
    cpu.debug.dataBreakpoint(0x1000n, 1, true);
    cpu.state.setU32(S.SHADOW, 2);
    assert.equal(cpu.debug.endInstruction(), undefined);
    cpu.debug.beginInstruction();
    cpu.debug.dataBreakpoint(0x2000n, 1, true);
    cpu.debug.abandonInstruction();
    assert.equal(cpu.debug.endInstruction()?.address, 1n);
  });

  test("what waits behind MOV SS joins the #DB of INT1", () => {
    const cpu = armed(1n | (1n << 16n));
    cpu.gate(IDT + 16, Sel.code64, 0x5000, 0x8e, 0, true);
    cpu.debug.dataBreakpoint(0x1000n, 1, true);
    cpu.debug.beginInstruction();
    breakpoint(cpu, 1);
    assert.equal(cpu.state.dr(6), 0xffff_0ff1n);
    assert.equal(cpu.debug.endInstruction(), undefined);
  });

  test("eight-byte and read-write breakpoints", () => {
    const cpu = armed(2n | (0xbn << 16n), 0x1008n);
    assert.equal(cpu.debug.dataBreakpoint(0x100fn, 1, false), true);
  });

  test("I/O breakpoints need CR4.DE", () => {
    const cpu = armed(1n | (2n << 16n), 0x60n);
    assert.equal(cpu.debug.portBreakpoint(0x60, 1), false);
    cpu.state.cr4 |= 8;
    assert.equal(cpu.debug.portBreakpoint(0x60, 1), true);
  });

  test("RF holds for one instruction, and what IRET loads for the next one", () => {
    const cpu = armed(1n);
    cpu.state.setFlag(RF, true);
    cpu.debug.beginInstruction();
    cpu.debug.endInstruction();
    assert.equal(cpu.state.flag(RF), false);
    cpu.debug.beginInstruction();
    cpu.state.setFlag(RF, true);
    cpu.debug.resumeLoaded();
    cpu.debug.endInstruction();
    assert.equal(cpu.state.flag(RF), true);
    cpu.state.setDr(7, 0x400n);
    cpu.debug.resumeLoaded();
    assert.equal(cpu.state.flag(RF), false, "without breakpoints it is dropped");
  });

  test("single step, and what cancels it", () => {
    const cpu = new TestCpu().longMode();
    cpu.state.rflags = TF | 2;
    cpu.debug.beginInstruction();
    cpu.state.rflags = 2;
    assert.equal(cpu.debug.endInstruction()?.address, 0x4000n, "TF counts at the instruction's beginning");
    cpu.state.rflags = TF | 2;
    cpu.debug.beginInstruction();
    cpu.debug.cancelStep();
    assert.equal(cpu.debug.endInstruction(), undefined);
    cpu.debug.beginInstruction();
    cpu.state.setU32(S.SHADOW, 2);
    assert.equal(cpu.debug.endInstruction(), undefined, "MOV SS");
    cpu.debug.beginInstruction();
    assert.equal(cpu.debug.endInstruction()?.address, 0x4000n, "the instruction after it is stepped");
    assert.equal(cpu.state.u32(S.SHADOW), 0);
  });
});
