/** Delivery of events: SDM vol. 3, chapter 6. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as S from "../isa/state.js";
import { SegmentIndex } from "./cpu-state.js";
import { combine, EventKind, exceptionEvent } from "./event.js";
import { deliverException, deliverInterrupt, deliverNmi } from "./exceptions.js";
import { Fault } from "./fault.js";
import { breakpoint, interrupt } from "./software-interrupt.js";
import { GDT, IDT, raises, Sel, TestCpu, TSS } from "./system-fixture.test.helper.js";

const IF = 0x200;

function longWithGate(cpl: number, vector: number, access = 0x8e, ist = 0): TestCpu {
  const cpu = new TestCpu().longMode(cpl);
  cpu.gate(IDT + vector * 16, Sel.code64, 0x1234_5678, access, ist, true);
  return cpu;
}

describe("IA-32e mode", () => {
  test("an interrupt in ring 3 switches to RSP0, a null SS and ring 0", () => {
    const cpu = longWithGate(3, 0x30);
    const { state } = cpu;
    state.rflags = IF | 0x100 | 2;
    state.rip = 0x401000n;
    state.setGpr(4, 0x7ff8n);
    deliverInterrupt(cpu, 0x30);
    assert.equal(state.rip, 0x1234_5678n);
    assert.equal(state.cpl, 0);
    assert.equal(state.selector(SegmentIndex.CS), Sel.code64);
    assert.equal(state.selector(SegmentIndex.SS), 0);
    assert.notEqual(state.rights(SegmentIndex.SS) & 0x10000, 0);
    assert.equal(state.gpr(4), 0x9000n - 40n);
    assert.deepEqual(cpu.stack(5, 8), [0x401000, Sel.userCode64, IF | 0x102, 0x7ff8, Sel.userData32]);
    assert.equal(state.rflags, 2, "IF and TF are clear");
    assert.equal(cpu.delivering, undefined);
  });

  test("without a change of privilege the stack stays, aligned to 16 bytes", () => {
    const cpu = longWithGate(0, 0x30, 0x8f);
    cpu.state.rflags = IF | 2;
    cpu.state.setGpr(4, 0x7ffdn);
    deliverInterrupt(cpu, 0x30);
    assert.equal(cpu.state.gpr(4), 0x7ff0n - 40n);
    assert.equal(cpu.stack(5, 8)[3], 0x7ffd);
    assert.equal(cpu.state.selector(SegmentIndex.SS), Sel.data32, "SS keeps its selector");
    assert.equal(cpu.state.rflags & IF, IF, "a trap gate leaves IF");
  });

  test("the interrupt stack table is used whatever the privilege", () => {
    const cpu = longWithGate(0, 2, 0x8e, 1);
    deliverNmi(cpu);
    assert.equal(cpu.state.gpr(4), 0xa000n - 40n);
    assert.equal(cpu.nmiBlocked, true);
  });

  test("a page fault pushes its error code, loads CR2 and sets RF in the image", () => {
    const cpu = longWithGate(3, 14);
    deliverException(cpu, new Fault(14, 6, 0xdead_b000n));
    assert.equal(cpu.state.cr2, 0xdead_b000n);
    const [error, rip, , flags] = cpu.stack(4, 8);
    assert.deepEqual([error, rip], [6, 0x100]);
    assert.equal(flags! & 0x10000, 0x10000);
    assert.equal(cpu.state.rflags & 0x10000, 0);
  });

  test("stack accesses of the switch are those of a supervisor", () => {
    const cpu = longWithGate(3, 0x30);
    cpu.memory.accesses.length = 0;
    deliverInterrupt(cpu, 0x30);
    const writes = cpu.memory.accesses.filter((access) => access.write);
    assert.equal(writes.length, 5);
    assert.ok(writes.every(({ privilege }) => privilege === "supervisor"));
    const reads = cpu.memory.accesses.filter((access) => !access.write);
    assert.ok(reads.every(({ privilege }) => privilege === "system"));
  });

  const failing: [string, number, number, (cpu: TestCpu) => void][] = [
    [
      "vector beyond the IDT limit",
      13,
      0x80 * 8 + 2,
      (cpu) => cpu.state.setU32(S.IDTR_LIMIT, 0x80 * 16 + 14),
    ],
    ["gate of another type", 13, 0x80 * 8 + 2, (cpu) => cpu.put(IDT + 0x80 * 16 + 5, 1, 0xec)],
    ["gate with DPL below CPL", 13, 0x80 * 8 + 2, (cpu) => cpu.put(IDT + 0x80 * 16 + 5, 1, 0x8e)],
    ["gate not present", 11, 0x80 * 8 + 2, (cpu) => cpu.put(IDT + 0x80 * 16 + 5, 1, 0x6e)],
    ["null code selector", 13, 0, (cpu) => cpu.put(IDT + 0x80 * 16 + 2, 2, 0)],
    ["code selector beyond the GDT", 13, 0x400, (cpu) => cpu.put(IDT + 0x80 * 16 + 2, 2, 0x400)],
    ["code that is not 64-bit", 13, Sel.code32, (cpu) => cpu.put(IDT + 0x80 * 16 + 2, 2, Sel.code32)],
    ["code not present", 11, Sel.code64, (cpu) => cpu.put(GDT + Sel.code64 + 5, 1, 0x1b)],
    ["TSS too small for RSP0", 10, Sel.tss, (cpu) => cpu.state.setU32(S.SEGMENT_LIMIT + 7 * 4, 10)],
    ["RSP0 not canonical", 12, 0, (cpu) => cpu.put(TSS + 4, 8, 0x8000_0000_0000_0000n)],
  ];
  for (const [name, vector, error, spoil] of failing) {
    test(`INT n: ${name}`, () => {
      const cpu = longWithGate(3, 0x80, 0xee);
      spoil(cpu);
      raises(cpu, vector, error, () => interrupt(cpu, 0x80));
    });
  }

  test("the EXT bit is set for hardware events and INT1, not for INT n, INT3, INTO", () => {
    const cpu = longWithGate(3, 3, 0x6e);
    raises(cpu, 11, 3 * 8 + 2, () => breakpoint(cpu, 3));
    cpu.gate(IDT + 16, Sel.code64, 0, 0x6e, 0, true);
    raises(cpu, 11, 1 * 8 + 3, () => breakpoint(cpu, 1));
  });

  test("INT1 does not check the gate's DPL", () => {
    const cpu = longWithGate(3, 1, 0x8e);
    breakpoint(cpu, 1);
    assert.equal(cpu.state.cpl, 0);
    assert.equal(cpu.stack(1, 8)[0], 0x102, "a trap: the next instruction is pushed");
  });
});

describe("double faults", () => {
  const event = (vector: number) => exceptionEvent(new Fault(vector), 0n);
  const contributory = [0, 10, 11, 12, 13];

  test("two contributory exceptions make a double fault", () => {
    for (const a of contributory)
      for (const b of contributory) assert.equal(combine(event(a), event(b)), "double");
  });
  test("after a page fault, page faults and contributory exceptions make one", () => {
    for (const b of [...contributory, 14]) assert.equal(combine(event(14), event(b)), "double");
    assert.equal(combine(event(14), event(6)), "serial");
  });
  test("a page fault after a contributory exception is handled serially", () => {
    for (const a of contributory) assert.equal(combine(event(a), event(14)), "serial");
  });
  test("after a double fault they shut the processor down", () => {
    for (const b of [...contributory, 14]) assert.equal(combine(event(8), event(b)), "shutdown");
  });
  test("benign events never combine", () => {
    for (const a of [1, 2, 3, 4, 5, 6, 7, 16, 17, 19]) {
      for (const b of [...contributory, 14]) assert.equal(combine(event(a), event(b)), "serial");
    }
    const external = { ...event(13), kind: EventKind.external };
    assert.equal(combine(external, event(13)), "serial");
  });

  test("#GP through a gate that is not present becomes #DF with error code 0", () => {
    const cpu = longWithGate(0, 8);
    deliverException(cpu, new Fault(13, 0x1234));
    assert.equal(cpu.state.rip, 0x1234_5678n);
    assert.equal(cpu.stack(1, 8)[0], 0);
  });

  test("an empty IDT ends in shutdown", () => {
    const cpu = new TestCpu().longMode();
    cpu.state.setU32(S.IDTR_LIMIT, 0);
    deliverException(cpu, new Fault(6));
    assert.equal(cpu.shutdowns, 1);
    assert.equal(cpu.state.rip, 0x100n);
    assert.equal(cpu.delivering, undefined);
  });

  test("an interrupt whose gate faults raises #GP with EXT and the IDT bit", () => {
    const cpu = longWithGate(0, 13);
    deliverInterrupt(cpu, 0x41);
    assert.equal(cpu.stack(1, 8)[0], 0x41 * 8 + 3);
  });
});

describe("protected mode", () => {
  const withGate = (cpl: number, access: number) => {
    const cpu = new TestCpu().protectedMode(cpl);
    cpu.gate(IDT + 0x40 * 8, Sel.code32, 0x5000, access);
    return cpu;
  };

  test("32-bit interrupt gate from ring 3", () => {
    const cpu = withGate(3, 0x8e);
    cpu.state.rflags = IF | 2;
    deliverInterrupt(cpu, 0x40);
    assert.equal(cpu.state.cpl, 0);
    assert.equal(cpu.state.gpr(4), 0x9000n - 20n);
    assert.deepEqual(cpu.stack(5, 4), [0x100, Sel.userCode32, IF | 2, 0x8000, Sel.userData32]);
    assert.equal(cpu.state.selector(SegmentIndex.SS), Sel.data32);
  });

  test("16-bit trap gate pushes words", () => {
    const cpu = withGate(0, 0x87);
    cpu.state.rflags = IF | 2;
    deliverInterrupt(cpu, 0x40);
    assert.equal(cpu.state.gpr(4), 0x8000n - 6n);
    assert.deepEqual(cpu.stack(3, 2), [0x100, Sel.code32, IF | 2]);
    assert.equal(cpu.state.rflags & IF, IF);
  });

  test("an error code follows the frame", () => {
    const cpu = new TestCpu().protectedMode(3);
    cpu.gate(IDT + 13 * 8, Sel.code32, 0x5000, 0x8e);
    deliverException(cpu, new Fault(13, 0x20));
    assert.deepEqual(cpu.stack(3, 4), [0x20, 0x100, Sel.userCode32]);
  });

  test("a bad inner stack is #TS with its selector and EXT", () => {
    const cpu = withGate(3, 0x8e);
    cpu.gate(IDT + 10 * 8, Sel.conforming32, 0x6000, 0x8e);
    cpu.put(TSS + 8, 4, Sel.userData32);
    deliverInterrupt(cpu, 0x40);
    assert.equal(cpu.state.rip, 0x6000n);
    assert.equal(cpu.stack(1, 4)[0], (Sel.userData32 & ~3) | 1);
    assert.equal(cpu.state.cpl, 3, "a conforming handler keeps the privilege");
  });

  test("from virtual-8086 mode the data segments are pushed and become null", () => {
    const cpu = new TestCpu().v86();
    cpu.gate(IDT + 0x40 * 8, Sel.code32, 0x5000, 0x8e);
    deliverInterrupt(cpu, 0x40);
    const { state } = cpu;
    assert.equal(state.cpl, 0);
    assert.equal(state.v86, false);
    assert.deepEqual(cpu.stack(9, 4), [0x100, 0x200, 0x2_3002, 0x100, 0x800, 0, 0x300, 0x400, 0x500]);
    for (const index of [SegmentIndex.ES, SegmentIndex.DS, SegmentIndex.FS, SegmentIndex.GS]) {
      assert.equal(state.selector(index), 0);
      assert.notEqual(state.rights(index) & 0x10000, 0);
    }
  });

  test("INT n in virtual-8086 mode needs IOPL 3; INT3 does not", () => {
    const cpu = new TestCpu().v86(0);
    cpu.gate(IDT + 3 * 8, Sel.code32, 0x5000, 0xee);
    raises(cpu, 13, 0, () => interrupt(cpu, 3));
    breakpoint(cpu, 3);
    assert.equal(cpu.state.rip, 0x5000n);
  });

  test("a handler of virtual-8086 code must run at privilege 0", () => {
    const cpu = new TestCpu().v86();
    cpu.gate(IDT + 0x40 * 8, Sel.conforming32, 0x5000, 0xee);
    raises(cpu, 13, Sel.conforming32, () => interrupt(cpu, 0x40));
  });

  test("VME redirects INT n to the program's own vector table", () => {
    const cpu = new TestCpu().v86(0);
    const { state } = cpu;
    state.cr4 = 1;
    state.setU32(S.SEGMENT_LIMIT + 7 * 4, 0x200);
    cpu.put(TSS + 0x66, 2, 0x88);
    cpu.put(0x21 * 4, 4, 0x0700_0042);
    state.setFlag(0x80000, true);
    interrupt(cpu, 0x21);
    assert.equal(state.rip, 0x42n);
    assert.equal(state.selector(SegmentIndex.CS), 0x700);
    assert.deepEqual(cpu.stack(3, 2), [0x102, 0x200, 0x3202], "VIF appears as IF, IOPL as 3");
    assert.equal(state.flag(0x80000), false);
    assert.equal(state.v86, true);
    // With its bit set the vector belongs to the monitor.
    cpu.put(TSS + 0x68 + (0x21 >> 3), 1, 1 << (0x21 & 7));
    raises(cpu, 13, 0, () => interrupt(cpu, 0x21));
  });
});

describe("real-address mode", () => {
  test("through the vector table, with three words on the stack", () => {
    const cpu = new TestCpu();
    const { state } = cpu;
    state.rip = 0x1234n;
    state.rflags = IF | 0x100 | 2;
    state.setGpr(4, 0x1000n);
    cpu.put(0x10 * 4, 4, 0xf000_1122);
    deliverInterrupt(cpu, 0x10);
    assert.equal(state.rip, 0x1122n);
    assert.equal(state.selector(SegmentIndex.CS), 0xf000);
    assert.equal(state.segmentBase(SegmentIndex.CS), 0xf0000n);
    assert.deepEqual(cpu.stack(3, 2), [0x1234, 0, IF | 0x102]);
    assert.equal(state.rflags, 2);
  });

  test("no error code is pushed", () => {
    const cpu = new TestCpu();
    cpu.state.setGpr(4, 0x1000n);
    deliverException(cpu, new Fault(13, 0));
    assert.equal(cpu.state.gpr(4), 0x1000n - 6n);
  });

  test("an IDT limit that is too small is #GP, then #DF, then shutdown", () => {
    const cpu = new TestCpu();
    cpu.state.setU32(S.IDTR_LIMIT, 3);
    deliverException(cpu, new Fault(6));
    assert.equal(cpu.shutdowns, 1);
  });
});
