/**
 * Selections by an immediate: which elements of one or two vectors go where, or which of two wins.
 *
 * A selection is described once, as a field of the immediate for every element. From a constant immediate
 * follows a static shuffle; for one that is known only at run time the same description yields a control
 * vector for `swizzle`.
 */
import { i8x16, i16x8, v128 } from "../../wasm/simd.js";
import { type I32, select, type V128 } from "../../wasm/value.js";
import type { Emit } from "../emit.js";
import { constant, iota } from "./simd-forms.js";

/** What is needed to evaluate a value once. */
type Fixer = Pick<Emit, "let">;

/** Constants of 16 bytes, and of 8 words given by the position of their first byte. */
const bytes = (value: (byte: number) => number): V128 => constant(8, iota(16).map(value));
const perWord = (value: (byte: number) => number): V128 =>
  constant(
    16,
    iota(8).map((word) => value(2 * word)),
  );

/** Source element = base + ((immediate >> shift) & mask); elements of the second source follow those of the first. */
export interface Field {
  readonly shift: number;
  readonly mask: number;
  readonly base: number;
}

/** Fields of two bits for consecutive elements, from immediate bit `shift` on. */
export const twoBitFields = (count: number, shift = 0, base = 0): Field[] =>
  iota(count).map((i) => ({ shift: shift + 2 * i, mask: 3, base }));

/** Elements that stay: positions `from` to `from + count - 1`. */
export const fixedFields = (from: number, count: number): Field[] =>
  iota(count).map((i) => ({ shift: 0, mask: 0, base: from + i }));

/** Picks the elements, of 2, 4 or 8 bytes, that `fields` name from `a` followed by `b` (default: from `a` only). */
export function pickElements(
  x: Fixer,
  immediate: I32,
  element: 2 | 4 | 8,
  fields: readonly Field[],
  a: V128,
  b?: V128,
): V128 {
  const fieldOf = (byte: number) => fields[Math.floor(byte / element)]!;
  const { constant: known } = immediate;
  if (known !== undefined) {
    const source = (byte: number) => {
      const { shift, mask, base } = fieldOf(byte);
      return (base + ((known >> shift) & mask)) * element + (byte % element);
    };
    return i8x16.shuffle(a, b ?? a, iota(16).map(source));
  }
  // In 16-bit lanes: a product stands in for a shift of its own in each, shift amounts are at most 6.
  const shifted = i16x8.mul(
    i16x8.splat(immediate),
    perWord((byte) => 1 << (6 - fieldOf(byte).shift)),
  );
  const index = v128.and(
    i16x8.shrU(shifted, 6),
    perWord((byte) => fieldOf(byte).mask),
  );
  const start = (byte: number) => fieldOf(byte).base * element + (byte % element);
  const control = x.let(
    i16x8.add(
      i16x8.mul(index, constant(16, [element * 0x0101])),
      perWord((byte) => start(byte) * 0x0101 + 0x0100),
    ),
  );
  return swizzleTwo(a, b, control);
}

/** Bytes of `a` followed by `b` at the positions in `control`; 0 where it is larger than that. */
export function swizzleTwo(a: V128, b: V128 | undefined, control: V128): V128 {
  const first = i8x16.swizzle(a, control);
  return b ? v128.or(first, i8x16.swizzle(b, i8x16.sub(control, constant(8, [16])))) : first;
}

/** Ones in the elements whose bit of the immediate is set; element 0 has bit 0. Fixed. */
export function immediateMask(x: Fixer, immediate: I32, element: 2 | 4 | 8): V128 {
  const bit = (byte: number) => 1 << Math.floor(byte / element);
  const { constant: known } = immediate;
  if (known !== undefined) return bytes((byte) => (known & bit(byte) ? 0xff : 0));
  const bits = perWord(bit);
  return x.let(i16x8.eq(v128.and(i16x8.splat(immediate), bits), bits));
}

/** Element `index` (taken modulo their number) of `size` bytes, moved to the lowest position. */
export function elementAt(vector: V128, index: I32, size: 1 | 2 | 4 | 8): V128 {
  const start = index.and(16 / size - 1).mul(size);
  const { constant: known } = start;
  if (known !== undefined) {
    return i8x16.shuffle(
      vector,
      vector,
      iota(16).map((i) => (known + i) & 15),
    );
  }
  return i8x16.swizzle(vector, i8x16.add(i8x16.splat(start), constant(8, iota(16))));
}

/** Ones in element `index` (taken modulo `count`) of `size` bytes. */
export function elementMask(index: I32, size: 1 | 2 | 4 | 8, count: number): V128 {
  const number = index.and(count - 1);
  const numberAt = (byte: number) => Math.floor(byte / size);
  const { constant: known } = number;
  if (known !== undefined) return bytes((byte) => (numberAt(byte) === known ? 0xff : 0));
  return i8x16.eq(i8x16.splat(number), bytes(numberAt));
}

/** One of two vectors by a bit of an integer. */
export const byBit = (value: I32, bit: number, ifSet: V128, ifClear: V128): V128 =>
  select(value.and(1 << bit), ifSet, ifClear);
