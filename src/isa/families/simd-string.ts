/**
 * SSE4.2 string comparison (SDM vol. 2: PCMPESTRI PCMPESTRM PCMPISTRI PCMPISTRM; vol. 2, 4.1 for the control byte).
 *
 * The comparison itself, which depends on a control byte in many ways, is a helper: it finds the operands in
 * the state's scratch area and returns the bit mask IntRes2 with the flags that tell which operand ends early.
 */
import { i8x16, i16x8, i64x2, v128 } from "../../wasm/simd.js";
import { I32, I64, select, type V128 } from "../../wasm/value.js";
import { define, type Emit, Register } from "../emit.js";
import { Flag } from "../flags.js";
import { pureHelper } from "../helper.js";
import { SCRATCH, YMM } from "../state.js";
import { constant, iota, withVex, zero } from "./simd-forms.js";

/** (control, length of operand 0, of operand 1; -1: up to the first null) -> IntRes2 | ZF << 16 | SF << 17 */
const compareStrings = pureHelper("compareStrings", ["i32", "i32", "i32"], "i32");

/** Length in a register: its magnitude, at most the number of elements. */
function explicitLength(x: Emit, register: number, elements: I32): I32 {
  // REX.W selects the full registers; otherwise the upper half doesn't count (and in legacy modes does not exist).
  const wide = x.operandSize === 64;
  const value = x.let(wide ? x.readRegister(register, 64) : x.readRegister(register, 32).extend32S());
  const magnitude = x.let(select(value.ltS(0), value.xor(-1n).add(1), value));
  return x.let(select(magnitude.gtU(elements.toI64U()), elements, magnitude.toI32()));
}

/** Emits the comparison and the flags; returns the control byte and IntRes2. */
function emitCompare(x: Emit, explicit: boolean): { control: I32; result: I32 } {
  const control = x.immediate(2);
  const second = x.readLanes(1)[0]!;
  const first = x.readLanes(0)[0]!;
  x.f.store(x.cpu, first, SCRATCH);
  x.f.store(x.cpu, second, SCRATCH + 16);
  const elements = x.let(I32.const(16).shrU(control.and(1)));
  const lengths = explicit
    ? [explicitLength(x, Register.RAX, elements), explicitLength(x, Register.RDX, elements)]
    : [I32.const(-1), I32.const(-1)];
  const packed = x.call(compareStrings, control, ...lengths);
  const result = x.let(packed.and(0xffff));
  const flags = result
    .ne(0)
    .mul(Flag.CF)
    .or(packed.shrU(16).and(1).mul(Flag.ZF))
    .or(packed.shrU(17).and(1).mul(Flag.SF))
    .or(result.and(1).mul(Flag.OF));
  x.flags.explicit(x.let(flags.toI64U()));
  return { control, result };
}

/** ECX = lowest or (control bit 6) highest set bit, or the number of elements if there is none. */
function index(mnemonic: string, explicit: boolean): void {
  define(
    withVex(mnemonic),
    (x) => {
      const { control, result } = emitCompare(x, explicit);
      const found = select(control.and(0x40), I32.const(31).sub(result.clz()), result.ctz());
      const none = I32.const(16).shrU(control.and(1));
      x.writeRegister(Register.RCX, 32, select(result, found, none).toI64U());
    },
    { operandSize: true },
  );
}

/** Bits as elements of ones: `lanes` compares each element's bit in the spread mask. */
const expand = (bits: I32, words: boolean): V128 => {
  if (words) {
    const each = constant(
      16,
      iota(8).map((i) => 1 << i),
    );
    return i16x8.eq(v128.and(i16x8.splat(bits), each), each);
  }
  const spread = i8x16.shuffle(
    i16x8.splat(bits),
    i16x8.splat(bits),
    iota(16).map((i) => i >> 3),
  );
  const each = constant(
    8,
    iota(16).map((i) => 1 << (i & 7)),
  );
  return i8x16.eq(v128.and(spread, each), each);
};

/** XMM0 = the bits, or (control bit 6) a mask of elements. */
function mask(mnemonic: string, explicit: boolean): void {
  define(
    withVex(mnemonic),
    (x) => {
      const { control, result } = emitCompare(x, explicit);
      const elements = select(control.and(1), expand(result, true), expand(result, false));
      const bits = i64x2.replace(zero, 0, result.toI64U());
      const value = x.let(select(control.and(0x40), elements, bits));
      x.setStateI64(YMM, i64x2.extract(value, 0));
      x.setStateI64(YMM + 8, i64x2.extract(value, 1));
      if (x.shape.vex) for (const offset of [16, 24]) x.setStateI64(YMM + offset, I64.const(0));
    },
    { operandSize: true },
  );
}
index("pcmpestri", true);
index("pcmpistri", false);
mask("pcmpestrm", true);
mask("pcmpistrm", false);
