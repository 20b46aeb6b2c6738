import assert from "node:assert/strict";
import { test } from "node:test";
import type { WalkExplanation } from "./explain.js";
import {
  eptpOf,
  eptTables,
  GUEST_AT,
  guestTables,
  P,
  RW,
  Tables,
  TestMmu,
  US,
} from "./tables.test.helper.js";

const A = 0x40_0000n;
const path = (explanation: WalkExplanation) =>
  explanation.steps.map(({ level, outcome }) => `${level}: ${outcome}`);

test("a walk of ordinary paging, and nothing changes by it", () => {
  const cpu = new TestMmu();
  const tables = new Tables(cpu, 0x10000, P | RW | US);
  tables.map(A, 0x5000n | P | RW);
  cpu.longMode(tables.root);
  const walk = cpu.mmu.explainWalk({ address: A + 0x123n, kind: "linear", access: "write" });
  assert.equal(walk.outcome, "mapped");
  assert.equal(walk.to, 0x5123n);
  assert.equal(walk.pageSize, 4096);
  assert.deepEqual(path(walk), ["PML4E: table", "PDPTE: table", "PDE: table", "PTE: page"]);
  assert.deepEqual(walk.steps[3]?.bits, ["P", "R/W"]);
  assert.equal(walk.steps[3]?.entryAddress, BigInt(tables.entryAddress(A, 1)));
  assert.equal(tables.entry(A), 0x5000n | P | RW);
  const denied = cpu.mmu.explainWalk({ address: A, kind: "linear", user: true });
  assert.equal(denied.outcome, "page fault");
  assert.equal(denied.error, 5);
  assert.equal(denied.steps[3]?.outcome, "no right");
  assert.equal(cpu.mmu.explainWalk({ address: 1n << 60n, kind: "linear" }).outcome, "not canonical");
});

test("a walk in two dimensions", () => {
  const cpu = new TestMmu();
  const ept = eptTables(cpu);
  const tables = guestTables(cpu);
  tables.map(A, 0x5000n | P | RW);
  cpu.mmu.enterNonRoot({ vpid: 1, eptp: eptpOf(ept.root) });
  cpu.longMode(tables.root);
  const walk = cpu.mmu.explainWalk({ address: A + 8n, kind: "linear" });
  assert.equal(walk.to, 0x5008n);
  assert.equal(walk.then?.to, BigInt(GUEST_AT + 0x5008));
  assert.equal(walk.steps[0]?.through?.to, BigInt(GUEST_AT + tables.root));
  assert.deepEqual(path(walk.then!), [
    "EPT PML4E: table",
    "EPT PDPTE: table",
    "EPT PDE: table",
    "EPT PTE: page",
  ]);
  assert.deepEqual(walk.then?.steps[3]?.bits, ["R", "W", "X", "memory type WB"]);
  ept.map(BigInt(tables.entryAddress(A, 1)) & ~0xfffn, 0n);
  const blocked = cpu.mmu.explainWalk({ address: A, kind: "linear" });
  assert.equal(blocked.outcome, "EPT violation");
  assert.equal(blocked.steps[3]?.outcome, "unreachable");
  ept.map(0x5000n, 2n);
  assert.equal(
    cpu.mmu.explainWalk({ address: 0x5000n, kind: "guest-physical" }).outcome,
    "EPT misconfiguration",
  );
});
