import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryMap } from "./e820.js";
import { testElf, testNote } from "./elf.test.helper.js";
import { ArrayMemory, MIB } from "./memory.test.helper.js";
import { isPvh, loadPvh } from "./pvh.js";

const CODE = Uint8Array.of(0xf4);
const ENTRY = testNote("Xen", 18, Uint8Array.of(0x10, 0x10, 0x10, 0, 0, 0, 0, 0));

test("only an ELF file with the note is PVH", () => {
  assert.equal(isPvh(testElf(true, 0, [{ data: CODE, physical: MIB }, ENTRY]), "k"), true);
  assert.equal(isPvh(testElf(true, 0, [{ data: CODE, physical: MIB }]), "k"), false);
  assert.equal(
    isPvh(testElf(true, 0, [{ data: CODE, physical: MIB }, testNote("Xen", 17, CODE)]), "k"),
    false,
  );
  assert.equal(isPvh(new Uint8Array(100), "k"), false);
});

test("the start info describes command line, modules, memory and RSDP", () => {
  const memory = new ArrayMemory(4 * MIB);
  const map = memoryMap(memory);
  const state = loadPvh(memory, {
    kernel: testElf(true, 0x5555, [{ data: CODE, physical: MIB }, ENTRY]),
    name: "vmlinux",
    commandLine: "quiet",
    modules: [{ data: Uint8Array.of(7, 8, 9), commandLine: "initrd" }],
    memoryMap: map,
    rsdp: 0xe0000,
  });
  assert.equal(state.mode, "protected");
  assert.equal(state.rip, 0x101010n);
  const info = Number(state.registers.rbx);
  assert.deepEqual([memory.u32(info), memory.u32(info + 4), memory.u32(info + 12)], [0x336ec578, 1, 1]);
  assert.equal(memory.text(memory.u64(info + 24)), "quiet");
  assert.equal(memory.u64(info + 32), 0xe0000);

  const module = memory.u64(info + 16);
  assert.equal(memory.u64(module) % 4096, 0);
  assert.deepEqual([...memory.read(memory.u64(module), memory.u64(module + 8))], [7, 8, 9]);
  assert.equal(memory.text(memory.u64(module + 16)), "initrd");

  const entries = memory.u64(info + 40);
  assert.equal(memory.u32(info + 48), map.length);
  for (const [i, { base, length, type }] of map.entries()) {
    const at = entries + i * 24;
    assert.deepEqual([memory.u64(at), memory.u64(at + 8), memory.u32(at + 16)], [base, length, type]);
  }
});
