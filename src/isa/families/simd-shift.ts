/**
 * Packed shifts: by one count for all elements (an immediate or the low quadword of a vector), by a count of its own for
 * each element, and of whole lanes by bytes (SDM vol. 2: PSLLW … PSRAD, PSLLDQ, PSRLDQ, VPSLLV, VPSRLV, VPSRAV).
 *
 * WebAssembly takes counts modulo the element width; x86 shifts everything out.
 */
import { i8x16, i16x8, i32x4, i64x2 } from "../../wasm/simd.js";
import { I32, select, type V128 } from "../../wasm/value.js";
import { define, type Emit } from "../emit.js";
import { mmxIfUsed } from "./mmx-state.js";
import { constant, emitUnary, iota, vexBinary, withVex, zero } from "./simd-forms.js";

const lanes = { 16: i16x8, 32: i32x4, 64: i64x2 } as const;
type Width = keyof typeof lanes;
type Kind = "shl" | "shrU" | "shrS";

/** The count in the last operand: cut to the element width where it is larger. */
function countOf(x: Emit, width: Width): I32 {
  const last = x.operands.length - 1;
  if (x.operands[last]!.kind === "imm") {
    const count = x.immediate(last);
    return x.let(select(count.gtU(width - 1), I32.const(width), count));
  }
  const count = x.let(i64x2.extract(x.readLanes(last)[0]!, 0));
  return x.let(select(count.gtU(width - 1), I32.const(width), count.toI32()));
}

function shift(name: string, width: Width, kind: Kind): void {
  const operation = lanes[width][kind];
  define(withVex(name), (x) =>
    mmxIfUsed(x, () => {
      const count = countOf(x, width);
      const source = x.readLanes(x.operands.length - 2);
      const out = count.eq(width);
      const shifted = (value: V128) =>
        kind === "shrS"
          ? operation(value, x.let(select(out, I32.const(width - 1), count)))
          : select(out, zero, operation(value, count));
      x.writeLanes(0, source.map(shifted));
    }),
  );
}
shift("psllw", 16, "shl");
shift("pslld", 32, "shl");
shift("psllq", 64, "shl");
shift("psrlw", 16, "shrU");
shift("psrld", 32, "shrU");
shift("psrlq", 64, "shrU");
shift("psraw", 16, "shrS");
shift("psrad", 32, "shrS");

/** Swizzling with positions outside 0-15 yields zeros, which is what moves in; counts from 16 on are all alike. */
function shiftBytes(name: string, direction: 1 | -1): void {
  define(withVex(name), (x) => {
    const immediate = x.immediate(x.operands.length - 1);
    const count = x.let(select(immediate.gtU(15), I32.const(16), immediate));
    const { constant: known } = count;
    if (known !== undefined) {
      const source = iota(16).map((i) => i + direction * known);
      emitUnary(x, (a) =>
        i8x16.shuffle(
          a,
          zero,
          source.map((i) => (i < 0 || i > 15 ? 16 : i)),
        ),
      );
      return;
    }
    const positions = constant(8, iota(16));
    const spread = i8x16.splat(count);
    const control = x.let(direction > 0 ? i8x16.add(positions, spread) : i8x16.sub(positions, spread));
    emitUnary(x, (a) => i8x16.swizzle(a, control));
  });
}
shiftBytes("psrldq", 1);
shiftBytes("pslldq", -1);

function variable32(name: string, kind: Kind): void {
  vexBinary(name, (a, b, x) => {
    let result = a;
    for (let i = 0; i < 4; i++) {
      const count = x.let(i32x4.extract(b, i));
      const value = i32x4.extract(a, i);
      const shifted =
        kind === "shrS"
          ? value.shrS(select(count.gtU(31), I32.const(31), count))
          : select(count.gtU(31), I32.const(0), value[kind](count));
      result = i32x4.replace(result, i, shifted);
    }
    return result;
  });
}

function variable64(name: string, kind: "shl" | "shrU"): void {
  vexBinary(name, (a, b, x) => {
    let result = a;
    for (let i = 0; i < 2; i++) {
      const count = x.let(i64x2.extract(b, i));
      const value = x.let(i64x2.extract(a, i)[kind](count));
      result = i64x2.replace(result, i, select(count.gtU(63), value.xor(value), value));
    }
    return result;
  });
}
variable32("vpsllvd", "shl");
variable32("vpsrlvd", "shrU");
variable32("vpsravd", "shrS");
variable64("vpsllvq", "shl");
variable64("vpsrlvq", "shrU");
