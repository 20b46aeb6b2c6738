/**
 * How vector instructions share one meaning.
 *
 * The meaning of most of them is a function on 128-bit lanes. It serves the MMX form (the value is the low
 * half, the upper half is free), the SSE form `op a, b` (a = a op b) and the VEX form `vop d, a, b`, whose
 * 256-bit version does the same in both lanes (SDM vol. 1, 14.3). The sources are always the last operands
 * before an immediate, so one definition emits them all.
 */
import { i8x16 } from "../../wasm/simd.js";
import { V128 } from "../../wasm/value.js";
import { define, type Emit } from "../emit.js";
import { mmxIfUsed } from "./mmx-state.js";

/** A function of one 128-bit lane. The sources are fixed; `lane` is 1 in the upper half of a 256-bit operand. */
export type UnaryLane = (a: V128, x: Emit, lane: number) => V128;
export type BinaryLane = (a: V128, b: V128, x: Emit, lane: number) => V128;

/** The mnemonic and its VEX form. */
export const withVex = (mnemonic: string): string[] => [mnemonic, `v${mnemonic}`];

export const isMmx = (x: Emit): boolean => x.operands[0]!.kind === "mm";

/** Number of operands that are no immediates. */
export function sourceCount(x: Emit): number {
  const count = x.operands.length;
  return x.operands[count - 1]?.kind === "imm" ? count - 1 : count;
}

/** destination = lane function of the last source. */
export function emitUnary(x: Emit, operation: UnaryLane): void {
  const source = sourceCount(x) - 1;
  mmxIfUsed(x, () => {
    const a = x.readLanes(source);
    x.writeLanes(
      0,
      a.map((value, lane) => x.let(operation(value, x, lane))),
    );
  });
}

/** destination = lane function of the last two sources. */
export function emitBinary(x: Emit, operation: BinaryLane): void {
  const second = sourceCount(x) - 1;
  mmxIfUsed(x, () => {
    const b = x.readLanes(second);
    const a = x.readLanes(second - 1);
    x.writeLanes(
      0,
      a.map((value, lane) => x.let(operation(value, b[lane]!, x, lane))),
    );
  });
}

/** Defines `name` and `vname` with one source. */
export function unary(name: string, operation: UnaryLane): void {
  define(withVex(name), (x) => emitUnary(x, operation));
}

/**
 * Defines `name` and `vname` with two sources. `half` replaces the lane function in the MMX form, where the
 * layout of 64 bits is another than that of the low half of 128.
 */
export function binary(name: string, operation: BinaryLane, half: BinaryLane = operation): void {
  define(withVex(name), (x) => emitBinary(x, isMmx(x) ? half : operation));
}

/** Defines a mnemonic that exists in VEX encoding only. */
export function vexBinary(name: string, operation: BinaryLane): void {
  define(name, (x) => emitBinary(x, operation));
}

export const zero = V128.const(0n, 0n);

/** A constant from lanes of `width` bits, lowest first; a shorter list is repeated. */
export function constant(width: 8 | 16 | 32 | 64, values: readonly (number | bigint)[]): V128 {
  const mask = (1n << BigInt(width)) - 1n;
  let whole = 0n;
  for (let i = 0; i < 128 / width; i++) {
    whole |= (BigInt(values[i % values.length]!) & mask) << BigInt(i * width);
  }
  return V128.const(whole & 0xffffffffffffffffn, whole >> 64n);
}

/** 0, 1, 2 … n - 1 */
export const iota = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** The low halves of `a` and `b` as one vector: two MMX operands for a function of 128-bit layout. */
export const joinHalves = (a: V128, b: V128): V128 =>
  i8x16.shuffle(a, b, [...iota(8), ...iota(8).map((i) => i + 16)]);
