/**
 * Functions of bytes in vectors: the field GF(2^8) that AES and GFNI compute in (FIPS 197, 4.2: modulo
 * x^8 + x^4 + x^3 + x + 1), and looking up all 16 bytes of a vector in a table of 256.
 */
import { i8x16, v128 } from "../../wasm/simd.js";
import type { V128 } from "../../wasm/value.js";
import type { Emit } from "../emit.js";
import { constant, iota } from "./simd-forms.js";

/** The field's modulus without x^8. */
const MODULUS = 0x1b;

/** Product in the field. */
export function multiply(a: number, b: number): number {
  let product = 0;
  for (let bit = 0; bit < 8; bit++) {
    if ((b >> bit) & 1) product ^= a;
    a = ((a << 1) ^ (a & 0x80 ? MODULUS : 0)) & 0xff;
  }
  return product;
}

/** Inverses in the field; 0 for 0. */
export const inverse: readonly number[] = (() => {
  const table = iota(256).map(() => 0);
  for (let a = 1; a < 256; a++) {
    if (table[a] !== 0) continue;
    let b = 1;
    while (multiply(a, b) !== 1) b++;
    table[a] = b;
    table[b] = a;
  }
  return table;
})();

/** Every byte times x. */
export function timesX(a: V128): V128 {
  return v128.xor(i8x16.shl(a, 1), v128.and(i8x16.shrS(a, 7), constant(8, [MODULUS])));
}

/**
 * Every byte replaced by its entry in `table`. One swizzle for each upper nibble: a position outside of the
 * 16 entries at hand yields 0, so the results of all are just united.
 */
export function lookUp(x: Emit, table: readonly number[], a: V128): V128 {
  const position = x.f.local("v128");
  const result = x.f.local("v128");
  x.f.set(position, a);
  x.f.set(result, i8x16.swizzle(constant(8, table.slice(0, 16)), a));
  for (let upper = 1; upper < 16; upper++) {
    x.f.set(position, i8x16.sub(position.value, constant(8, [16])));
    const part = constant(8, table.slice(16 * upper, 16 * upper + 16));
    x.f.set(result, v128.or(result.value, i8x16.swizzle(part, position.value)));
  }
  return result.value;
}
