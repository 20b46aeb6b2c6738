/** Single and double precision: agreement with the host's arithmetic, and the manual's special cases. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { EQUAL, GREATER, LESS, UNORDERED } from "./compare.js";
import {
  beginOperation,
  createEnv,
  DE,
  DOWN,
  type FloatEnv,
  IE,
  loadMxcsr,
  OE,
  PE,
  packedFlags,
  type Rounding,
  TRUNCATE,
  UE,
  UP,
  ZE,
} from "./env.js";
import { f16ToF32, f32, f32ToF16, f32ToF64, f64, f64ToF32 } from "./sse.js";

const view = new DataView(new ArrayBuffer(8));

function bits64(value: number): bigint {
  view.setFloat64(0, value);
  return view.getBigUint64(0);
}

function value64(bits: bigint): number {
  view.setBigUint64(0, bits);
  return view.getFloat64(0);
}

function bits32(value: number): number {
  view.setFloat32(0, value);
  return view.getUint32(0);
}

function value32(bits: number): number {
  view.setUint32(0, bits);
  return view.getFloat32(0);
}

let seed = 0x12345678;
function random32(): number {
  seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
  return ((seed >>> 16) | (seed << 16)) >>> 0;
}

/** A double with an exponent that meets its neighbours often, sometimes with a sparse or full significand. */
function randomDouble(): bigint {
  const spread = (random32() & 3) === 0 ? 2047 : 40;
  const exponent = BigInt(1023 - (spread >> 1) + (random32() % spread)) & 0x7ffn;
  let fraction = (BigInt(random32()) << 20n) ^ BigInt(random32());
  if ((random32() & 3) === 0) fraction &= 0xfn << 48n;
  if ((random32() & 7) === 0) fraction |= 0xffffffffffn;
  return (BigInt(random32() & 1) << 63n) | (exponent << 52n) | (fraction & 0xfffffffffffffn);
}

function same64(actual: bigint, expected: number, what: string): void {
  if (Number.isNaN(expected)) assert.ok(Number.isNaN(value64(actual)), what);
  else assert.equal(actual, bits64(expected), what);
}

const COUNT = 4000;

test("double add, subtract, multiply, divide and square root round as the host does", () => {
  const env = createEnv();
  for (let i = 0; i < COUNT; i++) {
    const a = randomDouble();
    const b = randomDouble();
    const x = value64(a);
    const y = value64(b);
    const what = `${a.toString(16)} ${b.toString(16)}`;
    beginOperation(env);
    same64(f64.add(a, b, env), x + y, `add ${what}`);
    same64(f64.sub(a, b, env), x - y, `sub ${what}`);
    same64(f64.mul(a, b, env), x * y, `mul ${what}`);
    same64(f64.div(a, b, env), x / y, `div ${what}`);
    same64(f64.sqrt(a, env), Math.sqrt(x), `sqrt ${what}`);
  }
});

test("single add, multiply, divide and square root round as Math.fround does", () => {
  const env = createEnv();
  for (let i = 0; i < COUNT; i++) {
    const x = Math.fround(value64(randomDouble()));
    const y = Math.fround(value64(randomDouble()));
    const results: [number, number][] = [
      [f32.add(bits32(x), bits32(y), env), x + y],
      [f32.sub(bits32(x), bits32(y), env), x - y],
      [f32.mul(bits32(x), bits32(y), env), x * y],
      [f32.div(bits32(x), bits32(y), env), x / y],
      [f32.sqrt(bits32(x), env), Math.sqrt(x)],
    ];
    for (const [actual, exact] of results) {
      if (Number.isNaN(exact)) assert.ok(Number.isNaN(value32(actual)));
      else assert.equal(actual, bits32(Math.fround(exact)), `${x} ${y}`);
    }
    env.flags = 0;
  }
});

test("conversions agree with the host", () => {
  const env = createEnv();
  for (let i = 0; i < COUNT; i++) {
    const a = randomDouble();
    const x = value64(a);
    assert.equal(f64ToF32(a, env), bits32(x));
    const single = Math.fround(x);
    assert.equal(f32ToF64(bits32(single), env), bits64(single));
    env.flags = 0;
    const int = random32() | 0;
    assert.equal(f64.fromInt32(int, env), bits64(int));
    assert.equal(env.flags, 0);
    assert.equal(f32.fromInt32(int, env), bits32(int));
    const fraction = int / 1000;
    assert.equal(f64.toInt32(bits64(fraction), true, env), Math.trunc(fraction));
    const long = (BigInt(int) << 30n) ^ BigInt(random32());
    assert.equal(f64.fromInt64(long, env), bits64(Number(long)));
    assert.equal(f64.toInt64(bits64(fraction), true, env), BigInt.asUintN(64, BigInt(Math.trunc(fraction))));
  }
});

interface Raised {
  readonly result: bigint;
  readonly flags: number;
}

function raise(operation: (env: FloatEnv) => bigint, change: Partial<FloatEnv> = {}): Raised {
  const env = { ...createEnv(), ...change };
  const result = operation(env);
  return { result, flags: env.flags };
}

const INF = 0x7ff0000000000000n;
const NEGATIVE = 1n << 63n;
const INDEFINITE = 0xfff8000000000000n;
const ONE = bits64(1);
const TINIEST = 1n;
const SMALLEST_NORMAL = 0x0010000000000000n;
const LARGEST = 0x7fefffffffffffffn;

test("invalid operations give the real indefinite", () => {
  const cases: ((env: FloatEnv) => bigint)[] = [
    (env) => f64.sub(INF, INF, env),
    (env) => f64.add(INF, INF | NEGATIVE, env),
    (env) => f64.mul(INF, 0n, env),
    (env) => f64.div(INF, INF, env),
    (env) => f64.div(0n, NEGATIVE, env),
    (env) => f64.sqrt(ONE | NEGATIVE, env),
    (env) => f64.fma(INF, 0n, ONE, 0, 0, env),
    (env) => f64.fma(INF, ONE, INF, 0, 1, env),
  ];
  for (const operation of cases) assert.deepEqual(raise(operation), { result: INDEFINITE, flags: IE });
});

test("the first NaN operand wins and is quieted", () => {
  const signalling = 0x7ff0000000000123n;
  const quiet = 0xfff8000000000456n;
  assert.deepEqual(
    raise((env) => f64.add(quiet, signalling, env)),
    { result: quiet, flags: IE },
  );
  assert.deepEqual(
    raise((env) => f64.mul(signalling, quiet, env)),
    { result: 0x7ff8000000000123n, flags: IE },
  );
  assert.deepEqual(
    raise((env) => f64.div(TINIEST, quiet, env)),
    { result: quiet, flags: 0 },
  );
  assert.deepEqual(
    raise((env) => f64.fma(ONE, ONE, signalling, 1, 1, env)),
    { result: 0x7ff8000000000123n, flags: IE },
  );
  assert.deepEqual(
    raise((env) => BigInt(f64ToF32(signalling | (1n << 40n), env))),
    { result: 0x7fc00000n | (1n << 11n), flags: IE },
  );
});

test("division by zero", () => {
  assert.deepEqual(
    raise((env) => f64.div(ONE | NEGATIVE, 0n, env)),
    { result: INF | NEGATIVE, flags: ZE },
  );
  assert.deepEqual(
    raise((env) => f64.div(INF, 0n, env)),
    { result: INF, flags: 0 },
  );
});

test("overflow depends on the rounding", () => {
  const twice = (env: FloatEnv) => f64.add(LARGEST, LARGEST, env);
  const expected: [Rounding, bigint][] = [
    [0, INF],
    [DOWN, LARGEST],
    [UP, INF],
    [TRUNCATE, LARGEST],
  ];
  for (const [rounding, result] of expected) {
    assert.deepEqual(raise(twice, { rounding }), { result, flags: OE | PE });
  }
  const { flags } = raise(twice, { masks: 0x3f & ~OE });
  assert.equal(flags, OE, "the scaled result is exact");
});

test("underflow: tiny after rounding and inexact, or tiny when unmasked", () => {
  const half = bits64(0.5);
  assert.deepEqual(
    raise((env) => f64.mul(SMALLEST_NORMAL, half, env)),
    { result: SMALLEST_NORMAL >> 1n, flags: 0 },
    "an exact denormal",
  );
  assert.equal(raise((env) => f64.mul(SMALLEST_NORMAL, half, env), { masks: 0x3f & ~UE }).flags, UE);
  assert.deepEqual(
    raise((env) => f64.mul(SMALLEST_NORMAL | 1n, half, env)),
    { result: SMALLEST_NORMAL >> 1n, flags: UE | PE },
  );
  // 2^-1022 * (1 - 2^-53) has 53 bits, so it is tiny, although the denormal rounding makes it normal.
  assert.deepEqual(
    raise((env) => f64.mul(SMALLEST_NORMAL, bits64(1 - 2 ** -53), env)),
    { result: SMALLEST_NORMAL, flags: UE | PE },
  );
  // 2^-1022 * (1 - 2^-54) rounds to 2^-1022 in 53 bits: not tiny.
  const root = bits64(2 ** -538);
  assert.deepEqual(
    raise((env) => f64.fma(root, root, SMALLEST_NORMAL, 1, 0, env)),
    { result: SMALLEST_NORMAL, flags: PE },
  );
});

test("flush-to-zero and denormals-are-zero", () => {
  const half = bits64(0.5);
  assert.deepEqual(
    raise((env) => f64.mul(SMALLEST_NORMAL | NEGATIVE, half, env), { ftz: true }),
    { result: NEGATIVE, flags: UE | PE },
  );
  assert.deepEqual(
    raise((env) => f64.add(TINIEST, ONE, env), { daz: true }),
    { result: ONE, flags: 0 },
  );
  assert.deepEqual(
    raise((env) => f64.add(TINIEST, TINIEST, env)),
    { result: 2n, flags: DE },
  );
  assert.deepEqual(
    raise((env) => f64.min(TINIEST | NEGATIVE, ONE, env), { daz: true }),
    { result: NEGATIVE, flags: 0 },
  );
});

test("an exact zero difference is negative only when rounding down", () => {
  for (const rounding of [0, 1, 2, 3] as const) {
    const expected = rounding === DOWN ? NEGATIVE : 0n;
    assert.equal(raise((env) => f64.sub(ONE, ONE, env), { rounding }).result, expected);
    assert.equal(raise((env) => f64.fma(ONE, ONE, ONE, 1, 0, env), { rounding }).result, expected);
  }
});

test("minimum and maximum return the second operand in doubt", () => {
  const quiet = 0x7ff8000000000001n;
  assert.deepEqual(
    raise((env) => f64.min(quiet, ONE, env)),
    { result: ONE, flags: IE },
  );
  assert.deepEqual(
    raise((env) => f64.max(ONE, quiet, env)),
    { result: quiet, flags: IE },
  );
  assert.equal(raise((env) => f64.min(NEGATIVE, 0n, env)).result, 0n);
  assert.equal(raise((env) => f64.max(0n, NEGATIVE, env)).result, NEGATIVE);
  assert.deepEqual(
    raise((env) => f64.min(TINIEST, ONE, env)),
    { result: TINIEST, flags: DE },
  );
});

test("comparison and its predicates", () => {
  const env = createEnv();
  const quiet = 0x7ff8000000000000n;
  assert.equal(f64.compare(NEGATIVE, 0n, true, env), EQUAL);
  assert.equal(f64.compare(INF | NEGATIVE, LARGEST | NEGATIVE, true, env), LESS);
  assert.equal(f64.compare(ONE, ONE | NEGATIVE, true, env), GREATER);
  assert.equal(f64.compare(quiet, ONE, false, env), UNORDERED);
  assert.equal(env.flags, 0);
  assert.equal(f64.compare(quiet, ONE, true, env), UNORDERED);
  assert.equal(env.flags, IE);
  // Outcomes for less, equal, greater, unordered of the 16 relations; the upper 16 differ in signalling only.
  const rows = "0100 1000 1100 0001 1011 0111 0011 1110 0101 1001 1101 0000 1010 0110 0010 1111".split(" ");
  const signals = "0110011001100110";
  const two = bits64(2);
  for (let predicate = 0; predicate < 32; predicate++) {
    const outcomes = [
      [ONE, two],
      [ONE, ONE],
      [two, ONE],
      [quiet, ONE],
    ].map(([x, y]) => {
      env.flags = 0;
      return f64.test(x, y, predicate, env) ? "1" : "0";
    });
    assert.equal(outcomes.join(""), rows[predicate & 15], `predicate ${predicate}`);
    assert.equal(
      env.flags === IE,
      (signals[predicate & 15] === "1") !== predicate > 15,
      `predicate ${predicate}`,
    );
  }
});

test("rounding to integral values", () => {
  const env = createEnv();
  const round = (x: number, imm: number) => {
    env.flags = 0;
    return value64(f64.round(bits64(x), imm, env));
  };
  assert.equal(round(2.5, 0), 2);
  assert.equal(env.flags, PE);
  assert.equal(round(3.5, 8), 4);
  assert.equal(env.flags, 0, "bit 3 suppresses the precision exception");
  assert.equal(round(-0.2, 1), -1);
  assert.equal(round(0.2, 2), 1);
  assert.ok(Object.is(round(-0.5, 0), -0));
  assert.equal(round(-7.9, 3), -7);
  assert.equal(round(2 ** 52 + 1, 0), 2 ** 52 + 1);
  assert.equal(round(4503599627370495.5, 0), 4503599627370496);
  env.rounding = UP;
  assert.equal(round(1.25, 4), 2);
});

test("integers that do not fit are indefinite", () => {
  const env = createEnv();
  const convert = (x: number) => {
    env.flags = 0;
    return f64.toInt32(bits64(x), false, env);
  };
  assert.equal(convert(2147483647.4), 2147483647);
  assert.equal(env.flags, PE);
  assert.equal(convert(2147483647.5), -2147483648);
  assert.equal(env.flags, IE);
  assert.equal(convert(-2147483648.5), -2147483648);
  assert.equal(env.flags, PE);
  assert.equal(convert(Number.NaN), -2147483648);
  assert.equal(env.flags, IE);
  assert.equal(f64.toInt64(bits64(2 ** 63), false, env), 1n << 63n);
  assert.equal(f64.toInt64(bits64(-(2 ** 63)), false, env), 1n << 63n);
});

test("half precision", () => {
  const env = createEnv();
  for (let half = 0; half < 0x10000; half++) {
    const single = f16ToF32(half, env);
    const nan = (half & 0x7fff) > 0x7c00;
    assert.equal(f32ToF16(single, 4, env), nan ? half | 0x200 : half);
  }
  env.flags = 0;
  assert.equal(f32ToF16(bits32(65520), 0, env), 0x7c00);
  assert.equal(env.flags, OE | PE);
  assert.equal(f32ToF16(bits32(65520), 3, env), 0x7bff);
  env.flags = 0;
  env.ftz = true;
  assert.equal(f32ToF16(bits32(2 ** -24), 0, env), 1);
  assert.equal(env.flags, 0);
});

test("MXCSR and packed exceptions", () => {
  const env = createEnv();
  loadMxcsr(env, 0x1f80 | 0xe040);
  assert.deepEqual(env, { ...createEnv(), rounding: TRUNCATE, daz: true, ftz: true });
  assert.equal(packedFlags(DE | PE | OE, 0x3f), DE | PE | OE);
  assert.equal(packedFlags(DE | PE | OE, 0x3f & ~DE), DE);
  // An unmasked denormal exception stops the element before it can be inexact.
  env.daz = false;
  env.masks = 0x3f & ~DE;
  f64.add(TINIEST, ONE, env);
  assert.equal(env.flags, DE);
});
