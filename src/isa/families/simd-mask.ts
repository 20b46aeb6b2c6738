/**
 * Signs as masks: collected into a general register, tested into the flags, or used to choose between two vectors
 * (SDM vol. 2: MOVMSKP* PMOVMSKB PTEST VTESTP* BLENDVP* PBLENDVB).
 */
import { i8x16, i32x4, i64x2, v128 } from "../../wasm/simd.js";
import type { I32, V128 } from "../../wasm/value.js";
import { define } from "../emit.js";
import { Flag } from "../flags.js";
import { mmxIfUsed } from "./mmx-state.js";
import { constant, withVex } from "./simd-forms.js";

/** Sign bits to the low bits of a general register; an MMX operand has zeros above. */
function signs(name: string, bitmask: (value: V128) => I32, perLane: number): void {
  define(withVex(name), (x) =>
    mmxIfUsed(x, () => {
      const bits = x.readLanes(1).map((value, lane) => bitmask(value).shl(lane * perLane));
      x.write(0, bits.reduce((all, more) => all.or(more)).toI64U());
    }),
  );
}
signs("pmovmskb", i8x16.bitmask, 16);
signs("movmskps", i32x4.bitmask, 4);
signs("movmskpd", i64x2.bitmask, 2);

/** ZF: the operands have no tested bit in common; CF: the second has none outside the first. Other flags 0. */
function test(mnemonics: string[], tested?: V128): void {
  define(mnemonics, (x) => {
    const b = x.readLanes(1);
    const a = x.readLanes(0);
    const any = (combine: (a: V128, b: V128) => V128) =>
      b
        .map((value, lane) => {
          const combined = combine(a[lane]!, value);
          return v128.anyTrue(tested ? v128.and(combined, tested) : combined);
        })
        .reduce((one, other) => one.or(other));
    const zf = any(v128.and).eqz();
    const cf = any((first, second) => v128.andnot(second, first)).eqz();
    x.flags.explicit(x.let(zf.mul(Flag.ZF).or(cf.mul(Flag.CF)).toI64U()));
  });
}
test(withVex("ptest"));
test(["vtestps"], constant(32, [0x80000000]));
test(["vtestpd"], constant(64, [0x8000000000000000n]));

/** The second source where the mask, the last operand (XMM0 in the legacy form), is negative. */
function blend(name: string, isNegative: (mask: V128) => V128): void {
  define(withVex(name), (x) => {
    const last = x.operands.length - 1;
    const b = x.readLanes(last - 1);
    const a = x.readLanes(last - 2);
    const masks = x.readLanes(last);
    x.writeLanes(
      0,
      a.map((value, lane) => v128.bitselect(b[lane]!, value, isNegative(masks[lane]!))),
    );
  });
}
blend("blendvps", (mask) => i32x4.shrS(mask, 31));
blend("blendvpd", (mask) => i64x2.shrS(mask, 63));
blend("pblendvb", (mask) => i8x16.shrS(mask, 7));
