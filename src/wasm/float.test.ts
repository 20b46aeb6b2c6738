import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { build } from "./build.test.helper.js";
import { F32, F64, I32, I64, type Value } from "./value.js";

const values = [0, -0, 1, -1.5, 2.5, 3.5, -2.5, 1e10, -1e20, 1e-30, Infinity, -Infinity, Number.NaN];
const bool = (value: boolean) => (value ? 1 : 0);
const saturate = (x: number, bits: number) => {
  const limit = 2 ** (bits - 1);
  if (Number.isNaN(x)) return 0n;
  if (x >= limit) return BigInt(limit) - 1n;
  return x <= -limit ? -BigInt(limit) : BigInt(Math.trunc(x));
};
/** To the nearest integer, halves to the even one. */
function nearest(x: number): number {
  if (!Number.isFinite(x) || Math.abs(x) > 2 ** 52) return x;
  const floor = Math.floor(x);
  const part = x - floor;
  const result = part < 0.5 || (part === 0.5 && floor % 2 === 0) ? floor : floor + 1;
  return result === 0 && (x < 0 || Object.is(x, -0)) ? -0 : result;
}

const binary: Record<string, (x: number, y: number) => number> = {
  add: (x, y) => x + y,
  sub: (x, y) => x - y,
  mul: (x, y) => x * y,
  div: (x, y) => x / y,
};
const compare: typeof binary = {
  eq: (x, y) => bool(x === y),
  ne: (x, y) => bool(x !== y),
  lt: (x, y) => bool(x < y),
  gt: (x, y) => bool(x > y),
  le: (x, y) => bool(x <= y),
  ge: (x, y) => bool(x >= y),
};
const unary: Record<string, (x: number) => number> = {
  abs: Math.abs,
  neg: (x) => -x,
  sqrt: Math.sqrt,
  nearest,
};

type Method = (...operands: Value[]) => Value;
const method = (value: Value, name: string): Method =>
  (value as unknown as Record<string, Method>)[name]!.bind(value);

for (const type of ["f32", "f64"] as const) {
  const round = type === "f32" ? Math.fround : (x: number) => x;
  const operands = values.map(round);
  const constant = type === "f32" ? F32.const : F64.const;

  describe(type, () => {
    for (const [name, reference] of Object.entries({ ...binary, ...compare })) {
      test(name, () => {
        const result = name in compare ? "i32" : type;
        const { call } = build([type, type], result, (f) => {
          f.return(method(f.param(type, 0), name)(f.param(type, 1)));
        });
        for (const x of operands) {
          for (const y of operands) {
            const want = name in compare ? reference(x, y) : round(reference(x, y));
            assert.equal(call(x, y), want, `${x} ${name} ${y}`);
          }
        }
      });
    }
    for (const [name, reference] of Object.entries(unary)) {
      test(name, () => {
        const { call } = build([type], type, (f) => f.return(method(f.param(type, 0), name)()));
        for (const x of operands) assert.equal(call(x), round(reference(x)), `${name} ${x}`);
      });
    }
    test("conversions to integers saturate", () => {
      const to32 = build([type], "i32", (f) => f.return(f.param(type, 0).truncSatI32S()));
      const to64 = build([type], "i64", (f) => f.return(f.param(type, 0).truncSatI64S()));
      for (const x of operands) {
        assert.equal(to32.call(x), Number(saturate(x, 32)), `${x}`);
        assert.equal(to64.call(x), saturate(x, 64), `${x}`);
      }
    });
    test("constants", () => {
      for (const x of operands) {
        const { call } = build([], type, (f) => f.return(constant(x)));
        assert.equal(call(), x);
      }
    });
  });
}

test("bits and numbers, single and double", () => {
  const run = (value: Value) => build([], value.type, (f) => f.return(value)).call();
  assert.equal(run(I32.const(0x3fc00000).asF32()), 1.5);
  assert.equal(run(F32.const(1.5).asI32()), 0x3fc00000);
  assert.equal(run(I64.const(0xc000000000000000n).asF64()), -2);
  assert.equal(run(F64.const(-2).asI64()), BigInt.asIntN(64, 0xc000000000000000n));
  assert.equal(run(F64.const(0.1).toF32()), Math.fround(0.1));
  assert.equal(run(F32.const(0.1).toF64()), Math.fround(0.1));
});
