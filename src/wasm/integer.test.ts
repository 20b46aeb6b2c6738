/**
 * Integer operations: what is compiled does what JavaScript's arithmetic says, and what is folded at build
 * time is the same.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { build } from "./build.test.helper.js";
import { I32, I64, type Value } from "./value.js";

const words = [
  0, 1, 2, 5, 31, 32, 33, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0x12345678, 0x7fffffff, -1, -2, -0x80000000,
];
const longs = [
  ...words.map(BigInt),
  63n,
  64n,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  0x123456789abcdef0n,
  2n ** 63n - 1n,
  -(2n ** 63n),
];
const unsigned = (value: bigint) => BigInt.asUintN(64, value);
const signed = (value: bigint) => BigInt.asIntN(64, value);
const bool = (value: boolean) => (value ? 1 : 0);
const rotl32 = (x: number, n: number) => (x << (n & 31)) | (x >>> ((32 - n) & 31));
const rotl64 = (x: bigint, n: bigint) => signed((x << (n & 63n)) | (unsigned(x) >> ((64n - n) & 63n)));
const bits64 = (x: bigint) => unsigned(x).toString(2).padStart(64, "0");

const binary32: Record<string, (x: number, y: number) => number> = {
  eq: (x, y) => bool(x === y),
  ne: (x, y) => bool(x !== y),
  ltS: (x, y) => bool(x < y),
  ltU: (x, y) => bool(x >>> 0 < y >>> 0),
  gtS: (x, y) => bool(x > y),
  gtU: (x, y) => bool(x >>> 0 > y >>> 0),
  leS: (x, y) => bool(x <= y),
  leU: (x, y) => bool(x >>> 0 <= y >>> 0),
  geS: (x, y) => bool(x >= y),
  geU: (x, y) => bool(x >>> 0 >= y >>> 0),
  add: (x, y) => (x + y) | 0,
  sub: (x, y) => (x - y) | 0,
  mul: Math.imul,
  and: (x, y) => x & y,
  or: (x, y) => x | y,
  xor: (x, y) => x ^ y,
  shl: (x, y) => x << y,
  shrS: (x, y) => x >> y,
  shrU: (x, y) => (x >>> y) | 0,
  rotl: rotl32,
  rotr: (x, y) => rotl32(x, 32 - (y & 31)),
};
const division32: typeof binary32 = {
  divS: (x, y) => (x / y) | 0,
  divU: (x, y) => ((x >>> 0) / (y >>> 0)) | 0,
  remS: (x, y) => (x % y) | 0,
  remU: (x, y) => ((x >>> 0) % (y >>> 0)) | 0,
};
const unary32: Record<string, (x: number) => number | bigint> = {
  eqz: (x) => bool(x === 0),
  clz: Math.clz32,
  ctz: (x) => (x === 0 ? 32 : 31 - Math.clz32(x & -x)),
  popcnt: (x) => (x >>> 0).toString(2).replaceAll("0", "").length,
  extend8S: (x) => (x << 24) >> 24,
  extend16S: (x) => (x << 16) >> 16,
  toI64S: (x) => BigInt(x),
  toI64U: (x) => BigInt(x >>> 0),
  toF32S: (x) => Math.fround(x),
  toF64S: (x) => x,
};
const compare64: Record<string, (x: bigint, y: bigint) => number> = {
  eq: (x, y) => bool(x === y),
  ne: (x, y) => bool(x !== y),
  ltS: (x, y) => bool(x < y),
  ltU: (x, y) => bool(unsigned(x) < unsigned(y)),
  gtS: (x, y) => bool(x > y),
  gtU: (x, y) => bool(unsigned(x) > unsigned(y)),
  leS: (x, y) => bool(x <= y),
  leU: (x, y) => bool(unsigned(x) <= unsigned(y)),
  geS: (x, y) => bool(x >= y),
  geU: (x, y) => bool(unsigned(x) >= unsigned(y)),
};
const binary64: Record<string, (x: bigint, y: bigint) => bigint> = {
  add: (x, y) => signed(x + y),
  sub: (x, y) => signed(x - y),
  mul: (x, y) => signed(x * y),
  and: (x, y) => x & y,
  or: (x, y) => x | y,
  xor: (x, y) => x ^ y,
  shl: (x, y) => signed(x << (y & 63n)),
  shrS: (x, y) => x >> (y & 63n),
  shrU: (x, y) => signed(unsigned(x) >> (y & 63n)),
  rotl: rotl64,
  rotr: (x, y) => rotl64(x, 64n - (y & 63n)),
};
const division64: typeof binary64 = {
  divS: (x, y) => x / y,
  divU: (x, y) => signed(unsigned(x) / unsigned(y)),
  remS: (x, y) => x % y,
  remU: (x, y) => signed(unsigned(x) % unsigned(y)),
};
const unary64: Record<string, (x: bigint) => number | bigint> = {
  eqz: (x) => bool(x === 0n),
  clz: (x) => BigInt(`${bits64(x)}1`.indexOf("1")),
  ctz: (x) => BigInt(64 - 1 - `1${bits64(x)}`.lastIndexOf("1") + 1),
  popcnt: (x) => BigInt(bits64(x).replaceAll("0", "").length),
  extend8S: (x) => BigInt.asIntN(8, x),
  extend16S: (x) => BigInt.asIntN(16, x),
  extend32S: (x) => BigInt.asIntN(32, x),
  toI32: (x) => Number(BigInt.asIntN(32, x)),
  not: (x) => ~x,
  toF32S: (x) => Math.fround(Number(x)),
  toF64S: (x) => Number(x),
};

/** Operations by name, as methods of a value. */
type Method = (...operands: Value[]) => Value;
const method = (value: Value, name: string): Method =>
  (value as unknown as Record<string, Method>)[name]!.bind(value);

/**
 * Tests one operation on all operands, compiled for parameters, for a constant last operand and for
 * constants only.
 */
function check<T extends number | bigint>(
  type: "i32" | "i64",
  name: string,
  tuples: readonly (readonly T[])[],
  reference: (...operands: T[]) => number | bigint,
): void {
  const constant = (value: T): Value => (type === "i32" ? I32.const(Number(value)) : I64.const(value));
  const arity = tuples[0]!.length;
  const result = method(constant(tuples[0]![0]!), name)(...tuples[0]!.slice(1).map(constant)).type;
  const params = new Array<"i32" | "i64">(arity).fill(type);
  const compiled = build(params, result, (f) => {
    const [first, ...rest] = params.map((_, i) => f.param(type, i) as Value);
    f.return(method(first!, name)(...rest));
  });
  for (const tuple of tuples) {
    const want = reference(...tuple);
    const text = `${type}.${name}(${tuple})`;
    assert.equal(compiled.call(...tuple), want, text);
    const folded = build([], result, (f) => {
      const [first, ...rest] = tuple.map(constant);
      f.return(method(first!, name)(...rest));
    });
    assert.equal(folded.call(), want, `${text} of constants`);
    if (arity === 1) continue;
    const half = build([type], result, (f) => f.return(method(f.param(type, 0), name)(constant(tuple[1]!))));
    assert.equal(half.call(tuple[0]!), want, `${text} with a constant`);
  }
}

const pairs = <T>(values: readonly T[]) => values.flatMap((x) => values.map((y) => [x, y] as const));

describe("i32", () => {
  for (const [name, reference] of Object.entries(binary32))
    test(name, () => check("i32", name, pairs(words), reference));
  for (const [name, reference] of Object.entries(unary32)) {
    test(name, () =>
      check(
        "i32",
        name,
        words.map((x) => [x]),
        reference,
      ),
    );
  }
  // The quotient of the least number and -1 does not fit: WebAssembly traps, as for 0.
  const divisible = pairs(words).filter(([x, y]) => y !== 0 && !(x === -0x80000000 && y === -1));
  for (const [name, reference] of Object.entries(division32))
    test(name, () => check("i32", name, divisible, reference));
});

describe("i64", () => {
  const few = longs.filter((_, i) => i % 2 === 0 || i > 16);
  for (const [name, reference] of Object.entries(compare64))
    test(name, () => check("i64", name, pairs(few), reference));
  for (const [name, reference] of Object.entries(binary64))
    test(name, () => check("i64", name, pairs(few), reference));
  for (const [name, reference] of Object.entries(unary64)) {
    test(name, () =>
      check(
        "i64",
        name,
        longs.map((x) => [x]),
        reference,
      ),
    );
  }
  const divisible = pairs(few).filter(([x, y]) => y !== 0n && !(x === -(2n ** 63n) && y === -1n));
  for (const [name, reference] of Object.entries(division64))
    test(name, () => check("i64", name, divisible, reference));
});

test("constants fold at once, and neutral operands vanish", () => {
  assert.equal(I32.const(0xffffffff).constant, -1);
  assert.equal(I32.const(7).add(8).mul(2).constant, 30);
  assert.equal(I64.const(2n ** 64n - 1n).constant, -1n);
  assert.equal(I64.const(-1).shrU(60).toI32().constant, 15);
  assert.equal(I32.const(-1).toI64U().constant, 0xffffffffn);
  build(["i32", "i64"], undefined, (f) => {
    const [x, y] = [f.param("i32", 0), f.param("i64", 1)];
    for (const name of ["add", "sub", "or", "xor", "shl", "shrS", "shrU"] as const) {
      assert.equal(x[name](0), x, name);
      assert.equal(y[name](0), y, name);
    }
    assert.equal(x.and(-1), x);
    assert.equal(y.and(-1), y);
    assert.equal(x.add(1).constant, undefined);
  });
});
