/** Transcendentals against the host's doubles, their special operands, and the 66-bit pi. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { rcp, rsqrt } from "./approx.js";
import { createEnv, IE, ZE } from "./env.js";
import type { F80 } from "./format.js";
import { f2xm1, fcos, fpatan, fptan, fsin, fsincos, fyl2x, fyl2xp1 } from "./transcendental.js";
import { from64, from80, fst64, INDEFINITE } from "./x87-ops.js";

const view = new DataView(new ArrayBuffer(8));

function load(value: number) {
  view.setFloat64(0, value);
  return from64(view.getBigUint64(0));
}

function toNumber(value: F80 | null): number {
  assert.ok(value !== null);
  view.setBigUint64(0, fst64(createEnv(), from80(value)) ?? 0n);
  return view.getFloat64(0);
}

function close(actual: number, expected: number, what: string): void {
  assert.ok(Math.abs(actual - expected) <= Math.abs(expected) * 2 ** -51, `${what}: ${actual} ${expected}`);
}

test("values agree with the host", () => {
  const env = createEnv();
  for (let i = 1; i <= 300; i++) {
    const x = (i % 2 === 0 ? 1 : -1) * ((i * 0.7548776662) % 1) * 2 ** ((i % 40) - 38);
    close(toNumber(fsin(env, load(x))), Math.sin(x), `sin ${x}`);
    close(toNumber(fcos(env, load(x))), Math.cos(x), `cos ${x}`);
    close(toNumber(fptan(env, load(x))?.tangent ?? null), Math.tan(x), `tan ${x}`);
    const y = ((i * 0.5698402909) % 1) * 2 ** ((i % 17) - 8) * (i % 3 === 0 ? -1 : 1);
    close(toNumber(fpatan(env, load(y), load(x))), Math.atan2(y, x), `atan2 ${y} ${x}`);
    const small = x / 4;
    close(toNumber(f2xm1(env, load(small))), Math.expm1(small * Math.LN2), `2^${small} - 1`);
    if (small > -0.29 && small < 0.41) {
      close(
        toNumber(fyl2xp1(env, load(y), load(small))),
        (y * Math.log1p(small)) / Math.LN2,
        `log1p ${small}`,
      );
    }
    close(
      toNumber(fyl2x(env, load(y), load(Math.abs(x) * 1e3))),
      y * Math.log2(Math.abs(x) * 1e3),
      `log ${x}`,
    );
  }
});

test("powers of two have exact logarithms", () => {
  const env = createEnv();
  assert.equal(toNumber(fyl2x(env, load(3), load(2 ** -1000))), -3000);
  assert.equal(env.flags, 0);
  assert.equal(toNumber(f2xm1(env, load(1))), 1);
  assert.equal(toNumber(f2xm1(env, load(-1))), -0.5);
});

test("the argument is reduced with 66 bits of pi", () => {
  const env = createEnv();
  // The sine of the 64-bit pi is what the two further bits of the 66-bit pi leave: 2^-64 * 3 * 2^0 negated.
  const sine = fsin(env, from80({ se: 0x4000, sig: 0xc90fdaa22168c235n }));
  assert.deepEqual(sine, { se: 0x8000 | (0x3fff - 64), sig: 1n << 63n });
});

test("out of range and special operands", () => {
  const env = createEnv();
  assert.equal(fsin(env, load(2 ** 63)), null);
  assert.equal(fcos(env, load(-(2 ** 63))), null);
  assert.equal(fsincos(env, load(1e300)), null);
  assert.equal(env.flags, 0);
  assert.deepEqual(fsin(env, load(Number.POSITIVE_INFINITY)), INDEFINITE);
  assert.equal(env.flags, IE);
  env.flags = 0;
  assert.equal(toNumber(fyl2x(env, load(2), load(0))), Number.NEGATIVE_INFINITY);
  assert.equal(env.flags, ZE);
  env.flags = 0;
  assert.deepEqual(fyl2x(env, load(1), load(-1)), INDEFINITE);
  assert.deepEqual(fyl2x(env, load(0), load(0)), INDEFINITE);
  assert.equal(env.flags, IE);
  const infinity = load(Number.POSITIVE_INFINITY);
  close(
    toNumber(fpatan(env, infinity, load(Number.NEGATIVE_INFINITY))),
    (3 * Math.PI) / 4,
    "atan2(inf, -inf)",
  );
  close(toNumber(fpatan(env, load(-0), load(-1))), -Math.PI, "atan2(-0, -1)");
  assert.ok(Object.is(toNumber(fpatan(env, load(-0), load(0))), -0));
  assert.equal(toNumber(f2xm1(env, load(Number.NEGATIVE_INFINITY))), -1);
});

test("tiny arguments keep their precision", () => {
  const env = createEnv();
  assert.equal(toNumber(fsin(env, load(2 ** -600))), 2 ** -600);
  assert.equal(toNumber(fptan(env, load(2 ** -600))?.tangent ?? null), 2 ** -600);
  close(toNumber(f2xm1(env, load(2 ** -600))), 2 ** -600 * Math.LN2, "2^x - 1");
  close(toNumber(fyl2xp1(env, load(1), load(2 ** -600))), 2 ** -600 * Math.LOG2E, "log2(x + 1)");
  close(toNumber(fpatan(env, load(2 ** -600), load(3))), 2 ** -600 / 3, "atan2");
});

test("approximations of the reciprocal and the reciprocal square root", () => {
  const bits = (value: number) => {
    view.setFloat32(0, value);
    return view.getUint32(0);
  };
  const value = (pattern: number) => {
    view.setUint32(0, pattern);
    return view.getFloat32(0);
  };
  for (let i = 1; i < 200; i++) {
    const x = Math.fround(i * 0.37);
    assert.ok(Math.abs(value(rcp(bits(-x))) * -x - 1) < 1.5 * 2 ** -12);
    assert.ok(Math.abs(value(rsqrt(bits(x))) * Math.sqrt(x) - 1) < 1.5 * 2 ** -12);
  }
  assert.equal(rcp(0x80000001), 0xff800000);
  assert.equal(rcp(0xff800000), 0x80000000);
  assert.equal(rcp(0x7f800001), 0x7fc00001);
  assert.equal(rcp(bits(2 ** 127)), 0, "below the normal range");
  assert.equal(rsqrt(bits(-1)), 0xffc00000);
  assert.equal(rsqrt(0x80000000), 0xff800000);
  assert.equal(rsqrt(0x7f800000), 0);
});
