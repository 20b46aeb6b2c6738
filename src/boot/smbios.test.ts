import assert from "node:assert/strict";
import { test } from "node:test";
import { ArrayMemory, MIB } from "./memory.test.helper.js";
import { writeSmbiosTables } from "./smbios.js";

const sum = (bytes: Uint8Array): number => bytes.reduce((total, byte) => (total + byte) & 0xff, 0);

function build(lowRam: number, highRam: number): { memory: ArrayMemory; structures: Map<number, number[]> } {
  const memory = new ArrayMemory(2 * MIB);
  writeSmbiosTables(memory, { lowRam, highRam, processors: 2, version: "1.0", megahertz: 1000 });
  const entry = 0xf0000;
  const structures = new Map<number, number[]>();
  let at = memory.u32(entry + 24);
  for (let i = 0; i < memory.u16(entry + 28); i++) {
    const type = memory.u8(at);
    structures.set(type, [...(structures.get(type) ?? []), at]);
    at += memory.u8(at + 1);
    while (memory.u16(at) !== 0) at++;
    at += 2;
  }
  assert.equal(at, memory.u32(entry + 24) + memory.u16(entry + 22));
  return { memory, structures };
}

test("the entry point has right checksums and the structures end where it says", () => {
  const { memory, structures } = build(0x20000000, 0);
  assert.equal(new TextDecoder().decode(memory.read(0xf0000, 4)), "_SM_");
  assert.equal(sum(memory.read(0xf0000, 31)), 0);
  assert.equal(sum(memory.read(0xf0010, 15)), 0);
  assert.deepEqual([...structures.keys()], [0, 1, 3, 4, 16, 17, 19, 32, 127]);
  assert.equal(structures.get(4)?.length, 2);
});

test("formatted areas have the lengths of version 2.8", () => {
  const { memory, structures } = build(0x20000000, 0);
  const lengths: [number, number][] = [
    [0, 0x18],
    [1, 0x1b],
    [3, 0x16],
    [4, 0x2a],
    [16, 0x17],
    [17, 0x28],
    [19, 0x1f],
    [32, 0x0b],
    [127, 4],
  ];
  for (const [type, length] of lengths)
    assert.equal(memory.u8((structures.get(type)?.[0] ?? 0) + 1), length, `type ${type}`);
});

test("memory is given in MiB, and in the extended field when that is too small", () => {
  const small = build(0x20000000, 0x20000000);
  assert.equal(small.memory.u16((small.structures.get(17)?.[0] ?? 0) + 12), 1024);
  assert.equal(small.structures.get(19)?.length, 2);
  const large = build(0x80000000, 62 * 0x40000000);
  const device = large.structures.get(17)?.[0] ?? 0;
  assert.deepEqual([large.memory.u16(device + 12), large.memory.u32(device + 28)], [0x7fff, 65536]);
});
