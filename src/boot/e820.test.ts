import assert from "node:assert/strict";
import { test } from "node:test";
import { E820_RAM, memoryMap } from "./e820.js";

test("the memory map is sorted, has no overlaps and all the RAM", () => {
  const lowRam = 0x80000000;
  const highRam = 0x40000000;
  const map = memoryMap({ lowRam, highRam });
  for (const [i, { base }] of map.entries()) {
    const before = map[i - 1];
    assert.ok(!before || before.base + before.length <= base);
  }
  const ram = map.filter(({ type }) => type === E820_RAM).reduce((sum, { length }) => sum + length, 0);
  // All but the reserved end of the first MiB.
  assert.equal(ram, lowRam + highRam - (0x100000 - 0x9fc00));
  assert.deepEqual(map.at(-1), { base: 0x100000000, length: highRam, type: E820_RAM });
});

test("a machine without RAM above 4 GiB has no such entry", () => {
  assert.equal(memoryMap({ lowRam: 0x10000000, highRam: 0 }).at(-1)?.base, 0xfec00000);
});
