import assert from "node:assert/strict";
import { test } from "node:test";
import type { BootRequest } from "./boot-request.js";
import { memoryMap } from "./e820.js";
import { testElf } from "./elf.test.helper.js";
import { StructWriter } from "./guest-memory.js";
import { ArrayMemory, MIB } from "./memory.test.helper.js";
import { findMultibootHeader, loadMultiboot } from "./multiboot.js";

function header(flags: number, ...addresses: number[]): StructWriter {
  const magic = 0x1badb002;
  const out = new StructWriter()
    .u32(magic)
    .u32(flags)
    .u32((-magic - flags) >>> 0);
  for (const address of addresses) out.u32(address);
  return out;
}

/** The shape of a kvm-unit-tests image: no flags, so its ELF headers count. */
const ELF_KERNEL = testElf(false, 0x10000c, [
  { data: header(0).u8(0xf4).finish(), physical: 0x100000, memorySize: 0x2000 },
]);

function boot(memory: ArrayMemory, kernel: Uint8Array, more: Partial<BootRequest> = {}) {
  return loadMultiboot(memory, {
    kernel,
    name: "test.flat",
    commandLine: "one two",
    modules: [],
    memoryMap: memoryMap(memory),
    ...more,
  });
}

test("the header is found where the specification says, and only with a right checksum", () => {
  const padded = (bytes: number): Uint8Array =>
    new StructWriter().zeros(bytes).bytes(header(3).finish()).finish();
  assert.equal(findMultibootHeader(padded(0)), 0);
  assert.equal(findMultibootHeader(padded(8180)), 8180);
  assert.equal(findMultibootHeader(padded(8192)), undefined);
  assert.equal(findMultibootHeader(padded(2)), undefined);
  const damaged = padded(16);
  damaged[24] = 1;
  assert.equal(findMultibootHeader(damaged), undefined);
});

test("an ELF kernel starts in protected mode with the loader's magic number", () => {
  const memory = new ArrayMemory(8 * MIB);
  const state = boot(memory, ELF_KERNEL);
  assert.equal(state.mode, "protected");
  assert.equal(state.rip, 0x10000cn);
  assert.equal(state.registers.rax, 0x2badb002n);
  assert.equal(memory.u8(0x10000c), 0xf4);
  assert.equal(memory.u8(0x101fff), 0);
});

test("the boot information lies below 1 MiB and is complete", () => {
  const memory = new ArrayMemory(8 * MIB);
  const modules = [
    { data: Uint8Array.of(1, 2, 3), commandLine: "env first" },
    { data: new Uint8Array(5000), commandLine: "second" },
  ];
  const info = Number(boot(memory, ELF_KERNEL, { modules }).registers.rbx);
  assert.ok(info >= 0x3000 && info < 0x9f000);
  assert.equal(memory.u32(info) & 0b1001001101, 0b1001001101);
  assert.deepEqual([memory.u32(info + 4), memory.u32(info + 8)], [639, 7 * 1024]);
  assert.equal(memory.text(memory.u32(info + 16)), "test.flat one two");
  assert.equal(memory.text(memory.u32(info + 64)), "vt86");

  const list = memory.u32(info + 24);
  assert.equal(memory.u32(info + 20), 2);
  const [start, end] = [memory.u32(list), memory.u32(list + 4)];
  assert.equal(start, 0x102000, "the first page behind the kernel with its zeroed part");
  assert.deepEqual([...memory.read(start, end - start)], [1, 2, 3]);
  assert.equal(memory.text(memory.u32(list + 8)), "env first");
  assert.equal(memory.u32(list + 16), 0x103000);

  const map = memory.u32(info + 48);
  assert.equal(memory.u32(info + 44), memoryMap(memory).length * 24);
  assert.deepEqual(
    [memory.u32(map), memory.u64(map + 4), memory.u64(map + 12), memory.u32(map + 20)],
    [20, 0, 0x9fc00, 1],
  );
});

test("a kernel with address fields is placed by them", () => {
  const memory = new ArrayMemory(8 * MIB);
  // The header lies 16 bytes into the part that is loaded to 2 MiB; 32 bytes of file, then zeros.
  const kernel = new StructWriter().zeros(64).ascii("beforetheheader!");
  kernel.bytes(header(1 << 16, 2 * MIB + 16, 2 * MIB, 2 * MIB + 56, 2 * MIB + 256, 2 * MIB + 48).finish());
  kernel.ascii("entry...and more that is not loaded");
  const state = boot(memory, kernel.finish());
  assert.equal(state.rip, BigInt(2 * MIB + 48));
  assert.equal(new TextDecoder().decode(memory.read(2 * MIB, 16)), "beforetheheader!");
  assert.equal(new TextDecoder().decode(memory.read(2 * MIB + 48, 8)), "entry...");
  assert.deepEqual(memory.read(2 * MIB + 56, 200), new Uint8Array(200));
  assert.equal(memory.u8(2 * MIB + 256), 0xcc);
});

test("without an end address the whole file is loaded", () => {
  const memory = new ArrayMemory(8 * MIB);
  const kernel = header(1 << 16, 2 * MIB, 2 * MIB, 0, 0, 2 * MIB)
    .ascii("tail")
    .finish();
  boot(memory, kernel);
  assert.deepEqual(memory.read(2 * MIB, kernel.length), kernel);
});

test("what can't be booted is refused with a reason", () => {
  const memory = new ArrayMemory(8 * MIB);
  const raw = (writer: StructWriter): Uint8Array => writer.zeros(64).finish();
  assert.throws(() => boot(memory, new Uint8Array(64)), /no multiboot header/);
  assert.throws(() => boot(memory, raw(header(0))), /not an ELF file/);
  assert.throws(() => boot(memory, raw(header(1 << 5))), /flags 20h/);
  assert.throws(() => boot(memory, header(1 << 16).finish()), /cut short/);
  assert.throws(() => boot(memory, raw(header(1 << 16, MIB, MIB, 4 * MIB, 0, MIB))), /damaged or cut short/);
  assert.throws(() => boot(memory, raw(header(1 << 16, MIB, 2 * MIB, 0, 0, MIB))), /damaged or cut short/);
  assert.throws(() => boot(memory, raw(header(1 << 16, MIB, MIB, 0, 64 * MIB, MIB))), /needs 64 MiB/);
  const modules = [{ data: new Uint8Array(7 * MIB), commandLine: "/tmp/big.img x" }];
  assert.throws(() => boot(memory, ELF_KERNEL, { modules }), /big\.img of 7 MiB does not fit/);
});
