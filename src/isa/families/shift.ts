/**
 * Shifts and rotates: SHL SHR SAR, ROL ROR RCL RCR, SHLD SHRD (SDM vol. 2).
 *
 * The count is taken modulo 32, or 64 for 64-bit operands; when it is 0 no flag changes. OF is defined for a
 * count of 1 only: other counts use the same formula. AF, undefined after a shift, is 0.
 */
import { I64, select } from "../../wasm/value.js";
import { define, type Emit } from "../emit.js";
import { Flag } from "../flags.js";
import { signBit, signExtend } from "./integer.js";

interface Shifted {
  readonly result: I64;
  /** CF and OF, each 0 or 1, for a count that is not 0; `result` is the result, fixed. */
  flags(result: I64): readonly [carry: I64, overflow: I64];
}

type Shift = (x: Emit, a: I64, count: I64, width: number) => Shifted;

/**
 * Operand 0 becomes `operation` of itself and the last operand, the count. Memory is written even when the
 * count is 0. SF, ZF and PF follow the result of a shift; a rotate leaves them.
 */
function defineShift(mnemonic: string, kind: "shift" | "rotate", operation: Shift): void {
  define(mnemonic, (x) => {
    const width = x.width(0);
    const count = x.let(x.read(x.operands.length - 1).and(width === 64 ? 63 : 31));
    x.update(0, (a) => {
      const shifted = operation(x, a, count, width);
      const result = x.let(shifted.result);
      x.f.if(count.ne(0), () => {
        const [carry, overflow] = shifted.flags(result);
        const flags = x.let(carry.or(overflow.shl(11)));
        if (kind === "shift") x.flags.result(width, result, flags);
        else x.flags.replace(Flag.CF | Flag.OF, flags);
      });
      return result;
    });
  });
}
const shift = (mnemonic: string, operation: Shift) => defineShift(mnemonic, "shift", operation);
const rotate = (mnemonic: string, operation: Shift) => defineShift(mnemonic, "rotate", operation);

const bit0 = (value: I64): I64 => value.and(1);

shift("shl", (x, a, count, width) => {
  const shifted = x.let(a.shl(count));
  const last = width === 64 ? a.rotl(count) : shifted.shrU(width);
  return {
    result: shifted,
    flags: (result) => {
      const carry = x.let(bit0(last));
      return [carry, signBit(width, result).xor(carry)];
    },
  };
});

shift("shr", (_, a, count, width) => ({
  result: a.shrU(count),
  flags: () => [bit0(a.shrU(count.sub(1))), signBit(width, a)],
}));

shift("sar", (x, a, count, width) => {
  const signed = x.let(signExtend(width, a));
  return {
    result: signed.shrS(count),
    flags: () => [bit0(signed.shrS(count.sub(1))), I64.const(0)],
  };
});

// SHLD and SHRD fill with bits of operand 1. A 16-bit shift by more than 16 goes on with the destination.

shift("shld", (x, a, count, width) => {
  const fill = x.read(1);
  const wide =
    width === 64
      ? a
      : x.let(
          a
            .shl(32)
            .or(width === 32 ? fill : fill.shl(16).or(a))
            .shl(count),
        );
  const carry = width === 64 ? a.rotl(count) : width === 32 ? a.shl(count).shrU(32) : wide.shrU(48);
  return {
    result: width === 64 ? a.shl(count).or(fill.shrU(1).shrU(count.xor(63))) : wide.shrU(32),
    flags: (result) => [bit0(carry), signBit(width, result.xor(a))],
  };
});

shift("shrd", (x, a, count, width) => {
  const fill = x.read(1);
  const wide =
    width === 16 ? x.let(a.shl(32).or(fill.shl(16)).or(a)) : width === 32 ? x.let(fill.shl(32).or(a)) : a;
  const above = width === 64 ? fill.shl(1).shl(count.xor(63)) : I64.const(0);
  return {
    result: wide.shrU(count).or(above),
    flags: (result) => [bit0(wide.shrU(count.sub(1))), signBit(width, result.xor(a))],
  };
});

/** Repeats 8 or 16 bits so that a 32-bit rotate rotates them; more bits stay. */
function rotated(width: number, direction: "rotl" | "rotr", a: I64, count: I64): I64 {
  if (width === 64) return a[direction](count);
  const low = a.toI32();
  const periodic = width === 8 ? low.mul(0x01010101) : width === 16 ? low.mul(0x00010001) : low;
  return periodic[direction](count.toI32()).toI64U();
}

rotate("rol", (_, a, count, width) => ({
  result: rotated(width, "rotl", a, count),
  flags: (result) => [bit0(result), signBit(width, result).xor(bit0(result))],
}));

rotate("ror", (_, a, count, width) => ({
  result: rotated(width, "rotr", a, count),
  flags: (result) => [signBit(width, result), signBit(width, result.xor(result.shl(1)))],
}));

/** Rotates the `width` + 1 bits of CF:a (less than 64) left by `count`, at most `width` + 1. */
function rotateThroughCarry(x: Emit, a: I64, width: number, count: I64): I64 {
  const wide = x.let(x.flags.carry().toI64U().shl(width).or(a));
  return x.let(wide.shl(count).or(wide.shrU(I64.const(width + 1).sub(count))));
}

/** Counts of 8- and 16-bit rotates through carry are taken modulo 9 and 17 as well. */
const turns = (width: number, count: I64): I64 => (width < 32 ? count.remU(width + 1) : count);

rotate("rcl", (x, a, count, width) => {
  if (width < 64) {
    const turned = rotateThroughCarry(x, a, width, x.let(turns(width, count)));
    const carry = bit0(turned.shrU(width));
    return { result: turned, flags: (result) => [carry, signBit(width, result).xor(carry)] };
  }
  const carryIn = x.flags.carry().toI64U();
  const low = carryIn.shl(count.sub(1)).or(a.shrU(1).shrU(I64.const(64).sub(count)));
  const carry = bit0(a.rotl(count));
  return {
    result: select(count.eqz(), a, a.shl(count).or(low)),
    flags: (result) => [carry, signBit(width, result).xor(carry)],
  };
});

rotate("rcr", (x, a, count, width) => {
  const overflow = (result: I64) => signBit(width, result.xor(result.shl(1)));
  if (width < 64) {
    // Right by n is left by width + 1 - n; by 0 it is a whole turn.
    const left = I64.const(width + 1).sub(turns(width, count));
    const turned = rotateThroughCarry(x, a, width, x.let(left));
    return { result: turned, flags: (result) => [bit0(turned.shrU(width)), overflow(result)] };
  }
  const carryIn = x.flags.carry().toI64U();
  const high = carryIn.rotr(count).or(a.shl(1).shl(I64.const(64).sub(count)));
  return {
    result: select(count.eqz(), a, a.shrU(count).or(high)),
    flags: (result) => [bit0(a.shrU(count.sub(1))), overflow(result)],
  };
});
