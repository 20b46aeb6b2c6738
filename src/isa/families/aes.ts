/**
 * AES rounds (SDM vol. 2: AESENC … AESKEYGENASSIST; FIPS 197). Byte r + 4c of a vector is row r, column c of the
 * AES state.
 */
import { i8x16, i32x4, v128 } from "../../wasm/simd.js";
import type { V128 } from "../../wasm/value.js";
import { define, type Emit } from "../emit.js";
import { inverse, lookUp, timesX } from "./byte-table.js";
import { type BinaryLane, binary, constant, emitUnary, iota, unary, withVex } from "./simd-forms.js";

/** FIPS 197, 5.1.1: the inverse, then an affine map over the bits. */
const substitution = inverse.map((b) => {
  const rotated = (n: number) => ((b << n) | (b >> (8 - n))) & 0xff;
  return b ^ rotated(1) ^ rotated(2) ^ rotated(3) ^ rotated(4) ^ 0x63;
});
const inverseSubstitution = iota(256).map((b) => substitution.indexOf(b));

const rearrange = (a: V128, source: (row: number, column: number) => number): V128 =>
  i8x16.shuffle(
    a,
    a,
    iota(16).map((i) => source(i & 3, i >> 2)),
  );
const shiftRows = (a: V128) => rearrange(a, (row, column) => row + 4 * ((column + row) & 3));
const inverseShiftRows = (a: V128) => rearrange(a, (row, column) => row + 4 * ((column - row) & 3));
/** Row r of every column becomes row r + n. */
const rotateColumns = (a: V128, n: number) => rearrange(a, (row, column) => ((row + n) & 3) + 4 * column);

/** b[r] = 2 a[r] + 3 a[r+1] + a[r+2] + a[r+3] */
function mixColumns(x: Emit, value: V128): V128 {
  const a = x.let(value);
  const next = x.let(rotateColumns(a, 1));
  const pair = x.let(v128.xor(a, next));
  // a[r+2] + a[r+3] is the pair two rows on.
  return v128.xor(v128.xor(timesX(pair), next), rotateColumns(pair, 2));
}

/** The inverse matrix is MixColumns' own times (5 0 4 0), so two more terms go before it. */
function inverseMixColumns(x: Emit, value: V128): V128 {
  const a = x.let(value);
  const double = x.let(timesX(x.let(v128.xor(a, rotateColumns(a, 2)))));
  return mixColumns(x, v128.xor(a, timesX(double)));
}

const rounds: Record<string, BinaryLane> = {
  aesenc: (a, key, x) => v128.xor(mixColumns(x, lookUp(x, substitution, x.let(shiftRows(a)))), key),
  aesenclast: (a, key, x) => v128.xor(lookUp(x, substitution, x.let(shiftRows(a))), key),
  aesdec: (a, key, x) =>
    v128.xor(inverseMixColumns(x, lookUp(x, inverseSubstitution, x.let(inverseShiftRows(a)))), key),
  aesdeclast: (a, key, x) => v128.xor(lookUp(x, inverseSubstitution, x.let(inverseShiftRows(a))), key),
};
for (const [name, round] of Object.entries(rounds)) binary(name, round);

unary("aesimc", (a, x) => inverseMixColumns(x, a));

define(withVex("aeskeygenassist"), (x) => {
  const roundConstant = x.immediate(2);
  emitUnary(x, (a) => {
    const words = x.let(lookUp(x, substitution, a));
    // Words 1 and 3, each also rotated by a byte and with the round constant.
    const chosen = i8x16.shuffle(words, words, [4, 5, 6, 7, 5, 6, 7, 4, 12, 13, 14, 15, 13, 14, 15, 12]);
    return v128.xor(chosen, v128.and(i32x4.splat(roundConstant), constant(32, [0, -1])));
  });
});
