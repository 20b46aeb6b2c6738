/** Hardware task switches: SDM vol. 3, 8.3. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as S from "../isa/state.js";
import { SegmentIndex } from "./cpu-state.js";
import { deliverException, enteringCode } from "./exceptions.js";
import { farCall, farJump } from "./far-transfer.js";
import { Fault } from "./fault.js";
import { interruptReturn } from "./iret.js";
import { GDT, IDT, raises, Sel, TestCpu, TSS } from "./system-fixture.test.helper.js";

const NEW = 0x5000;
const NT = 0x4000;

/** Two 32-bit tasks; the second has distinct registers. */
function tasks(): TestCpu {
  const cpu = new TestCpu().protectedMode();
  cpu.put(GDT + Sel.tss + 5, 1, 0x8b);
  cpu.describe(Sel.tss2, NEW, 0x67, 0x89, 0);
  cpu.put(NEW + 0x1c, 4, 0x7_7000);
  cpu.put(NEW + 0x20, 4, 0x4444);
  cpu.put(NEW + 0x24, 4, 0x202);
  for (let i = 0; i < 8; i++) cpu.put(NEW + 0x28 + i * 4, 4, 0x100 * (i + 1));
  cpu.put(NEW + 0x28 + 4 * 4, 4, 0xc000);
  for (let i = 0; i < 6; i++) cpu.put(NEW + 0x48 + i * 4, 4, i === 1 ? Sel.code32 : Sel.data32);
  cpu.put(NEW + 0x60, 4, Sel.ldt);
  for (let i = 0; i < 8; i++) if (i !== 4) cpu.state.setGpr(i, BigInt(0xa0 + i));
  return cpu;
}
const access = (cpu: TestCpu, selector: number) => Number(cpu.get(GDT + selector + 5, 1));

describe("32-bit tasks", () => {
  test("JMP saves the old task and loads the new one", () => {
    const cpu = tasks();
    const { state } = cpu;
    farJump(cpu, Sel.tss2, 0n);
    assert.equal(state.rip, 0x4444n);
    assert.equal(state.gpr(0), 0x100n);
    assert.equal(state.gpr(4), 0xc000n);
    assert.equal(state.rflags, 0x202);
    assert.equal(state.selector(SegmentIndex.LDTR), Sel.ldt);
    assert.equal(state.segmentBase(SegmentIndex.LDTR), 0x6000n);
    assert.equal(state.selector(SegmentIndex.TR), Sel.tss2);
    assert.equal(state.rights(SegmentIndex.TR) & 0xf, 0xb);
    assert.equal(state.cr0 & 8, 8, "CR0.TS");
    assert.equal(state.cr3, 0n, "CR3 is loaded only with paging");
    assert.equal(access(cpu, Sel.tss), 0x89, "the old task is available");
    assert.equal(access(cpu, Sel.tss2), 0x8b);
    assert.deepEqual([cpu.get(TSS + 0x20, 4), cpu.get(TSS + 0x28 + 4, 4)], [0x102n, 0xa1n]);
    assert.equal(cpu.get(TSS + 0x4c, 2), BigInt(Sel.code32));
  });

  test("CALL nests, IRET returns", () => {
    const cpu = tasks();
    const { state } = cpu;
    farCall(cpu, Sel.tss2, 0n, 32);
    assert.equal(state.rflags & NT, NT);
    assert.equal(cpu.get(NEW, 2), BigInt(Sel.tss));
    assert.equal(access(cpu, Sel.tss), 0x8b, "the caller stays busy");
    state.setU64(S.NEXT_RIP, 0x4446n);
    interruptReturn(cpu, 32);
    assert.equal(state.selector(SegmentIndex.TR), Sel.tss);
    assert.equal(state.rip, 0x102n);
    assert.equal(state.gpr(3), 0xa3n);
    assert.equal(access(cpu, Sel.tss2), 0x89);
    assert.equal(cpu.get(NEW + 0x20, 4), 0x4446n);
    assert.equal(Number(cpu.get(NEW + 0x24, 4)) & NT, 0, "NT is clear in the saved flags");
  });

  test("with paging CR3 is loaded and translations go", () => {
    const cpu = tasks();
    cpu.state.cr0 = 0x8000_0001;
    farJump(cpu, Sel.tss2, 0n);
    assert.equal(cpu.state.cr3, 0x7_7000n);
    assert.deepEqual(cpu.flushes, ["nonglobal"]);
  });

  test("through a task gate", () => {
    const cpu = tasks();
    cpu.gate(GDT + Sel.gate, Sel.tss2, 0, 0xe5);
    farJump(cpu, Sel.gate, 0n);
    assert.equal(cpu.state.selector(SegmentIndex.TR), Sel.tss2);
  });

  test("an exception through a task gate pushes its error code in the new task", () => {
    const cpu = tasks();
    cpu.gate(IDT + 13 * 8, Sel.tss2, 0, 0x85);
    deliverException(cpu, new Fault(13, 0x44));
    assert.equal(cpu.state.gpr(4), 0xbffcn);
    assert.equal(cpu.get(0xbffc, 4), 0x44n);
    assert.equal(cpu.get(TSS + 0x20, 4), 0x100n, "the faulting instruction is saved");
    assert.equal(cpu.get(TSS + 0x24, 4), 0x1_0002n, "with RF");
    assert.equal(cpu.state.rflags & NT, NT);
  });

  test("the T bit makes a debug trap before the first instruction", () => {
    const cpu = tasks();
    cpu.put(NEW + 0x64, 2, 1);
    cpu.state.setDr(7, 0x401n | 2n);
    cpu.gate(IDT + 8, Sel.code32, 0x5000, 0x8f);
    enteringCode(cpu, () => farJump(cpu, Sel.tss2, 0n));
    assert.equal(cpu.state.rip, 0x5000n);
    assert.equal(cpu.stack(1, 4)[0], 0x4444);
    assert.equal(cpu.state.dr(6), 0xffff_8ff0n);
    assert.equal(cpu.state.dr(7) & 0xffn, 2n, "local breakpoints end with the task");
  });

  test("to a virtual-8086 task", () => {
    const cpu = tasks();
    cpu.put(NEW + 0x24, 4, 0x2_0002);
    farJump(cpu, Sel.tss2, 0n);
    assert.equal(cpu.state.v86, true);
    assert.equal(cpu.state.cpl, 3);
    assert.equal(cpu.state.segmentBase(SegmentIndex.CS), BigInt(Sel.code32) * 16n);
  });
});

describe("16-bit tasks", () => {
  test("load the low halves; FS and GS become null", () => {
    const cpu = tasks();
    cpu.describe(Sel.tss2, NEW, 0x2b, 0x81, 0);
    cpu.put(NEW + 0x0e, 2, 0x3333);
    cpu.put(NEW + 0x10, 2, 0x202);
    for (let i = 0; i < 8; i++) cpu.put(NEW + 0x12 + i * 2, 2, 0x10 * i);
    for (let i = 0; i < 4; i++) cpu.put(NEW + 0x22 + i * 2, 2, i === 1 ? Sel.code32 : Sel.data32);
    cpu.put(NEW + 0x2a, 2, 0);
    farJump(cpu, Sel.tss2, 0n);
    assert.equal(cpu.state.rip, 0x3333n);
    assert.equal(cpu.state.gpr(7), 0x70n);
    assert.equal(cpu.state.selector(SegmentIndex.FS), 0);
    assert.equal(cpu.state.rights(SegmentIndex.TR) & 0xf, 3);
  });
});

describe("faults", () => {
  test("before the switch they leave both tasks as they were", () => {
    const cpu = tasks();
    raises(cpu, 13, Sel.tss, () => farJump(cpu, Sel.tss, 0n));
    cpu.put(GDT + Sel.tss2 + 5, 1, 0x09);
    raises(cpu, 11, Sel.tss2, () => farJump(cpu, Sel.tss2, 0n));
    cpu.describe(Sel.tss2, NEW, 0x66, 0x89, 0);
    raises(cpu, 10, Sel.tss2, () => farJump(cpu, Sel.tss2, 0n));
    cpu.describe(Sel.tss2, NEW, 0x67, 0x89, 0);
    cpu.memory.absent.add(NEW >> 12);
    raises(cpu, 14, 0, () => farJump(cpu, Sel.tss2, 0n));
    assert.equal(access(cpu, Sel.tss), 0x8b);
    assert.equal(access(cpu, Sel.tss2), 0x89);
  });

  test("IRET to a task that is not busy is #TS", () => {
    const cpu = tasks();
    cpu.state.setFlag(NT, true);
    cpu.put(TSS, 2, Sel.tss2);
    raises(cpu, 10, Sel.tss2, () => interruptReturn(cpu, 32));
  });

  const later: [string, number, number, (cpu: TestCpu) => void][] = [
    ["LDT", 10, Sel.data32, (cpu) => cpu.put(NEW + 0x60, 2, Sel.data32)],
    ["CS of another type", 10, Sel.data32, (cpu) => cpu.put(NEW + 0x4c, 2, Sel.data32)],
    ["CS absent", 11, Sel.code32, (cpu) => cpu.put(GDT + Sel.code32 + 5, 1, 0x1b)],
    ["null SS", 10, 0, (cpu) => cpu.put(NEW + 0x50, 2, 0)],
    ["SS of another level", 10, 0x20, (cpu) => cpu.put(NEW + 0x50, 2, Sel.userData32)],
    ["DS beyond the table", 10, 0x1f8, (cpu) => cpu.put(NEW + 0x54, 2, 0x1f8)],
    ["GS absent", 11, Sel.absent, (cpu) => cpu.put(NEW + 0x5c, 2, Sel.absent)],
    ["EIP beyond the limit", 13, 0, (cpu) => cpu.describe(Sel.code32, 0, 0xfff, 0x9b, 0x4)],
  ];
  for (const [name, vector, error, spoil] of later) {
    test(`after the switch they belong to the new task: ${name}`, () => {
      const cpu = tasks();
      spoil(cpu);
      assert.throws(
        () => farJump(cpu, Sel.tss2, 0n),
        (fault) => fault instanceof Fault && fault.vector === vector && fault.error === error,
      );
      assert.equal(cpu.state.selector(SegmentIndex.TR), Sel.tss2);
      assert.equal(cpu.state.rip, 0x4444n);
    });
  }

  test("and are delivered there, not at the instruction that switched", () => {
    const cpu = tasks();
    cpu.put(NEW + 0x54, 2, 0x1f8);
    cpu.gate(IDT + 10 * 8, Sel.code32, 0x6000, 0x8e);
    enteringCode(cpu, () => farJump(cpu, Sel.tss2, 0n));
    assert.equal(cpu.state.rip, 0x6000n);
    assert.deepEqual(cpu.stack(2, 4), [0x1f8, 0x4444]);
  });
});
