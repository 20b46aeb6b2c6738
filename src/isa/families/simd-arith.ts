/**
 * Packed integer arithmetic: additions, subtractions, products, averages, minima, sums of absolute differences
 * (SDM vol. 2: PADD* PSUB* PMUL* PMADD* PAVG* PMIN* PMAX* PABS* PSIGN* PSADBW MPSADBW PHADD* PHSUB* PHMINPOSUW).
 */
import { i8x16, i16x8, i32x4, i64x2, v128 } from "../../wasm/simd.js";
import type { V128 } from "../../wasm/value.js";
import { define } from "../emit.js";
import { type BinaryLane, binary, constant, emitBinary, iota, unary, withVex, zero } from "./simd-forms.js";

const lanewise: Record<string, BinaryLane> = {
  paddb: i8x16.add,
  paddw: i16x8.add,
  paddd: i32x4.add,
  paddq: i64x2.add,
  paddsb: i8x16.addSatS,
  paddsw: i16x8.addSatS,
  paddusb: i8x16.addSatU,
  paddusw: i16x8.addSatU,
  psubb: i8x16.sub,
  psubw: i16x8.sub,
  psubd: i32x4.sub,
  psubq: i64x2.sub,
  psubsb: i8x16.subSatS,
  psubsw: i16x8.subSatS,
  psubusb: i8x16.subSatU,
  psubusw: i16x8.subSatU,
  pavgb: i8x16.avgrU,
  pavgw: i16x8.avgrU,
  pminub: i8x16.minU,
  pminsb: i8x16.minS,
  pminuw: i16x8.minU,
  pminsw: i16x8.minS,
  pminud: i32x4.minU,
  pminsd: i32x4.minS,
  pmaxub: i8x16.maxU,
  pmaxsb: i8x16.maxS,
  pmaxuw: i16x8.maxU,
  pmaxsw: i16x8.maxS,
  pmaxud: i32x4.maxU,
  pmaxsd: i32x4.maxS,
  pmullw: i16x8.mul,
  pmulld: i32x4.mul,
  pmaddwd: i32x4.dotI16S,
};
for (const [name, operation] of Object.entries(lanewise)) binary(name, operation);

unary("pabsb", i8x16.abs);
unary("pabsw", i16x8.abs);
unary("pabsd", i32x4.abs);

// --- products that keep a part ---

/** The upper words of eight doublewords. */
const highWords = (low: V128, high: V128): V128 =>
  i8x16.shuffle(
    low,
    high,
    iota(16).map((i) => (i >> 1) * 4 + 2 + (i & 1)),
  );
binary("pmulhw", (a, b) => highWords(i32x4.extmulLowI16S(a, b), i32x4.extmulHighI16S(a, b)));
binary("pmulhuw", (a, b) => highWords(i32x4.extmulLowI16U(a, b), i32x4.extmulHighI16U(a, b)));

binary("pmulhrsw", (a, b) => {
  // WebAssembly saturates the one product that overflows, -1 · -1, to 7FFFh; PMULHRSW wraps it to 8000h.
  const lowest = constant(16, [0x8000]);
  const overflow = v128.and(i16x8.eq(a, lowest), i16x8.eq(b, lowest));
  return v128.xor(i16x8.q15mulrSatS(a, b), overflow);
});

/** Doublewords 0 and 2 as the low two. */
const evenDoublewords = (a: V128): V128 =>
  i8x16.shuffle(a, a, [0, 1, 2, 3, 8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11]);
binary("pmuludq", (a, b) => i64x2.extmulLowI32U(evenDoublewords(a), evenDoublewords(b)));
binary("pmuldq", (a, b) => i64x2.extmulLowI32S(evenDoublewords(a), evenDoublewords(b)));

binary("pmaddubsw", (a, b) => {
  // The first source is unsigned, the second signed: no product overflows 16 bits, only their sum does.
  const even = i16x8.mul(v128.and(a, constant(16, [0xff])), i16x8.shrS(i16x8.shl(b, 8), 8));
  const odd = i16x8.mul(i16x8.shrU(a, 8), i16x8.shrS(b, 8));
  return i16x8.addSatS(even, odd);
});

// --- signs ---

/** a, -a or 0 as b is positive, negative or 0. */
function sign(name: string, lanes: typeof i8x16 | typeof i16x8 | typeof i32x4): void {
  binary(name, (a, b, x) => {
    const negative = x.let(lanes.ltS(b, zero));
    return v128.and(lanes.sub(v128.xor(a, negative), negative), lanes.ne(b, zero));
  });
}
sign("psignb", i8x16);
sign("psignw", i16x8);
sign("psignd", i32x4);

// --- neighbours ---

/** Combines neighbours of `a`, then of `b`; an operand of `bytes` bytes fills the low half of the result. */
function neighbours(name: string, element: 2 | 4, operation: (even: V128, odd: V128) => V128): void {
  const lane =
    (bytes: 8 | 16): BinaryLane =>
    (a, b) => {
      const pick = (odd: number) =>
        iota(16).map((i) => {
          const position = i % bytes;
          const source = Math.floor(position / (bytes / 2)) * 16;
          const pair = Math.floor((position % (bytes / 2)) / element);
          return source + (2 * pair + odd) * element + (i % element);
        });
      return operation(i8x16.shuffle(a, b, pick(0)), i8x16.shuffle(a, b, pick(1)));
    };
  binary(name, lane(16), lane(8));
}
neighbours("phaddw", 2, i16x8.add);
neighbours("phaddd", 4, i32x4.add);
neighbours("phaddsw", 2, i16x8.addSatS);
neighbours("phsubw", 2, i16x8.sub);
neighbours("phsubd", 4, i32x4.sub);
neighbours("phsubsw", 2, i16x8.subSatS);

// --- sums of absolute differences ---

binary("psadbw", (a, b, x) => {
  const difference = v128.or(i8x16.subSatU(a, b), i8x16.subSatU(b, a));
  const sums = x.let(i32x4.extaddPairwiseI16U(i16x8.extaddPairwiseI8U(difference)));
  return v128.and(i64x2.add(sums, i64x2.shrU(sums, 32)), constant(64, [0xffffffff]));
});

define(withVex("mpsadbw"), (x) => {
  const control = x.immediate(x.operands.length - 1);
  emitBinary(x, (a, b, _, lane) => {
    const bits = x.let(control.shrU(3 * lane));
    // Bit 2 selects a start in the first source, bits 1:0 four bytes of the second (vol. 2, MPSADBW).
    const first = i8x16.splat(bits.and(4));
    const second = i8x16.splat(bits.and(3).shl(2));
    let sum = zero;
    for (let j = 0; j < 4; j++) {
      const window = i8x16.swizzle(
        a,
        i8x16.add(
          first,
          constant(
            8,
            iota(16).map((i) => i + j),
          ),
        ),
      );
      const byte = i8x16.swizzle(b, i8x16.add(second, constant(8, [j])));
      const difference = i16x8.sub(i16x8.extendLowI8U(window), i16x8.extendLowI8U(byte));
      sum = x.let(i16x8.add(sum, i16x8.abs(difference)));
    }
    return sum;
  });
});

unary("phminposuw", (a, x) => {
  // Value and position in one doubleword: the smallest has the lowest position among equals.
  const tagged = (words: V128, from: number) =>
    v128.or(i32x4.shl(words, 3), constant(32, [from, from + 1, from + 2, from + 3]));
  const four = x.let(i32x4.minU(tagged(i32x4.extendLowI16U(a), 0), tagged(i32x4.extendHighI16U(a), 4)));
  const rotate = (v: V128, bytes: number) =>
    i8x16.shuffle(
      v,
      v,
      iota(16).map((i) => (i + bytes) & 15),
    );
  const two = x.let(i32x4.minU(four, rotate(four, 8)));
  const one = x.let(i32x4.extract(i32x4.minU(two, rotate(two, 4)), 0));
  return i32x4.replace(zero, 0, one.shrU(3).or(one.and(7).shl(16)));
});
