/**
 * AMD's SSE4a bit fields (APM vol. 4: EXTRQ INSERTQ). MOVNTSS and MOVNTSD are in simd-move.ts.
 *
 * A field has 1 to 64 bits, a length of 0 means 64; length and start are six bits each. What reaches beyond bit
 * 63 is undefined by the manual; here it is cut. The upper quadword of the destination is undefined; here it is kept.
 */
import { i8x16, i64x2 } from "../../wasm/simd.js";
import { I64, select } from "../../wasm/value.js";
import { define, type Emit } from "../emit.js";

interface BitField {
  readonly start: I64;
  /** As many ones as the field is long. */
  readonly ones: I64;
}

/** From two immediates, the first of which is operand `i`, or from bytes `byte` (length) and `byte` + 1 of vector operand `i`. */
function bitField(x: Emit, i: number, byte: number): BitField {
  const [length, start] =
    x.operands[i]!.kind === "imm"
      ? [x.read(i), x.read(i + 1)]
      : [0, 1].map((n) => i8x16.extractU(x.readWholeVector(i), byte + n).toI64U());
  const cut = x.let(length!.and(63));
  const ones = select(cut.eqz(), I64.const(-1), I64.const(1).shl(cut).sub(1));
  return { start: x.let(start!.and(63)), ones: x.let(ones) };
}

define("extrq", (x) => {
  const { start, ones } = bitField(x, 1, 0);
  x.write(0, x.read(0).shrU(start).and(ones));
});

define("insertq", (x) => {
  // Without immediates the field is described in the upper quadword of the source.
  const { start, ones } = x.operands.length === 4 ? bitField(x, 2, 0) : bitField(x, 1, 8);
  const source = x.let(i64x2.extract(x.readWholeVector(1), 0));
  const place = x.let(ones.shl(start));
  x.write(0, x.read(0).and(place.not()).or(source.and(ones).shl(start)));
});
