/** Loading segment registers, LDTR and TR, and asking about selectors: SDM vol. 3, 3.4.2, 5.4-5.7 and 5.10. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Control } from "../isa/helper.js";
import * as S from "../isa/state.js";
import { Rights, SegmentIndex } from "./cpu-state.js";
import { moveToSegment, popSegment } from "./segment-load.js";
import { loadAccessRights, loadSegmentLimit, verifyRead, verifyWrite } from "./segment-query.js";
import { GDT, raises, Sel, TestCpu } from "./system-fixture.test.helper.js";
import { loadLdtr, loadTaskRegister, storeSystemSelector } from "./system-segment.js";

const { ES, CS, SS, DS, FS, LDTR, TR } = SegmentIndex;

describe("data segments", () => {
  test("real-address mode: base only", () => {
    const cpu = new TestCpu();
    cpu.state.setU32(S.SEGMENT_LIMIT, 0xffff_ffff);
    assert.equal(moveToSegment(cpu, ES, 0xb800), Control.next);
    const es = cpu.state.segment(ES);
    assert.deepEqual([es.selector, es.base, es.limit, es.rights], [0xb800, 0xb8000n, 0xffff_ffff, 0x93]);
  });

  test("base, limit and rights come from the descriptor, the accessed bit is set", () => {
    const cpu = new TestCpu().protectedMode();
    cpu.describe(Sel.free, 0x1234_5678, 0x12345, 0x92, 0xc);
    moveToSegment(cpu, DS, Sel.free);
    const ds = cpu.state.segment(DS);
    assert.deepEqual([ds.base, ds.limit, ds.rights], [0x1234_5678n, 0x1234_5fff, 0xc093]);
    assert.equal(cpu.get(GDT + Sel.free + 5, 1), 0x93n);
    assert.ok(
      cpu.memory.accesses.filter((a) => a.address === GDT + Sel.free + 5 && a.write)[1]?.privilege ===
        "system",
    );
  });

  test("through the LDT", () => {
    const cpu = new TestCpu().protectedMode();
    loadLdtr(cpu, Sel.ldt);
    cpu.put(0x6008, 8, 0x00cf_f300_0000_ffffn);
    moveToSegment(cpu, FS, 0xf);
    assert.equal(cpu.state.segment(FS).limit, 0xffff_ffff);
    raises(cpu, 13, 0x24, () => moveToSegment(cpu, FS, 0x27));
  });

  test("privilege: RPL and CPL must not exceed the DPL, conforming code always goes", () => {
    const cpu = new TestCpu().protectedMode(3);
    raises(cpu, 13, Sel.data32, () => moveToSegment(cpu, DS, Sel.data32));
    moveToSegment(cpu, DS, Sel.conforming32 | 3);
    const inner = new TestCpu().protectedMode();
    raises(inner, 13, Sel.data32, () => moveToSegment(inner, DS, Sel.data32 | 1));
  });

  test("execute-only code and system segments are #GP, absent ones #NP", () => {
    const cpu = new TestCpu().protectedMode();
    cpu.put(GDT + Sel.code32 + 5, 1, 0x99);
    raises(cpu, 13, Sel.code32, () => moveToSegment(cpu, DS, Sel.code32));
    raises(cpu, 13, Sel.ldt, () => moveToSegment(cpu, DS, Sel.ldt));
    raises(cpu, 11, Sel.absent, () => moveToSegment(cpu, DS, Sel.absent));
    raises(cpu, 6, 0, () => moveToSegment(cpu, CS, Sel.code32));
  });

  test("a null selector makes the register unusable and, on Intel, clears the base", () => {
    const cpu = new TestCpu().longMode(3);
    cpu.state.setU64(S.SEGMENT_BASE + FS * 8, 0x7f00_0000_0000n);
    moveToSegment(cpu, FS, 3);
    assert.equal(cpu.state.selector(FS), 3);
    assert.equal(cpu.state.segmentBase(FS), 0n);
    assert.notEqual(cpu.state.rights(FS) & Rights.unusable, 0);
    cpu.features = { ...cpu.features, vendor: "amd" };
    cpu.state.setU64(S.SEGMENT_BASE + FS * 8, 0x7f00_0000_0000n);
    moveToSegment(cpu, FS, 0);
    assert.equal(cpu.state.segmentBase(FS), 0x7f00_0000_0000n);
  });
});

describe("SS", () => {
  test("MOV SS casts a shadow and goes on through the run loop", () => {
    const cpu = new TestCpu().protectedMode();
    assert.equal(moveToSegment(cpu, SS, Sel.data32), Control.leave);
    assert.equal(cpu.state.u32(S.SHADOW), 2);
    assert.equal(cpu.state.rip, 0x102n);
  });

  test("RPL, DPL and type must fit; absent is #SS", () => {
    const cpu = new TestCpu().protectedMode();
    raises(cpu, 13, Sel.data32, () => moveToSegment(cpu, SS, Sel.data32 | 3));
    raises(cpu, 13, Sel.userData32 & ~3, () => moveToSegment(cpu, SS, Sel.userData32));
    raises(cpu, 13, Sel.code32, () => moveToSegment(cpu, SS, Sel.code32));
    raises(cpu, 12, Sel.absent, () => moveToSegment(cpu, SS, Sel.absent));
    raises(cpu, 13, 0, () => moveToSegment(cpu, SS, 0));
  });

  test("null is allowed in 64-bit mode below ring 3, with RPL = CPL", () => {
    const cpu = new TestCpu().longMode();
    moveToSegment(cpu, SS, 0);
    assert.notEqual(cpu.state.rights(SS) & Rights.unusable, 0);
    raises(cpu, 13, 0, () => moveToSegment(cpu, SS, 1));
    const user = new TestCpu().longMode(3);
    raises(user, 13, 0, () => moveToSegment(user, SS, 3));
  });

  test("POP leaves the stack pointer alone when it faults", () => {
    const cpu = new TestCpu().protectedMode();
    cpu.put(0x8000, 4, Sel.absent);
    raises(cpu, 11, Sel.absent, () => popSegment(cpu, DS, 32));
    cpu.put(0x8000, 4, Sel.data32);
    popSegment(cpu, DS, 32);
    assert.equal(cpu.state.gpr(4), 0x8004n);
  });
});

describe("LDTR and TR", () => {
  test("LLDT", () => {
    const cpu = new TestCpu().protectedMode();
    loadLdtr(cpu, Sel.ldt);
    assert.equal(cpu.state.segment(LDTR).limit, 0x1f);
    loadLdtr(cpu, 0);
    assert.notEqual(cpu.state.rights(LDTR) & Rights.unusable, 0);
    raises(cpu, 13, Sel.data32, () => loadLdtr(cpu, Sel.data32));
    raises(cpu, 13, 12, () => loadLdtr(cpu, 12));
    const user = new TestCpu().protectedMode(3);
    raises(user, 13, 0, () => loadLdtr(user, Sel.ldt));
  });

  test("LTR marks the TSS busy and refuses a busy one", () => {
    const cpu = new TestCpu().protectedMode();
    loadTaskRegister(cpu, Sel.tss);
    assert.equal(cpu.get(GDT + Sel.tss + 5, 1), 0x8bn);
    assert.equal(cpu.state.rights(TR) & 0xf, 0xb);
    raises(cpu, 13, Sel.tss, () => loadTaskRegister(cpu, Sel.tss));
    raises(cpu, 13, 0, () => loadTaskRegister(cpu, 0));
  });

  test("in IA-32e mode the base has 64 bits", () => {
    const cpu = new TestCpu().longMode();
    cpu.put(GDT + Sel.tss + 8, 4, 0xffff_8000);
    loadTaskRegister(cpu, Sel.tss);
    assert.equal(cpu.state.segmentBase(TR), 0xffff_8000_0000_4000n);
    cpu.put(GDT + Sel.tss + 5, 1, 0x81);
    raises(cpu, 13, Sel.tss, () => loadTaskRegister(cpu, Sel.tss));
  });

  test("UMIP keeps SLDT and STR to ring 0", () => {
    const cpu = new TestCpu().protectedMode(3);
    assert.equal(storeSystemSelector(cpu, TR), BigInt(Sel.tss));
    cpu.state.cr4 = 0x800;
    raises(cpu, 13, 0, () => storeSystemSelector(cpu, TR));
  });
});

describe("LAR, LSL, VERR, VERW", () => {
  test("answers for visible selectors", () => {
    const cpu = new TestCpu().protectedMode(3);
    assert.equal(loadAccessRights(cpu, Sel.userData32), 0xcf_f300n);
    assert.equal(loadAccessRights(cpu, Sel.data32), -1n);
    assert.equal(loadAccessRights(cpu, Sel.conforming32), 0xcf_9f00n);
    assert.equal(loadAccessRights(cpu, 0), -1n);
    assert.equal(loadAccessRights(cpu, 0x1f8), -1n);
    assert.equal(loadSegmentLimit(cpu, Sel.userData32), 0xffff_ffffn);
    assert.deepEqual([verifyRead(cpu, Sel.userCode32), verifyWrite(cpu, Sel.userCode32)], [1, 0]);
    assert.deepEqual([verifyRead(cpu, Sel.userData32), verifyWrite(cpu, Sel.userData32)], [1, 1]);
  });

  test("system types: gates have rights but no limit, and fewer types exist in IA-32e mode", () => {
    const cpu = new TestCpu().protectedMode();
    cpu.gate(GDT + Sel.gate, Sel.code32, 0, 0x85);
    assert.equal(loadAccessRights(cpu, Sel.gate), 0x8500n);
    assert.equal(loadSegmentLimit(cpu, Sel.gate), -1n);
    assert.equal(loadSegmentLimit(cpu, Sel.tss), 0x67n);
    assert.equal(verifyRead(cpu, Sel.tss), 0);
    const long = new TestCpu().longMode();
    long.gate(GDT + Sel.gate, Sel.code32, 0, 0x85);
    assert.equal(loadAccessRights(long, Sel.gate), -1n);
    assert.equal(loadSegmentLimit(long, Sel.tss), 0x67n);
  });
});
