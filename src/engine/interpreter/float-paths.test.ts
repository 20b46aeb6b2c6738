/**
 * The two ways of the SSE floating-point instructions (isa/families/fp-emit.ts) agree: every instruction is generated
 * twice, once as it is and once with all branches to the exact way taken, and both see the same operands.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { definitionOf, type Shape } from "../../isa/emit.js";
import { fpHelpers } from "../../isa/families/helpers-fp.js";
import { allHelpers, type Helper } from "../../isa/helper.js";
import { emitLibrary } from "../../isa/library.js";
import type { Operand } from "../../isa/operand.js";
import { BOUNCE, CR4, FLAG_OPERAND, GPR, MXCSR, PENDING, STATE_SIZE, YMM } from "../../isa/state.js";
import type { Callee } from "../../wasm/function.js";
import { ModuleBuilder } from "../../wasm/module.js";
import { InterpreterEmit } from "./emit.js";
import { Record } from "./record.js";
import type { Runtime } from "./runtime.js";
import "../../isa/families/fp-arithmetic.js";
import "../../isa/families/fp-compare.js";
import "../../isa/families/fp-convert.js";
import "../../isa/families/fp-fma.js";
import "../../isa/families/fp-integer.js";
import "../../isa/families/fp-round.js";

/** Operands are written as in the shapes' keys: `xmm64`, `gpr32`, `imm8`. */
function shapeOf(mnemonic: string, operands: string): Shape {
  const parse = (text: string): Operand => {
    const [, kind, width] = /^([a-z]+)(\d+)$/.exec(text)!;
    return { kind: kind as Operand["kind"], width: Number(width) };
  };
  return {
    mnemonic,
    operands: operands.split(",").map(parse),
    operandSize: 32,
    addressSize: 64,
    long: true,
    rep: 0,
    vex: mnemonic.startsWith("v"),
    aligned: false,
  };
}

const shapes: Shape[] = [];
const binary = ["add", "sub", "mul", "div", "min", "max"];
for (const name of binary) {
  shapes.push(shapeOf(`${name}ss`, "xmm32,xmm32"), shapeOf(`${name}sd`, "xmm64,xmm64"));
  shapes.push(shapeOf(`v${name}ss`, "xmm32,xmm32,xmm32"), shapeOf(`v${name}sd`, "xmm64,xmm64,xmm64"));
}
for (const suffix of ["ps", "pd"]) {
  for (const name of [...binary, "addsub", "hadd", "hsub"]) {
    shapes.push(shapeOf(`${name}${suffix}`, "xmm128,xmm128"));
    shapes.push(shapeOf(`v${name}${suffix}`, "ymm256,ymm256,ymm256"));
  }
  shapes.push(shapeOf(`cmp${suffix}`, "xmm128,xmm128,imm8"));
  shapes.push(shapeOf(`vcmp${suffix}`, "ymm256,ymm256,ymm256,imm8"));
  shapes.push(shapeOf(`sqrt${suffix}`, "xmm128,xmm128"), shapeOf(`vsqrt${suffix}`, "ymm256,ymm256"));
  shapes.push(shapeOf(`round${suffix}`, "xmm128,xmm128,imm8"));
  shapes.push(shapeOf(`vround${suffix}`, "ymm256,ymm256,imm8"));
}
for (const [suffix, width] of [
  ["ss", 32],
  ["sd", 64],
] as const) {
  const x = `xmm${width}`;
  shapes.push(shapeOf(`sqrt${suffix}`, `${x},${x}`), shapeOf(`vsqrt${suffix}`, `${x},${x},${x}`));
  shapes.push(shapeOf(`round${suffix}`, `${x},${x},imm8`), shapeOf(`vround${suffix}`, `${x},${x},${x},imm8`));
  shapes.push(shapeOf(`cmp${suffix}`, `${x},${x},imm8`), shapeOf(`vcmp${suffix}`, `${x},${x},${x},imm8`));
  shapes.push(shapeOf(`comi${suffix}`, `${x},${x}`), shapeOf(`ucomi${suffix}`, `${x},${x}`));
  for (const cvt of ["cvt", "cvtt"]) {
    for (const gpr of ["gpr32", "gpr64"]) shapes.push(shapeOf(`${cvt}${suffix}2si`, `${gpr},${x}`));
  }
  shapes.push(shapeOf(`cvtsi2${suffix}`, `${x},gpr32`), shapeOf(`cvtsi2${suffix}`, `${x},gpr64`));
}
for (const cvt of ["cvt", "cvtt"]) {
  shapes.push(shapeOf(`${cvt}ps2dq`, "xmm128,xmm128"), shapeOf(`v${cvt}ps2dq`, "ymm256,ymm256"));
  shapes.push(shapeOf(`${cvt}pd2dq`, "xmm128,xmm128"), shapeOf(`v${cvt}pd2dq`, "xmm128,ymm256"));
}
shapes.push(shapeOf("cvtss2sd", "xmm64,xmm32"), shapeOf("cvtsd2ss", "xmm32,xmm64"));
shapes.push(shapeOf("cvtps2pd", "xmm128,xmm64"), shapeOf("vcvtps2pd", "ymm256,xmm128"));
shapes.push(shapeOf("cvtpd2ps", "xmm128,xmm128"), shapeOf("vcvtpd2ps", "xmm128,ymm256"));
shapes.push(shapeOf("cvtdq2ps", "xmm128,xmm128"), shapeOf("vcvtdq2ps", "ymm256,ymm256"));

for (const name of ["vfmadd231", "vfnmsub132", "vfnmadd213"]) {
  shapes.push(shapeOf(`${name}ss`, "xmm32,xmm32,xmm32"), shapeOf(`${name}sd`, "xmm64,xmm64,xmm64"));
}
for (const suffix of ["ps", "pd"]) {
  for (const name of ["vfmadd132", "vfnmsub231", "vfmaddsub213", "vfmsubadd231"]) {
    shapes.push(shapeOf(`${name}${suffix}`, "ymm256,ymm256,ymm256"));
  }
}

const CPU = 0x1000;
const RECORD = 0x800;
const memory = new WebAssembly.Memory({ initial: 1 });
const view = new DataView(memory.buffer);
const bytes = new Uint8Array(memory.buffer);
let helperCalls = 0;

type Instruction = (cpu: number, record: number) => void;

/** All instructions, as functions `fast…` and `exact…` by position in {@link shapes}. */
function instantiate(): Record<string, Instruction> {
  const m = new ModuleBuilder();
  const helpers = new Map<Helper, Callee>();
  const imports: Record<string, (...args: number[]) => number> = {};
  for (const helper of allHelpers()) {
    const implementation = fpHelpers[helper.name];
    if (!implementation) continue;
    helpers.set(helper, m.import("helper", helper.name, ["i32", "i32", ...helper.params], ["i32"]));
    imports[helper.name] = (cpu, record, ...args) => {
      helperCalls++;
      return implementation(view, cpu!, record!, ...args);
    };
  }
  const unused = m.import("helper", "unused", [], []);
  const runtime: Runtime = {
    flags: { carry: unused, overflow: unused, all: unused },
    resolve: unused,
    commit: unused,
    operandAddress: unused,
    checkSegment: unused,
    sync: m.import("helper", "sync", ["i32", "i32"], []),
    helper: (helper) => helpers.get(helper)!,
    library: emitLibrary(m),
    bounce: BOUNCE,
  };
  for (const [i, shape] of shapes.entries()) {
    for (const way of ["fast", "exact"]) {
      const body = m.function(["i32", "i32"], [], (f) => {
        // In these instructions `brIf` is used for leaving the fast way, and for nothing else.
        if (way === "exact") f.brIf = (label) => f.br(label);
        const end = () => f.return();
        const exits = { next: end, jump: end, leave: end, fault: end, control: end };
        definitionOf(shape.mnemonic)!.emit(
          new InterpreterEmit(shape, f, f.param("i32", 0), f.param("i32", 1), runtime, exits),
        );
      });
      m.export(`${way}${i}`, body);
    }
  }
  const module = new WebAssembly.Module(m.build());
  const instance = new WebAssembly.Instance(module, {
    env: { memory },
    helper: { ...imports, unused: () => {}, sync: () => {} },
  });
  return instance.exports as unknown as Record<string, Instruction>;
}

let seed = 0x2468ace1;
function random(limit: number): number {
  seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
  return ((seed >>> 8) * limit) >>> 24;
}
function random64(): bigint {
  let value = 0n;
  for (let i = 0; i < 4; i++) value = (value << 16n) | BigInt(random(0x10000));
  return value;
}

/** Values around which everything changes. */
const special32 = [
  0, 1, 0x7fffff, 0x800000, 0x800001, 0x3f800000, 0x3f000000, 0x4b800000, 0x4f000000, 0x5f000000, 0x7f7fffff,
  0x7f800000, 0x7f800001, 0x7fc00000, 0x3effffff,
];
const special64 = [
  0n,
  1n,
  0xfffffffffffffn,
  0x10000000000000n,
  0x10000000000001n,
  0x3ff0000000000000n,
  0x3fe0000000000000n,
  0x3fdfffffffffffffn,
  0x41dfffffffc00000n,
  0x41e0000000000000n,
  0x43e0000000000000n,
  0x3810000000000000n,
  0x380fffffe0000000n,
  0x47efffffefffffffn,
  0x47effffff0000000n,
  0x7fefffffffffffffn,
  0x7ff0000000000000n,
  0x7ff0000000000001n,
  0x7ff8000000000000n,
];

const number = new DataView(new ArrayBuffer(8));
function single(style: number): number {
  if (style === 0 || (style === 1 && random(4) === 0)) {
    return special32[random(special32.length)]! | (random(2) << 31);
  }
  if (style === 2) number.setFloat32(0, random(64) - 32);
  else if (style === 3) return Number(random64() & 0xffffffffn);
  else number.setFloat32(0, (random(0x1000000) - 0x800000) * 2 ** (random(40) - 40));
  return number.getInt32(0);
}
function double(style: number): bigint {
  if (style === 0 || (style === 1 && random(4) === 0)) {
    return special64[random(special64.length)]! | (BigInt(random(2)) << 63n);
  }
  if (style === 2) number.setFloat64(0, random(64) - 32);
  else if (style === 3) return random64();
  else if (random(3) === 0)
    number.setFloat64(0, Math.fround((random(0x1000000) + 0.37) * 2 ** (random(40) - 20)));
  else number.setBigUint64(0, (random64() & 0x800fffffffffffffn) | (BigInt(0x3e0 + random(0x50)) << 52n));
  return number.getBigUint64(0);
}

/** Fills the state with operands of a style and a decoded record. */
function prepare(shape: Shape, style: number, mxcsr: number): void {
  bytes.fill(0, CPU, CPU + STATE_SIZE);
  const source = /cvtt?(ss|sd|ps|pd|dq)2/.exec(shape.mnemonic)?.[1] ?? shape.mnemonic.slice(-2);
  const doubles = source.endsWith("d");
  for (let register = 0; register < 3; register++) {
    for (let at = 0; at < 32; at += doubles ? 8 : 4) {
      const address = CPU + YMM + register * 32 + at;
      if (doubles) view.setBigUint64(address, double(style), true);
      else view.setInt32(address, single(style), true);
    }
    const integer = random64() >> BigInt(random(64));
    view.setBigUint64(CPU + GPR + register * 8, random(2) ? integer : -integer, true);
  }
  // Cancellation and equality are rare by chance.
  if (random(6) === 0) bytes.copyWithin(CPU + YMM + 32, CPU + YMM, CPU + YMM + 32);
  view.setUint32(CPU + MXCSR, mxcsr, true);
  view.setUint32(CPU + CR4, 0x400, true);
  view.setInt32(CPU + PENDING, -1, true);
  shape.operands.forEach(({ kind }, i) => {
    const slot = kind === "gpr" ? GPR + i * 8 : YMM + i * 32;
    if (kind !== "imm") view.setUint16(RECORD + Record.registers + i * 2, slot, true);
  });
  view.setUint32(RECORD + Record.immediate, random(256), true);
}

function outcome(): string {
  const field = (offset: number, length: number) =>
    Buffer.from(bytes.subarray(CPU + offset, CPU + offset + length)).toString("hex");
  return [
    `registers ${field(YMM, 96)}`,
    `general ${field(GPR, 24)}`,
    `MXCSR ${field(MXCSR, 4)}`,
    `flags ${field(FLAG_OPERAND, 8)}`,
    `exception ${field(PENDING, 4)}`,
  ].join("\n");
}

const instructions = instantiate();

test("the fast and the exact way of floating-point instructions agree", () => {
  for (const [i, shape] of shapes.entries()) {
    for (let round = 0; round < 400; round++) {
      const mxcsr = [0x1f80, 0x1fa0, 0x1fa0, random(0x10000)][random(4)]!;
      prepare(shape, round % 5, mxcsr);
      const state = bytes.slice(CPU, CPU + STATE_SIZE);
      instructions[`fast${i}`]!(CPU, RECORD);
      const fast = outcome();
      bytes.set(state, CPU);
      instructions[`exact${i}`]!(CPU, RECORD);
      const before = Buffer.from(state.subarray(YMM, YMM + 96)).toString("hex");
      assert.equal(fast, outcome(), `${shape.mnemonic} of ${before}, MXCSR ${mxcsr.toString(16)}`);
    }
  }
});

test("ordinary operands go the fast way", () => {
  for (const [i, shape] of shapes.entries()) {
    let calls = 0;
    for (let round = 0; round < 100; round++) {
      prepare(shape, 4, 0x1fa0);
      helperCalls = 0;
      instructions[`fast${i}`]!(CPU, RECORD);
      calls += helperCalls;
    }
    // What does not fit an integer, and roots of negative numbers, remain.
    const allowed = /2si|2dq/.test(shape.mnemonic) ? 60 : shape.mnemonic.includes("sqrt") ? 100 : 0;
    assert.ok(calls <= allowed, `${shape.mnemonic}: ${calls} of 100 in the exact way`);
  }
});

test("exact results go the fast way although the precision flag is clear", () => {
  for (const name of ["add", "sub", "mul"]) {
    for (const suffix of ["ss", "sd"]) {
      const i = shapes.findIndex((shape) => shape.mnemonic === `${name}${suffix}`);
      helperCalls = 0;
      for (let round = 0; round < 100; round++) {
        prepare(shapes[i]!, 2, 0x1f80);
        instructions[`fast${i}`]!(CPU, RECORD);
        assert.equal(view.getUint32(CPU + MXCSR, true), 0x1f80);
      }
      assert.equal(helperCalls, 0, `${name}${suffix}`);
    }
  }
});

test("an unmasked exception leaves the destination, sets its flag, and is #XM or #UD", () => {
  const i = shapes.findIndex((shape) => shape.mnemonic === "divsd");
  for (const [cr4, vector] of [
    [0x400, 19],
    [0, 6],
  ] as const) {
    prepare(shapes[i]!, 2, 0x1d80);
    view.setFloat64(CPU + YMM, 3, true);
    view.setFloat64(CPU + YMM + 32, 0, true);
    view.setUint32(CPU + CR4, cr4, true);
    instructions[`fast${i}`]!(CPU, RECORD);
    assert.equal(view.getFloat64(CPU + YMM, true), 3);
    assert.equal(view.getUint32(CPU + MXCSR, true), 0x1d84);
    assert.equal(view.getInt32(CPU + PENDING, true), vector);
  }
});
