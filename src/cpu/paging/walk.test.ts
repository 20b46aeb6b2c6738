import assert from "node:assert/strict";
import { test } from "node:test";
import {
  FORMAT_4LEVEL,
  FORMAT_32BIT,
  FORMAT_EPT,
  FORMAT_EPT_MODE_BASED,
  type PagingFormat,
} from "./formats.js";
import { PageWalk, type PagingRules, type StructureMemory, WalkFault } from "./walk.js";

/** Structures in a map from addresses to entries. */
class MapStructures implements StructureMemory {
  high = 0;
  readonly entries = new Map<number, bigint>();
  load(address: number): number {
    const entry = this.entries.get(address) ?? 0n;
    this.high = Number(BigInt.asIntN(32, entry >> 32n));
    return Number(BigInt.asIntN(32, entry));
  }
  store(address: number, value: number): void {
    const entry = this.entries.get(address) ?? 0n;
    this.entries.set(address, ((entry >> 32n) << 32n) | BigInt(value >>> 0));
  }
}

const rules: PagingRules = {
  writeProtect: true,
  noExecute: true,
  smep: false,
  smap: false,
  pse: true,
  global: true,
  page1g: true,
  accessedDirty: true,
  reservedHigh: 0xfff00,
};

function walkOf(entries: Record<number, bigint>) {
  const memory = new MapStructures();
  for (const [address, entry] of Object.entries(entries)) memory.entries.set(Number(address), entry);
  return { memory, walker: new PageWalk(memory) };
}

const run = (walker: PageWalk, format: PagingFormat, low: number, more: Partial<PagingRules> = {}) =>
  walker.run(format, { ...rules, ...more }, 0x1000, low, 0);

test("four levels to a 4 KiB page, flags set on the way", () => {
  const { memory, walker } = walkOf({ 4096: 0x2007n, 8192: 0x3007n, 12304: 0x4007n, 16408: 0x12_3456_7107n });
  walker.write = true;
  assert.equal(run(walker, FORMAT_4LEVEL, 0x40_3abc), true);
  assert.equal(walker.page, 0x12_3456_7000);
  assert.equal(walker.writable && walker.global && walker.pageShift === 12, true);
  assert.equal(memory.entries.get(0x1000), 0x2027n);
  assert.equal(memory.entries.get(0x4018), 0x12_3456_7167n);
});

test("a read leaves the dirty flag, and what it finds can't be used for writes", () => {
  const { memory, walker } = walkOf({ 4096: 0x2007n, 8192: 0x3007n, 12288: 0x20_0087n });
  assert.equal(run(walker, FORMAT_4LEVEL, 0x1_2345), true);
  assert.equal(walker.page, 0x21_2000);
  assert.equal(walker.pageShift, 21);
  assert.equal(walker.writable, false);
  assert.equal(memory.entries.get(0x3000), 0x20_00a7n);
});

test("reserved bits of ordinary paging", () => {
  const cases: [entry: bigint, at: number, more: Partial<PagingRules>][] = [
    [0x2087n, 0x1000, {}],
    [0x3087n, 0x2000, { page1g: false }],
    [0x2087n, 0x2000, {}],
    [0x2087n, 0x3000, {}],
    [1n << 40n, 0x4000, {}],
    [1n << 63n, 0x4000, { noExecute: false, reservedHigh: 0x800fff00 | 0 }],
  ];
  for (const [entry, at, more] of cases) {
    const { walker, memory } = walkOf({ 4096: 0x2007n, 8192: 0x3007n, 12288: 0x4007n, 16384: 0x5007n });
    memory.entries.set(at, entry | 7n);
    assert.equal(run(walker, FORMAT_4LEVEL, 0, more), false);
    assert.equal(walker.fault, WalkFault.reserved, entry.toString(16));
    assert.equal(walker.error, 9);
  }
});

test("PSE-36 pages", () => {
  const { walker } = walkOf({ 4100: 0x80_6087n });
  assert.equal(run(walker, FORMAT_32BIT, 0x41_2345), true);
  assert.equal(walker.page, 0x3_0081_2000);
  assert.equal(walker.pageShift, 22);
  const reserved = walkOf({ 4100: 0xa0_0087n });
  assert.equal(run(reserved.walker, FORMAT_32BIT, 0x40_0000), false);
  assert.equal(reserved.walker.fault, WalkFault.reserved);
});

test("EPT: rights of all levels, flags only where the EPTP asks for them", () => {
  const entries = { 4096: 0x2007n, 8192: 0x3003n, 12288: 0x4007n, 16384: 0x5037n };
  const { memory, walker } = walkOf(entries);
  walker.need = 2;
  walker.write = true;
  assert.equal(run(walker, FORMAT_EPT, 0, { accessedDirty: false }), true);
  assert.equal(walker.writable, true);
  assert.equal(walker.allLow & 7, 3);
  assert.equal(memory.entries.get(0x4000), 0x5037n);
  assert.equal(run(walker, FORMAT_EPT, 0), true);
  assert.equal(memory.entries.get(0x4000), 0x5337n);
  assert.equal(memory.entries.get(0x2000), 0x3103n);
  walker.need = 4;
  assert.equal(run(walker, FORMAT_EPT, 0), false);
  assert.equal(walker.fault, WalkFault.rights);
});

test("EPT: user-execute alone makes an entry present only with mode-based execute control", () => {
  const entries = { 4096: 0x2407n, 8192: 0x3407n, 12288: 0x4407n, 16384: 0x5430n };
  const { walker } = walkOf(entries);
  walker.need = 0x400;
  assert.equal(run(walker, FORMAT_EPT, 0), false);
  assert.equal(walker.fault, WalkFault.notPresent);
  assert.equal(walker.allLow, 0);
  assert.equal(run(walker, FORMAT_EPT_MODE_BASED, 0), true);
});

test("find changes nothing and knows whether a dirty flag will be set", () => {
  const { memory, walker } = walkOf({ 4096: 0x2007n, 8192: 0x3007n, 12288: 0x4007n, 16384: 0x5037n });
  walker.need = 2;
  walker.write = true;
  assert.equal(walker.find(FORMAT_EPT, rules, 0x1000, 0, 0), true);
  assert.equal(walker.setsDirty(FORMAT_EPT, rules), true);
  assert.equal(memory.entries.get(0x4000), 0x5037n);
  walker.setFlags(FORMAT_EPT, rules);
  assert.equal(walker.setsDirty(FORMAT_EPT, rules), false);
});
