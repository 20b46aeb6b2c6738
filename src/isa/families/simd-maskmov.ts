/**
 * Loads and stores of selected elements (SDM vol. 2: VMASKMOV VPMASKMOV MASKMOVDQU MASKMOVQ). An element that is not
 * selected is not accessed and can't fault. A store first asks whether all selected elements can be written,
 * so that a fault leaves memory unchanged.
 */
import { i8x16, i32x4, i64x2 } from "../../wasm/simd.js";
import type { I32, I64, V128 } from "../../wasm/value.js";
import { define, type Emit, Register } from "../emit.js";
import { mmx } from "./mmx-state.js";
import { zero } from "./simd-forms.js";

/** The code forms addresses by itself, element by element. */
const options = { addressSize: true, long: true } as const;

interface Shape {
  readonly bytes: 4 | 8;
  readonly bitmask: (mask: V128) => I32;
  readonly insert: (into: V128, index: number, value: I64) => V128;
  readonly extract: (from: V128, index: number) => I64;
}
const doublewords: Shape = {
  bytes: 4,
  bitmask: i32x4.bitmask,
  insert: (into, index, value) => i32x4.replace(into, index, value.toI32()),
  extract: (from, index) => i32x4.extract(from, index).toI64U(),
};
const quadwords: Shape = {
  bytes: 8,
  bitmask: i64x2.bitmask,
  insert: (into, index, value) => i64x2.replace(into, index, value),
  extract: (from, index) => i64x2.extract(from, index),
};

function maskMove(mnemonics: string[], shape: Shape): void {
  const { bytes } = shape;
  define(
    mnemonics,
    (x) => {
      const perLane = 16 / bytes;
      const masks = x.readLanes(1).map((mask) => x.let(shape.bitmask(mask)));
      const offset = x.effectiveAddress();
      const address = (n: number, access: "read" | "write") =>
        x.segmentAddress(undefined, x.let(offset.add(n * bytes)), access, bytes);
      /** Runs `body` for every selected element; it gets the number in the operand and its lane. */
      const selected = (body: (n: number, lane: number) => void) => {
        masks.forEach((mask, lane) => {
          for (let i = 0; i < perLane; i++) x.f.if(mask.and(1 << i), () => body(lane * perLane + i, lane));
        });
      };
      if (x.isMemory(0)) {
        const lanes = x.readLanes(2);
        selected((n) => x.f.scope(() => x.hostUpdate(address(n, "write"), bytes, () => {})));
        selected((n, lane) =>
          x.f.scope(() => x.store(bytes * 8, address(n, "write"), shape.extract(lanes[lane]!, n % perLane))),
        );
        return;
      }
      const results = masks.map(() => x.f.local("v128"));
      for (const result of results) x.f.set(result, zero);
      selected((n, lane) =>
        x.f.scope(() => {
          const value = x.load(bytes * 8, address(n, "read"));
          x.f.set(results[lane]!, shape.insert(results[lane]!.value, n % perLane, value));
        }),
      );
      x.writeLanes(
        0,
        results.map((result) => result.value),
      );
    },
    options,
  );
}
maskMove(["vmaskmovps", "vpmaskmovd"], doublewords);
maskMove(["vmaskmovpd", "vpmaskmovq"], quadwords);

/** Bytes of operand 0 whose sign in operand 1 is set, to the segment's [rDI]. */
function emitMaskedBytes(x: Emit): void {
  const data = x.readVector(0);
  const mask = x.let(i8x16.bitmask(x.readVector(1)));
  const start = x.let(x.readRegister(Register.RDI, x.addressSize));
  /** Once for every bit of the mask, lowest first. */
  const each = (body: (index: I32, address: I64) => void) => {
    const left = x.f.local("i32");
    x.f.set(left, mask);
    x.f.block((done) =>
      x.f.loop((next) => {
        x.f.brIf(done, left.value.eqz());
        x.f.scope(() => {
          const index = x.let(left.value.ctz());
          const offset = x.let(start.add(index.toI64U()));
          body(index, x.segmentAddress(undefined, offset, "write", 1));
        });
        x.f.set(left, left.value.and(left.value.sub(1)));
        x.f.br(next);
      }),
    );
  };
  each((_, address) => x.hostUpdate(address, 1, () => {}));
  each((index, address) =>
    x.hostWrite(address, 1, (host) =>
      x.f.store8(host, i8x16.extractU(i8x16.swizzle(data, i8x16.splat(index)), 0)),
    ),
  );
}
define(["maskmovdqu", "vmaskmovdqu"], emitMaskedBytes, options);
define("maskmovq", (x) => mmx(x, () => emitMaskedBytes(x)), options);
