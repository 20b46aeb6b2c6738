/** Sign and zero extension of packed integers (SDM vol. 2: PMOVSX*, PMOVZX*). */
import { i8x16, i16x8, i32x4, i64x2 } from "../../wasm/simd.js";
import type { V128 } from "../../wasm/value.js";
import { define } from "../emit.js";
import { iota, withVex } from "./simd-forms.js";

/** One doubling of the width of the low elements, from bytes, words and doublewords. */
const steps = {
  s: [i16x8.extendLowI8S, i32x4.extendLowI16S, i64x2.extendLowI32S],
  z: [i16x8.extendLowI8U, i32x4.extendLowI16U, i64x2.extendLowI32U],
} as const;
const widths = "bwdq";

for (const kind of ["s", "z"] as const) {
  for (const name of ["bw", "bd", "bq", "wd", "wq", "dq"]) {
    const from = widths.indexOf(name[0]!);
    const to = widths.indexOf(name[1]!);
    define(withVex(`pmov${kind}x${name}`), (x) => {
      const source = x.readVector(1);
      /** Source bytes of one lane of the result. */
      const bytes = 16 >> (to - from);
      const extend = (lane: number): V128 => {
        let value =
          lane === 0
            ? source
            : i8x16.shuffle(
                source,
                source,
                iota(16).map((i) => (i + lane * bytes) & 15),
              );
        for (let step = from; step < to; step++) value = steps[kind][step]!(value);
        return value;
      };
      x.writeLanes(0, iota(x.width(0) / 128).map(extend));
    });
  }
}
