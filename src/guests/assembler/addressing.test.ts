/**
 * Every memory operand that can be written, read back by vt86's decoder: base, index, scale, displacement, segment.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DecodeResult, Decoder } from "../../isa/decode/decoder.js";
import { Instruction, NO_REGISTER, RIP_BASE } from "../../isa/instruction.js";
import * as r from "./assembler.js";
import { Assembler, dword, type Memory, mem, qword } from "./assembler.js";

const decoder = new Decoder("all");
const wide = [r.rax, r.rcx, r.rdx, r.rbx, r.rsp, r.rbp, r.rsi, r.rdi].concat([
  ...[r.r8, r.r9, r.r10, r.r11, r.r12, r.r13, r.r14, r.r15],
]);
const narrow = [r.eax, r.ecx, r.edx, r.ebx, r.esp, r.ebp, r.esi, r.edi];
const DISPLACEMENTS = [0, 1, -1, 127, 128, -128, -129, 0x12345678, -0x80000000];

function decode(bits: 16 | 32 | 64, operand: Memory, origin = 0): Instruction {
  const a = new Assembler(origin, bits);
  a.mov(r.ecx, operand);
  const code = a.finish();
  const out = new Instruction();
  assert.equal(decoder.decode(code, 0, code.length, bits, out), DecodeResult.Ok);
  assert.equal(out.length, code.length);
  assert.equal(out.form.mnemonic, "mov");
  assert.equal(out.registers[0], 1);
  return out;
}

describe("memory operands", () => {
  for (const [bits, registers] of [
    [64, wide],
    [64, narrow],
    [32, narrow],
    [16, narrow],
  ] as const) {
    it(`address by ${registers === wide ? "64" : "32"}-bit registers in ${bits}-bit code`, () => {
      for (const displacement of DISPLACEMENTS) {
        for (const index of [undefined, ...registers]) {
          if (index?.number === 4) continue;
          for (const base of registers) {
            for (const scale of index === undefined ? ([1] as const) : ([1, 2, 4, 8] as const)) {
              const out = decode(bits, dword({ base, ...(index && { index }), scale, displacement }));
              assert.deepEqual(
                [out.base, out.index, 1 << out.scale, out.displacement],
                [base.number, index?.number ?? NO_REGISTER, scale, displacement],
              );
            }
          }
          if (index === undefined) continue;
          const out = decode(bits, dword({ index, scale: 8, displacement }));
          assert.deepEqual(
            [out.base, out.index, out.displacement],
            [NO_REGISTER, index.number, displacement],
          );
        }
      }
    });
  }

  it("address by 16-bit registers", () => {
    const pairs = [
      [r.bx, r.si],
      [r.bx, r.di],
      [r.bp, r.si],
      [r.bp, r.di],
      [r.si, undefined],
      [r.di, undefined],
      [r.bp, undefined],
      [r.bx, undefined],
    ] as const;
    for (const bits of [16, 32] as const) {
      for (const [base, index] of pairs) {
        for (const displacement of [0, 1, -128, 128, 0x7fff]) {
          const out = decode(bits, mem({ base, ...(index && { index }), displacement }));
          assert.deepEqual(
            [out.addressSize, out.base, out.index, out.displacement],
            [16, base.number, index?.number ?? NO_REGISTER, displacement],
          );
        }
      }
    }
  });

  it("are absolute without registers", () => {
    for (const bits of [16, 32, 64] as const) {
      const out = decode(bits, mem(0x1234));
      assert.deepEqual([out.base, out.index, out.displacement], [NO_REGISTER, NO_REGISTER, 0x1234]);
    }
    assert.equal(decode(32, mem(0xfee00020)).displacement, 0xfee00020 | 0);
  });

  it("take segments", () => {
    const out = decode(64, mem({ base: r.rax, segment: r.gs }));
    assert.deepEqual([out.segment, out.segmentOverride], [5, true]);
  });

  it("name places: relative to RIP in 64-bit code, else absolute", () => {
    for (const [bits, base, displacement] of [
      [64, RIP_BASE, 0x1004 - (0x1000 + 10)],
      [32, NO_REGISTER, 0x1004],
      [16, NO_REGISTER, 0x1004],
    ] as const) {
      const a = new Assembler(0x1000, bits);
      const start = a.here("start");
      // The displacement counts from the end of the instruction, behind the immediate.
      a.mov(dword(start, 4), 0x12345678);
      const code = a.finish();
      const out = new Instruction();
      assert.equal(decoder.decode(code, 0, code.length, bits, out), DecodeResult.Ok);
      assert.deepEqual([out.base, out.displacement, out.immediate], [base, displacement, 0x12345678]);
    }
  });

  it("add a place to registers", () => {
    const a = new Assembler(0x1000, 64);
    const table = a.label("table");
    a.bind(table, 0x5000);
    const out = decode(64, mem({ base: r.rbx, place: table.plus(8), displacement: 1 }));
    assert.deepEqual([out.base, out.displacement], [3, 0x5009]);
  });
});

describe("what can't be encoded", () => {
  const refuses = (bits: 16 | 32 | 64, write: (a: Assembler) => void, message: RegExp): void => {
    assert.throws(() => write(new Assembler(0, bits)), message);
  };

  it("is refused with the reason", () => {
    refuses(64, (a) => a.mov(r.rax, r.ebx), /64 and 32 bits/);
    refuses(64, (a) => a.inc(mem(r.rax)), /width of the memory operand is unknown/);
    refuses(64, (a) => a.mov(qword(r.rax), qword(r.rbx)), /at most one memory operand/);
    refuses(64, (a) => a.mov(mem({ index: r.rsp }), r.rax), /rsp can't be an index/);
    refuses(64, (a) => a.mov(r.ah, r.r8b), /REX/);
    refuses(64, (a) => a.mov(r.eax, mem(0xfee00000)), /can't be sign-extended/);
    refuses(64, (a) => a.mov(r.eax, mem({ base: r.rax, index: r.ecx })), /different widths/);
    refuses(64, (a) => a.mov(r.eax, mem(r.bx)), /can't address memory by bx/);
    refuses(32, (a) => a.mov(r.rax, r.rbx), /64-bit code only/);
    refuses(32, (a) => a.push(r.rax), /no push or pop of 64 bits/);
    refuses(64, (a) => a.push(r.eax), /no push or pop of 32 bits/);
    refuses(64, (a) => a.add(r.rax, 0x80000000), /can't be sign-extended/);
    refuses(64, (a) => a.add(r.al, 256), /does not fit in 8 bits/);
    refuses(64, (a) => a.mov(r.ax, 0x10000), /does not fit in 16 bits/);
    refuses(64, (a) => a.jmpFar(8, 0), /no far jump/);
    refuses(64, (a) => a.shl(r.eax, r.ecx), /CL/);
    refuses(16, (a) => a.mov(r.al, mem(r.cx)), /no \[cx\]/);
  });
});
