/** SYSCALL, SYSRET, SYSENTER, SYSEXIT: SDM vol. 2. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Control } from "../isa/helper.js";
import * as S from "../isa/state.js";
import { SegmentIndex } from "./cpu-state.js";
import { systemCall, systemReturn } from "./syscall.js";
import { systemEnter, systemExit } from "./sysenter.js";
import { IDT, raises, Sel, TestCpu } from "./system-fixture.test.helper.js";

const { CS, SS } = SegmentIndex;
const IF = 0x200;

function withSyscall(cpl: number): TestCpu {
  const cpu = new TestCpu().longMode(cpl);
  cpu.state.setU64(S.STAR, 0x0023_0010_0000_0000n);
  cpu.state.setU64(S.LSTAR, 0xffff_8000_0000_1000n);
  cpu.state.setU64(S.FMASK, 0x4_7700n);
  return cpu;
}

describe("SYSCALL", () => {
  test("saves RIP and RFLAGS, masks flags, loads flat segments", () => {
    const cpu = withSyscall(3);
    const { state } = cpu;
    state.rflags = IF | 0x1 | 2;
    assert.equal(systemCall(cpu), Control.jump);
    assert.equal(state.gpr(1), 0x102n);
    assert.equal(state.gpr(11), 0x203n);
    assert.equal(state.rflags, 3);
    assert.equal(state.rip, 0xffff_8000_0000_1000n);
    assert.equal(state.cpl, 0);
    assert.deepEqual(state.segment(CS), { selector: 0x10, base: 0n, limit: 0xffff_ffff, rights: 0xa09b });
    assert.deepEqual(state.segment(SS), { selector: 0x18, base: 0n, limit: 0xffff_ffff, rights: 0xc093 });
    assert.equal(state.gpr(4), 0x8000n, "RSP stays");
  });

  test("is not stepped when the mask clears TF", () => {
    const cpu = withSyscall(3);
    cpu.state.rflags = 0x102;
    cpu.debug.beginInstruction();
    assert.equal(systemCall(cpu), Control.jump);
    assert.equal(cpu.state.gpr(11), 0x102n);
    assert.equal(cpu.debug.endInstruction(), undefined);
  });

  test("is undefined without EFER.SCE, and on Intel outside 64-bit mode", () => {
    const cpu = withSyscall(3);
    cpu.state.efer = 0x500;
    raises(cpu, 6, 0, () => systemCall(cpu));
    const legacy = new TestCpu().protectedMode(3);
    legacy.state.efer = 1;
    raises(legacy, 6, 0, () => systemCall(legacy));
  });

  test("AMD has it in legacy mode, with EIP from STAR", () => {
    const cpu = new TestCpu().protectedMode(3);
    cpu.features = { ...cpu.features, vendor: "amd" };
    cpu.state.efer = 1;
    cpu.state.setU64(S.STAR, 0x0023_0010_0000_4000n);
    systemCall(cpu);
    assert.deepEqual([cpu.state.rip, cpu.state.selector(CS), cpu.state.cpl], [0x4000n, 0x10, 0]);
  });
});

describe("SYSRET", () => {
  test("to 64-bit code", () => {
    const cpu = withSyscall(0);
    const { state } = cpu;
    state.setGpr(1, 0x40_1000n);
    state.setGpr(11, 0xffff_feffn);
    state.setU32(S.INTERRUPT_PENDING, 1);
    assert.equal(systemReturn(cpu, 64), Control.leave, "IF became 1 and an interrupt waits");
    assert.deepEqual([state.rip, state.cpl], [0x40_1000n, 3]);
    assert.equal(state.rflags, 0x3c_7ed7, "RF, VM and reserved bits stay clear");
    assert.deepEqual(state.segment(CS), { selector: 0x33, base: 0n, limit: 0xffff_ffff, rights: 0xa0fb });
    assert.deepEqual(state.segment(SS), { selector: 0x2b, base: 0n, limit: 0xffff_ffff, rights: 0xc0f3 });
  });

  test("to compatibility mode", () => {
    const cpu = withSyscall(0);
    cpu.state.setGpr(1, 0x1_0000_2000n);
    systemReturn(cpu, 32);
    assert.equal(cpu.state.rip, 0x2000n);
    assert.equal(cpu.state.segment(CS).selector, 0x23);
    assert.equal(cpu.state.segment(CS).rights, 0xc0fb);
  });

  test("on Intel a non-canonical RCX is #GP(0) while still in ring 0", () => {
    const cpu = withSyscall(0);
    cpu.state.setGpr(1, 0x8000_0000_0000n);
    raises(cpu, 13, 0, () => systemReturn(cpu, 64));
    cpu.features = { ...cpu.features, vendor: "amd" };
    systemReturn(cpu, 64);
    assert.deepEqual([cpu.state.cpl, cpu.state.rip], [3, 0x8000_0000_0000n]);
  });

  test("with TF traps at its target", () => {
    const cpu = withSyscall(0);
    const { state } = cpu;
    cpu.gate(IDT + 16, Sel.code64, 0x5000, 0x8e, 0, true);
    state.setGpr(1, 0x40_1000n);
    state.setGpr(11, 0x100n);
    systemReturn(cpu, 64);
    assert.deepEqual([state.rip, state.cpl, state.dr(6)], [0x5000n, 0, 0xffff_4ff0n]);
    assert.deepEqual(cpu.stack(3, 8), [0x40_1000, 0x33, 0x102]);
  });

  test("needs ring 0", () => {
    const cpu = withSyscall(3);
    raises(cpu, 13, 0, () => systemReturn(cpu, 64));
  });
});

describe("SYSENTER and SYSEXIT", () => {
  test("enter and leave in protected mode", () => {
    const cpu = new TestCpu().protectedMode(3);
    const { state } = cpu;
    raises(cpu, 13, 0, () => systemEnter(cpu));
    state.setU64(S.SYSENTER_CS, 0x63n);
    state.setU64(S.SYSENTER_ESP, 0xc000n);
    state.setU64(S.SYSENTER_EIP, 0x5000n);
    state.rflags = IF | 2;
    systemEnter(cpu);
    assert.deepEqual([state.rip, state.gpr(4), state.cpl, state.rflags], [0x5000n, 0xc000n, 0, 2]);
    assert.deepEqual([state.selector(CS), state.selector(SS)], [0x60, 0x68]);
    state.setGpr(2, 0x7000n);
    state.setGpr(1, 0x8000n);
    systemExit(cpu, 32);
    assert.deepEqual([state.rip, state.gpr(4), state.cpl], [0x7000n, 0x8000n, 3]);
    assert.deepEqual([state.selector(CS), state.selector(SS)], [0x73, 0x7b]);
    raises(cpu, 13, 0, () => systemExit(cpu, 32));
  });

  test("SYSEXIT to 64-bit code checks both addresses", () => {
    const cpu = new TestCpu().longMode();
    cpu.state.setU64(S.SYSENTER_CS, 0x60n);
    cpu.state.setGpr(2, 0x8000_0000_0000n);
    raises(cpu, 13, 0, () => systemExit(cpu, 64));
    cpu.state.setGpr(2, 0x7000n);
    cpu.state.setGpr(1, 0x7fff_0000_0000n);
    systemExit(cpu, 64);
    assert.deepEqual([cpu.state.selector(CS), cpu.state.selector(SS)], [0x83, 0x8b]);
    assert.equal(cpu.state.long, true);
    assert.equal(cpu.state.gpr(4), 0x7fff_0000_0000n);
  });
});
