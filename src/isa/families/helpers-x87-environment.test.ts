/** The four layouts of the x87 environment (SDM vol. 1, figures 8-9 to 8-12) and the tag word (8.1.7). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Flag } from "../flags.js";
import { CR0, FCW, FDP, FIP, FLAG_OTHERS, FOP, FPR, FSW, FTW, STATE_SIZE } from "../state.js";
import { abridgedTags, environmentHelpers, fullTagWord } from "./helpers-x87-environment.js";
import { IMAGE } from "./x87-protocol.js";

const CPU = 0x100;

function machine(cr0: number, flags = 0): DataView {
  const view = new DataView(new ArrayBuffer(CPU + STATE_SIZE));
  view.setUint32(CPU + CR0, cr0, true);
  view.setUint32(CPU + FLAG_OTHERS, flags, true);
  view.setUint32(CPU + FCW, 0x37f, true);
  view.setUint32(CPU + FSW, 0x3800, true);
  view.setUint32(CPU + FOP, 0x5c3, true);
  view.setBigUint64(CPU + FIP, 0x1_0009_8765n, true);
  view.setBigUint64(CPU + FDP, 0x2_000a_bcden, true);
  return view;
}

function setRegister(view: DataView, i: number, se: number, significand: bigint): void {
  view.setBigUint64(CPU + FPR + i * 16, significand, true);
  view.setUint16(CPU + FPR + i * 16 + 8, se, true);
  view.setUint32(CPU + FTW, view.getUint32(CPU + FTW, true) | (1 << i), true);
}

function image(view: DataView, bytes: 14 | 28): number[] {
  environmentHelpers.x87_store_environment!(view, CPU, 0, bytes);
  const at = CPU + IMAGE;
  return Array.from({ length: 7 }, (_, i) =>
    bytes === 14 ? view.getUint16(at + i * 2, true) : view.getUint32(at + i * 4, true),
  );
}

test("tags tell valid, zero, special and empty", () => {
  const view = machine(1);
  setRegister(view, 0, 0x3fff, 1n << 63n);
  setRegister(view, 1, 0x8000, 0n);
  setRegister(view, 2, 0x7fff, 1n << 63n);
  setRegister(view, 3, 0, 1n);
  setRegister(view, 4, 0x4000, 1n);
  setRegister(view, 5, 0, 1n << 63n);
  assert.equal(fullTagWord(view, CPU), 0b11_11_10_10_10_10_01_00);
  assert.equal(abridgedTags(0b11_11_10_10_10_10_01_00), 0x3f);
});

test("protected mode, 32 bits", () => {
  const view = machine(1);
  const expected = [0xffff037f, 0xffff3800, 0xffffffff, 0x98765, 0x5c30000, 0xabcde, 0xffff0000];
  assert.deepEqual(image(view, 28), expected);
});

test("protected mode, 16 bits", () => {
  assert.deepEqual(image(machine(1), 14), [0x37f, 0x3800, 0xffff, 0x8765, 0, 0xbcde, 0]);
});

test("real-address mode, 32 bits", () => {
  const expected = [0xffff037f, 0xffff3800, 0xffffffff, 0xffff8765, 0x95c3, 0xffffbcde, 0xa000];
  assert.deepEqual(image(machine(0), 28), expected);
});

test("real-address and virtual-8086 mode, 16 bits", () => {
  const expected = [0x37f, 0x3800, 0xffff, 0x8765, 0x95c3, 0xbcde, 0xa000];
  assert.deepEqual(image(machine(0), 14), expected);
  assert.deepEqual(image(machine(1, Flag.VM), 14), expected);
});

test("what was stored is loaded again", () => {
  for (const [cr0, bytes] of [
    [1, 28],
    [0, 28],
    [0, 14],
  ] as const) {
    const view = machine(cr0);
    setRegister(view, 6, 0x3fff, 1n << 63n);
    image(view, bytes);
    for (const field of [FCW, FSW, FTW, FOP, FIP, FDP]) view.setUint32(CPU + field, 0, true);
    environmentHelpers.x87_load_environment!(view, CPU, 0, bytes);
    const fields = [FCW, FSW, FTW, FIP, FDP].map((field) => view.getUint32(CPU + field, true));
    assert.deepEqual(fields, [0x37f, 0x3800, 0x40, 0x98765, 0xabcde]);
    assert.equal(view.getUint32(CPU + FOP, true), 0x5c3);
    assert.equal(view.getUint32(CPU + FIP + 4, true), 0, "the upper half is not in the image");
  }
});
