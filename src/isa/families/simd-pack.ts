/**
 * Packing with saturation and interleaving (SDM vol. 2: PACKSS* PACKUS* PUNPCKL* PUNPCKH* UNPCKLP* UNPCKHP*).
 */
import { i8x16, i16x8 } from "../../wasm/simd.js";
import { type BinaryLane, binary, iota, joinHalves } from "./simd-forms.js";

/** The first source fills the low half of the result; an MMX pair is one 128-bit source. */
function pack(name: string, narrow: BinaryLane): void {
  binary(name, narrow, (a, b, x, lane) => {
    const joined = x.let(joinHalves(a, b));
    return narrow(joined, joined, x, lane);
  });
}
pack("packsswb", i8x16.narrowS);
pack("packuswb", i8x16.narrowU);
pack("packssdw", i16x8.narrowS);
pack("packusdw", i16x8.narrowU);

/** Elements of `a` and `b` in turn, taken from byte `from` on. */
const interleave =
  (element: number, from: number): BinaryLane =>
  (a, b) =>
    i8x16.shuffle(
      a,
      b,
      iota(16).map((i) => {
        const position = Math.floor(i / element);
        return (position & 1) * 16 + from + (position >> 1) * element + (i % element);
      }),
    );

function unpack(low: string, high: string, element: number): void {
  binary(low, interleave(element, 0));
  binary(high, interleave(element, 8), interleave(element, 4));
}
unpack("punpcklbw", "punpckhbw", 1);
unpack("punpcklwd", "punpckhwd", 2);
unpack("punpckldq", "punpckhdq", 4);
unpack("punpcklqdq", "punpckhqdq", 8);
unpack("unpcklps", "unpckhps", 4);
unpack("unpcklpd", "unpckhpd", 8);
