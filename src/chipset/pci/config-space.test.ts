import assert from "node:assert/strict";
import test from "node:test";
import { Probe } from "../bench.test.js";
import { ConfigSpace } from "./config-space.js";
import { IntxPin } from "./function.js";
import { decodeMsi, MsiCapability } from "./msi.js";
import { addPcieCapability, PcieType } from "./pcie-capability.js";

function space() {
  return new ConfigSpace({
    vendor: 0x1af4,
    device: 0x1041,
    classCode: 0x020000,
    revision: 1,
    interruptPin: 1,
  });
}

test("the header", () => {
  const config = space();
  assert.equal(config.read(0, 4), 0x10411af4);
  assert.equal(config.read(8, 4), 0x02000001);
  assert.equal(config.read(0x3c, 2), 0x0100);
  config.write(0, 4, 0xffffffff);
  assert.equal(config.read(0, 4), 0x10411af4);
  config.write(0x3c, 4, 0xffff0a);
  assert.equal(config.read(0x3c, 4), 0x010a);
});

test("BAR sizing and decoding: 32-bit memory", () => {
  const config = space();
  const moves: (number | undefined)[] = [];
  config.bar(0, { kind: "memory32", size: 0x1000 }, (address) => moves.push(address));
  config.write(0x10, 4, 0xffffffff);
  assert.equal(config.read(0x10, 4), 0xfffff000);
  config.write(4, 2, 2);
  assert.deepEqual(moves, [], "what sizing leaves is not an address");
  config.write(0x10, 4, 0xfebd1000);
  config.write(4, 2, 0);
  assert.deepEqual(moves, [0xfebd1000, undefined]);
  assert.equal(config.barAddress(0), undefined);
});

test("BAR sizing and decoding: 64-bit prefetchable memory, and I/O", () => {
  const config = space();
  const moves: (number | undefined)[] = [];
  config.bar(2, { kind: "memory64", size: 0x4000, prefetchable: true }, (address) => moves.push(address));
  config.bar(4, { kind: "io", size: 0x20 }, (address) => moves.push(address));
  config.write(0x18, 4, 0xffffffff);
  config.write(0x1c, 4, 0xffffffff);
  assert.equal(config.read(0x18, 4), 0xffffc00c);
  assert.equal(config.read(0x1c, 4), 0xffffffff);
  config.write(0x20, 4, 0xffffffff);
  assert.equal(config.read(0x20, 4), 0xffffffe1);
  config.write(0x18, 4, 0x40000000);
  config.write(0x1c, 4, 0x8);
  config.write(0x20, 4, 0xc041);
  config.write(4, 2, 3);
  assert.deepEqual(moves, [0x840000000, 0xc040]);
});

test("a 64-bit BAR of 8 GiB", () => {
  const config = space();
  config.bar(0, { kind: "memory64", size: 2 ** 33 }, () => {});
  config.write(0x10, 4, 0xffffffff);
  config.write(0x14, 4, 0xffffffff);
  assert.equal(config.read(0x10, 4), 4);
  assert.equal(config.read(0x14, 4), 0xfffffffe);
});

test("the capability list and the extended list are linked", () => {
  const config = space();
  const pcie = addPcieCapability(config, { type: PcieType.endpoint });
  const msi = new MsiCapability(config, 1, () => {});
  assert.equal(config.read(6, 2) & 0x10, 0x10);
  assert.equal(config.read(0x34, 1), pcie);
  assert.equal(config.read(pcie, 2), 0x10 | (msi.offset << 8));
  assert.equal(config.read(msi.offset, 2), 0x05);
  assert.equal(config.read(pcie + 2, 2), 0x0002);
  const first = config.extendedCapability(0x0001, 2, 0x48);
  const second = config.extendedCapability(0x0010, 1, 0x40);
  assert.equal(first, 0x100);
  assert.equal(config.read(0x100, 4), (0x00020001 | (second << 20)) >>> 0);
  assert.equal(config.read(second, 4), 0x00010010);
});

test("status bits are cleared by writing ones", () => {
  const config = space();
  config.set(6, 2, 0x2810);
  config.write(6, 2, 0x2010);
  assert.equal(config.read(6, 2), 0x0810);
});

test("function level reset is called and its bit reads as zero", () => {
  const config = space();
  let resets = 0;
  const pcie = addPcieCapability(config, { type: PcieType.endpoint, onFunctionReset: () => resets++ });
  assert.equal(config.read(pcie + 4, 4) >>> 28, 1);
  config.write(pcie + 8, 2, 0xa810);
  assert.equal(resets, 1);
  assert.equal(config.read(pcie + 8, 2), 0x2810);
});

test("INTx: status bit and interrupt disable", () => {
  const config = space();
  const probe = new Probe();
  const pin = new IntxPin(config, probe.line);
  pin.set(true);
  assert.equal(probe.level, true);
  assert.equal(config.read(6, 2) & 8, 8);
  config.write(4, 2, 0x400);
  assert.equal(probe.level, false);
  assert.equal(config.read(6, 2) & 8, 8);
  config.write(4, 2, 0);
  assert.equal(probe.level, true);
  config.reset();
  assert.equal(probe.level, false);
});

test("MSI: sends, masks, keeps pending", () => {
  const config = space();
  const sent: [number, number, number][] = [];
  const msi = new MsiCapability(config, 4, (low, high, data) => sent.push([low, high, data]));
  msi.raise(0);
  assert.equal(sent.length, 0, "off after reset");
  config.write(msi.offset + 4, 4, 0xfee01004);
  config.write(msi.offset + 12, 2, 0x4050);
  config.write(msi.offset + 2, 2, 0x0021);
  msi.raise(3);
  assert.deepEqual(sent, [[0xfee01004, 0, 0x4053]]);
  config.write(msi.offset + 16, 4, 0xffffffff);
  assert.equal(config.read(msi.offset + 16, 4), 0xf);
  msi.raise(1);
  assert.equal(config.read(msi.offset + 20, 4), 2);
  config.write(msi.offset + 16, 4, 0);
  assert.equal(config.read(msi.offset + 20, 4), 0);
  assert.equal(sent.length, 2);
  assert.deepEqual(decodeMsi(...sent[1]), {
    destination: 1,
    logical: true,
    deliveryMode: 0,
    vector: 0x51,
    level: false,
  });
  assert.equal(decodeMsi(0xfed00000, 0, 0), undefined);
});

test("restore announces BARs", () => {
  const config = space();
  config.bar(0, { kind: "memory32", size: 0x1000 }, () => {});
  config.write(0x10, 4, 0xfebd1000);
  config.write(4, 2, 2);
  const other = space();
  const moves: (number | undefined)[] = [];
  other.bar(0, { kind: "memory32", size: 0x1000 }, (address) => moves.push(address));
  other.restore(JSON.parse(JSON.stringify(config.save())));
  assert.deepEqual(moves, [0xfebd1000]);
});
