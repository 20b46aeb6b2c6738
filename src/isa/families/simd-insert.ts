/**
 * Single elements in and out of a vector, chosen by an immediate (SDM vol. 2: PINSR* PEXTR* INSERTPS EXTRACTPS).
 */
import { i8x16, i16x8, i32x4, i64x2, v128 } from "../../wasm/simd.js";
import type { I64, V128 } from "../../wasm/value.js";
import { define } from "../emit.js";
import { mmxIfUsed } from "./mmx-state.js";
import { withVex } from "./simd-forms.js";
import { elementAt, elementMask, immediateMask } from "./simd-select.js";

type Bytes = 1 | 2 | 4 | 8;

const splat = {
  1: (value: I64) => i8x16.splat(value.toI32()),
  2: (value: I64) => i16x8.splat(value.toI32()),
  4: (value: I64) => i32x4.splat(value.toI32()),
  8: (value: I64) => i64x2.splat(value),
} as const;

const lowest = {
  1: (value: V128) => i8x16.extractU(value, 0).toI64U(),
  2: (value: V128) => i16x8.extractU(value, 0).toI64U(),
  4: (value: V128) => i32x4.extract(value, 0).toI64U(),
  8: (value: V128) => i64x2.extract(value, 0),
} as const;

function insert(name: string, bytes: Bytes): void {
  define(withVex(name), (x) =>
    mmxIfUsed(x, () => {
      const last = x.operands.length - 1;
      const value = splat[bytes](x.read(last - 1));
      const old = x.readLanes(last - 2)[0]!;
      // An MMX register has half as many elements; the upper half of the result is not stored.
      const mask = elementMask(x.immediate(last), bytes, x.width(0) / 8 / bytes);
      x.writeLanes(0, [v128.bitselect(value, old, mask)]);
    }),
  );
}
insert("pinsrb", 1);
insert("pinsrw", 2);
insert("pinsrd", 4);
insert("pinsrq", 8);

/** Registers receive the element with zeros above it. */
function extract(name: string, bytes: Bytes): void {
  define(withVex(name), (x) =>
    mmxIfUsed(x, () => {
      const index = x.immediate(2).and(x.width(1) / 8 / bytes - 1);
      x.write(0, lowest[bytes](elementAt(x.readVector(1), index, bytes)));
    }),
  );
}
extract("pextrb", 1);
extract("pextrw", 2);
extract("pextrd", 4);
extract("pextrq", 8);
extract("extractps", 4);

define(withVex("insertps"), (x) => {
  const last = x.operands.length - 1;
  const control = x.immediate(last);
  const source = x.readLanes(last - 1)[0]!;
  // Bits 7:6 choose among the elements of a register; memory is one element.
  const value = x.isMemory(last - 1) ? source : elementAt(source, control.shrU(6), 4);
  const old = x.readLanes(last - 2)[0]!;
  const position = elementMask(control.shrU(4), 4, 4);
  const inserted = v128.bitselect(i32x4.splat(i32x4.extract(value, 0)), old, position);
  // Bits 3:0 clear elements.
  x.writeLanes(0, [v128.andnot(inserted, immediateMask(x, control, 4))]);
});
