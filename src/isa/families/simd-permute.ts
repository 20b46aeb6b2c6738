/**
 * Moves across 128-bit lanes: permutations of 256 bits, insertion, extraction and broadcast (SDM vol. 2: VPERMD VPERMPS
 * VPERMQ VPERMPD VPERM2F128 VINSERTF128 VEXTRACTF128 VBROADCAST*). VEX only.
 */
import { i8x16, i16x8, i32x4, i64x2, v128 } from "../../wasm/simd.js";
import type { V128 } from "../../wasm/value.js";
import { select } from "../../wasm/value.js";
import { define, type Emit } from "../emit.js";
import { constant, iota, zero } from "./simd-forms.js";
import { byBit, pickElements, swizzleTwo, twoBitFields } from "./simd-select.js";

/** Eight doublewords by the low three bits of eight positions; the positions are the first source. */
define(["vpermd", "vpermps"], (x) => {
  const [low, high] = x.readLanes(2) as [V128, V128];
  const permuted = x.readLanes(1).map((positions) => {
    const index = v128.and(positions, constant(32, [7]));
    const control = i32x4.add(i32x4.mul(index, constant(32, [0x04040404])), constant(32, [0x03020100]));
    return x.let(swizzleTwo(low, high, x.let(control)));
  });
  x.writeLanes(0, permuted);
});

/** Four quadwords by two bits of the immediate each. */
define(["vpermq", "vpermpd"], (x) => {
  const immediate = x.immediate(2);
  const [low, high] = x.readLanes(1) as [V128, V128];
  x.writeLanes(
    0,
    [0, 4].map((shift) => x.let(pickElements(x, immediate, 8, twoBitFields(2, shift), low, high))),
  );
});

/** Each lane by four bits: which lane of the two sources, or zero. */
define(["vperm2f128", "vperm2i128"], (x) => {
  const control = x.immediate(3);
  const b = x.readLanes(2);
  const a = x.readLanes(1);
  const pick = (shift: number) => {
    const lane = (source: readonly V128[]) => byBit(control, shift, source[1]!, source[0]!);
    return x.let(byBit(control, shift + 3, zero, byBit(control, shift + 1, lane(b), lane(a))));
  };
  x.writeLanes(0, [pick(0), pick(4)]);
});

define(["vinsertf128", "vinserti128"], (x) => {
  const upper = x.immediate(3).and(1);
  const inserted = x.readVector(2);
  const [low, high] = x.readLanes(1) as [V128, V128];
  x.writeLanes(0, [x.let(select(upper, low, inserted)), x.let(select(upper, inserted, high))]);
});

define(["vextractf128", "vextracti128"], (x) => {
  const [low, high] = x.readLanes(1) as [V128, V128];
  x.writeLanes(0, [byBit(x.immediate(2), 0, high, low)]);
});

// --- broadcast ---

function broadcast(name: string, splat: (value: V128) => V128): void {
  define(name, (x: Emit) => {
    const value = x.let(splat(x.readVector(1)));
    x.writeLanes(
      0,
      iota(x.width(0) / 128).map(() => value),
    );
  });
}
broadcast("vpbroadcastb", (value) => i8x16.splat(i8x16.extractU(value, 0)));
broadcast("vpbroadcastw", (value) => i16x8.splat(i16x8.extractU(value, 0)));
for (const name of ["vpbroadcastd", "vbroadcastss"])
  broadcast(name, (value) => i32x4.splat(i32x4.extract(value, 0)));
for (const name of ["vpbroadcastq", "vbroadcastsd"])
  broadcast(name, (value) => i64x2.splat(i64x2.extract(value, 0)));
for (const name of ["vbroadcastf128", "vbroadcasti128"]) broadcast(name, (value) => value);
