/** Every rounding of double extended arithmetic and of fused multiply-add against exact rational arithmetic. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createEnv, DOWN, NEAREST, PE, type Rounding, UP } from "./env.js";
import { integerSquareRoot } from "./sqrt.js";
import { f64 } from "./sse.js";
import { fadd, fdiv, fmul, fprem, from80, fsqrt, fsub } from "./x87-ops.js";

let seed = 987654321;
function random32(): number {
  seed = (Math.imul(seed, 1103515245) + 12345) | 0;
  return ((seed >>> 16) ^ (seed << 13) ^ (seed >>> 7)) >>> 0;
}

/** An exact value: (-1)^sign * p / q * 2^exp. */
interface Exact {
  readonly sign: number;
  readonly p: bigint;
  readonly q: bigint;
  readonly exp: number;
}

interface Rounded {
  readonly significand: bigint;
  /** Weight of the last bit of the significand. */
  readonly exp: number;
  readonly inexact: boolean;
}

/** Rounds p/q to `precision` bits by trying exponents: slow and plain. */
function roundExact(value: Exact, precision: number, rounding: Rounding): Rounded {
  const length = (x: bigint) => x.toString(2).length;
  let shift = precision - length(value.p) + length(value.q);
  for (;;) {
    const numerator = shift >= 0 ? value.p << BigInt(shift) : value.p;
    const denominator = shift >= 0 ? value.q : value.q << BigInt(-shift);
    let quotient = numerator / denominator;
    if (quotient >= 1n << BigInt(precision)) {
      shift--;
      continue;
    }
    const rest = numerator - quotient * denominator;
    const inexact = rest !== 0n;
    if (inexact) {
      const half = 2n * rest;
      const nearestUp = half > denominator || (half === denominator && (quotient & 1n) === 1n);
      const up = rounding === NEAREST ? nearestUp : rounding === (value.sign === 0 ? UP : DOWN);
      if (up) quotient++;
    }
    if (quotient >= 1n << BigInt(precision))
      return { significand: quotient >> 1n, exp: value.exp - shift + 1, inexact };
    return { significand: quotient, exp: value.exp - shift, inexact };
  }
}

function random80(): { se: number; sig: bigint } {
  let sig = (BigInt(random32()) << 32n) | BigInt(random32()) | (1n << 63n);
  if ((random32() & 3) === 0) sig &= 0xfffn << 52n;
  if ((random32() & 7) === 0) sig |= 0xffffffffffn;
  const spread = (random32() & 3) === 0 ? 140 : 6;
  return { se: ((random32() & 1) << 15) | (16383 - (spread >> 1) + (random32() % spread)), sig };
}

function exact80(value: { se: number; sig: bigint }): { sign: number; m: bigint; exp: number } {
  return { sign: value.se >> 15, m: value.sig, exp: (value.se & 0x7fff) - 16383 - 63 };
}

/** a + b with a common exponent. */
function exactSum(
  a: { sign: number; m: bigint; exp: number },
  b: { sign: number; m: bigint; exp: number },
): Exact {
  const exp = Math.min(a.exp, b.exp);
  const x = (a.sign !== 0 ? -a.m : a.m) << BigInt(a.exp - exp);
  const y = (b.sign !== 0 ? -b.m : b.m) << BigInt(b.exp - exp);
  const sum = x + y;
  return { sign: sum < 0n ? 1 : 0, p: sum < 0n ? -sum : sum, q: 1n, exp };
}

const PRECISIONS = [24, 53, 64] as const;

test("double extended arithmetic, all precisions and roundings", () => {
  const env = createEnv();
  for (let i = 0; i < 6000; i++) {
    const a = random80();
    const b = random80();
    const x = exact80(a);
    const y = exact80(b);
    env.precision = PRECISIONS[i % 3];
    env.rounding = ((i >> 2) & 3) as Rounding;
    const cases = [
      { name: "add", exact: exactSum(x, y), run: () => fadd(env, from80(a), from80(b)) },
      {
        name: "sub",
        exact: exactSum(x, { ...y, sign: y.sign ^ 1 }),
        run: () => fsub(env, from80(a), from80(b)),
      },
      {
        name: "mul",
        exact: { sign: x.sign ^ y.sign, p: x.m * y.m, q: 1n, exp: x.exp + y.exp },
        run: () => fmul(env, from80(a), from80(b)),
      },
      {
        name: "div",
        exact: { sign: x.sign ^ y.sign, p: x.m, q: y.m, exp: x.exp - y.exp },
        run: () => fdiv(env, from80(a), from80(b)),
      },
    ];
    for (const { name, exact, run } of cases) {
      if (exact.p === 0n) continue;
      env.flags = 0;
      const actual = run();
      const expected = roundExact(exact, env.precision, env.rounding);
      const what = `${name} ${a.se.toString(16)}:${a.sig.toString(16)} ${b.se.toString(16)}:${b.sig.toString(16)}`;
      assert.equal(actual.sig, expected.significand << BigInt(64 - env.precision), what);
      const exponent = expected.exp + env.precision - 1 + 16383;
      assert.equal(actual.se, (exact.sign << 15) | exponent, what);
      assert.equal(env.flags, expected.inexact ? PE : 0, what);
    }
  }
});

test("double extended square root", () => {
  const env = createEnv();
  for (let i = 0; i < 2000; i++) {
    const a = { ...random80() };
    a.se &= 0x7fff;
    env.rounding = (i & 3) as Rounding;
    env.flags = 0;
    const actual = fsqrt(env, from80(a));
    // 64 bits of the root, truncated; then decide from the exact remainder.
    const { m, exp } = exact80(a);
    const scaled = m << BigInt(64 - (exp & 1));
    const root = integerSquareRoot(scaled);
    assert.ok(root * root <= scaled && (root + 1n) * (root + 1n) > scaled);
    const inexact = root * root !== scaled;
    const up = env.rounding === NEAREST ? scaled - root * root > root : env.rounding === UP && inexact;
    assert.equal(actual.sig, up ? root + 1n : root);
    assert.equal(env.flags, inexact ? PE : 0);
  }
});

function exact64(bits: bigint): { sign: number; m: bigint; exp: number } {
  const biased = Number((bits >> 52n) & 0x7ffn);
  return { sign: Number(bits >> 63n), m: (bits & 0xfffffffffffffn) | (1n << 52n), exp: biased - 1075 };
}

function random64(): bigint {
  const spread = (random32() & 3) === 0 ? 200 : 8;
  const biased = 1023 - (spread >> 1) + (random32() % spread);
  let fraction = ((BigInt(random32()) << 32n) | BigInt(random32())) & 0xfffffffffffffn;
  if ((random32() & 3) === 0) fraction &= 0xffn << 44n;
  return (BigInt(random32() & 1) << 63n) | (BigInt(biased) << 52n) | fraction;
}

test("fused multiply-add", () => {
  const env = createEnv();
  for (let i = 0; i < 6000; i++) {
    const a = random64();
    const b = random64();
    const x = exact64(a);
    const y = exact64(b);
    let c = random64();
    if ((i & 3) === 0) {
      // Cancel most of the product.
      env.rounding = NEAREST;
      c = f64.mul(a, b, env) ^ (1n << 63n) ^ BigInt(i & 4 ? 1 : 0);
    }
    env.rounding = ((i >> 3) & 3) as Rounding;
    env.flags = 0;
    const product = { sign: x.sign ^ y.sign, m: x.m * y.m, exp: x.exp + y.exp };
    const exact = exactSum(product, exact64(c));
    const actual = f64.fma(a, b, c, 0, 0, env);
    if (exact.p === 0n) {
      assert.equal(actual, env.rounding === DOWN ? 1n << 63n : 0n);
      continue;
    }
    const expected = roundExact(exact, 53, env.rounding);
    const biased = BigInt(expected.exp + 52 + 1023);
    const bits = (BigInt(exact.sign) << 63n) | (biased << 52n) | (expected.significand & 0xfffffffffffffn);
    assert.equal(actual, bits, `${a.toString(16)} * ${b.toString(16)} + ${c.toString(16)}`);
    assert.equal(env.flags, expected.inexact ? PE : 0);
  }
});

test("remainders are exact, and repeated steps reach them", () => {
  const env = createEnv();
  for (let i = 0; i < 1000; i++) {
    const a = random80();
    const b = random80();
    const nearest = (i & 1) !== 0;
    const x = exact80(a);
    const y = exact80(b);
    const exp = Math.min(x.exp, y.exp);
    const dividend = x.m << BigInt(x.exp - exp);
    const divisor = y.m << BigInt(y.exp - exp);
    let quotient = dividend / divisor;
    let rest = dividend % divisor;
    if (nearest && (2n * rest > divisor || (2n * rest === divisor && (quotient & 1n) === 1n))) {
      rest -= divisor;
      quotient++;
    }
    let step = fprem(env, from80(a), from80(b), nearest);
    for (let n = 0; step.conditions === 0x400 && n < 10; n++)
      step = fprem(env, from80(step.value), from80(b), nearest);
    const value = exact80(step.value);
    const scaled = rest < 0n ? -rest : rest;
    if (scaled === 0n) assert.equal(value.m, 0n);
    else
      assert.equal(
        value.m << BigInt(200),
        ((scaled << 200n) << BigInt(exp + 300)) >> BigInt(value.exp + 300),
      );
    if (scaled !== 0n) assert.equal(value.sign, x.sign ^ (rest < 0n ? 1 : 0));
    const q = (quotient & 4n ? 0x100 : 0) | (quotient & 2n ? 0x4000 : 0) | (quotient & 1n ? 0x200 : 0);
    assert.equal(step.conditions, q);
    env.flags = 0;
  }
});
