/**
 * An instruction with an immediate that is known when code is generated (the translator's case) does the same
 * as one whose immediate is read at run time (the interpreter's, which the silicon vectors cover).
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type FunctionBuilder, load } from "../../wasm/function.js";
import { ModuleBuilder } from "../../wasm/module.js";
import { i64x2 } from "../../wasm/simd.js";
import { I32, type I64, type V128, type Value } from "../../wasm/value.js";
import { definitionOf, Emit, type Shape } from "../emit.js";
import type { Operand, OperandKind } from "../operand.js";
import { iota } from "./simd-forms.js";
import "./index.js";

/** Operand i lies at address 64 · i, whatever its kind; nothing else of a processor exists. */
function standIn(f: FunctionBuilder, shape: Shape, immediate: I32): Emit {
  const at = (i: number) => I32.const(64 * i);
  const width = (i: number) => shape.operands[i]!.width;
  const readLanes = (i: number): V128[] => {
    if (width(i) === 64) return [f.let(load.v128_64zero(at(i)))];
    if (width(i) === 32) return [f.let(load.v128_32zero(at(i)))];
    return iota(width(i) / 128).map((lane) => f.let(load.v128(at(i), 16 * lane)));
  };
  const members = {
    f,
    shape,
    cpu: I32.const(512),
    let: <V extends Value>(value: V): V => f.let(value),
    stateI32: (offset: number) => load.i32(I32.const(512), offset),
    setStateI32: (offset: number, value: I32) => f.store(I32.const(512), value, offset),
    fault: () => f.unreachable(),
    immediate: () => immediate,
    read: (i: number): I64 => f.let(width(i) < 64 ? load.i64_32u(at(i)) : load.i64(at(i))),
    write: (i: number, value: I64) => f.storeInt(width(i), at(i), value),
    readLanes,
    readVector: (i: number, lane = 0) => readLanes(i)[lane]!,
    readWholeVector: (i: number) => f.let(load.v128(at(i))),
    writeLanes: (i: number, lanes: readonly V128[]) => {
      const fixed = lanes.map((lane) => f.let(lane));
      if (width(i) === 64) f.storeInt(64, at(i), i64x2.extract(fixed[0]!, 0));
      else for (const [lane, value] of fixed.entries()) f.store(at(i), value, 16 * lane);
    },
  };
  return Object.assign(Object.create(Emit.prototype) as Emit, members);
}

function shapeOf(text: string): Shape {
  const [mnemonic, list] = text.split(" ") as [string, string];
  const operands = list.split(",").map((word): Operand => {
    const [, kind, width] = /^([a-z]+)(\d+)$/.exec(word)!;
    return { kind: kind as OperandKind, width: Number(width) };
  });
  return {
    mnemonic,
    operands,
    operandSize: 32,
    addressSize: 64,
    long: true,
    rep: 0,
    vex: mnemonic.startsWith("v"),
    aligned: false,
  };
}

const shapes = [
  ..."pshufd pshuflw pshufhw psllw psrad psrlq psrldq pslldq"
    .split(" ")
    .map((name) => `${name} xmm128,xmm128,imm8`),
  ..."shufps shufpd palignr blendps blendpd pblendw mpsadbw"
    .split(" ")
    .map((name) => `v${name} ymm256,ymm256,ymm256,imm8`),
  ..."vpermilps vpermilpd vpermq".split(" ").map((name) => `${name} ymm256,ymm256,imm8`),
  ..."pshufw psraw palignr".split(" ").map((name) => `${name} mm64,mm64,imm8`),
  ..."vpblendd vperm2i128".split(" ").map((name) => `${name} ymm256,ymm256,ymm256,imm8`),
  "vinserti128 ymm256,ymm256,xmm128,imm8",
  "vextracti128 xmm128,ymm256,imm8",
  "pinsrb xmm128,gpr32,imm8",
  "pinsrw mm64,gpr32,imm8",
  "pextrw gpr32,xmm128,imm8",
  "pextrq gpr64,xmm128,imm8",
  "insertps xmm128,xmm128,imm8",
  "pclmulqdq xmm128,xmm128,imm8",
  "sha1rnds4 xmm128,xmm128,imm8",
];

for (const text of shapes) {
  test(`constant and run-time immediates agree: ${text}`, () => {
    const shape = shapeOf(text);
    const { emit } = definitionOf(shape.mnemonic)!;
    const m = new ModuleBuilder();
    const body = (immediate?: number) =>
      m.function(["i32"], [], (f) =>
        emit(standIn(f, shape, immediate === undefined ? f.param("i32", 0) : I32.const(immediate))),
      );
    m.export("dynamic", body());
    const immediates = [...iota(64).map((i) => (i * 37) & 0xff), 8, 16, 17, 31, 32, 0xff];
    for (const immediate of immediates) m.export(`static${immediate}`, body(immediate));
    const memory = new WebAssembly.Memory({ initial: 1 });
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(m.build()), { env: { memory } });
    const run = (name: string, immediate: number) => {
      const bytes = new Uint8Array(memory.buffer, 0, 512);
      for (const i of iota(512)) bytes[i] = (i * 167 + 13) ^ (i >> 3);
      (exports[name] as (immediate: number) => void)(immediate);
      return Buffer.from(bytes).toString("hex");
    };
    for (const immediate of immediates) {
      assert.equal(run(`static${immediate}`, 0), run("dynamic", immediate), `immediate ${immediate}`);
    }
  });
}
