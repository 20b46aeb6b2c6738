/**
 * Moves: whole vectors, scalars, halves, and between register files (SDM vol. 2: MOVAPS … MOVDQU, MOVD, MOVQ,
 * MOVSS, MOVSD, MOVLPS, MOVHPS, MOVNT*, VZEROUPPER).
 */
import { i8x16, i64x2 } from "../../wasm/simd.js";
import { I64, type V128 } from "../../wasm/value.js";
import { define } from "../emit.js";
import { YMM } from "../state.js";
import { mmxIfUsed } from "./mmx-state.js";
import { iota, withVex, zero } from "./simd-forms.js";

const withLow = (low: I64): V128 => i64x2.replace(zero, 0, low);
const lowOf = (value: V128): I64 => i64x2.extract(value, 0);
const highOf = (value: V128): I64 => i64x2.extract(value, 1);

// --- whole vectors: whether memory must be aligned is said by the form ---

const whole = [
  ...["movaps", "movapd", "movups", "movupd", "movdqa", "movdqu"],
  ...["movntps", "movntpd", "movntdq", "movntdqa", "lddqu"],
];
define(whole.flatMap(withVex), (x) => x.writeLanes(0, x.readLanes(1)));

// --- integers to and from vectors ---

/** MOVD and MOVQ: what is written to a vector register is extended with zeros to all of it. */
define([...withVex("movd"), ...withVex("movq")], (x) =>
  mmxIfUsed(x, () => {
    const value = x.read(1);
    if (x.operands[0]!.kind === "xmm") x.writeWholeVector(0, withLow(value));
    else x.write(0, value);
  }));
define("movq2dq", (x) => mmxIfUsed(x, () => x.writeWholeVector(0, withLow(x.read(1)))));
define("movdq2q", (x) => mmxIfUsed(x, () => x.write(0, x.read(1))));
define("movntq", (x) => mmxIfUsed(x, () => x.write(0, x.read(1))));

// --- scalars ---

/** Registers merge into the destination, a load clears the rest of it, a store is a store. */
define(["movss", "movsd", "movntss", "movntsd"], (x) => {
  if (x.isMemory(1)) x.writeWholeVector(0, x.readVector(1));
  else x.write(0, x.read(1));
});

function scalarMove(name: string, bytes: 4 | 8): void {
  define(name, (x) => {
    if (x.operands.length === 3) {
      const low = x.readWholeVector(2);
      const rest = x.readWholeVector(1);
      x.writeWholeVector(
        0,
        i8x16.shuffle(
          low,
          rest,
          iota(16).map((i) => (i < bytes ? i : 16 + i)),
        ),
      );
    } else if (x.isMemory(1)) x.writeWholeVector(0, x.readVector(1));
    else x.write(0, x.read(1));
  });
}
scalarMove("vmovss", 4);
scalarMove("vmovsd", 8);

// --- halves ---

for (const [name, store, load] of [
  ["movlps", lowOf, 0],
  ["movlpd", lowOf, 0],
  ["movhps", highOf, 1],
  ["movhpd", highOf, 1],
] as const) {
  define(withVex(name), (x) => {
    if (x.isMemory(0)) {
      x.write(0, store(x.readWholeVector(1)));
      return;
    }
    const last = x.operands.length - 1;
    const loaded = x.read(last);
    x.writeWholeVector(0, i64x2.replace(x.readWholeVector(last - 1), load, loaded));
  });
}

/** One half of the last source replaces one of the first source (the destination itself in the legacy form). */
function halfMove(name: string, from: (value: V128) => I64, to: 0 | 1): void {
  define(withVex(name), (x) => {
    const last = x.operands.length - 1;
    const moved = from(x.readWholeVector(last));
    x.writeWholeVector(0, i64x2.replace(x.readWholeVector(last - 1), to, moved));
  });
}
halfMove("movhlps", highOf, 0);
halfMove("movlhps", lowOf, 1);

// --- upper halves ---

function clearRegisters(name: string, parts: readonly number[]): void {
  define(
    name,
    (x) => {
      // Outside 64-bit mode only eight registers exist and the others keep their values (vol. 2, VZEROUPPER).
      for (let register = 0; register < (x.long ? 16 : 8); register++) {
        for (const part of parts) x.setStateI64(YMM + register * 32 + part, I64.const(0));
      }
    },
    { long: true },
  );
}
clearRegisters("vzeroupper", [16, 24]);
clearRegisters("vzeroall", [0, 8, 16, 24]);
