import assert from "node:assert/strict";
import { test } from "node:test";
import { loadSegments, parseElf, physicalEntry } from "./elf.js";
import { testElf, testNote } from "./elf.test.helper.js";
import { ArrayMemory, MIB } from "./memory.test.helper.js";

const DATA = Uint8Array.of(1, 2, 3, 4);

for (const is64Bit of [false, true]) {
  test(`${is64Bit ? 64 : 32}-bit segments are copied and their rest is zeroed`, () => {
    const file = testElf(is64Bit, 0x101000, [
      { data: DATA, physical: 0x101000, memorySize: 8 },
      { data: DATA, physical: 0x102000, virtual: 0xc0102000 },
    ]);
    const image = parseElf(file, "kernel");
    const memory = new ArrayMemory(2 * MIB);
    assert.equal(image.is64Bit, is64Bit);
    assert.equal(loadSegments(memory, file, image, "kernel"), 0x102004);
    assert.deepEqual([...memory.read(0x101000, 9)], [1, 2, 3, 4, 0, 0, 0, 0, 0xcc]);
    assert.deepEqual(memory.read(0x102000, 4), DATA);
  });

  test(`a ${is64Bit ? 64 : 32}-bit file that is cut anywhere is refused`, () => {
    const file = testElf(is64Bit, 0x101000, [{ data: DATA, physical: 0x101000 }]);
    // The file ends in padding, which may be missing.
    for (let length = 0; length < 0x1004; length += length < 0x100 ? 1 : 0xf1) {
      assert.throws(() => parseElf(file.subarray(0, length), "kernel"), { name: "UsageError" });
    }
    parseElf(file.subarray(0, 0x1004), "kernel");
  });
}

test("an entry point in a segment that is linked high becomes physical", () => {
  const file = testElf(false, 0xc0101002, [{ data: DATA, physical: 0x101000, virtual: 0xc0101000 }]);
  assert.equal(physicalEntry(parseElf(file, "kernel")), 0x101002);
});

test("notes are found", () => {
  const note = testNote("Xen", 18, DATA);
  const file = testElf(true, 0, [{ data: DATA, physical: 0x101000 }, note]);
  assert.deepEqual(parseElf(file, "kernel").notes, [{ owner: "Xen", type: 18, description: DATA }]);
});

test("files that make no sense are refused with a reason", () => {
  const arm = testElf(true, 0, [{ data: DATA, physical: 0 }]);
  arm[18] = 183;
  assert.throws(() => parseElf(arm, "kernel"), /for another processor \(machine 183\)/);
  assert.throws(() => parseElf(testElf(true, 0, []), "kernel"), /no segment to load/);
  const huge = testElf(true, 0, [{ data: DATA, physical: 0x101000, memorySize: 64 * MIB }]);
  const memory = new ArrayMemory(2 * MIB);
  assert.throws(
    () => loadSegments(memory, huge, parseElf(huge, "kernel"), "kernel"),
    /needs 65 MiB .* has 2 MiB/,
  );
});
