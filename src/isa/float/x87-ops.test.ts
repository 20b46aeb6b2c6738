/** x87 operations: the manual's special cases, unmasked results, stores, classification. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { loadConstant } from "./constants.js";
import { createEnv, DE, type FloatEnv, IE, loadFcw, OE, PE, stopped, UE, UP, ZE } from "./env.js";
import type { F80 } from "./format.js";
import {
  C0,
  C1,
  C2,
  C3,
  fabs,
  fadd,
  fbld,
  fbstp,
  fchs,
  fcom,
  fcomi,
  fdiv,
  fild,
  fist,
  fist64,
  fld,
  fmul,
  fprem,
  frndint,
  from32,
  from64,
  from80,
  fromInt,
  fromInt64,
  fscale,
  fst32,
  fst64,
  fxam,
  fxtract,
  INDEFINITE,
} from "./x87-ops.js";

const TOP_BIT = 1n << 63n;

function f80(se: number, sig: bigint): F80 {
  return { se, sig };
}

const ONE = f80(0x3fff, TOP_BIT);
const TWO = f80(0x4000, TOP_BIT);
const ZERO = f80(0, 0n);
const INFINITY = f80(0x7fff, TOP_BIT);
const SMALLEST_NORMAL = f80(1, TOP_BIT);
const LARGEST = f80(0x7ffe, (1n << 64n) - 1n);

function withFcw(fcw: number): FloatEnv {
  const env = createEnv();
  loadFcw(env, fcw);
  return env;
}

test("the control word sets precision and rounding", () => {
  const third = (fcw: number) => fdiv(withFcw(fcw), from80(ONE), fromInt(3)).sig;
  assert.equal(third(0x037f), 0xaaaaaaaaaaaaaaabn);
  assert.equal(third(0x0f7f), 0xaaaaaaaaaaaaaaaan);
  assert.equal(third(0x027f), 0xaaaaaaaaaaaaa800n);
  assert.equal(third(0x007f), 0xaaaaab0000000000n);
});

test("C1 tells that the magnitude was rounded up", () => {
  const env = withFcw(0x037f);
  fdiv(env, from80(ONE), fromInt(3));
  assert.ok(env.roundedUp);
  assert.equal(env.flags, PE);
});

test("of two NaNs the larger significand wins, the quiet one of a pair", () => {
  const small = f80(0xffff, 0xc000000000000001n);
  const large = f80(0x7fff, 0xc000000000000002n);
  const signalling = f80(0x7fff, 0xbfffffffffffffffn);
  const env = withFcw(0x037f);
  assert.deepEqual(fadd(env, from80(small), from80(large)), large);
  assert.deepEqual(fmul(env, from80(large), from80(small)), large);
  assert.equal(env.flags, 0);
  assert.deepEqual(fadd(env, from80(signalling), from80(small)), small);
  assert.equal(env.flags, IE);
  assert.deepEqual(fadd(env, from80(ONE), from80(signalling)), f80(0x7fff, 0xffffffffffffffffn));
  // Equal significands: the positive one.
  assert.deepEqual(fadd(env, from80(f80(0xffff, large.sig)), from80(large)), large);
});

test("unsupported encodings are invalid, pseudo-denormals are denormal operands", () => {
  const unnormal = f80(0x4000, 1n);
  const pseudoInfinity = f80(0x7fff, 0n);
  for (const value of [unnormal, pseudoInfinity]) {
    const env = withFcw(0x037f);
    assert.deepEqual(fadd(env, from80(value), from80(ONE)), INDEFINITE);
    assert.equal(env.flags, IE);
    assert.equal(fxam(value, false), 0);
  }
  const env = withFcw(0x037f);
  assert.deepEqual(fadd(env, from80(f80(0, TOP_BIT)), from80(ZERO)), SMALLEST_NORMAL);
  assert.equal(env.flags, DE);
});

test("unmasked overflow and underflow scale the exponent by 24576", () => {
  let env = withFcw(0x0340 | (0x3f ^ OE));
  assert.deepEqual(fmul(env, from80(LARGEST), from80(TWO)), f80(0x7fff - 0x6000, LARGEST.sig));
  assert.equal(env.flags, OE);
  env = withFcw(0x0340 | (0x3f ^ UE));
  assert.deepEqual(fdiv(env, from80(SMALLEST_NORMAL), from80(TWO)), f80(0x6000, TOP_BIT));
  assert.equal(env.flags, UE);
  env = withFcw(0x037f);
  assert.deepEqual(fdiv(env, from80(SMALLEST_NORMAL), from80(TWO)), f80(0, TOP_BIT >> 1n));
  assert.equal(env.flags, 0, "masked: exact denormals do not underflow");
});

test("unmasked pre-computation exceptions stop the operation", () => {
  const env = withFcw(0x0340);
  fdiv(env, from80(ONE), from80(ZERO));
  assert.equal(env.flags, ZE);
  assert.ok(stopped(env));
  loadFcw(env, 0x0340);
  fdiv(env, from80(f80(0, 1n)), fromInt(3));
  assert.equal(env.flags, DE, "no precision exception");
  loadFcw(env, 0x037f);
  assert.deepEqual(fdiv(env, from80(f80(0x8000, 1n)), from80(ZERO)), f80(0xffff, TOP_BIT));
  assert.equal(env.flags, ZE, "zero divide goes before denormal operand");
});

test("loads from memory formats", () => {
  const env = withFcw(0x037f);
  assert.deepEqual(fld(env, from32(0x3f800000)), ONE);
  assert.equal(env.flags, 0);
  assert.deepEqual(fld(env, from64(1n)), f80(0x3bcd, TOP_BIT));
  assert.equal(env.flags, DE);
  env.flags = 0;
  assert.deepEqual(fld(env, from32(0x7f800001)), f80(0x7fff, 0xc000010000000000n));
  assert.equal(env.flags, IE);
  loadFcw(env, 0x0340);
  assert.equal(fld(env, from32(0x7f800001)), null);
  assert.deepEqual(fild(fromInt(-2)), f80(0xc000, TOP_BIT));
  assert.deepEqual(fild(fromInt64(-(1n << 63n))), f80(0xc03e, TOP_BIT));
  assert.deepEqual(fild(fromInt(0)), ZERO);
});

test("stores round, and are dropped by unmasked overflow and underflow", () => {
  const env = withFcw(0x037f);
  assert.equal(fst32(env, from80(f80(0x3fff, 0x8000008000000000n))), 0x3f800000);
  assert.equal(env.flags, PE);
  loadFcw(env, 0x037f);
  assert.equal(fst64(env, from80(LARGEST)), 0x7ff0000000000000n);
  assert.equal(env.flags, OE | PE);
  assert.ok(env.roundedUp);
  loadFcw(env, 0x0340 | (0x3f ^ OE));
  assert.equal(fst64(env, from80(LARGEST)), null);
  assert.equal(env.flags, OE);
  loadFcw(env, 0x037f);
  assert.equal(fst32(env, from80(SMALLEST_NORMAL)), 0);
  assert.equal(env.flags, UE | PE);
});

test("integer stores", () => {
  const env = withFcw(0x037f);
  assert.equal(fist(env, fromInt(-32768), 16, false), -32768);
  assert.equal(env.flags, 0);
  assert.equal(fist(env, fromInt(32768), 16, false), -32768);
  assert.equal(env.flags, IE);
  loadFcw(env, 0x037f);
  assert.equal(fist(env, from64(0x4004000000000000n), 32, false), 2);
  assert.equal(fist(env, from64(0x400c000000000000n), 32, true), 3);
  assert.equal(fist64(env, fromInt(-1), false), 0xffffffffffffffffn);
  loadFcw(env, 0x0340);
  assert.equal(fist64(env, from80(INFINITY), false), null);
});

test("packed decimal", () => {
  const env = withFcw(0x037f);
  assert.deepEqual(fbld(0x80000000000000000002n), f80(0xc000, TOP_BIT));
  assert.deepEqual(fbld(0x80000000000000000000n), f80(0x8000, 0n));
  assert.equal(fbstp(env, from80(fbld(0x00123456789012345678n))), 0x00123456789012345678n);
  assert.equal(fbstp(env, from80(fbld(0x80999999999999999999n))), 0x80999999999999999999n);
  assert.equal(env.flags, 0);
  assert.equal(fbstp(env, fromInt64(10n ** 18n)), 0xffffc000000000000000n);
  assert.equal(env.flags, IE);
});

test("comparison and classification", () => {
  const env = withFcw(0x037f);
  assert.equal(fcom(env, from80(ONE), from80(TWO), true), C0);
  assert.equal(fcom(env, from80(TWO), from80(ONE), true), 0);
  assert.equal(fcom(env, from80(ZERO), from80(fchs(ZERO)), true), C3);
  assert.equal(fcomi(env, from80(INDEFINITE), from80(ONE), false), 0x45);
  assert.equal(env.flags, 0);
  assert.equal(fcom(env, from80(INDEFINITE), from80(ONE), true), C3 | C2 | C0);
  assert.equal(env.flags, IE);
  assert.equal(fxam(fchs(ONE), false), C1 | C2);
  assert.equal(fxam(fabs(INDEFINITE), false), C0);
  assert.equal(fxam(INFINITY, false), C2 | C0);
  assert.equal(fxam(ZERO, false), C3);
  assert.equal(fxam(f80(0, 1n), false), C3 | C2);
  assert.equal(fxam(ONE, true), C3 | C0);
});

test("scale and extract", () => {
  const env = withFcw(0x037f);
  assert.deepEqual(fscale(env, from80(ONE), from64(0xc004000000000000n)), f80(0x3ffd, TOP_BIT));
  assert.equal(env.flags, 0, "the scale -2.5 is truncated to -2");
  assert.deepEqual(fscale(env, from80(ZERO), from80(INFINITY)), INDEFINITE);
  assert.equal(env.flags, IE);
  assert.deepEqual(fscale(env, from80(ONE), from80(fchs(INFINITY))), ZERO);
  const parts = fxtract(env, fromInt(-12));
  assert.deepEqual(parts, { exponent: fild(fromInt(3)), significand: f80(0xbfff, 0xc000000000000000n) });
  loadFcw(env, 0x037f);
  assert.deepEqual(fxtract(env, from80(ZERO)), { exponent: fchs(INFINITY), significand: ZERO });
  assert.equal(env.flags, ZE);
});

test("partial remainder without a quotient leaves C0 and C3", () => {
  const env = withFcw(0x037f);
  const { written, value } = fprem(env, from80(INFINITY), from80(ONE), false);
  assert.equal(written, C2 | C1);
  assert.deepEqual(value, INDEFINITE);
  assert.equal(env.flags, IE);
});

test("round to integer and constants follow the rounding control", () => {
  const env = withFcw(0x0b7f);
  assert.deepEqual(frndint(env, from64(0x3ff4000000000000n)), TWO);
  assert.ok(env.roundedUp);
  assert.equal(loadConstant("pi", env).sig, 0xc90fdaa22168c235n);
  assert.equal(loadConstant("l2t", { ...env, rounding: UP }).sig, 0xd49a784bcd1b8affn);
  assert.equal(loadConstant("l2t", createEnv()).sig, 0xd49a784bcd1b8afen);
});
