/**
 * Shuffles inside a 128-bit lane and blends (SDM vol. 2: PSHUF* SHUFP* VPERMIL* PALIGNR MOVDDUP MOVS*DUP BLENDP*
 * PBLENDW VPBLENDD). Shuffles across lanes are in simd-permute.ts.
 */
import { i8x16, i32x4, v128 } from "../../wasm/simd.js";
import type { I32, V128 } from "../../wasm/value.js";
import { define, type Emit } from "../emit.js";
import {
  type BinaryLane,
  binary,
  constant,
  emitBinary,
  emitUnary,
  iota,
  isMmx,
  joinHalves,
  withVex,
} from "./simd-forms.js";
import {
  type Field,
  fixedFields,
  immediateMask,
  pickElements,
  swizzleTwo,
  twoBitFields,
} from "./simd-select.js";

const lastImmediate = (x: Emit): I32 => x.immediate(x.operands.length - 1);

// --- by a vector of positions ---

/** Bit 7 of a position gives zero; the bits between it and the number are ignored. */
const shuffleBytes =
  (significant: number): BinaryLane =>
  (a, b) =>
    i8x16.swizzle(a, v128.and(b, constant(8, [0x80 | significant])));
binary("pshufb", shuffleBytes(15), shuffleBytes(7));

/** Bits 1:0 of each doubleword select a doubleword. */
const permuteSingles: BinaryLane = (a, b) => {
  const index = v128.and(b, constant(32, [3]));
  return i8x16.swizzle(
    a,
    i32x4.add(i32x4.mul(index, constant(32, [0x04040404])), constant(32, [0x03020100])),
  );
};

/** Bit 1 (not bit 0) of each quadword selects a quadword. */
const permuteDoubles: BinaryLane = (a, b) => {
  const bit = v128.and(
    i8x16.shuffle(b, b, [0, 1, 2, 3, 0, 1, 2, 3, 8, 9, 10, 11, 8, 9, 10, 11]),
    constant(32, [2]),
  );
  const offset = i32x4.mul(bit, constant(32, [0x04040404]));
  return i8x16.swizzle(a, i32x4.add(offset, constant(32, [0x03020100, 0x07060504])));
};

// --- by an immediate ---

type ImmediateLane = (immediate: I32, a: V128, x: Emit, lane: number) => V128;

/** The immediate is read once; `select` gets it. */
function emitShuffle(x: Emit, select: ImmediateLane): void {
  const immediate = lastImmediate(x);
  emitUnary(x, (a, _, lane) => select(immediate, a, x, lane));
}

const shuffleDoublewords: ImmediateLane = (immediate, a, x) =>
  pickElements(x, immediate, 4, twoBitFields(4), a);
const shuffleLowWords: ImmediateLane = (immediate, a, x) =>
  pickElements(x, immediate, 2, [...twoBitFields(4), ...fixedFields(4, 4)], a);
const shuffleHighWords: ImmediateLane = (immediate, a, x) =>
  pickElements(x, immediate, 2, [...fixedFields(0, 4), ...twoBitFields(4, 0, 4)], a);

define(withVex("pshufd"), (x) => emitShuffle(x, shuffleDoublewords));
define([...withVex("pshuflw"), "pshufw"], (x) => emitShuffle(x, shuffleLowWords));
define(withVex("pshufhw"), (x) => emitShuffle(x, shuffleHighWords));

/** One bit of the immediate for each quadword, the upper lane's above the lower one's. */
const oneBitFields = (lane: number, bases: readonly [number, number]): Field[] =>
  bases.map((base, i) => ({ shift: 2 * lane + i, mask: 1, base }));

define("vpermilps", (x) => {
  if (x.operands[2]!.kind === "imm") emitShuffle(x, shuffleDoublewords);
  else emitBinary(x, permuteSingles);
});
define("vpermilpd", (x) => {
  if (x.operands[2]!.kind === "imm") {
    emitShuffle(x, (immediate, a, _, lane) => pickElements(x, immediate, 8, oneBitFields(lane, [0, 0]), a));
  } else emitBinary(x, permuteDoubles);
});

define(withVex("shufps"), (x) => {
  const immediate = lastImmediate(x);
  // Two elements of the first source, then two of the second.
  const fields = [...twoBitFields(2), ...twoBitFields(2, 4, 4)];
  emitBinary(x, (a, b) => pickElements(x, immediate, 4, fields, a, b));
});
define(withVex("shufpd"), (x) => {
  const immediate = lastImmediate(x);
  emitBinary(x, (a, b, _, lane) => pickElements(x, immediate, 8, oneBitFields(lane, [0, 2]), a, b));
});

define(withVex("palignr"), (x) => {
  const immediate = lastImmediate(x);
  const positions = constant(8, iota(16));
  // Beyond the end of the pair come zeros; the sum must not wrap around to its start.
  const control = x.let(i8x16.addSatU(positions, i8x16.splat(immediate)));
  // The first source is the upper part of the pair.
  const known = immediate.constant;
  if (isMmx(x)) emitBinary(x, (a, b) => i8x16.swizzle(joinHalves(b, a), control));
  else if (known !== undefined && known <= 16) {
    const bytes = iota(16).map((i) => i + known);
    emitBinary(x, (a, b) => i8x16.shuffle(b, a, bytes));
  } else emitBinary(x, (a, b) => swizzleTwo(b, a, control));
});

function blendByImmediate(
  name: string,
  element: 2 | 4 | 8,
  perLane: number,
  mnemonics = withVex(name),
): void {
  define(mnemonics, (x) => {
    const immediate = lastImmediate(x);
    emitBinary(x, (a, b, _, lane) =>
      v128.bitselect(b, a, immediateMask(x, x.let(immediate.shrU(perLane * lane)), element)),
    );
  });
}
blendByImmediate("blendps", 4, 4);
blendByImmediate("blendpd", 8, 2);
blendByImmediate("vpblendd", 4, 4, ["vpblendd"]);
// Both lanes use the same eight bits.
blendByImmediate("pblendw", 2, 0);

// --- fixed ---

function duplicate(name: string, element: 4 | 8, odd: 0 | 1): void {
  const bytes = iota(16).map((i) => (Math.floor(i / (2 * element)) * 2 + odd) * element + (i % element));
  define(withVex(name), (x) => emitUnary(x, (a) => i8x16.shuffle(a, a, bytes)));
}
duplicate("movsldup", 4, 0);
duplicate("movshdup", 4, 1);

define(withVex("movddup"), (x) => {
  // The 128-bit form has a source of 64 bits.
  const low = [0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7];
  x.writeLanes(
    0,
    x.readLanes(1).map((a) => i8x16.shuffle(a, a, low)),
  );
});
