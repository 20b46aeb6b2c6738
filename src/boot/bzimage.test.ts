import assert from "node:assert/strict";
import { test } from "node:test";
import { UsageError } from "../host/usage-error.js";
import type { BootRequest } from "./boot-request.js";
import { loadBzImage } from "./bzimage.js";
import { memoryMap } from "./e820.js";
import { PAGE_TABLES, ZERO_PAGE } from "./layout.js";
import { ArrayMemory, MIB } from "./memory.test.helper.js";

interface HeaderOptions {
  readonly version?: number;
  readonly xloadflags?: number;
  readonly relocatable?: boolean;
  readonly prefAddress?: number;
  readonly initSize?: number;
  readonly initrdAddrMax?: number;
}

const CODE = Uint8Array.from({ length: 0x1000 }, (_, i) => i & 0xff);

function bzImage(options: HeaderOptions = {}): Uint8Array {
  const setup = new Uint8Array(2 * 512);
  const view = new DataView(setup.buffer);
  setup[0x1f1] = 1;
  view.setUint32(0x1f4, CODE.length / 16, true);
  view.setUint16(0x1fe, 0xaa55, true);
  setup[0x200] = 0xeb;
  setup[0x201] = 0x6a; // the header ends at 26Ch
  view.setUint32(0x202, 0x53726448, true);
  view.setUint16(0x206, options.version ?? 0x20f, true);
  setup[0x211] = 1;
  view.setUint32(0x214, MIB, true);
  view.setUint32(0x22c, options.initrdAddrMax ?? 0x7fffffff, true);
  view.setUint32(0x230, 0x200000, true);
  setup[0x234] = options.relocatable === false ? 0 : 1;
  view.setUint16(0x236, options.xloadflags ?? 1, true);
  view.setUint32(0x238, 2047, true);
  view.setBigUint64(0x258, BigInt(options.prefAddress ?? 2 * MIB), true);
  view.setUint32(0x260, options.initSize ?? MIB, true);
  return Uint8Array.from([...setup, ...CODE]);
}

function request(kernel: Uint8Array, memory: ArrayMemory, more: Partial<BootRequest> = {}): BootRequest {
  return {
    kernel,
    name: "vmlinuz",
    commandLine: "console=ttyS0",
    modules: [],
    memoryMap: memoryMap(memory),
    ...more,
  };
}

test("a 64-bit kernel is entered in long mode behind its 32-bit entry point", () => {
  const memory = new ArrayMemory(8 * MIB);
  const entry = loadBzImage(memory, request(bzImage(), memory));
  assert.equal(entry.mode, "long");
  assert.equal(entry.rip, BigInt(2 * MIB + 0x200));
  assert.equal(entry.registers.rsi, BigInt(ZERO_PAGE));
  assert.equal(entry.cr3, BigInt(PAGE_TABLES));
  assert.equal(entry.efer, 0x500n);
  assert.equal(entry.segments.cs.rights, 0xa09b);
  assert.deepEqual(memory.read(2 * MIB, CODE.length), CODE);
});

test("the page tables map the first 4 GiB to themselves", () => {
  const memory = new ArrayMemory(8 * MIB);
  loadBzImage(memory, request(bzImage(), memory));
  const walk = (address: number): number => {
    const pdpt = memory.u64(PAGE_TABLES + 8 * Math.floor(address / 2 ** 39)) - 3;
    const directory = memory.u64(pdpt + 8 * Math.floor(address / 2 ** 30)) - 3;
    return memory.u64(directory + 8 * (Math.floor(address / 2 ** 21) % 512));
  };
  for (const address of [0, 2 * MIB, 0x7fe00000, 0xffe00000]) assert.equal(walk(address), address + 0x83);
  assert.equal(memory.u64(PAGE_TABLES + 8), 0);
});

test("the GDT in memory agrees with the segment registers", () => {
  const memory = new ArrayMemory(8 * MIB);
  const { gdtBase, gdtLimit, segments } = loadBzImage(memory, request(bzImage(), memory));
  assert.ok(segments.tr.selector + 15 <= gdtLimit);
  for (const segment of [segments.cs, segments.ds, segments.tr]) {
    const high = memory.u32(Number(gdtBase) + segment.selector + 4);
    assert.equal((high >>> 8) & 0xf0ff, segment.rights);
  }
});

test("a kernel without a 64-bit entry point starts in protected mode", () => {
  const memory = new ArrayMemory(8 * MIB);
  const entry = loadBzImage(memory, request(bzImage({ xloadflags: 0 }), memory));
  assert.equal(entry.mode, "protected");
  assert.equal(entry.rip, BigInt(2 * MIB));
  assert.equal(entry.cr0, 0x11n);
  assert.equal(entry.efer, 0n);
  assert.equal(entry.segments.cs.rights, 0xc09b);
});

test("a kernel that can't be moved goes to its default address", () => {
  const memory = new ArrayMemory(8 * MIB);
  const entry = loadBzImage(memory, request(bzImage({ xloadflags: 0, relocatable: false }), memory));
  assert.equal(entry.rip, BigInt(MIB));
});

test("the zero page has header, command line, memory map and RSDP", () => {
  const memory = new ArrayMemory(8 * MIB, 3 * 1024 * MIB);
  loadBzImage(memory, request(bzImage(), memory, { rsdp: 0xe0000 }));
  assert.equal(memory.u32(ZERO_PAGE + 0x202), 0x53726448);
  assert.equal(memory.u8(ZERO_PAGE + 0x210), 0xff);
  assert.equal(memory.u32(ZERO_PAGE + 0x214), 2 * MIB);
  assert.equal(memory.text(memory.u32(ZERO_PAGE + 0x228)), "console=ttyS0");
  assert.equal(memory.u64(ZERO_PAGE + 0x70), 0xe0000);
  assert.equal(memory.u8(ZERO_PAGE + 0x1ef), 0, "the sentinel says that the page was zeroed");
  assert.equal(memory.u8(ZERO_PAGE + 0x1e8), 6);
  const last = ZERO_PAGE + 0x2d0 + 5 * 20;
  assert.deepEqual(
    [memory.u64(last), memory.u64(last + 8), memory.u32(last + 16)],
    [2 ** 32, 3 * 1024 * MIB, 1],
  );
});

test("the screen is described only when there is one", () => {
  const memory = new ArrayMemory(8 * MIB);
  loadBzImage(memory, request(bzImage(), memory));
  assert.equal(memory.u8(ZERO_PAGE + 0x0f), 0);
  loadBzImage(memory, request(bzImage(), memory, { vgaText: true }));
  assert.deepEqual([...memory.read(ZERO_PAGE + 0x06, 2)], [3, 80]);
  assert.deepEqual([...memory.read(ZERO_PAGE + 0x0e, 2)], [25, 1]);
});

test("a random seed is passed through setup_data", () => {
  const memory = new ArrayMemory(8 * MIB);
  const randomSeed = Uint8Array.of(1, 2, 3, 4);
  loadBzImage(memory, request(bzImage(), memory, { randomSeed }));
  const node = memory.u64(ZERO_PAGE + 0x250);
  assert.equal(memory.u64(node), 0);
  assert.deepEqual([memory.u32(node + 8), memory.u32(node + 12)], [9, 4]);
  assert.deepEqual(memory.read(node + 16, 4), randomSeed);
});

test("the initial RAM disk lies as high as it may, on a page", () => {
  const memory = new ArrayMemory(8 * MIB);
  const data = new Uint8Array(5000).fill(0x5a);
  const modules = [{ data, commandLine: "" }];
  loadBzImage(memory, request(bzImage(), memory, { modules }));
  assert.equal(memory.u32(ZERO_PAGE + 0x218), 8 * MIB - 8192);
  assert.equal(memory.u32(ZERO_PAGE + 0x21c), 5000);
  assert.deepEqual(memory.read(8 * MIB - 8192, 5000), data);
  loadBzImage(memory, request(bzImage({ initrdAddrMax: 5 * MIB - 1 }), memory, { modules }));
  assert.equal(memory.u32(ZERO_PAGE + 0x218), 5 * MIB - 8192);
});

test("what can't be booted is refused with a reason", () => {
  const memory = new ArrayMemory(8 * MIB);
  const refuse = (kernel: Uint8Array, reason: RegExp, more: Partial<BootRequest> = {}): void => {
    assert.throws(
      () => loadBzImage(memory, request(kernel, memory, more)),
      (error: unknown) => error instanceof UsageError && reason.test(error.message),
    );
  };
  const modules = [{ data: new Uint8Array(6 * MIB), commandLine: "" }];
  refuse(new Uint8Array(4096), /not a Linux bzImage/);
  refuse(new Uint8Array(3), /not a Linux bzImage/);
  refuse(bzImage({ version: 0x201 }), /version 2\.01 .* needs 2\.02/);
  refuse(bzImage().subarray(0, 0x240), /cut short/);
  refuse(bzImage().subarray(0, 3000), /promises 5120 bytes, the file has 3000/);
  refuse(bzImage({ initSize: 16 * MIB }), /needs 18 MiB of memory to start, but the machine has 8 MiB/);
  refuse(bzImage(), /RAM disk of 6 MiB does not fit: vmlinuz leaves it 5 MiB/, { modules });
  refuse(bzImage(), /takes one initial RAM disk, but 2/, { modules: [...modules, ...modules] });
  refuse(bzImage(), /command line has 3000 bytes, but vmlinuz accepts at most 2047/, {
    commandLine: "x".repeat(3000),
  });
});
