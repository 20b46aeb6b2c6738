/** Flags, ports, descriptor-table registers, TLB, MSRs and halting: SDM vol. 2 and vol. 1, 19.5. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Control } from "../isa/helper.js";
import * as S from "../isa/state.js";
import { clearInterruptFlag, popFlags, setAccessControl, setInterruptFlag } from "./flag-instructions.js";
import { halt, monitor, monitorWait } from "./halt.js";
import * as machine from "./machine-registers.js";
import { PORT_TICKS, portIn, portOut } from "./port-access.js";
import { checkPortString, portStringIn, portStringOut } from "./port-string.js";
import { raises, TestCpu, TSS } from "./system-fixture.test.helper.js";
import { loadTable, storeTable } from "./table-registers.js";
import { invalidatePage, invalidatePcid } from "./tlb-instructions.js";

const IF = 0x200;
const VIF = 0x8_0000;
const VIP = 0x10_0000;

describe("POPF", () => {
  const pop = (cpu: TestCpu, size: 2 | 4, value: number) => {
    const base = Number(cpu.state.segmentBase(2));
    cpu.put(base + Number(cpu.state.gpr(4)), size, value);
    return popFlags(cpu, size * 8);
  };

  test("ring 0 writes IF and IOPL but not RF, VM, VIF, VIP", () => {
    const cpu = new TestCpu().protectedMode();
    assert.equal(pop(cpu, 4, 0xffff_ffff), Control.leave);
    assert.equal(cpu.state.rflags, 0x24_7fd7);
    assert.equal(cpu.state.gpr(4), 0x8004n);
  });

  test("ring 3 writes IF only with IOPL 3", () => {
    const cpu = new TestCpu().protectedMode(3);
    pop(cpu, 4, IF | 0x3000 | 1);
    assert.equal(cpu.state.rflags, 3);
    cpu.state.rflags = 0x3002;
    pop(cpu, 4, IF);
    assert.equal(cpu.state.rflags, 0x3202);
  });

  test("virtual-8086 mode: IOPL 3, or VIF with VME, or #GP", () => {
    const cpu = new TestCpu().v86();
    pop(cpu, 2, IF);
    assert.equal(cpu.state.rflags, 0x2_3202);
    const trapped = new TestCpu().v86(0);
    raises(trapped, 13, 0, () => pop(trapped, 2, 0));
    trapped.state.cr4 = 1;
    pop(trapped, 2, IF);
    assert.equal(trapped.state.rflags, 0x2_0002 | VIF);
    raises(trapped, 13, 0, () => pop(trapped, 4, 0));
    trapped.state.setFlag(VIP, true);
    raises(trapped, 13, 0, () => pop(trapped, 2, IF));
  });
});

describe("CLI and STI", () => {
  test("STI casts a shadow where IF was clear", () => {
    const cpu = new TestCpu().protectedMode();
    assert.equal(setInterruptFlag(cpu), Control.leave);
    assert.deepEqual([cpu.state.flag(IF), cpu.state.u32(S.SHADOW), cpu.state.rip], [true, 1, 0x102n]);
    assert.equal(setInterruptFlag(cpu), Control.next);
    clearInterruptFlag(cpu);
    assert.equal(cpu.state.flag(IF), false);
  });

  test("IOPL decides; PVI gives ring 3 a virtual flag", () => {
    const cpu = new TestCpu().protectedMode(3);
    raises(cpu, 13, 0, () => clearInterruptFlag(cpu));
    raises(cpu, 13, 0, () => setInterruptFlag(cpu));
    cpu.state.cr4 = 2;
    setInterruptFlag(cpu);
    assert.deepEqual([cpu.state.flag(VIF), cpu.state.flag(IF)], [true, false]);
    clearInterruptFlag(cpu);
    cpu.state.setFlag(VIP, true);
    raises(cpu, 13, 0, () => setInterruptFlag(cpu));
  });

  test("STAC and CLAC are undefined outside ring 0", () => {
    const cpu = new TestCpu().protectedMode();
    setAccessControl(cpu, 1);
    assert.equal(cpu.state.flag(0x4_0000), true);
    const user = new TestCpu().protectedMode(3);
    raises(user, 6, 0, () => setAccessControl(user, 0));
  });
});

describe("ports", () => {
  test("IN and OUT", () => {
    const cpu = new TestCpu();
    assert.equal(portIn(cpu, 0x1_0060, 1, false), 0xab);
    portOut(cpu, 0x80, 2, -1, true);
    assert.deepEqual(cpu.portLog, ["in 60 1", "out 80 2 ffff"]);
    assert.equal(cpu.waited, 2 * PORT_TICKS);
  });

  test("above IOPL the bitmap of the TSS decides; a set bit refuses", () => {
    const cpu = new TestCpu().protectedMode(3);
    cpu.put(TSS + 0x66, 2, 0x68);
    raises(cpu, 13, 0, () => portIn(cpu, 0x60, 1, false));
    cpu.state.setU32(S.SEGMENT_LIMIT + 7 * 4, 0x68 + 0x20);
    portIn(cpu, 0x60, 4, false);
    cpu.put(TSS + 0x68 + 0xc, 1, 0x08);
    raises(cpu, 13, 0, () => portIn(cpu, 0x60, 4, false));
    portIn(cpu, 0x60, 2, false);
    raises(cpu, 13, 0, () => portIn(cpu, 0x100, 1, false));
    cpu.state.rflags = 0x3002;
    portIn(cpu, 0x100, 1, false);
  });

  test("a 16-bit TSS has no bitmap; virtual-8086 mode ignores IOPL", () => {
    const cpu = new TestCpu().v86(3);
    cpu.state.setU32(S.SEGMENT_LIMIT + 7 * 4, 0x200);
    cpu.put(TSS + 0x66, 2, 0x68);
    portIn(cpu, 0x60, 1, false);
    cpu.put(TSS + 0x68 + 0xc, 1, 1);
    raises(cpu, 13, 0, () => portIn(cpu, 0x60, 1, false));
    const old = new TestCpu().protectedMode(3);
    old.state.setU32(S.SEGMENT_RIGHTS + 7 * 4, 0x83);
    old.state.setU32(S.SEGMENT_LIMIT + 7 * 4, 0x200);
    old.put(TSS + 0x66, 2, 0x68);
    raises(old, 13, 0, () => portIn(old, 0x60, 1, false));
  });

  test("INS probes the memory before the port is read", () => {
    const cpu = new TestCpu().protectedMode();
    cpu.state.setGpr(2, 0x1f0n);
    portStringIn(cpu, 0x3000n, 1);
    assert.equal(cpu.get(0x3000, 1), 0xabn);
    portStringOut(cpu, 0x3000n, 1);
    cpu.memory.absent.add(9);
    raises(cpu, 14, 2, () => portStringIn(cpu, 0x9000n, 1));
    assert.deepEqual(cpu.portLog, ["in 1f0 1", "out 1f0 1 ab"]);
    const user = new TestCpu().protectedMode(3);
    user.put(TSS + 0x66, 2, 0x68);
    raises(user, 13, 0, () => checkPortString(user, 1));
  });
});

describe("descriptor-table registers", () => {
  test("LGDT and SGDT in 64-bit mode", () => {
    const cpu = new TestCpu().longMode();
    cpu.put(0x3000, 2, 0x1234);
    cpu.put(0x3002, 8, 0xffff_8000_0000_1000n);
    loadTable(cpu, 0, 0x3000n, 64);
    assert.deepEqual(
      [cpu.state.u64(S.GDTR_BASE), cpu.state.u32(S.GDTR_LIMIT)],
      [0xffff_8000_0000_1000n, 0x1234],
    );
    storeTable(cpu, 0, 0x3100n);
    assert.equal(cpu.get(0x3102, 8), 0xffff_8000_0000_1000n);
    cpu.put(0x3008, 2, 0x1234);
    raises(cpu, 13, 0, () => loadTable(cpu, 0, 0x3000n, 64));
  });

  test("a 16-bit operand size loads 24 bits of base", () => {
    const cpu = new TestCpu();
    cpu.put(0x3000, 2, 0x3ff);
    cpu.put(0x3002, 4, 0xff12_3456);
    loadTable(cpu, 1, 0x3000n, 16);
    assert.equal(cpu.state.u64(S.IDTR_BASE), 0x12_3456n);
    loadTable(cpu, 1, 0x3000n, 32);
    assert.equal(cpu.state.u64(S.IDTR_BASE), 0xff12_3456n);
  });

  test("privilege: LIDT is ring 0's, SIDT is too with UMIP", () => {
    const cpu = new TestCpu().protectedMode(3);
    raises(cpu, 13, 0, () => loadTable(cpu, 1, 0x3000n, 32));
    storeTable(cpu, 1, 0x3000n);
    cpu.state.cr4 = 0x800;
    raises(cpu, 13, 0, () => storeTable(cpu, 1, 0x3000n));
  });
});

describe("TLB", () => {
  test("INVLPG; a non-canonical address is a no-operation", () => {
    const cpu = new TestCpu().longMode();
    invalidatePage(cpu, -4096n);
    invalidatePage(cpu, 0x8000_0000_0000n);
    assert.deepEqual(cpu.flushes, ["page fffffffffffff000 0"]);
  });

  test("INVPCID", () => {
    const cpu = new TestCpu().longMode();
    const invalidate = (type: bigint, pcid: bigint, address = 0n) => {
      cpu.put(0x3000, 8, pcid);
      cpu.put(0x3008, 8, address);
      invalidatePcid(cpu, type, 0x3000n);
    };
    invalidate(0n, 0n, 0x5000n);
    invalidate(2n, 5n);
    invalidate(3n, 0n);
    assert.deepEqual(cpu.flushes, ["page 5000 0", "all", "nonglobal"]);
    raises(cpu, 13, 0, () => invalidate(1n, 5n));
    raises(cpu, 13, 0, () => invalidate(4n, 0n));
    raises(cpu, 13, 0, () => invalidate(2n, 0x1000n));
    raises(cpu, 13, 0, () => invalidate(0n, 0n, 0x8000_0000_0000n));
    cpu.state.cr4 |= 0x2_0000;
    invalidate(1n, 5n);
    assert.equal(cpu.flushes.at(-1), "pcid 5");
  });
});

describe("machine registers", () => {
  test("RDMSR and WRMSR", () => {
    const cpu = new TestCpu().longMode();
    cpu.state.setGpr(1, 0x10n);
    raises(cpu, 13, 0, () => machine.readMsr(cpu));
    cpu.state.setGpr(0, 0xffff_ffff_0000_0001n);
    cpu.state.setGpr(2, 0x2n);
    assert.equal(machine.writeMsr(cpu), Control.leave);
    assert.equal(cpu.msrs.get(0x10), 0x2_0000_0001n);
    machine.readMsr(cpu);
    assert.deepEqual([cpu.state.gpr(0), cpu.state.gpr(2)], [1n, 2n]);
    const user = new TestCpu().longMode(3);
    raises(user, 13, 0, () => machine.readMsr(user));
    raises(user, 13, 0, () => machine.writeMsr(user));
  });

  test("RDTSC, RDPMC and CR4", () => {
    const cpu = new TestCpu().longMode(3);
    machine.readTimeStamp(cpu);
    assert.deepEqual([cpu.state.gpr(0), cpu.state.gpr(2)], [0x2345_6789n, 1n]);
    cpu.msrs.set(0xc000_0103, 0x77n);
    machine.readTimeStampAndProcessor(cpu);
    assert.equal(cpu.state.gpr(1), 0x77n);
    cpu.state.cr4 |= 4;
    raises(cpu, 13, 0, () => machine.readTimeStamp(cpu));
    raises(cpu, 13, 0, () => machine.readPerformanceCounter(cpu));
  });

  test("XSETBV accepts combinations that exist", () => {
    const cpu = new TestCpu().longMode();
    const set = (value: bigint, index = 0n) => {
      cpu.state.setGpr(0, value);
      cpu.state.setGpr(1, index);
      cpu.state.setGpr(2, 0n);
      machine.writeExtendedControl(cpu);
    };
    raises(cpu, 6, 0, () => set(7n));
    cpu.state.cr4 |= 0x4_0000;
    set(7n);
    assert.equal(cpu.state.u64(S.XCR0), 7n);
    for (const value of [0n, 2n, 5n, 0x107n]) raises(cpu, 13, 0, () => set(value));
    raises(cpu, 13, 0, () => set(7n, 1n));
  });

  test("CPUID fills the low halves and clears the high ones", () => {
    const cpu = new TestCpu().longMode(3);
    cpu.state.setGpr(0, 0xffff_ffff_0000_0007n);
    cpu.state.setGpr(1, 3n);
    machine.cpuid(cpu);
    assert.deepEqual(
      [0, 3, 1, 2].map((register) => cpu.state.gpr(register)),
      [7n, 2n, 3n, 0xffff_ffffn],
    );
  });
});

describe("halting", () => {
  test("HLT, and MWAIT with its extension", () => {
    const cpu = new TestCpu().longMode();
    assert.equal(halt(cpu), Control.leave);
    assert.equal(cpu.state.rip, 0x102n);
    monitorWait(cpu);
    cpu.state.setGpr(1, 1n);
    monitorWait(cpu);
    assert.deepEqual(cpu.halts, ["hlt false", "mwait false", "mwait true"]);
    cpu.state.setGpr(1, 2n);
    raises(cpu, 13, 0, () => monitorWait(cpu));
    raises(cpu, 13, 0, () => monitor(cpu, 0n));
  });
  test("ring 3 may not", () => {
    const cpu = new TestCpu().longMode(3);
    raises(cpu, 13, 0, () => halt(cpu));
    raises(cpu, 6, 0, () => monitorWait(cpu));
  });
});
