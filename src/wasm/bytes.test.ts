import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteWriter } from "./bytes.js";

function written(write: (out: ByteWriter) => void): number[] {
  const out = new ByteWriter();
  write(out);
  return [...out.view()];
}

test("unsigned LEB128", () => {
  const encodings: [number, number[]][] = [
    [0, [0]],
    [127, [0x7f]],
    [128, [0x80, 1]],
    [624485, [0xe5, 0x8e, 0x26]],
    [0xffffffff, [0xff, 0xff, 0xff, 0xff, 0x0f]],
    [-1, [0xff, 0xff, 0xff, 0xff, 0x0f]],
  ];
  for (const [value, bytes] of encodings)
    assert.deepEqual(
      written((out) => out.u32(value)),
      bytes,
      `${value}`,
    );
});

test("signed LEB128, 32 and 64 bits", () => {
  const encodings: [number, number[]][] = [
    [0, [0]],
    [63, [0x3f]],
    [64, [0xc0, 0]],
    [-1, [0x7f]],
    [-64, [0x40]],
    [-65, [0xbf, 0x7f]],
    [0x7fffffff, [0xff, 0xff, 0xff, 0xff, 0x07]],
    [-0x80000000, [0x80, 0x80, 0x80, 0x80, 0x78]],
  ];
  for (const [value, bytes] of encodings) {
    assert.deepEqual(
      written((out) => out.s32(value)),
      bytes,
      `${value}`,
    );
    assert.deepEqual(
      written((out) => out.s64(BigInt(value))),
      bytes,
      `${value}n`,
    );
  }
  assert.deepEqual(
    written((out) => out.s64(0x80000000n)),
    [0x80, 0x80, 0x80, 0x80, 0x08],
  );
  assert.deepEqual(
    written((out) => out.s64(-(2n ** 63n))),
    [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f],
  );
  assert.deepEqual(
    written((out) => out.s64(2n ** 64n - 1n)),
    [0x7f],
    "taken as 64 signed bits",
  );
});

test("floating point, names", () => {
  assert.deepEqual(
    written((out) => out.f32(1)),
    [0, 0, 0x80, 0x3f],
  );
  assert.deepEqual(
    written((out) => out.f64(-2)),
    [0, 0, 0, 0, 0, 0, 0, 0xc0],
  );
  assert.deepEqual(
    written((out) => out.name("aé")),
    [3, 0x61, 0xc3, 0xa9],
  );
});

test("a length is put before what it counts, whatever its own length", () => {
  for (const size of [0, 1, 127, 128, 20000]) {
    const out = new ByteWriter();
    out.byte(0xaa);
    out.sized(() => out.append(new Uint8Array(size).fill(7)));
    out.byte(0xbb);
    const prefix = written((o) => o.u32(size));
    assert.deepEqual([...out.view()], [0xaa, ...prefix, ...new Array(size).fill(7), 0xbb]);
  }
});

test("it grows and can be used again", () => {
  const out = new ByteWriter();
  for (let i = 0; i < 5000; i++) out.byte(i & 0xff);
  assert.equal(out.length, 5000);
  assert.equal(out.view()[4999], 4999 & 0xff);
  out.clear();
  out.byte(1);
  assert.deepEqual([...out.view()], [1]);
});
