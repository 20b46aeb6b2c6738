import assert from "node:assert/strict";
import { test } from "node:test";
import { PhysicalMap } from "../../memory/physical.js";
import { eptpFromList, eptpRoot, isValidEptp } from "./ept-pointer.js";

const rules = { physicalBits: 40, accessedDirty: true };

test("which EPTPs VM entry accepts", () => {
  assert.equal(isValidEptp(0x1_0000_101en, rules), true);
  assert.equal(isValidEptp(0x1_0000_1018n, rules), true);
  assert.equal(isValidEptp(0x1_0000_105en, rules), true);
  assert.equal(isValidEptp(0x1_0000_105en, { ...rules, accessedDirty: false }), false);
  for (const bad of [0x1019n, 0x1006n, 0x1026n, 0x109en, 0x181en, (1n << 40n) | 0x1en, (1n << 63n) | 0x1en]) {
    assert.equal(isValidEptp(bad, rules), false, bad.toString(16));
  }
  assert.equal(eptpRoot(0xff_ffff_f05en), 0xff_ffff_f000);
});

test("EPTP switching takes its EPTP from the list", () => {
  const memory = new DataView(new ArrayBuffer(0x4000));
  const physical = new PhysicalMap();
  physical.addRam(0, 0x4000, 0);
  memory.setBigUint64(0x1010, 0x301en, true);
  assert.equal(eptpFromList(memory, physical, 0x1000, 2, rules), 0x301en);
  assert.equal(eptpFromList(memory, physical, 0x1000, 3, rules), undefined);
  assert.equal(eptpFromList(memory, physical, 0x1000, 512, rules), undefined);
  assert.equal(eptpFromList(memory, physical, 0x1000, -1, rules), undefined);
});
