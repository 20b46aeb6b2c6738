/**
 * Vector operations: each object's arithmetic on lanes, against JavaScript's.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { build } from "./build.test.helper.js";
import { load } from "./function.js";
import { f32x4, f64x2, i8x16, i16x8, i32x4, i64x2, v128 } from "./simd.js";
import { I32, type V128, type Value } from "./value.js";

const A = [0x00, 0x01, 0x7f, 0x80, 0xff, 0x55, 0xaa, 0x12, 0xfe, 0x81, 0x03, 0x40, 0xc0, 0x00, 0xff, 0x7f];
const B = [0x01, 0x01, 0x80, 0x7f, 0xff, 0xaa, 0xaa, 0x34, 0x02, 0x80, 0x03, 0xc0, 0x40, 0xff, 0xfe, 0x7f];

/** Applies an operation to the two vectors of bytes and gives the 16 bytes of the result. */
function apply(operation: (a: V128, b: V128) => V128, a = A, b = B): number[] {
  const { call, memory } = build([], undefined, (f) => {
    f.store(I32.const(32), operation(load.v128(I32.const(0)), load.v128(I32.const(16))));
  });
  for (const [i, byte] of [...a, ...b].entries()) memory.setUint8(i, byte);
  call();
  return Array.from({ length: 16 }, (_, i) => memory.getUint8(32 + i));
}

/** Applies an operation that yields a number. */
function reduce(operation: (a: V128) => Value, a = A): number | bigint | undefined {
  const { type } = operation({} as V128);
  const { call, memory } = build([], type, (f) => f.return(operation(load.v128(I32.const(0)))));
  for (const [i, byte] of a.entries()) memory.setUint8(i, byte);
  return call();
}

const signed = (x: bigint, bits: number) => BigInt.asIntN(bits, x);
const lanes = (bytes: readonly number[], bits: number) =>
  Array.from({ length: 128 / bits }, (_, lane) => {
    let value = 0n;
    for (let i = bits / 8 - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[lane * (bits / 8) + i]!);
    return value;
  });
const bytesOf = (values: readonly bigint[], bits: number) =>
  values.flatMap((value) =>
    Array.from({ length: bits / 8 }, (_, i) =>
      Number((BigInt.asUintN(bits, value) >> BigInt(8 * i)) & 0xffn),
    ),
  );

type Reference = (x: bigint, y: bigint, bits: number) => bigint;
const mask = (value: boolean) => (value ? -1n : 0n);
const clamp = (value: bigint, low: bigint, high: bigint) => (value < low ? low : value > high ? high : value);
const clampS = (value: bigint, bits: number) => {
  const limit = 1n << BigInt(bits - 1);
  return clamp(value, -limit, limit - 1n);
};
/** By operation name; operands are unsigned lanes. */
const references: Record<string, Reference> = {
  add: (x, y) => x + y,
  sub: (x, y) => x - y,
  mul: (x, y) => x * y,
  eq: (x, y) => mask(x === y),
  ne: (x, y) => mask(x !== y),
  ltS: (x, y, n) => mask(signed(x, n) < signed(y, n)),
  ltU: (x, y) => mask(x < y),
  gtS: (x, y, n) => mask(signed(x, n) > signed(y, n)),
  gtU: (x, y) => mask(x > y),
  leS: (x, y, n) => mask(signed(x, n) <= signed(y, n)),
  leU: (x, y) => mask(x <= y),
  geS: (x, y, n) => mask(signed(x, n) >= signed(y, n)),
  geU: (x, y) => mask(x >= y),
  minS: (x, y, n) => (signed(x, n) < signed(y, n) ? x : y),
  minU: (x, y) => clamp(x, 0n, y),
  maxS: (x, y, n) => (signed(x, n) > signed(y, n) ? x : y),
  maxU: (x, y, n) => clamp(y, x, 1n << BigInt(n)),
  avgrU: (x, y) => (x + y + 1n) >> 1n,
  addSatS: (x, y, n) => clampS(signed(x, n) + signed(y, n), n),
  addSatU: (x, y, n) => clamp(x + y, 0n, (1n << BigInt(n)) - 1n),
  subSatS: (x, y, n) => clampS(signed(x, n) - signed(y, n), n),
  subSatU: (x, y) => clamp(x - y, 0n, x),
  q15mulrSatS: (x, y, n) => clampS((signed(x, n) * signed(y, n) + 0x4000n) >> 15n, n),
  abs: (x, _, n) => (signed(x, n) < 0n ? -signed(x, n) : x),
  neg: (x) => -x,
  popcnt: (x) => BigInt(x.toString(2).replaceAll("0", "").length),
};
const shifts: Record<string, Reference> = {
  shl: (x, count) => x << count,
  shrS: (x, count, n) => signed(x, n) >> count,
  shrU: (x, count) => x >> count,
};

type Operations = Record<string, (a: V128, b: V128 | number) => V128>;
const shapes = { i8x16: [i8x16, 8], i16x8: [i16x8, 16], i32x4: [i32x4, 32], i64x2: [i64x2, 64] } as const;

for (const [shape, [object, bits]] of Object.entries(shapes)) {
  const operations = object as unknown as Operations;
  describe(shape, () => {
    for (const [name, reference] of Object.entries(references)) {
      const operation = operations[name];
      if (!operation) continue;
      test(name, () => {
        const [x, y] = [lanes(A, bits), lanes(B, bits)];
        const want = x.map((value, i) => reference(value, y[i]!, bits));
        assert.deepEqual(apply(operation), bytesOf(want, bits));
      });
    }
    for (const [name, reference] of Object.entries(shifts)) {
      test(name, () => {
        for (const count of [0, 1, bits - 1, bits, bits + 3]) {
          const want = lanes(A, bits).map((value) => reference(value, BigInt(count % bits), bits));
          assert.deepEqual(
            apply((a) => operations[name]!(a, count)),
            bytesOf(want, bits),
            `${count}`,
          );
        }
      });
    }
    test("bitmask, allTrue", () => {
      const signs = lanes(A, bits).reduce((sum, lane, i) => sum + (signed(lane, bits) < 0n ? 2 ** i : 0), 0);
      assert.equal(reduce(object.bitmask), signs);
      assert.equal(reduce(object.allTrue), Number(lanes(A, bits).every((lane) => lane !== 0n)));
      assert.equal(reduce(object.allTrue, new Array(16).fill(3)), 1);
    });
    test("splat, extract, replace", () => {
      const last = 128 / bits - 1;
      const extract = (a: V128): Value =>
        bits === 8 ? i8x16.extractU(a, last) : bits === 16 ? i16x8.extractU(a, last) : shapeExtract(a, last);
      const shapeExtract = bits === 64 ? i64x2.extract : i32x4.extract;
      const want = bits < 32 ? lanes(A, bits)[last]! : signed(lanes(A, bits)[last]!, bits);
      assert.equal(BigInt(reduce(extract)!), want);
      const splat = object.splat as unknown as (value: Value) => V128;
      const replace = object.replace as unknown as (a: V128, index: number, value: Value) => V128;
      assert.deepEqual(
        apply((a) => replace(a, 0, extract(a))),
        bytesOf([want, ...lanes(A, bits).slice(1)], bits),
      );
      assert.deepEqual(
        apply((a) => splat(extract(a))),
        bytesOf(new Array(128 / bits).fill(want), bits),
      );
    });
  });
}

describe("widening and narrowing", () => {
  const wider = [
    [i16x8, "I8", 8],
    [i32x4, "I16", 16],
    [i64x2, "I32", 32],
  ] as const;
  for (const [object, from, bits] of wider) {
    test(`${from} to ${bits * 2} bits`, () => {
      const operations = object as unknown as Operations;
      for (const [half, start] of [
        ["Low", 0],
        ["High", 64 / bits],
      ] as const) {
        for (const sign of ["S", "U"] as const) {
          const pick = (bytes: readonly number[]) =>
            lanes(bytes, bits)
              .slice(start, start + 64 / bits)
              .map((x) => (sign === "S" ? signed(x, bits) : x));
          assert.deepEqual(apply(operations[`extend${half}${from}${sign}`]!), bytesOf(pick(A), bits * 2));
          const multiply = operations[`extmul${half}${from}${sign}`];
          if (!multiply) continue;
          const want = pick(A).map((x, i) => x * pick(B)[i]!);
          assert.deepEqual(apply(multiply), bytesOf(want, bits * 2));
        }
      }
    });
  }

  test("narrowing saturates", () => {
    const narrow = (bytes: readonly number[], bits: number, unsigned: boolean) =>
      lanes(bytes, bits * 2).map((x) => {
        const value = signed(x, bits * 2);
        return unsigned ? clamp(value, 0n, (1n << BigInt(bits)) - 1n) : clampS(value, bits);
      });
    for (const [object, bits] of [
      [i8x16, 8],
      [i16x8, 16],
    ] as const) {
      const both = (unsigned: boolean) =>
        bytesOf([...narrow(A, bits, unsigned), ...narrow(B, bits, unsigned)], bits);
      assert.deepEqual(apply(object.narrowS), both(false));
      assert.deepEqual(apply(object.narrowU), both(true));
    }
  });

  test("sums of pairs, dot product", () => {
    const pairs = (values: readonly bigint[]) =>
      Array.from({ length: values.length / 2 }, (_, i) => values[2 * i]! + values[2 * i + 1]!);
    const s = (bytes: readonly number[], bits: number) => lanes(bytes, bits).map((x) => signed(x, bits));
    assert.deepEqual(apply(i16x8.extaddPairwiseI8S), bytesOf(pairs(s(A, 8)), 16));
    assert.deepEqual(apply(i16x8.extaddPairwiseI8U), bytesOf(pairs(lanes(A, 8)), 16));
    assert.deepEqual(apply(i32x4.extaddPairwiseI16S), bytesOf(pairs(s(A, 16)), 32));
    assert.deepEqual(apply(i32x4.extaddPairwiseI16U), bytesOf(pairs(lanes(A, 16)), 32));
    const products = s(A, 16).map((x, i) => x * s(B, 16)[i]!);
    assert.deepEqual(apply(i32x4.dotI16S), bytesOf(pairs(products), 32));
  });
});

describe("bits and bytes", () => {
  const each = (f: (a: number, b: number) => number) => A.map((a, i) => f(a, B[i]!) & 0xff);
  test("and, or, xor, andnot, not, bitselect, anyTrue", () => {
    assert.deepEqual(
      apply(v128.and),
      each((a, b) => a & b),
    );
    assert.deepEqual(
      apply(v128.or),
      each((a, b) => a | b),
    );
    assert.deepEqual(
      apply(v128.xor),
      each((a, b) => a ^ b),
    );
    assert.deepEqual(
      apply(v128.andnot),
      each((a, b) => a & ~b),
    );
    assert.deepEqual(
      apply(v128.not),
      each((a) => ~a),
    );
    assert.deepEqual(
      apply((a, b) => v128.bitselect(a, v128.not(a), b)),
      each((a, b) => (a & b) | (~a & ~b)),
    );
    assert.equal(reduce(v128.anyTrue), 1);
    assert.equal(reduce(v128.anyTrue, new Array(16).fill(0)), 0);
  });

  test("shuffle and swizzle", () => {
    const order = [31, 0, 16, 15, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22];
    assert.deepEqual(
      apply((a, b) => i8x16.shuffle(a, b, order)),
      order.map((i) => [...A, ...B][i]),
    );
    assert.deepEqual(
      apply(i8x16.swizzle),
      B.map((i) => A[i] ?? 0),
    );
  });
});

describe("floating point", () => {
  const doubles = (x: number, y: number) => [...new Uint8Array(Float64Array.of(x, y).buffer)];
  const singles = (...x: number[]) => [...new Uint8Array(Float32Array.from(x).buffer)];
  const [a2, b2] = [
    [2.5, -1e300],
    [-0.5, 3],
  ] as const;
  const [a4, b4] = [
    [2.5, -3.5, 0.75, 1e30],
    [-0.5, -3.5, 4, -2],
  ] as const;
  const arithmetic = {
    add: (x: number, y: number) => x + y,
    sub: (x: number, y: number) => x - y,
    mul: (x: number, y: number) => x * y,
    div: (x: number, y: number) => x / y,
    abs: Math.abs,
    neg: (x: number) => -x,
    ceil: Math.ceil,
    floor: Math.floor,
    trunc: Math.trunc,
    sqrt: Math.sqrt,
  };
  const comparisons = {
    eq: (x: number, y: number) => x === y,
    ne: (x: number, y: number) => x !== y,
    lt: (x: number, y: number) => x < y,
    gt: (x: number, y: number) => x > y,
    le: (x: number, y: number) => x <= y,
    ge: (x: number, y: number) => x >= y,
  };
  for (const [name, reference] of Object.entries(arithmetic)) {
    test(name, () => {
      // A NaN's sign is not defined: square roots of positive numbers only.
      const positive = name === "sqrt" ? Math.abs : (x: number) => x;
      const [two, four] = [a2.map(positive) as [number, number], a4.map(positive)];
      const operation = name as keyof typeof arithmetic;
      assert.deepEqual(
        apply(f64x2[operation], doubles(...two), doubles(...b2)),
        doubles(...(two.map((x, i) => reference(x, b2[i]!)) as [number, number])),
      );
      assert.deepEqual(
        apply(f32x4[operation], singles(...four), singles(...b4)),
        singles(...four.map((x, i) => reference(Math.fround(x), b4[i]!))),
      );
    });
  }
  for (const [name, reference] of Object.entries(comparisons)) {
    test(name, () => {
      const operation = name as keyof typeof comparisons;
      const masks = (x: readonly number[], y: readonly number[], bytes: number) =>
        x.flatMap((value, i) => new Array<number>(bytes).fill(reference(value, y[i]!) ? 0xff : 0));
      assert.deepEqual(apply(f64x2[operation], doubles(...a2), doubles(...b2)), masks(a2, b2, 8));
      assert.deepEqual(apply(f32x4[operation], singles(...a4), singles(...b4)), masks(a4, b4, 4));
    });
  }
  test("nearest goes to even", () => {
    assert.deepEqual(apply(f32x4.nearest, singles(0.5, 1.5, -2.5, 2.4)), singles(0, 2, -2, 2));
    assert.deepEqual(apply(f64x2.nearest, doubles(2.5, -3.5)), doubles(2, -4));
  });
  test("conversions", () => {
    assert.deepEqual(apply(f64x2.promoteLowF32, singles(...a4)), doubles(2.5, -3.5));
    assert.deepEqual(apply(f32x4.demoteF64Zero, doubles(2.5, 0.1)), singles(2.5, 0.1, 0, 0));
    const integers = bytesOf([1n, -2n, 0x7fffffffn, -0x80000000n], 32);
    assert.deepEqual(apply(f32x4.convertI32S, integers), singles(1, -2, 2 ** 31, -(2 ** 31)));
    assert.deepEqual(apply(f64x2.convertLowI32S, integers), doubles(1, -2));
  });
  test("splat, extract, replace", () => {
    assert.equal(
      reduce((a) => f32x4.extract(a, 2), singles(...a4)),
      0.75,
    );
    assert.equal(
      reduce((a) => f64x2.extract(a, 1), doubles(...a2)),
      -1e300,
    );
    assert.deepEqual(
      apply((a) => f32x4.replace(a, 3, f32x4.extract(a, 0)), singles(...a4)),
      singles(2.5, -3.5, 0.75, 2.5),
    );
    assert.deepEqual(
      apply((a) => f64x2.splat(f64x2.extract(a, 0)), doubles(...a2)),
      doubles(2.5, 2.5),
    );
    assert.deepEqual(
      apply((a) => f64x2.replace(f32x4.splat(f32x4.extract(a, 0)), 1, f64x2.extract(a, 0)), doubles(0, 7)),
      doubles(0, 0),
    );
  });
});
