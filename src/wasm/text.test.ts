/**
 * Every operation of the builders is written as an instruction with the right name. The names come from the methods:
 * so the opcodes of the builders are checked against the table too.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type FunctionBuilder, load } from "./function.js";
import { ModuleBuilder } from "./module.js";
import { f32x4, f64x2, i8x16, i16x8, i32x4, i64x2, v128 } from "./simd.js";
import { ModuleFormatError, moduleText } from "./text.js";
import { F32, F64, I32, I64, select, V128, type Value, type ValueType } from "./value.js";

/** The instructions of a function without parameters, unindented, without what follows the opcode. */
function text(body: (f: FunctionBuilder) => void): string[] {
  const module = new ModuleBuilder();
  module.export("f", module.function([], [], body));
  const binary = module.build();
  const [only, ...others] = moduleText(binary);
  assert.equal(others.length, 0);
  assert.equal(only!.name, "f");
  return only!.lines.slice(1).map((line) => line.trim());
}

const opcode = (line: string | undefined) => line?.split(" ")[0];

/** A value of each type that does not fold. */
const sample: { [T in ValueType]: () => Value } = {
  i32: () => load.i32(I32.const(0)),
  i64: () => load.i64(I32.const(0)),
  f32: () => F32.const(1),
  f64: () => F64.const(1),
  v128: () => V128.const(1n, 2n),
};

const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

describe("the text of a module", () => {
  /** Methods of scalar values whose names are not those of the instructions. */
  const named: Record<string, string> = {
    "i32.toI64S": "i64.extend_i32_s",
    "i32.toI64U": "i64.extend_i32_u",
    "i32.toF32S": "f32.convert_i32_s",
    "i32.toF64S": "f64.convert_i32_s",
    "i32.asF32": "f32.reinterpret_i32",
    "i64.toI32": "i32.wrap_i64",
    "i64.toF32S": "f32.convert_i64_s",
    "i64.toF64S": "f64.convert_i64_s",
    "i64.asF64": "f64.reinterpret_i64",
    "f32.toF64": "f64.promote_f32",
    "f32.asI32": "i32.reinterpret_f32",
    "f32.truncSatI32S": "i32.trunc_sat_f32_s",
    "f32.truncSatI64S": "i64.trunc_sat_f32_s",
    "f64.toF32": "f32.demote_f64",
    "f64.asI64": "i64.reinterpret_f64",
    "f64.truncSatI32S": "i32.trunc_sat_f64_s",
    "f64.truncSatI64S": "i64.trunc_sat_f64_s",
    "i64.not": "i64.xor",
  };
  /** What is no instruction. */
  const others = new Set(["constructor", "op", "compare", "double", "emit"]);

  for (const [type, { prototype }] of Object.entries({ i32: I32, i64: I64, f32: F32, f64: F64 })) {
    for (const method of Object.getOwnPropertyNames(prototype).filter((name) => !others.has(name))) {
      const name = named[`${type}.${method}`] ?? `${type}.${snake(method)}`;
      test(name, () => {
        const a = sample[type as ValueType]() as Value & Record<string, (b: Value) => Value>;
        const lines = text((f) => f.drop(a[method]!(sample[type as ValueType]())));
        assert.equal(opcode(lines.at(-2)), name);
        assert.equal(lines.at(-1), "drop");
      });
    }
  }

  const halves: Record<string, string> = { i16x8: "i8x16", i32x4: "i16x8", i64x2: "i32x4" };
  const doubles: Record<string, string> = { i8x16: "i16x8", i16x8: "i32x4" };
  for (const [shape, operations] of Object.entries({ v128, i8x16, i16x8, i32x4, i64x2, f32x4, f64x2 })) {
    const lane = ({ i64x2: "i64", f32x4: "f32", f64x2: "f64" } as const)[shape as "i64x2"] ?? "i32";
    for (const [method, build] of Object.entries(operations)) {
      let name = snake(method);
      if (/^(extract|replace)/.test(name)) name = name.replace(/^(extract|replace)/, "$1_lane");
      name = name
        .replace(/^narrow/, `narrow_${doubles[shape]}`)
        .replace(/_i(8|16|32)(?=_|$)/, `_${halves[shape]}`);
      name = name.replace("demote_f64", "demote_f64x2").replace("low_f32", "low_f32x4");
      if (shape.startsWith("f")) name = name.replace(/convert_(low_)?\w+_s/, "convert_$1i32x4_s");
      test(`${shape}.${name}`, () => {
        const vector = sample.v128();
        const call = build as (...args: unknown[]) => Value;
        const lines = text((f) => {
          if (method === "splat") f.drop(call(sample[lane as ValueType]()));
          else if (method.startsWith("replace")) f.drop(call(vector, 1, sample[lane as ValueType]()));
          else if (method.startsWith("extract")) f.drop(call(vector, 1));
          else if (method === "shuffle") f.drop(call(vector, vector, [...Array(16).keys()]));
          else if (method.startsWith("sh")) f.drop(call(vector, sample.i32()));
          else f.drop(call(vector, vector, vector));
        });
        assert.equal(opcode(lines.at(-2)), `${shape}.${name}`);
        assert.equal(lines.at(-1), "drop");
      });
    }
  }

  for (const [method, build] of Object.entries(load)) {
    const [type, how = ""] = method.split("_");
    const name = `${type}.load${how.replace(/([su])$/, "_$1").replace("zero", "_zero")}`;
    test(name, () => assert.equal(text((f) => f.drop(build(I32.const(1), 300)))[1], `${name} offset=300`));
  }

  test("statements, structures and constants", () => {
    const module = new ModuleBuilder();
    module.importTable(1);
    const type = module.type(["i32"], ["i64"]);
    const helper = module.import("helper", "think", ["i64"], ["i64"]);
    const own = module.function(["i32"], ["i32"], (f) => {
      const flag = f.let(load.i32(f.param("i32", 0), 8));
      f.block((out) =>
        f.loop((again) => {
          f.brIf(again, flag);
          f.brTable(flag, [again], out);
        }),
      );
      f.if(
        flag,
        () => f.run(helper, I64.const(-5)),
        () => f.unreachable(),
      );
      f.drop(f.callIndirect("i64", type, flag, I32.const(1)));
      f.drop(
        f.choose(
          "f64",
          flag,
          () => F64.const(0.5),
          () => F64.const(-2),
        ),
      );
      f.drop(select(flag, sample.f32(), sample.f32()));
      f.drop(select(flag, sample.v128(), sample.v128()));
      f.store(flag, sample.v128(), 64);
      f.storeInt(8, flag, I64.const(1n << 40n));
      f.store16(flag, 7);
      f.memoryCopy(flag, flag, flag);
      f.memoryFill(flag, flag, flag);
      f.return(I32.const(-1));
    });
    module.export("own", own);
    const binary = module.build();
    assert.ok(WebAssembly.validate(binary));
    const [{ name, lines }] = moduleText(binary) as [{ name: string; lines: string[] }];
    assert.equal(name, "own");
    assert.equal(lines[0], "(i32) -> (i32), 3 locals");
    assert.equal(
      lines.slice(1, 29).join("\n"),
      `  local.get 0 ;; i32
  i32.load offset=8
  local.set 1 ;; i32
  block
    loop
      local.get 1 ;; i32
      br_if 0
      local.get 1 ;; i32
      br_table 0 1
    end
  end
  local.get 1 ;; i32
  if
    i64.const -5
    call $helper.think
    drop
  else
    unreachable
  end
  i32.const 1
  local.get 1 ;; i32
  call_indirect type 0
  local.set 2 ;; i64
  local.get 2 ;; i64
  drop
  local.get 1 ;; i32
  if f64
    f64.const 0.5`,
    );
    for (const line of [
      "  v128.const 00000000000000020000000000000001h",
      "  select v128",
      "  v128.store offset=64",
      "  i64.const 1099511627776",
      "  i64.store8",
      "  i32.store16",
      "  memory.copy",
      "  memory.fill",
    ])
      assert.ok(lines.includes(line), line);
    assert.deepEqual(lines.slice(-2), ["  i32.const -1", "  return"]);
  });

  test("what is no module of ours is refused", () => {
    assert.throws(() => moduleText(new Uint8Array(16)), ModuleFormatError);
    const module = new ModuleBuilder();
    // memory.grow is not among the builders' operations.
    module.add({ params: [], results: [] }, Uint8Array.of(0, 0x40, 0, 0x0b));
    assert.throws(() => moduleText(module.build()), /unknown opcode 40h/);
  });
});
