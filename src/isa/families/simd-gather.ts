/**
 * Gathers (SDM vol. 2: VGATHER*, VPGATHER*): an element is loaded where the mask, operand 2, is negative, each from its
 * own address. Elements complete in order; the mask of a completed one is cleared, so that after a fault the
 * instruction goes on where it stopped. In the end the whole mask register is zero.
 */
import { i32x4, i64x2 } from "../../wasm/simd.js";
import type { V128 } from "../../wasm/value.js";
import { I32, I64 } from "../../wasm/value.js";
import { define, type Emit } from "../emit.js";
import { zero } from "./simd-forms.js";

/** Writes a whole register: a result of 64 bits clears the upper half of its lane too. */
function writeAll(x: Emit, i: number, lanes: readonly V128[]): void {
  if (lanes.length === 1) x.writeWholeVector(i, lanes[0]!);
  else x.writeLanes(i, lanes);
}

function gather(mnemonics: string[], indexWidth: 32 | 64): void {
  define(
    mnemonics,
    (x) => {
      const width = x.width(1) as 32 | 64;
      const perLane = 128 / width;
      const variable = (value: V128) => {
        const local = x.f.local("v128");
        x.f.set(local, value);
        return local;
      };
      const results = x.readLanes(0).map(variable);
      const masks = x.readLanes(2).map(variable);
      for (let element = 0; element < x.width(0) / width; element++) {
        const result = results[Math.floor(element / perLane)]!;
        const mask = masks[Math.floor(element / perLane)]!;
        const i = element % perLane;
        const negative =
          width === 32 ? i32x4.extract(mask.value, i).ltS(0) : i64x2.extract(mask.value, i).ltS(0);
        x.f.if(negative, () =>
          x.f.scope(() => {
            const value = x.load(width, x.vectorElementAddress(1, element, indexWidth));
            if (width === 32) {
              x.f.set(result, i32x4.replace(result.value, i, value.toI32()));
              x.f.set(mask, i32x4.replace(mask.value, i, I32.const(0)));
            } else {
              x.f.set(result, i64x2.replace(result.value, i, value));
              x.f.set(mask, i64x2.replace(mask.value, i, I64.const(0)));
            }
            // The next element may fault.
            x.writeLanes(
              0,
              results.map((lane) => lane.value),
            );
            x.writeLanes(
              2,
              masks.map((lane) => lane.value),
            );
          }),
        );
      }
      writeAll(
        x,
        0,
        results.map((lane) => lane.value),
      );
      writeAll(
        x,
        2,
        masks.map(() => zero),
      );
    },
    { addressSize: true, long: true },
  );
}
gather(["vpgatherdd", "vpgatherdq", "vgatherdps", "vgatherdpd"], 32);
gather(["vpgatherqd", "vpgatherqq", "vgatherqps", "vgatherqpd"], 64);
