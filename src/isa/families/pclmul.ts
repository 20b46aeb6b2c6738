/**
 * Carry-less multiplication (SDM vol. 2: PCLMULQDQ).
 *
 * Integer multiplication does it if carries have room to die in: each factor is split into four parts that
 * hold every fourth bit. In a product of two parts at most 8 (of 32 bits each) ones meet at a place, so that
 * the three bits between the places take the carries, and one mask removes them.
 */
import { i8x16, i64x2, v128 } from "../../wasm/simd.js";
import type { V128 } from "../../wasm/value.js";
import { define, type Emit } from "../emit.js";
import { constant, emitBinary, iota, withVex, zero } from "./simd-forms.js";
import { elementAt } from "./simd-select.js";

/** Two 64-bit carry-less products of 32-bit lanes; `product` multiplies the low or the high two lanes. */
function multiplyLanes(
  x: Emit,
  a: readonly V128[],
  b: readonly V128[],
  product: (a: V128, b: V128) => V128,
): V128 {
  const places = iota(4).map((place) => {
    const terms = iota(4).map((i) => product(a[i]!, b[(place - i) & 3]!));
    return v128.and(terms.reduce(v128.xor), constant(64, [0x1111111111111111n << BigInt(place)]));
  });
  return x.let(places.reduce(v128.or));
}

function multiply(x: Emit, a: V128, b: V128): V128 {
  const parts = (value: V128) => iota(4).map((i) => x.let(v128.and(value, constant(32, [0x11111111 << i]))));
  // Lanes a0 a1 a0 a1 and b0 b1 b1 b0 give the four products of halves.
  const left = parts(x.let(i8x16.shuffle(a, a, [...iota(8), ...iota(8)])));
  const right = parts(x.let(i8x16.shuffle(b, b, [...iota(8), 4, 5, 6, 7, 0, 1, 2, 3])));
  const straight = multiplyLanes(x, left, right, i64x2.extmulLowI32U);
  const crossed = multiplyLanes(x, left, right, i64x2.extmulHighI32U);
  const middle = x.let(
    v128.xor(crossed, i8x16.shuffle(crossed, crossed, [...iota(8).map((i) => i + 8), ...iota(8)])),
  );
  // The middle product starts at bit 32: its 64 bits go between two doublewords of zeros.
  const shifted = i8x16.shuffle(middle, zero, [16, 16, 16, 16, ...iota(8), 16, 16, 16, 16]);
  return v128.xor(straight, shifted);
}

define(withVex("pclmulqdq"), (x) => {
  const control = x.immediate(x.operands.length - 1);
  // Bits 0 and 4 choose a quadword of the first and second source.
  emitBinary(x, (a, b) =>
    multiply(x, x.let(elementAt(a, control, 8)), x.let(elementAt(b, control.shrU(4), 8))),
  );
});
