import assert from "node:assert/strict";
import { test } from "node:test";
import { Flag } from "../isa/flags.js";
import { CPL, CR0, FLAG_OTHERS, TLB_READ, TLB_WRITE } from "../isa/state.js";
import { Cr0, Cr4 } from "./control-bits.js";
import { Fault } from "./fault.js";
import {
  eptpOf,
  eptTables,
  exitOf,
  G,
  GUEST_AT,
  guestTables,
  MIB,
  P,
  PS,
  R,
  RW,
  Tables,
  TestMmu,
  US,
  W,
  WB,
  X,
} from "./paging/tables.test.helper.js";
import type { ApicAccessKind } from "./vmx/ept-guest.js";

const A = 0x40_0000n;
const TEST_PAGE = 0x5000n;

/** 64-bit mode in root operation; maps {@link A} to 5000h. */
function rootCpu(more: { cr4?: number; flags?: bigint } = {}) {
  const cpu = new TestMmu();
  const tables = new Tables(cpu, 0x10000, P | RW | US);
  tables.map(A, TEST_PAGE | P | RW | (more.flags ?? 0n));
  cpu.longMode(tables.root, more);
  return { cpu, tables };
}

/** Points {@link A} elsewhere without telling the processor. */
function move(tables: Tables, to: bigint, flags = 0n): void {
  tables.map(A, to | P | RW | flags);
}

test("a translation is kept until INVLPG", () => {
  const { cpu, tables } = rootCpu();
  assert.equal(Number(cpu.mmu.read(A, 1)), 0);
  move(tables, 0x6000n);
  cpu.write64(0x5000, 0x55n);
  cpu.write64(0x6000, 0x66n);
  assert.equal(cpu.mmu.read(A, 1), 0x55n);
  cpu.mmu.invalidatePage(A, 0);
  assert.equal(cpu.mmu.read(A, 1), 0x66n);
});

test("INVLPG of any address in a large page drops all of it", () => {
  for (const [level, size] of [
    [2, 0x20_0000n],
    [3, 0x4000_0000n],
  ] as const) {
    const { cpu, tables } = rootCpu();
    const large = 0x4000_0000n;
    cpu.write64(0x5000, 0x55n);
    cpu.write64(0x20_5000, 0x66n);
    tables.map(large, P | RW | PS, level);
    assert.equal(cpu.mmu.read(large + 0x5000n, 1), 0x55n);
    tables.map(large, 0n, level);
    tables.map(large + 0x5000n, 0x20_5000n | P | RW);
    assert.equal(cpu.mmu.read(large + 0x5000n, 1), 0x55n);
    cpu.mmu.invalidatePage(large + size - 0x1000n, 0);
    assert.equal(cpu.mmu.read(large + 0x5000n, 1), 0x66n);
  }
});

test("CR3 drops all but global translations", () => {
  for (const flags of [0n, G]) {
    const { cpu, tables } = rootCpu({ cr4: Cr4.PGE, flags });
    cpu.write64(0x5000, 0x55n);
    cpu.write64(0x6000, 0x66n);
    cpu.mmu.read(A, 1);
    move(tables, 0x6000n, flags);
    cpu.mmu.flushNonGlobal();
    assert.equal(cpu.mmu.read(A, 1), flags === G ? 0x55n : 0x66n);
  }
});

test("each PCID has its own translations", () => {
  const { cpu, tables } = rootCpu({ cr4: Cr4.PCIDE });
  cpu.write64(0x5000, 0x55n);
  cpu.write64(0x6000, 0x66n);
  assert.equal(cpu.mmu.read(A, 1), 0x55n);
  move(tables, 0x6000n);
  cpu.longMode(tables.root, { cr4: Cr4.PCIDE, pcid: 1 });
  assert.equal(cpu.mmu.read(A, 1), 0x66n);
  cpu.longMode(tables.root, { cr4: Cr4.PCIDE, pcid: 0 });
  assert.equal(cpu.mmu.read(A, 1), 0x55n);
  cpu.mmu.flushPcid(1);
  assert.equal(cpu.mmu.read(A, 1), 0x55n);
  cpu.mmu.flushPcid(0);
  assert.equal(cpu.mmu.read(A, 1), 0x66n);
});

test("#AC for unaligned user accesses with CR0.AM and EFLAGS.AC, whatever is cached", () => {
  const { cpu } = rootCpu({ flags: US });
  const { state, mmu } = cpu;
  const access = (offset: number, bytes: number) =>
    mmu.resolve(Number(A) + offset, 0, bytes, false, false, false);
  const alignmentCheck = (thrown: unknown) => thrown instanceof Fault && thrown.vector === 17;
  state.setU32(CPL, 3);
  state.setU32(CR0, state.u32(CR0) | Cr0.AM);
  mmu.modeChanged();
  const unchecked = access(4, 8);
  const read = state.u32(TLB_READ);
  state.setU32(FLAG_OTHERS, Flag.AC | 2);
  mmu.selectView();
  assert.notEqual(state.u32(TLB_READ), read);
  for (const [offset, bytes] of [
    [1, 2],
    [2, 4],
    [4, 8],
    [0xffc, 8],
  ] as const) {
    assert.equal(access(offset - (offset % bytes), bytes) > 0, true);
    assert.throws(() => access(offset, bytes), alignmentCheck);
  }
  assert.equal(access(4, 16), unchecked);
  state.setU32(CPL, 0);
  mmu.selectView();
  assert.equal(access(4, 8), unchecked);
});

test("system, supervisor and user accesses have their own rights, whatever is cached", () => {
  const { cpu, tables } = rootCpu({ cr4: Cr4.SMAP });
  const pageFault = (error: number) => (thrown: unknown) =>
    thrown instanceof Fault && thrown.vector === 14 && thrown.error === error;
  cpu.state.setU32(CPL, 3);
  cpu.mmu.modeChanged();
  assert.equal(cpu.mmu.read(A, 8, "system"), 0n);
  assert.equal(cpu.mmu.read(A, 8, "supervisor"), 0n);
  assert.throws(() => cpu.mmu.read(A, 8), pageFault(5));
  assert.throws(() => cpu.mmu.read(A, 8, "user"), pageFault(5));
  tables.map(A, TEST_PAGE | P | RW | US);
  cpu.mmu.flushAll();
  assert.equal(cpu.mmu.read(A, 8, "user"), 0n);
  cpu.state.setU32(FLAG_OTHERS, Flag.AC | 2);
  assert.equal(cpu.mmu.read(A, 8, "supervisor"), 0n);
  assert.throws(() => cpu.mmu.read(A, 8, "system"), pageFault(1));
  cpu.state.setU32(FLAG_OTHERS, 2);
  assert.throws(() => cpu.mmu.read(A, 8, "supervisor"), pageFault(1));
});

test("writes through the cache set the dirty flag first, and never bypass code", () => {
  const { cpu, tables } = rootCpu();
  cpu.mmu.read(A, 8);
  assert.equal(tables.entry(A) & 0x60n, 0x20n);
  cpu.mmu.write(A, 8, 0x1122n);
  assert.equal(tables.entry(A) & 0x60n, 0x60n);
  assert.equal(cpu.read64(0x5000), 0x1122n);
  const page = (cpu.mmu.resolve(Number(A), 0, 8, false, false, false) >>> 12) & 0xfffff;
  cpu.code.add(page);
  cpu.mmu.protectHostPage(page * 4096);
  assert.equal(cpu.mmu.resolve(Number(A), 0, 8, true, false, false), 0);
  assert.equal(cpu.mmu.needsAlone, true);
});

test("an access across pages is translated twice", () => {
  const { cpu, tables } = rootCpu();
  tables.map(A + 0x1000n, 0x7000n | P | RW);
  cpu.mmu.write(A + 0xffcn, 8, 0x1122_3344_5566_7788n);
  assert.equal(cpu.read64(0x5ff8) >> 32n, 0x5566_7788n);
  assert.equal(cpu.read64(0x7000), 0x1122_3344n);
  assert.equal(cpu.mmu.read(A + 0xffcn, 8), 0x1122_3344_5566_7788n);
});

// --- VPID and EPT ---

/** A guest in 64-bit mode whose linear {@link A} is guest-physical 5000h. */
function guestCpu(vpid: number) {
  const cpu = new TestMmu();
  const rootTables = new Tables(cpu, 0x8_0000, P | RW | US);
  rootTables.map(A, 0x9000n | P | RW);
  const ept = eptTables(cpu);
  const tables = guestTables(cpu);
  move(tables, TEST_PAGE, G);
  const eptp = eptpOf(ept.root);
  cpu.write64(GUEST_AT + 0x5000, 0x55n);
  cpu.write64(GUEST_AT + 0x6000, 0x66n);
  cpu.write64(0x9000, 0x99n);
  const enter = (id = vpid, pointer = eptp) => {
    cpu.mmu.enterNonRoot({ vpid: id, eptp: pointer });
    cpu.longMode(tables.root, { cr4: Cr4.PGE });
  };
  const leave = () => {
    cpu.mmu.leaveNonRoot();
    cpu.longMode(rootTables.root, { cr4: Cr4.PGE });
  };
  leave();
  return { cpu, ept, eptp, tables, rootTables, enter, leave, read: () => cpu.mmu.read(A, 1) };
}

test("VM entry and exit keep the translations of both sides, with a VPID", () => {
  const { cpu, tables, rootTables, enter, leave, read } = guestCpu(1);
  assert.equal(read(), 0x99n);
  const { state } = cpu;
  const tlb = [state.u32(TLB_READ), state.u32(TLB_WRITE)];
  enter();
  assert.equal(read(), 0x55n);
  move(tables, 0x6000n);
  move(rootTables, 0xa000n);
  leave();
  assert.deepEqual([state.u32(TLB_READ), state.u32(TLB_WRITE)], tlb);
  assert.equal(read(), 0x99n);
  enter();
  assert.equal(read(), 0x55n);
});

test("without a VPID they drop everything of VPID 0", () => {
  const { tables, rootTables, enter, leave, read } = guestCpu(0);
  read();
  enter();
  assert.equal(read(), 0x55n);
  move(tables, 0x6000n, G);
  move(rootTables, 0xa000n);
  leave();
  assert.equal(read(), 0n);
  enter();
  assert.equal(read(), 0x66n);
});

test("flushes of a guest concern its VPID only", () => {
  const { cpu, tables, rootTables, enter, leave, read } = guestCpu(1);
  read();
  enter();
  read();
  move(tables, 0x6000n);
  move(rootTables, 0xa000n);
  cpu.mmu.flushAll();
  assert.equal(read(), 0x66n);
  leave();
  assert.equal(read(), 0x99n);
  cpu.mmu.flushAll();
  assert.equal(read(), 0n);
});

test("INVVPID", () => {
  for (const [type, vpid, linear, dropped] of [
    [0, 1, A, true],
    [0, 1, A + 0x1000n, false],
    [0, 2, A, false],
    [1, 1, 0n, true],
    [1, 2, 0n, false],
    [2, 0, 0n, true],
    [3, 1, 0n, false],
  ] as const) {
    const { cpu, tables, enter, leave, read } = guestCpu(1);
    enter();
    read();
    move(tables, 0x6000n, G);
    leave();
    assert.equal(cpu.mmu.invalidateVpid(type, vpid, linear), true);
    enter();
    assert.equal(read(), dropped ? 0x66n : 0x55n, `type ${type}`);
  }
  const { cpu, tables, enter, read } = guestCpu(1);
  assert.equal(cpu.mmu.invalidateVpid(4, 1, 0n), false);
  move(tables, TEST_PAGE);
  enter();
  read();
  move(tables, 0x6000n);
  cpu.mmu.invalidateVpid(3, 1, 0n);
  assert.equal(read(), 0x66n);
});

test("INVEPT", () => {
  for (const [type, other, dropped] of [
    [1, 0n, true],
    [1, 0x1000n, false],
    [2, 0x1000n, true],
  ] as const) {
    const { cpu, ept, eptp, enter, leave, read } = guestCpu(1);
    enter();
    assert.equal(read(), 0x55n);
    ept.map(TEST_PAGE, BigInt(GUEST_AT + 0x6000) | WB | R | W | X);
    cpu.mmu.invalidateVpid(2, 0, 0n);
    assert.equal(read(), 0x55n, "guest-physical mappings outlive INVVPID");
    leave();
    assert.equal(cpu.mmu.invalidateEpt(type, eptp + other), true);
    enter();
    assert.equal(read(), dropped ? 0x66n : 0x55n);
    assert.equal(cpu.mmu.invalidateEpt(0, eptp), false);
  }
});

test("EPTPs have their own translations; EPTP switching flushes nothing", () => {
  const { cpu, ept, eptp, enter, read } = guestCpu(1);
  const second = eptTables(cpu, MIB + 0x4_0000);
  second.map(TEST_PAGE, BigInt(GUEST_AT + 0x6000) | WB | R | W | X);
  enter();
  assert.equal(read(), 0x55n);
  cpu.mmu.switchEptp(eptpOf(second.root));
  assert.equal(read(), 0x66n);
  ept.map(TEST_PAGE, 0n);
  cpu.mmu.switchEptp(eptp);
  assert.equal(read(), 0x55n);
});

test("shadow paging: a VPID without EPT", () => {
  const { cpu, rootTables, leave } = guestCpu(1);
  cpu.mmu.enterNonRoot({ vpid: 1 });
  cpu.longMode(rootTables.root, { cr4: Cr4.PGE });
  assert.equal(cpu.mmu.read(A, 1), 0x99n);
  cpu.mmu.invalidateEpt(2, 0n);
  move(rootTables, 0xa000n);
  assert.equal(cpu.mmu.read(A, 1), 0x99n);
  leave();
  assert.equal(cpu.mmu.read(A, 1), 0n);
});

test("the APIC-access page is never cached: each access asks, and the virtual-APIC page serves it", () => {
  const cpu = new TestMmu();
  const ept = eptTables(cpu);
  const asked: [number, number, ApicAccessKind][] = [];
  const written: number[] = [];
  const apic = {
    page: 0x30_0000,
    virtualPage: 0x20_0000,
    onApicAccess: (offset: number, size: number, kind: ApicAccessKind) =>
      void asked.push([offset, size, kind]),
    onApicWrite: (offset: number) => void written.push(offset),
  };
  ept.map(0x5000n, 0x30_0000n | WB | R | W | X);
  cpu.mmu.enterNonRoot({ vpid: 1, eptp: eptpOf(ept.root), apic });
  cpu.unpaged();
  cpu.write64(0x20_0080, 0x77n);
  assert.equal(cpu.mmu.read(0x5080n, 4), 0x77n);
  cpu.mmu.write(0x5080n, 4, 0x88n);
  assert.equal(cpu.read64(0x20_0080), 0x88n);
  assert.equal(cpu.mmu.resolve(0x5080, 0, 4, false, false, false), 0, "has to run alone");
  cpu.mmu.alone = true;
  assert.notEqual(cpu.mmu.resolve(0x5080, 0, 4, true, true, false), 0);
  cpu.mmu.commit();
  assert.deepEqual(asked, [
    [0x80, 4, "read"],
    [0x80, 4, "write"],
    [0x80, 4, "write"],
  ]);
  assert.deepEqual(written, [0x80, 0x80]);
  assert.equal(exitOf(() => cpu.resolved(0x20_0000n)).reason, 48);
});

test("more address spaces than views", () => {
  const { enter, leave, read } = guestCpu(1);
  for (let vpid = 1; vpid < 60; vpid++) {
    enter(vpid);
    assert.equal(read(), 0x55n);
    leave();
    assert.equal(read(), 0x99n);
  }
});
