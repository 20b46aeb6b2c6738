/** Control registers: SDM vol. 3, 2.5 and 4.10.4; MOV in vol. 2. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Control } from "../isa/helper.js";
import * as S from "../isa/state.js";
import {
  clearTaskSwitched,
  loadMachineStatus,
  readControlRegister,
  storeMachineStatus,
  writeControlRegister,
} from "./control-registers.js";
import { raises, TestCpu } from "./system-fixture.test.helper.js";

const PG = 0x8000_0000n;

describe("CR0", () => {
  test("switching protection and paging on", () => {
    const cpu = new TestCpu();
    assert.equal(writeControlRegister(cpu, 0, 1n), Control.leave);
    assert.equal(cpu.state.cr0, 0x11, "ET is always set");
    writeControlRegister(cpu, 0, PG | 1n);
    assert.deepEqual(cpu.flushes, ["all"]);
    assert.equal(cpu.state.efer & 0x400, 0);
  });

  test("impossible combinations are #GP(0)", () => {
    const cpu = new TestCpu();
    for (const value of [PG, 0x2000_0001n, 1n << 32n]) {
      raises(cpu, 13, 0, () => writeControlRegister(cpu, 0, value));
    }
  });

  test("activating IA-32e mode needs PAE and 32-bit code", () => {
    const cpu = new TestCpu().protectedMode();
    cpu.state.efer = 0x100;
    raises(cpu, 13, 0, () => writeControlRegister(cpu, 0, PG | 1n));
    cpu.state.cr4 = 0x20;
    cpu.state.setU32(S.SEGMENT_RIGHTS + 4, 0xa09b);
    raises(cpu, 13, 0, () => writeControlRegister(cpu, 0, PG | 1n));
    cpu.state.setU32(S.SEGMENT_RIGHTS + 4, 0xc09b);
    cpu.state.setU32(S.SEGMENT_RIGHTS + 7 * 4, 0x83);
    raises(cpu, 13, 0, () => writeControlRegister(cpu, 0, PG | 1n));
    cpu.state.setU32(S.SEGMENT_RIGHTS + 7 * 4, 0x8b);
    writeControlRegister(cpu, 0, PG | 1n);
    assert.equal(cpu.state.efer, 0x500);
    writeControlRegister(cpu, 0, 1n);
    assert.equal(cpu.state.efer, 0x100, "clearing PG leaves IA-32e mode");
  });

  test("paging cannot end in 64-bit code or with PCIDs", () => {
    const cpu = new TestCpu().longMode();
    raises(cpu, 13, 0, () => writeControlRegister(cpu, 0, 1n));
    cpu.state.setU32(S.SEGMENT_RIGHTS + 4, 0xc09b);
    cpu.state.cr4 |= 0x2_0000;
    raises(cpu, 13, 0, () => writeControlRegister(cpu, 0, 1n));
  });

  test("PAE paging loads the PDPTEs and refuses reserved bits", () => {
    const cpu = new TestCpu().protectedMode();
    cpu.state.cr4 = 0x20;
    cpu.pdptesValid = false;
    raises(cpu, 13, 0, () => writeControlRegister(cpu, 0, PG | 1n));
    assert.equal(cpu.state.cr0, 1);
    cpu.pdptesValid = true;
    writeControlRegister(cpu, 0, PG | 1n);
    cpu.pdptesValid = false;
    raises(cpu, 13, 0, () => writeControlRegister(cpu, 3, 0x1000n));
    raises(cpu, 13, 0, () => writeControlRegister(cpu, 4, 0xa0n));
  });

  test("LMSW sets PE but cannot clear it; SMSW; CLTS", () => {
    const cpu = new TestCpu();
    loadMachineStatus(cpu, 0xffff_0009);
    assert.equal(cpu.state.cr0, 0x19);
    loadMachineStatus(cpu, 0);
    assert.equal(cpu.state.cr0, 0x11);
    assert.equal(storeMachineStatus(cpu), 0x11n);
    cpu.state.setU32(S.CR0, 0x19);
    clearTaskSwitched(cpu);
    assert.equal(cpu.state.cr0, 0x11);
  });
});

describe("CR3 and CR4", () => {
  test("without PCIDs a load drops what is not global", () => {
    const cpu = new TestCpu().longMode();
    writeControlRegister(cpu, 3, 0x5000n);
    assert.equal(cpu.state.cr3, 0x5000n);
    assert.deepEqual(cpu.flushes, ["nonglobal"]);
  });

  test("with PCIDs it drops the new one's, unless bit 63 says no", () => {
    const cpu = new TestCpu().longMode();
    writeControlRegister(cpu, 4, 0x2_0020n);
    writeControlRegister(cpu, 3, 0x5007n);
    assert.deepEqual(cpu.flushes, ["pcid 7"]);
    writeControlRegister(cpu, 3, (1n << 63n) | 0x6008n);
    assert.equal(cpu.state.cr3, 0x6008n);
    assert.deepEqual(cpu.flushes, ["pcid 7"]);
    writeControlRegister(cpu, 4, 0x20n);
    assert.deepEqual(cpu.flushes, ["pcid 7", "all"]);
    raises(cpu, 13, 0, () => writeControlRegister(cpu, 3, (1n << 63n) | 0x6000n));
  });

  test("PCIDE needs IA-32e mode and PCID 0", () => {
    const cpu = new TestCpu().longMode();
    cpu.state.cr3 = 1n;
    raises(cpu, 13, 0, () => writeControlRegister(cpu, 4, 0x2_0020n));
    const legacy = new TestCpu().protectedMode();
    raises(legacy, 13, 0, () => writeControlRegister(legacy, 4, 0x2_0020n));
  });

  test("reserved bits", () => {
    const cpu = new TestCpu().longMode();
    raises(cpu, 13, 0, () => writeControlRegister(cpu, 3, 1n << 40n));
    raises(cpu, 13, 0, () => writeControlRegister(cpu, 4, 0x8000_0020n));
    raises(cpu, 13, 0, () => writeControlRegister(cpu, 4, 0n));
  });

  test("changes of paging bits flush", () => {
    const cpu = new TestCpu().longMode();
    writeControlRegister(cpu, 4, 0xa0n);
    writeControlRegister(cpu, 4, 0x4a0n);
    writeControlRegister(cpu, 4, 0x10_04a0n);
    assert.deepEqual(cpu.flushes, ["all", "all"], "PGE, then SMEP; OSXMMEXCPT changes no translation");
  });
});

describe("access", () => {
  test("numbers that do not exist are #UD, before the check of privilege", () => {
    const cpu = new TestCpu().longMode(3);
    for (const register of [1, 5, 6, 7, 9, 15]) {
      raises(cpu, 6, 0, () => readControlRegister(cpu, register));
      raises(cpu, 6, 0, () => writeControlRegister(cpu, register, 0n));
    }
    for (const register of [0, 2, 3, 4, 8]) {
      raises(cpu, 13, 0, () => readControlRegister(cpu, register));
      raises(cpu, 13, 0, () => writeControlRegister(cpu, register, 0n));
    }
  });

  test("CR8 is the task priority", () => {
    const cpu = new TestCpu().longMode();
    writeControlRegister(cpu, 8, 9n);
    assert.equal(cpu.taskPriority, 9);
    assert.equal(readControlRegister(cpu, 8), 9n);
    raises(cpu, 13, 0, () => writeControlRegister(cpu, 8, 16n));
  });

  test("a hypervisor sees and may change what is written", () => {
    const cpu = new TestCpu().longMode();
    const seen: string[] = [];
    cpu.intercepts = {
      instruction: () => {},
      readControlRegister: (_register, value) => value | 0x2000n,
      writeControlRegister: (register, value, by) => {
        seen.push(`${register} ${value.toString(16)} ${by}`);
        return value | 0x40n;
      },
      debugRegister: () => {},
      port: () => {},
      msr: () => {},
      exception: () => {},
      taskSwitch: () => {},
    };
    writeControlRegister(cpu, 4, 0x20n);
    assert.equal(cpu.state.cr4, 0x60);
    assert.equal(readControlRegister(cpu, 4), 0x2060n);
    assert.deepEqual(seen, ["4 20 mov"]);
  });
});
