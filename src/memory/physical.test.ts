import assert from "node:assert/strict";
import { test } from "node:test";
import { type MmioDevice, type MmioSize, NOT_RAM, PhysicalMap } from "./physical.js";

const PAGE = 4096;
const GIB = 0x40000000;

class Device implements MmioDevice {
  readonly log: string[] = [];
  constructor(private readonly answer = 0) {}
  readMmio(offset: number, size: MmioSize): number {
    this.log.push(`read ${offset} ${size}`);
    return this.answer;
  }
  writeMmio(offset: number, size: MmioSize, value: number): void {
    this.log.push(`write ${offset} ${size} ${value}`);
  }
}

test("RAM is found at its offset, below and above 4 GiB", () => {
  const map = new PhysicalMap();
  map.addRam(0, 4 * PAGE, 0x100000);
  map.addRam(4 * GIB, 2 * PAGE, 0x200000);
  assert.equal(map.hostAddress(0, false), 0x100000);
  assert.equal(map.hostAddress(3 * PAGE + 5, true), 0x100000 + 3 * PAGE + 5);
  assert.equal(map.hostAddress(4 * PAGE, false), NOT_RAM);
  assert.equal(map.hostAddress(4 * GIB + PAGE + 7, true), 0x200000 + PAGE + 7);
  assert.equal(map.hostAddress(4 * GIB + 2 * PAGE, false), NOT_RAM);
  assert.equal(map.hostAddress(4 * GIB - 1, false), NOT_RAM);
});

test("a region may lie across 4 GiB", () => {
  const map = new PhysicalMap();
  map.addRam(4 * GIB - PAGE, 2 * PAGE, 0x100000);
  assert.equal(map.hostAddress(4 * GIB - 1, true), 0x100fff);
  assert.equal(map.hostAddress(4 * GIB, true), 0x101000);
});

test("ROM can be read, not written; it lies over RAM", () => {
  const map = new PhysicalMap();
  map.addRam(0, 4 * PAGE, 0x100000);
  map.addRam(PAGE, PAGE, 0x200000, false);
  map.addRam(8 * GIB, PAGE, 0x300000, false);
  assert.equal(map.hostAddress(PAGE, false), 0x200000);
  assert.equal(map.hostAddress(PAGE, true), NOT_RAM);
  assert.equal(map.hostAddress(2 * PAGE, true), 0x100000 + 2 * PAGE);
  assert.equal(map.hostAddress(8 * GIB, false), 0x300000);
  assert.equal(map.hostAddress(8 * GIB, true), NOT_RAM);
});

test("a device takes its pages from RAM, whole, and gives them back", () => {
  const map = new PhysicalMap();
  map.addRam(0, 4 * PAGE, 0x100000);
  const device = new Device();
  map.addMmio(PAGE + 0x800, 0x10, device);
  for (const write of [false, true]) assert.equal(map.hostAddress(PAGE, write), NOT_RAM);
  assert.equal(map.hostAddress(2 * PAGE, true), 0x100000 + 2 * PAGE);
  map.removeMmio(PAGE + 0x800, device);
  assert.equal(map.hostAddress(PAGE, true), 0x100000 + PAGE);
});

test("devices above 4 GiB hide RAM, too", () => {
  const map = new PhysicalMap();
  map.addRam(4 * GIB, 4 * PAGE, 0x100000);
  map.addMmio(4 * GIB + PAGE, 0x10, new Device());
  assert.equal(map.hostAddress(4 * GIB + PAGE + 0x800, false), NOT_RAM);
  assert.equal(map.hostAddress(4 * GIB + 2 * PAGE, false), 0x100000 + 2 * PAGE);
});

test("a device gets offset, size and value; the later one lies on top", () => {
  const map = new PhysicalMap();
  const [below, above] = [new Device(1), new Device(-1)];
  map.addMmio(0xfed00000, 0x400, below);
  map.addMmio(0xfed00100, 0x10, above);
  assert.equal(map.readMmio(0xfed00004, 4), 1);
  assert.equal(map.readMmio(0xfed0010c, 4), 0xffffffff, "as an unsigned number");
  map.writeMmio(0xfed00110, 2, 0xabcd);
  assert.deepEqual(below.log, ["read 4 4", "write 272 2 43981"]);
  assert.deepEqual(above.log, ["read 12 4"]);
});

test("where nobody answers there are ones, and somebody is told", () => {
  const map = new PhysicalMap();
  const log: string[] = [];
  map.onUnclaimed = (address, size, write) => log.push(`${address.toString(16)} ${size} ${write}`);
  assert.deepEqual(
    ([1, 2, 4] as const).map((size) => map.readMmio(0xd0000000, size)),
    [0xff, 0xffff, 0xffffffff],
  );
  map.writeMmio(0xd0000000, 1, 0);
  assert.deepEqual(log, ["d0000000 1 false", "d0000000 2 false", "d0000000 4 false", "d0000000 1 true"]);
});

test("every change is announced", () => {
  const map = new PhysicalMap();
  let changes = 0;
  map.onChange = () => changes++;
  const device = new Device();
  map.addRam(0, PAGE, 0);
  map.addMmio(PAGE, PAGE, device);
  map.removeMmio(PAGE, device);
  assert.equal(changes, 3);
});

test("the regions of RAM come lowest first", () => {
  const map = new PhysicalMap();
  map.addRam(4 * GIB, PAGE, 0x3000);
  map.addRam(0, PAGE, 0x1000);
  assert.deepEqual(
    map.ramRegions.map(({ start, host }) => [start, host]),
    [
      [0, 0x1000],
      [4 * GIB, 0x3000],
    ],
  );
});
