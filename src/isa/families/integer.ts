/**
 * What the integer families share: integers of the four operand widths, held zero-extended in an I64.
 */
import { load } from "../../wasm/function.js";
import type { I32, I64 } from "../../wasm/value.js";
import type { Emit } from "../emit.js";
import { SEGMENT_SELECTOR } from "../state.js";

/** All ones in the low `width` bits. */
export const ones = (width: number): bigint => (1n << BigInt(width)) - 1n;

/** Sign-extends the low `width` bits. */
export function signExtend(width: number, value: I64): I64 {
  if (width === 8) return value.extend8S();
  if (width === 16) return value.extend16S();
  return width === 32 ? value.extend32S() : value;
}

/** Keeps the low `width` bits. */
export const cut = (width: number, value: I64): I64 => (width === 64 ? value : value.and(ones(width)));

/** The most significant of `width` bits as 0 or 1; `value` may have garbage above. */
export function signBit(width: number, value: I64): I64 {
  return width === 64 ? value.shrU(63) : value.shrU(width - 1).and(1);
}

/** Loads `width` bits from a host address, zero-extended. */
export function loadInteger(width: number, host: I32, offset = 0): I64 {
  if (width === 8) return load.i64_8u(host, offset);
  if (width === 16) return load.i64_16u(host, offset);
  return width === 32 ? load.i64_32u(host, offset) : load.i64(host, offset);
}

/** Reverses the bytes of a 16-, 32- or 64-bit integer. */
export function reverseBytes(x: Emit, width: number, value: I64): I64 {
  const swap = (v: I64, distance: number, low: bigint) => {
    const fixed = x.let(v);
    return fixed.shrU(distance).and(low).or(fixed.and(low).shl(distance));
  };
  const pairs = swap(value, 8, 0x00ff00ff00ff00ffn);
  if (width === 16) return pairs;
  const words = swap(pairs, 16, 0x0000ffff0000ffffn);
  if (width === 32) return words;
  return x.let(words).rotl(32);
}

/** Selector of the segment register that is operand `i`. */
export function readSelector(x: Emit, i: number): I64 {
  return x.let(load.i64_16u(x.cpu.add(x.registerNumber(i).shl(2)), SEGMENT_SELECTOR));
}
