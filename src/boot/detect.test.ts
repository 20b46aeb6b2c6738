import assert from "node:assert/strict";
import { test } from "node:test";
import { detectKernel, loadKernel } from "./detect.js";
import { memoryMap } from "./e820.js";
import { testElf, testNote } from "./elf.test.helper.js";
import { StructWriter } from "./guest-memory.js";
import { ArrayMemory, MIB } from "./memory.test.helper.js";

const MULTIBOOT = new StructWriter().u32(0x1badb002).u32(0).u32(0xe4524ffe).finish();
const PVH_NOTE = testNote("Xen", 18, Uint8Array.of(0, 0, 0x10, 0));

test("each kind of kernel is recognized", () => {
  const bzImage = new Uint8Array(0x1000);
  bzImage.set([0x55, 0xaa], 0x1fe);
  bzImage.set(new TextEncoder().encode("HdrS"), 0x202);
  assert.equal(detectKernel(bzImage, "k"), "bzimage");
  assert.equal(detectKernel(testElf(false, MIB, [{ data: MULTIBOOT, physical: MIB }]), "k"), "multiboot");
  assert.equal(
    detectKernel(testElf(true, MIB, [{ data: MULTIBOOT, physical: MIB }, PVH_NOTE]), "k"),
    "multiboot",
  );
  assert.equal(
    detectKernel(testElf(true, MIB, [{ data: Uint8Array.of(0xf4), physical: MIB }, PVH_NOTE]), "k"),
    "pvh",
  );
});

test("anything else is refused with a reason", () => {
  assert.throws(
    () => detectKernel(new Uint8Array(0), "empty"),
    /^UsageError: empty is not a kernel that vt86 can boot/,
  );
  const elf = testElf(true, 0, [{ data: Uint8Array.of(0xf4), physical: MIB }]);
  assert.throws(() => detectKernel(elf, "a.out"), /neither a multiboot header nor a PVH entry point/);
});

test("a loaded guest finds the end of low memory in the BIOS data area", () => {
  const memory = new ArrayMemory(4 * MIB);
  const kernel = testElf(false, MIB, [{ data: MULTIBOOT, physical: MIB }]);
  loadKernel(memory, { kernel, name: "k", commandLine: "", modules: [], memoryMap: memoryMap(memory) });
  assert.equal(memory.u16(0x40e), 0x9fc0);
  assert.equal(memory.u16(0x413), 639);
  assert.equal(memory.u16(0x400), 0x3f8);
  // INT 15h: a far pointer to code that sets carry in the flags image and returns.
  const handler = memory.u16(0x15 * 4 + 2) * 16 + memory.u16(0x15 * 4);
  assert.equal(memory.u8(handler + 10), 0xcf);
});
