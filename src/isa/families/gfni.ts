/**
 * Galois field instructions (SDM vol. 2: GF2P8MULB GF2P8AFFINEQB GF2P8AFFINEINVQB).
 */
import { i8x16, v128 } from "../../wasm/simd.js";
import type { V128 } from "../../wasm/value.js";
import { define, type Emit } from "../emit.js";
import { inverse, lookUp, timesX } from "./byte-table.js";
import { binary, constant, emitBinary, iota, withVex, zero } from "./simd-forms.js";

binary("gf2p8mulb", (a, b, x) => {
  let product = zero;
  let power = a;
  for (let bit = 0; bit < 8; bit++) {
    const mask = i8x16.shrS(i8x16.shl(b, 7 - bit), 7);
    product = v128.xor(product, v128.and(power, mask));
    if (bit < 7) power = x.let(timesX(power));
  }
  return product;
});

/** Bit i of every byte becomes the parity of the byte and row 7 - i of its quadword's matrix. */
function multiplyMatrix(a: V128, matrix: V128): V128 {
  return iota(8)
    .map((bit) => {
      const rows = i8x16.shuffle(
        matrix,
        matrix,
        iota(16).map((i) => (i & 8) + 7 - bit),
      );
      return i8x16.shl(v128.and(i8x16.popcnt(v128.and(a, rows)), constant(8, [1])), bit);
    })
    .reduce(v128.or);
}

function affine(name: string, prepare: (x: Emit, a: V128) => V128): void {
  define(withVex(name), (x) => {
    const added = x.let(i8x16.splat(x.immediate(x.operands.length - 1)));
    emitBinary(x, (a, matrix) => v128.xor(multiplyMatrix(prepare(x, a), matrix), added));
  });
}
affine("gf2p8affineqb", (_, a) => a);
affine("gf2p8affineinvqb", (x, a) => lookUp(x, inverse, a));
