import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "../fault.js";
import {
  eptpOf,
  eptTables,
  exitOf,
  GIB,
  GUEST_AT,
  guestTables,
  MIB,
  P,
  PS,
  R,
  RW,
  SUPPRESS_VE,
  TestMmu,
  US,
  W,
  WB,
  X,
  XU,
} from "../paging/tables.test.helper.js";
import type { VmExit } from "./contract.js";
import { VmcsField } from "./fields.js";

const VIOLATION = 48;
const MISCONFIGURATION = 49;
const A = 0x100n;
const D = 0x200n;

/** A guest without paging, whose EPT maps 2 MiB page by page. */
function unpagedGuest(
  options: { accessedDirty?: boolean; modeBasedExecute?: boolean; rights?: bigint } = {},
) {
  const cpu = new TestMmu();
  const ept = eptTables(cpu, MIB, options.rights);
  const eptp = eptpOf(ept.root, options.accessedDirty);
  cpu.mmu.enterNonRoot({ vpid: 1, eptp, modeBasedExecute: options.modeBasedExecute ?? false });
  cpu.unpaged();
  return { cpu, ept, eptp };
}

/** A guest in 64-bit mode that maps linear 40_0000h to guest-physical 5000h. */
const LINEAR = 0x40_0000n;
function longGuest(accessedDirty = false) {
  const cpu = new TestMmu();
  const ept = eptTables(cpu);
  const tables = guestTables(cpu);
  tables.map(LINEAR, 0x5000n | P | RW | US);
  const eptp = eptpOf(ept.root, accessedDirty);
  cpu.mmu.enterNonRoot({ vpid: 1, eptp });
  cpu.longMode(tables.root);
  return { cpu, ept, tables, eptp };
}

const field = (exit: VmExit, encoding: number) => exit.fields.find(([name]) => name === encoding)?.[1];
const guestPhysical = (exit: VmExit) => field(exit, VmcsField.GUEST_PHYSICAL_ADDRESS);
const guestLinear = (exit: VmExit) => field(exit, VmcsField.GUEST_LINEAR_ADDRESS);

test("without paging a linear address is the guest-physical one that EPT translates", () => {
  const { cpu } = unpagedGuest();
  assert.equal(cpu.resolved(0x1234n), GUEST_AT + 0x1234);
  assert.equal(cpu.fetched(0x2345n), GUEST_AT + 0x2345);
  cpu.mmu.leaveNonRoot();
  cpu.mmu.modeChanged();
  assert.equal(cpu.resolved(0x1234n), 0x1234);
});

test("large EPT pages keep the low bits of the address", () => {
  const { cpu, ept } = unpagedGuest();
  ept.map(BigInt(GIB), WB | PS | R | W | X, 3);
  ept.map(BigInt(2 * GIB), 0x20_0000n | WB | PS | R | W | X, 2);
  assert.equal(cpu.resolved(BigInt(GIB + 0x12_3456)), 0x12_3456);
  assert.equal(cpu.resolved(BigInt(2 * GIB + 0x1_2345)), 0x21_2345);
});

test("an EPT violation says what was tried, what is allowed, and where", () => {
  const { cpu, ept } = unpagedGuest();
  ept.map(0x3000n, BigInt(GUEST_AT + 0x3000) | WB | R);
  ept.map(0x4000n, BigInt(GUEST_AT + 0x4000) | WB | X);
  assert.equal(cpu.resolved(0x3008n), GUEST_AT + 0x3008);
  const write = exitOf(() => cpu.resolved(0x3008n, true));
  assert.equal(write.reason, VIOLATION);
  assert.equal(write.qualification, 0x18an); // write; readable; linear address valid, final translation
  assert.equal(guestPhysical(write), 0x3008n);
  assert.equal(guestLinear(write), 0x3008n);
  assert.equal(exitOf(() => cpu.fetched(0x3000n)).qualification, 0x18cn);
  // Execute-only.
  assert.equal(cpu.fetched(0x4000n), GUEST_AT + 0x4000);
  assert.equal(exitOf(() => cpu.resolved(0x4000n)).qualification, 0x1a1n);
  const absent = exitOf(() => cpu.resolved(0x3000_0000n));
  assert.equal(absent.qualification, 0x181n);
  assert.equal(guestPhysical(absent), 0x3000_0000n);
});

test("rights are those of all levels together", () => {
  const { cpu, ept } = unpagedGuest();
  const entry = ept.entryAddress(0n, 3);
  cpu.write64(entry, cpu.read64(entry) & ~W);
  assert.equal(cpu.resolved(0n), GUEST_AT);
  assert.equal(exitOf(() => cpu.resolved(0n, true)).qualification, 0x1aan);
});

test("a translation found by a read is no permission to write", () => {
  const { cpu } = unpagedGuest({ rights: R | X });
  assert.equal(cpu.resolved(0x1000n), GUEST_AT + 0x1000);
  assert.equal(exitOf(() => cpu.resolved(0x1000n, true)).reason, VIOLATION);
  assert.equal(exitOf(() => cpu.mmu.write(0x1000n, 4, 1n)).reason, VIOLATION);
});

test("EPT misconfigurations", () => {
  const { cpu, ept } = unpagedGuest();
  const bad: [entry: bigint, level: number][] = [
    [W | WB, 1], // writable but not readable
    [W | X | WB, 1],
    [R | (2n << 3n), 1], // memory types 2, 3 and 7
    [R | (3n << 3n), 1],
    [R | (7n << 3n), 1],
    [R | WB | (1n << 40n), 1], // beyond MAXPHYADDR
    [R | WB | PS | 0x1000n, 2], // offset bits of a large page
    [R | WB | PS | 0x1000n, 3],
    [R | 8n, 2], // reserved in a reference to a table
  ];
  for (const [entry, level] of bad) {
    const address = BigInt(level * GIB);
    ept.map(address, entry, level);
    const exit = exitOf(() => cpu.resolved(address));
    assert.equal(exit.reason, MISCONFIGURATION, `${entry.toString(16)} at level ${level}`);
    assert.equal(guestPhysical(exit), address);
    cpu.write64(ept.entryAddress(address, 3), 0n);
  }
  const top = ept.entryAddress(0n, 4);
  cpu.write64(top, cpu.read64(top) | PS);
  assert.equal(exitOf(() => cpu.resolved(0n)).reason, MISCONFIGURATION);
});

test("accessed and dirty flags, if the EPTP asks for them", () => {
  const { cpu, ept } = unpagedGuest({ accessedDirty: true });
  cpu.resolved(0x5000n);
  assert.equal(ept.entry(0x5000n) & (A | D), A);
  assert.equal(ept.entry(0x5000n, 4) & (A | D), A);
  cpu.resolved(0x5000n, true);
  assert.equal(ept.entry(0x5000n) & (A | D), A | D);
  assert.equal(ept.entry(0x5000n, 2) & (A | D), A);
  const without = unpagedGuest();
  without.cpu.resolved(0x5000n, true);
  assert.equal(without.ept.entry(0x5000n) & (A | D), 0n);
});

test("mode-based execute control looks at the linear address's U/S, not at CPL", () => {
  const cpu = new TestMmu();
  const ept = eptTables(cpu);
  const tables = guestTables(cpu);
  tables.map(LINEAR, 0x5000n | P | US);
  tables.map(LINEAR + 0x1000n, 0x6000n | P);
  ept.map(0x5000n, BigInt(GUEST_AT + 0x5000) | WB | R | X);
  ept.map(0x6000n, BigInt(GUEST_AT + 0x6000) | WB | R | XU);
  cpu.mmu.enterNonRoot({ vpid: 1, eptp: eptpOf(ept.root), modeBasedExecute: true });
  for (const level of [4, 3, 2]) {
    const at = ept.entryAddress(0n, level);
    cpu.write64(at, cpu.read64(at) | XU);
  }
  cpu.longMode(tables.root);
  assert.equal(exitOf(() => cpu.fetched(LINEAR)).qualification, 0x1acn); // X but not XU
  assert.equal(exitOf(() => cpu.fetched(LINEAR + 0x1000n)).qualification, 0x1ccn); // XU but not X
  ept.map(0x5000n, BigInt(GUEST_AT + 0x5000) | WB | R | XU);
  assert.equal(cpu.fetched(LINEAR), GUEST_AT + 0x5000);
});

test("a guest's paging structures lie in guest-physical memory", () => {
  const { cpu, tables } = longGuest();
  assert.equal(cpu.resolved(LINEAR + 0x10n, true), GUEST_AT + 0x5010);
  assert.equal(tables.entry(LINEAR) & 0x60n, 0x60n);
});

test("a violation on the way to a paging structure has bit 8 clear", () => {
  const { cpu, ept, tables } = longGuest();
  const pte = BigInt(tables.entryAddress(LINEAR, 1));
  ept.map(pte & ~0xfffn, 0n);
  const absent = exitOf(() => cpu.resolved(LINEAR + 5n, true));
  assert.equal(absent.qualification, 0x81n);
  assert.equal(guestPhysical(absent), pte);
  assert.equal(guestLinear(absent), LINEAR + 5n);
  // Readable: the walk goes on until it sets the accessed flag.
  ept.map(pte & ~0xfffn, (BigInt(GUEST_AT) + (pte & ~0xfffn)) | WB | R);
  assert.equal(exitOf(() => cpu.resolved(LINEAR)).qualification, 0x8bn);
});

test("with accessed and dirty flags, accesses to paging structures are writes", () => {
  const { cpu, ept, tables } = longGuest(true);
  const page = BigInt(tables.entryAddress(LINEAR, 1)) & ~0xfffn;
  cpu.resolved(LINEAR);
  assert.equal(ept.entry(page) & D, D);
  assert.equal(ept.entry(0x5000n) & (A | D), A);
  const second = longGuest(true);
  second.ept.map(page, (BigInt(GUEST_AT) + page) | WB | R);
  assert.equal(exitOf(() => second.cpu.resolved(LINEAR)).qualification, 0x8bn);
});

test("a page fault of the guest comes before the EPT violation of its page", () => {
  const { cpu, ept, tables } = longGuest();
  tables.map(LINEAR, 0x5000n | P | US);
  ept.map(0x5000n, 0n);
  assert.throws(
    () => cpu.resolved(LINEAR, true),
    (thrown) => thrown instanceof Fault && thrown.vector === 14 && thrown.error === 3,
  );
  assert.equal(exitOf(() => cpu.resolved(LINEAR)).qualification, 0x181n);
});

test("page-modification logging", () => {
  const cpu = new TestMmu();
  const ept = eptTables(cpu);
  const modificationLog = { address: 0x20_0000, index: 1 };
  cpu.mmu.enterNonRoot({ vpid: 1, eptp: eptpOf(ept.root, true), modificationLog });
  cpu.unpaged();
  cpu.resolved(0x5123n);
  assert.equal(modificationLog.index, 1);
  cpu.resolved(0x5123n, true);
  cpu.resolved(0x5456n, true);
  assert.equal(modificationLog.index, 0);
  assert.equal(cpu.read64(0x20_0008), 0x5000n);
  cpu.resolved(0x6000n, true);
  assert.equal(modificationLog.index, 0xffff);
  assert.equal(cpu.read64(0x20_0000), 0x6000n);
  assert.equal(exitOf(() => cpu.resolved(0x7000n, true)).reason, 62);
  assert.equal(ept.entry(0x7000n) & (A | D), 0n);
  assert.equal(cpu.resolved(0x6008n, true), GUEST_AT + 0x6008);
});

test("without VPID a page whose dirty flag was cleared is logged again after VM entry", () => {
  const cpu = new TestMmu();
  const ept = eptTables(cpu);
  const modificationLog = { address: 0x20_0000, index: 511 };
  const guest = { vpid: 0, eptp: eptpOf(ept.root, true), modificationLog };
  for (const index of [510, 509]) {
    cpu.mmu.enterNonRoot(guest);
    cpu.unpaged();
    cpu.resolved(0x5123n, true);
    assert.equal(modificationLog.index, index);
    cpu.mmu.leaveNonRoot();
    ept.map(0x5000n, ept.entry(0x5000n) & ~D);
  }
});

test("#VE instead of a VM exit", () => {
  const cpu = new TestMmu();
  const ept = eptTables(cpu);
  const virtualizationExceptions = { area: 0x20_0000, eptpIndex: 7, delivering: false };
  cpu.mmu.enterNonRoot({ vpid: 1, eptp: eptpOf(ept.root), virtualizationExceptions });
  cpu.unpaged();
  ept.map(0x5000n, 0n);
  ept.map(0x6000n, SUPPRESS_VE);
  const isVe = (thrown: unknown) => thrown instanceof Fault && thrown.vector === 20;
  assert.throws(() => cpu.resolved(0x5008n), isVe);
  assert.equal(cpu.read64(0x20_0000), 0xffff_ffff_0000_0030n);
  assert.equal(cpu.read64(0x20_0008), 0x181n);
  assert.equal(cpu.read64(0x20_0010), 0x5008n);
  assert.equal(cpu.read64(0x20_0018), 0x5008n);
  assert.equal(cpu.read64(0x20_0020), 7n);
  // Not before the handler has freed the area.
  assert.equal(exitOf(() => cpu.resolved(0x5008n)).reason, VIOLATION);
  cpu.write64(0x20_0000, 0n);
  assert.equal(exitOf(() => cpu.resolved(0x6000n)).reason, VIOLATION);
  virtualizationExceptions.delivering = true;
  assert.equal(exitOf(() => cpu.resolved(0x5008n)).reason, VIOLATION);
});

test("PDPTEs are read through EPT, and no linear address is reported", () => {
  const { cpu, ept } = unpagedGuest({ accessedDirty: true });
  cpu.write64(GUEST_AT + 0x8020, 0x9001n);
  assert.equal(cpu.mmu.loadPdptes(0x8020), true);
  assert.equal(cpu.mmu.pdpte[0], 0x9001);
  assert.equal(ept.entry(0x8000n) & (A | D), A);
  ept.map(0x9000n, 0n);
  const exit = exitOf(() => cpu.mmu.loadPdptes(0x9000));
  assert.equal(exit.qualification, 1n);
  assert.equal(guestPhysical(exit), 0x9000n);
  cpu.write64(GUEST_AT + 0x8028, 0x9003n);
  assert.equal(cpu.mmu.loadPdptes(0x8020), false);
});
