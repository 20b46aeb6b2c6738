import assert from "node:assert/strict";
import { test } from "node:test";
import { PhysicalMap } from "../../memory/physical.js";
import { CONTROLS } from "./controls.js";
import { VmcsField as F, fieldIndex, findField, VMCS_FIELDS } from "./fields.js";
import { fieldOffset, Vmcs } from "./vmcs.js";

const REGION = 4096;
const HEADER = 256;
const bytesOf = (width: 16 | 32 | 64 | "natural"): number => (width === "natural" ? 8 : width / 8);

test("encodings are unique, full accesses, and in ascending order", () => {
  let last = -1;
  for (const { encoding, key } of VMCS_FIELDS) {
    assert.equal(encoding & 0x9001, 0, key);
    assert.ok(encoding > last, key);
    last = encoding;
  }
});

test("names are unique, and say the area", () => {
  assert.equal(new Set(VMCS_FIELDS.map(({ name }) => name)).size, VMCS_FIELDS.length);
  for (const { key, type } of VMCS_FIELDS) {
    if (key.startsWith("HOST_")) assert.equal(type, "host", key);
    if (type === "host") assert.ok(key.startsWith("HOST_"), key);
  }
});

test("fields depend on controls that exist", () => {
  const ids = new Set<string>(CONTROLS.map(({ id }) => id));
  for (const { key, needs } of VMCS_FIELDS) for (const id of needs) assert.ok(ids.has(id), `${key}: ${id}`);
});

test("no two fields share a byte of the region, and all lie behind its header", () => {
  const owner = new Map<number, string>();
  for (const { encoding, key, width } of VMCS_FIELDS) {
    const at = fieldOffset(encoding);
    assert.ok(at >= HEADER && at + bytesOf(width) <= REGION, key);
    assert.equal(at % bytesOf(width), 0, key);
    for (let i = 0; i < bytesOf(width); i++) {
      assert.equal(owner.get(at + i), undefined, `${key} and ${owner.get(at + i)}`);
      owner.set(at + i, key);
    }
  }
});

test("fixed points of the manual's appendix", () => {
  assert.equal(F.GUEST_RIP, 0x681e);
  assert.equal(F.HOST_RIP, 0x6c16);
  assert.equal(F.EXIT_QUALIFICATION, 0x6400);
  assert.equal(F.GUEST_TR_ACCESS_RIGHTS, 0x4822);
  assert.equal(F.PREEMPTION_TIMER_VALUE, 0x482e);
  assert.equal(F.EXIT_INSTRUCTION_INFO, 0x440e);
  assert.equal(F.GUEST_IDTR_BASE, 0x6818);
  assert.equal(findField(0x2011)?.key, "TSC_OFFSET");
  assert.equal(findField(0x4001), undefined);
  assert.equal(fieldIndex(F.TSC_MULTIPLIER), 0x19);
});

test("a region keeps what is written, at the field's width", () => {
  const view = new DataView(new ArrayBuffer(2 * REGION));
  const physical = new PhysicalMap();
  physical.addRam(0, REGION, REGION);
  const vmcs = Vmcs.at(view, physical, 0n)!;
  const value = 0xfedc_ba98_7654_3210n;
  for (const { encoding } of VMCS_FIELDS) vmcs.write(encoding, value ^ BigInt(encoding));
  for (const { encoding, width, key } of VMCS_FIELDS) {
    const full = value ^ BigInt(encoding);
    assert.equal(vmcs.read(encoding), BigInt.asUintN(bytesOf(width) * 8, full), key);
    assert.equal(BigInt(vmcs.low(encoding)), BigInt.asUintN(width === 16 ? 16 : 32, full), key);
    if (width === 64) assert.equal(vmcs.read(encoding | 1), full >> 32n, key);
    if (width === 64 || width === "natural") assert.equal(BigInt(vmcs.high(encoding)), full >> 32n, key);
  }
  assert.equal(Vmcs.at(view, physical, BigInt(REGION)), undefined);
});

test("the upper half of a 64-bit field is written by itself", () => {
  const view = new DataView(new ArrayBuffer(2 * REGION));
  const vmcs = new Vmcs(view, REGION, 0n);
  vmcs.write(F.TSC_OFFSET, 0x1111_2222_3333_4444n);
  vmcs.write(F.TSC_OFFSET | 1, 0xffff_ffff_5555_6666n);
  assert.equal(vmcs.read(F.TSC_OFFSET), 0x5555_6666_3333_4444n);
  vmcs.setLow(F.TSC_OFFSET, 0x9999_0000);
  assert.equal(vmcs.read(F.TSC_OFFSET), 0x9999_0000n);
});
