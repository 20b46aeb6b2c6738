/**
 * Labels, branches to them, and data.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Assembler, rax } from "./assembler.js";

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

describe("branches", () => {
  it("go backward in the short form where it reaches", () => {
    const a = new Assembler(0x1000, 64);
    const top = a.here("top");
    a.fill(126, 0x90);
    a.jmp(top);
    a.jne(top);
    const code = a.finish();
    assert.equal(hex(code.subarray(126)), "eb80" + "0f857affffff");
  });

  it("go forward in the long form", () => {
    for (const [bits, expected] of [
      [64, "e901000000" + "90" + "c3"],
      [32, "e901000000" + "90" + "c3"],
      [16, "e90100" + "90" + "c3"],
    ] as const) {
      const a = new Assembler(0x1000, bits);
      const end = a.label("end");
      a.jmp(end);
      a.nop();
      a.bind(end);
      a.ret();
      assert.equal(hex(a.finish()), expected);
    }
  });

  it("call, loop, and reach places beside a label", () => {
    const a = new Assembler(0, 64);
    const top = a.here("top");
    a.call(top.plus(1));
    a.loop(top);
    assert.equal(hex(a.finish()), "e8fcffffff" + "e2f9");
  });

  it("of 8 bits don't reach far", () => {
    const a = new Assembler(0, 64);
    const end = a.label("end");
    a.loop(end);
    a.fill(128);
    a.bind(end);
    assert.throws(() => a.finish(), /end is too far away for 8 bits/);
  });
});

describe("labels", () => {
  it("are addresses as immediates and in data", () => {
    const a = new Assembler(0x12345678, 64);
    const start = a.here("start");
    a.mov(rax, start);
    a.dd(start.plus(1));
    a.dq(start);
    assert.equal(hex(a.finish()), "48b8" + "7856341200000000" + "79563412" + "7856341200000000");
  });

  it("have exactly one address", () => {
    const a = new Assembler(0, 64);
    const label = a.here("label");
    assert.throws(() => a.bind(label), /bound twice/);
    a.jmp(a.label("nowhere"));
    assert.throws(() => a.finish(), /nowhere is used but not bound/);
  });

  it("don't fit in fields that are too small", () => {
    const a = new Assembler(0x10000, 16);
    a.dw(a.here("high"));
    assert.throws(() => a.finish(), /address of high.*16 bits/);
  });
});

describe("data", () => {
  it("is little-endian, aligned by address, and text is UTF-8", () => {
    const a = new Assembler(2, 64);
    a.db(1, -1);
    a.dw(0x1234);
    a.align(8, 0xcc);
    a.dd(0x12345678);
    a.dq(-2n);
    a.asciz("aé");
    a.double(-2);
    assert.equal(
      hex(a.finish()),
      ["01ff", "3412", "cccc", "78563412", "feffffffffffffff", "61c3a900", "00000000000000c0"].join(""),
    );
    assert.throws(() => a.db(256), /does not fit in 8 bits/);
  });
});
