/** The flags derived from 32-bit halves, compared with the formulas of the table in flags.ts on whole numbers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ARITHMETIC_FLAGS, arithmeticFlags, Flag, FlagKind } from "./flags.js";

const u64 = (x: bigint) => BigInt.asUintN(64, x);
const isNegative = (x: bigint) => u64(x) >> 63n !== 0n;
const low = (x: bigint) => Number(BigInt.asIntN(32, x));
const high = (x: bigint) => Number(BigInt.asIntN(32, x >> 32n));

/** r and a are aligned to the top, for operands of 64 - shift bits. */
function model(r: bigint, a: bigint, kind: number, shift: bigint): number {
  if (kind === FlagKind.explicit) return Number(a & BigInt(ARITHMETIC_FLAGS));
  const one = 1n << shift;
  const value = Number((r >> shift) & 0xffn);
  const ones = value.toString(2).replaceAll("0", "").length;
  let flags = (r === 0n ? Flag.ZF : 0) | (isNegative(r) ? Flag.SF : 0) | (ones % 2 === 0 ? Flag.PF : 0);
  const auxiliary = (b: bigint) => (((a ^ b ^ r) >> shift) & 0x10n ? Flag.AF : 0);
  const carries = kind === FlagKind.addCarry || kind === FlagKind.subBorrow;
  const carry = BigInt(Number(carries)) << shift;
  if (kind === FlagKind.add || kind === FlagKind.addCarry) {
    const b = u64(r - a - carry);
    if (carries ? r <= a : r < a) flags |= Flag.CF;
    if (isNegative((a ^ r) & (b ^ r))) flags |= Flag.OF;
    flags |= auxiliary(b);
  } else if (kind === FlagKind.sub || kind === FlagKind.subBorrow) {
    const b = u64(a - r - carry);
    if (carries ? a <= b : a < b) flags |= Flag.CF;
    if (isNegative((a ^ b) & (a ^ r))) flags |= Flag.OF;
    flags |= auxiliary(b);
  } else if (kind === FlagKind.increment) {
    flags |= Number(a & 1n) | (r === 1n << 63n ? Flag.OF : 0) | (value % 16 === 0 ? Flag.AF : 0);
  } else if (kind === FlagKind.decrement) {
    flags |= Number(a & 1n) | (r === (1n << 63n) - one ? Flag.OF : 0) | (value % 16 === 15 ? Flag.AF : 0);
  } else if (kind === FlagKind.result) {
    flags |= Number(a & BigInt(Flag.CF | Flag.OF | Flag.AF));
  }
  return flags;
}

test("flags of all kinds and widths", () => {
  const edges = [
    0n,
    1n,
    2n,
    15n,
    16n,
    0x7fn,
    0x80n,
    0xffn,
    0xffff_ffffn,
    0x8000_0000n,
    1n << 63n,
    -1n,
    -2n,
    -16n,
  ];
  for (const width of [8, 16, 32, 64]) {
    const shift = 64 - width;
    for (const kind of Object.values(FlagKind)) {
      for (const x of edges) {
        for (const y of edges) {
          for (const mirrored of [0n, (1n << BigInt(width - 1)) - 1n]) {
            const r = u64((x ^ mirrored) << BigInt(shift));
            const aligned = kind > FlagKind.explicit && kind < FlagKind.increment;
            const a = u64(y << BigInt(aligned ? shift : 0));
            const found = arithmeticFlags(low(r), high(r), low(a), high(a), kind | (shift << 8));
            assert.equal(found, model(r, a, kind, BigInt(shift)), `kind ${kind}, ${width} bits, ${r}, ${a}`);
          }
        }
      }
    }
  }
});

test("CF and OF with values of their own", () => {
  const zero = FlagKind.logic;
  assert.equal(arithmeticFlags(1, 0, 0, 0, zero | 0x30000), Flag.CF);
  assert.equal(arithmeticFlags(1, 0, 0, 0, zero | 0xc0000), Flag.OF);
  assert.equal(arithmeticFlags(0, 0, Flag.CF | Flag.OF, 0, FlagKind.explicit | 0x50000), 0);
});
