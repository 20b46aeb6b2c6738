/**
 * The decoder by the manual: one assertion per rule of SDM vol. 2A chapter 2 and of `instruction.ts`. Agreement with
 * another decoder is the business of `fuzz.test.ts`.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Feature } from "../form.js";
import { type CodeSize, Instruction, NO_REGISTER, RIP_BASE, Segment } from "../instruction.js";
import { allForms, DecodeResult, Decoder } from "./decoder.js";

const all = new Decoder("all");

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.split(" "), (byte) => Number.parseInt(byte, 16));
}

function decode(codeSize: CodeSize, hex: string, decoder = all): Instruction {
  const bytes = bytesOf(hex);
  const out = new Instruction();
  assert.equal(decoder.decode(bytes, 0, bytes.length, codeSize, out), DecodeResult.Ok, hex);
  assert.equal(out.length, bytes.length, hex);
  return out;
}

function resultOf(codeSize: CodeSize, hex: string, decoder = all): DecodeResult {
  const bytes = bytesOf(hex);
  return decoder.decode(bytes, 0, bytes.length, codeSize, new Instruction());
}

/** `add mem32,gpr32` and so on. */
function signature(instruction: Instruction): string {
  const operands = instruction.operands.map(({ kind, width }) => kind + width).join();
  return operands === "" ? instruction.form.mnemonic : `${instruction.form.mnemonic} ${operands}`;
}

function signatureOf(codeSize: CodeSize, hex: string, decoder = all): string {
  return signature(decode(codeSize, hex, decoder));
}

function without(...absent: Feature[]): Decoder {
  const features = new Set(allForms.map(({ feature }) => feature));
  for (const feature of absent) features.delete(feature);
  return new Decoder(features);
}

describe("operand and address size", () => {
  it("follows the code segment, 66 and 67", () => {
    assert.equal(signatureOf(16, "01 c8"), "add gpr16,gpr16");
    assert.equal(signatureOf(16, "66 01 c8"), "add gpr32,gpr32");
    assert.equal(signatureOf(32, "66 01 c8"), "add gpr16,gpr16");
    assert.equal(signatureOf(64, "48 01 c8"), "add gpr64,gpr64");
    assert.equal(signatureOf(64, "66 48 01 c8"), "add gpr64,gpr64");
    assert.equal(decode(16, "67 8b 00").addressSize, 32);
    assert.equal(decode(32, "67 8b 00").addressSize, 16);
    assert.equal(decode(64, "67 8b 00").addressSize, 32);
  });

  it("is 64 by default for stack operations, and always for near branches, in 64-bit mode", () => {
    assert.equal(signatureOf(64, "50"), "push gpr64");
    assert.equal(signatureOf(64, "66 50"), "push gpr16");
    assert.equal(decode(64, "9c").operandSize, 64);
    assert.equal(decode(64, "66 9c").operandSize, 16);
    assert.equal(signatureOf(64, "66 e8 00 00 00 00"), "call rel64");
    assert.equal(signatureOf(64, "66 ff d0"), "call gpr64");
    assert.equal(decode(64, "cf").operandSize, 32);
    assert.equal(decode(64, "48 cf").operandSize, 64);
  });

  it("is not selected by a mandatory 66", () => {
    assert.equal(signatureOf(64, "66 0f 6e c0"), "movd xmm128,gpr32");
    assert.equal(decode(64, "66 0f 6e c0").operandSize, 32);
    assert.equal(signatureOf(64, "66 f3 0f b8 c0"), "popcnt gpr16,gpr16");
  });

  it("ignores REX before another prefix", () => {
    assert.equal(signatureOf(64, "48 66 01 c8"), "add gpr16,gpr16");
  });
});

describe("registers", () => {
  it("are AH-BH without REX, SPL-DIL with any REX", () => {
    const high = decode(64, "88 e5");
    assert.equal(signature(high), "mov gpr8h8,gpr8h8");
    assert.deepEqual(high.registers.slice(0, 2), [1, 0]);
    const low = decode(64, "40 88 e5");
    assert.equal(signature(low), "mov gpr8,gpr8");
    assert.deepEqual(low.registers.slice(0, 2), [5, 4]);
    assert.equal(signatureOf(32, "88 e0"), "mov gpr8,gpr8h8");
    assert.equal(signatureOf(32, "b7 01"), "mov gpr8h8,imm8");
  });

  it("extend by REX.R, REX.B and in the opcode", () => {
    assert.deepEqual(decode(64, "4d 89 c8").registers.slice(0, 2), [8, 9]);
    assert.equal(decode(64, "41 57").registers[0], 15);
    assert.equal(decode(64, "41 0f c8").registers[0], 8);
  });

  it("name what the manual's syntax names", () => {
    assert.equal(signatureOf(32, "d3 e0"), "shl gpr32,gpr8");
    assert.equal(decode(32, "d3 e0").registers[1], 1);
    assert.equal(signatureOf(32, "d1 e0"), "shl gpr32,imm8");
    assert.equal(decode(32, "d1 e0").immediate, 1);
    assert.equal(signatureOf(32, "ec"), "in gpr8,gpr16");
    assert.equal(decode(32, "ec").registers[1], 2);
    assert.equal(signatureOf(64, "66 0f 38 14 c1"), "blendvps xmm128,xmm128,xmm128");
  });

  it("exist", () => {
    assert.equal(resultOf(32, "8e c8"), DecodeResult.Invalid, "MOV CS");
    assert.equal(signatureOf(32, "8c c8"), "mov gpr32,seg16");
    assert.equal(resultOf(32, "8e f0"), DecodeResult.Invalid, "segment register 6");
    assert.equal(resultOf(32, "0f 20 c8"), DecodeResult.Invalid, "CR1");
    assert.equal(signatureOf(64, "44 0f 20 c0"), "mov gpr64,cr64");
    assert.equal(signatureOf(32, "0f 20 00"), "mov gpr32,cr32", "mod is ignored");
    assert.equal(resultOf(64, "44 0f 21 c0"), DecodeResult.Invalid, "DR8");
  });
});

describe("memory operands", () => {
  it("in 16-bit addressing", () => {
    const bpSi = decode(16, "8b 42 80");
    assert.deepEqual([bpSi.base, bpSi.index, bpSi.displacement, bpSi.segment], [5, 6, -128, Segment.SS]);
    const direct = decode(16, "8b 06 34 f2");
    assert.deepEqual([direct.base, direct.index, direct.displacement], [NO_REGISTER, NO_REGISTER, -0xdcc]);
    assert.equal(direct.segment, Segment.DS);
  });

  it("with SIB, default segments and overrides", () => {
    const sib = decode(32, "8b 44 8d 08");
    assert.deepEqual([sib.base, sib.index, sib.scale, sib.displacement], [5, 1, 2, 8]);
    assert.equal(sib.segment, Segment.SS);
    assert.equal(decode(32, "64 8b 44 8d 08").segment, Segment.FS);
    assert.equal(decode(32, "8b 04 24").index, NO_REGISTER);
    assert.equal(decode(64, "42 8b 04 20").index, 12);
    assert.equal(decode(64, "41 8b 04 24").segment, Segment.DS, "R12 is no stack register");
    const noBase = decode(64, "8b 04 25 00 00 00 80");
    assert.deepEqual(
      [noBase.base, noBase.displacement, noBase.displacementHigh],
      [NO_REGISTER, -0x8000_0000, -1],
    );
  });

  it("ignore null segment prefixes in 64-bit mode", () => {
    assert.equal(decode(64, "2e 8b 00").segment, Segment.DS);
    assert.equal(decode(64, "2e 8b 00").segmentOverride, false);
    assert.equal(decode(64, "64 2e 8b 00").segment, Segment.FS);
  });

  it("relative to RIP in 64-bit mode only", () => {
    assert.equal(decode(64, "8b 05 00 00 00 00").base, RIP_BASE);
    assert.equal(decode(32, "8b 05 00 00 00 00").base, NO_REGISTER);
  });

  it("as moffs have the address size", () => {
    const moffs = decode(64, "a1 88 77 66 55 44 33 22 11");
    assert.equal(signature(moffs), "mov gpr32,mem32");
    assert.deepEqual([moffs.displacement, moffs.displacementHigh], [0x55667788, 0x11223344]);
    assert.ok(moffs.memory);
    decode(64, "67 a1 88 77 66 55");
    decode(16, "a1 88 77");
  });

  it("have the width of the access", () => {
    assert.equal(signatureOf(64, "8d 00"), "lea gpr32,mem0");
    assert.equal(signatureOf(64, "0f 01 10"), "lgdt mem80");
    assert.equal(signatureOf(32, "0f 01 10"), "lgdt mem48");
    assert.equal(signatureOf(32, "db 28"), "fld mem80");
    assert.equal(signatureOf(16, "d9 30"), "fnstenv mem112");
    assert.equal(signatureOf(64, "0f ae 00"), "fxsave mem4096");
    assert.equal(signatureOf(64, "48 0f c7 08"), "cmpxchg16b mem128");
    assert.equal(signatureOf(64, "ff 18"), "callf mem48");
    assert.equal(signatureOf(64, "48 ff 28"), "jmpf mem80");
    assert.equal(signatureOf(64, "66 0f 38 20 00"), "pmovsxbw xmm128,mem64");
    assert.equal(signatureOf(64, "f2 0f 10 00"), "movsd xmm64,mem64");
  });
});

describe("immediates", () => {
  it("are sign-extended where the manual says", () => {
    const add = decode(64, "48 83 c0 ff");
    assert.deepEqual([signature(add), add.immediate, add.immediateHigh], ["add gpr64,imm64", -1, -1]);
    assert.equal(decode(32, "04 ff").immediate, 0xff);
    const mov = decode(64, "48 b8 ff ff ff ff 01 00 00 00");
    assert.deepEqual([mov.immediate, mov.immediateHigh], [-1, 1]);
    const push = decode(64, "68 00 00 00 80");
    assert.deepEqual([signature(push), push.immediate, push.immediateHigh], ["push imm64", -0x8000_0000, -1]);
  });

  it("come in pairs", () => {
    const far = decode(32, "9a 78 56 34 12 bc 9a");
    assert.deepEqual([signature(far), far.immediate, far.immediate2], ["callf far48", 0x12345678, 0x9abc]);
    const enter = decode(32, "c8 34 f2 05");
    assert.deepEqual([enter.immediate, enter.immediate2], [0xf234, 5]);
  });
});

describe("prefixes", () => {
  it("LOCK needs a lockable instruction with a memory destination", () => {
    assert.ok(decode(32, "f0 01 08").lock);
    assert.equal(resultOf(32, "f0 01 c8"), DecodeResult.Invalid);
    assert.equal(resultOf(32, "f0 03 08"), DecodeResult.Invalid);
    assert.equal(resultOf(32, "f0 39 08"), DecodeResult.Invalid);
    assert.equal(resultOf(32, "f0 90"), DecodeResult.Invalid);
  });

  it("REP is none where it is part of the opcode, and the last of F2 and F3 counts", () => {
    assert.equal(decode(32, "f3 a4").rep, 0xf3);
    assert.equal(decode(32, "f3 f2 a6").rep, 0xf2);
    assert.equal(decode(32, "f3 0f 10 c1").rep, 0);
    assert.equal(signatureOf(32, "f2 f3 0f 10 c1"), "movss xmm32,xmm32");
  });

  it("before VEX are undefined", () => {
    for (const prefix of ["66", "f2", "f3", "f0", "48"]) {
      assert.equal(resultOf(64, `${prefix} c5 f8 58 c1`), DecodeResult.Invalid, prefix);
    }
    assert.equal(signatureOf(64, "64 c5 f8 58 00"), "vaddps xmm128,xmm128,mem128");
  });
});

describe("VEX", () => {
  it("shares C4, C5 with LES, LDS outside 64-bit mode", () => {
    assert.equal(signatureOf(32, "c5 10"), "lds gpr32,mem48");
    assert.equal(signatureOf(32, "c5 f4 58 c1"), "vaddps ymm256,ymm256,ymm256");
    assert.equal(signatureOf(32, "62 00"), "bound gpr32,mem64");
    assert.equal(resultOf(64, "62 f1 7c 48 58 c1"), DecodeResult.Invalid, "EVEX");
  });

  it("names registers in vvvv and in the immediate", () => {
    const blend = decode(64, "c4 43 31 4a c2 b0");
    assert.equal(signature(blend), "vblendvps xmm128,xmm128,xmm128,xmm128");
    assert.deepEqual(blend.registers.slice(0, 4), [8, 9, 10, 11]);
    assert.equal(resultOf(64, "c5 f0 28 c1"), DecodeResult.Invalid, "unused vvvv must be 1111b");
  });

  it("gathers into distinct registers", () => {
    const gather = decode(64, "c4 e2 69 90 04 8b");
    assert.equal(signature(gather), "vpgatherdd xmm128,vmem32,xmm128");
    assert.deepEqual([gather.base, gather.index, gather.scale], [3, 1, 2]);
    assert.equal(resultOf(64, "c4 e2 79 90 04 8b"), DecodeResult.Invalid);
    assert.equal(resultOf(64, "c4 e2 69 90 03"), DecodeResult.Invalid, "needs SIB");
  });
});

describe("features", () => {
  it("decide whether a form exists, or which one it is", () => {
    assert.equal(resultOf(64, "f3 0f b8 c1", without("popcnt")), DecodeResult.Invalid);
    assert.equal(signatureOf(64, "f3 0f bd c1"), "lzcnt gpr32,gpr32");
    assert.equal(signatureOf(64, "f3 0f bd c1", without("lzcnt")), "bsr gpr32,gpr32");
    assert.equal(signatureOf(64, "f3 0f bc c1", without("bmi1")), "bsf gpr32,gpr32");
    assert.equal(signatureOf(64, "f3 0f 09", without("wbnoinvd")), "wbinvd");
    assert.equal(resultOf(64, "0f 01 c1", without("vmx")), DecodeResult.Invalid);
    assert.equal(resultOf(64, "c5 f5 fe c1", without("avx2")), DecodeResult.Invalid);
    assert.equal(signatureOf(64, "c5 f1 fe c1", without("avx2")), "vpaddd xmm128,xmm128,xmm128");
    assert.equal(resultOf(64, "9e", without("lahf64")), DecodeResult.Invalid);
    assert.equal(signatureOf(32, "9e", without("lahf64")), "sahf");
    assert.equal(signatureOf(64, "0f 1c 00", without("cldemote")), "nop mem0");
  });

  it("don't include TSX, MPX and shadow stacks", () => {
    assert.equal(resultOf(64, "c6 f8 00"), DecodeResult.Invalid, "XABORT");
    assert.equal(resultOf(64, "0f 01 d6"), DecodeResult.Invalid, "XTEST");
    assert.equal(signatureOf(64, "f3 0f 1a 00"), "nop mem0", "BNDCL");
    assert.equal(signatureOf(64, "f3 48 0f 1e c8"), "nop gpr64", "RDSSPQ");
    assert.equal(signatureOf(64, "f3 0f 1e fa"), "endbr64");
  });
});

describe("forms", () => {
  it("know alignment, LOCK and protected mode", () => {
    assert.ok(decode(64, "0f 28 00").form.aligned);
    assert.ok(decode(64, "66 0f fe 00").form.aligned);
    assert.ok(!decode(64, "0f 10 00").form.aligned);
    assert.ok(!decode(64, "f2 0f f0 00").form.aligned);
    assert.ok(!decode(64, "66 0f 3a 63 00 00").form.aligned);
    assert.ok(!decode(64, "0f 12 00").form.aligned);
    assert.ok(!decode(64, "c5 f8 58 00").form.aligned);
    assert.ok(decode(64, "c5 f8 28 00").form.aligned);
    assert.ok(decode(64, "0f 02 c1").form.protectedModeOnly);
    assert.ok(!decode(64, "0f 01 d1").form.protectedModeOnly);
  });

  it("tell the sizes of string instructions and SSE namesakes apart", () => {
    assert.equal(signatureOf(64, "a4"), "movs mem8");
    assert.equal(signatureOf(64, "48 a5"), "movs mem64");
    assert.equal(signatureOf(64, "6f"), "outs mem32");
    assert.equal(signatureOf(64, "f2 0f c2 c1 00"), "cmpsd xmm64,xmm64,imm8");
  });

  it("resolve to shared operand lists", () => {
    const one = decode(64, "01 c8").operands;
    assert.equal(decode(32, "29 d1").operands, one);
    assert.equal(decode(64, "01 c8", new Decoder("all")).operands, one);
  });

  it("are numbered", () => {
    allForms.forEach((form, i) => {
      assert.equal(form.id, i);
    });
  });
});

describe("length", () => {
  it("is at most 15", () => {
    assert.equal(resultOf(32, `${"66 ".repeat(14)}90`), DecodeResult.Ok);
    assert.equal(resultOf(32, `${"66 ".repeat(15)}90`), DecodeResult.TooLong);
    assert.equal(resultOf(32, `${"2e ".repeat(11)}05 00 00 00 00`), DecodeResult.TooLong);
  });

  it("may exceed what there is", () => {
    assert.equal(resultOf(32, "66 66"), DecodeResult.NeedMore);
    assert.equal(resultOf(32, "05 00 00 00"), DecodeResult.NeedMore);
    assert.equal(resultOf(32, "8b 44"), DecodeResult.NeedMore);
    assert.equal(resultOf(32, "0f 04"), DecodeResult.Invalid);
  });
});
