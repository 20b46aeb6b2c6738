/**
 * The arithmetic flags, lazily.
 *
 * An instruction stores its result, one operand and a kind; whoever needs a flag derives it. Values are kept
 * *aligned to the top* of 64 bits (`x << (64 - width)`): in that form carry, overflow, sign and zero follow
 * from the same formulas whatever the operand width:
 *
 * | kind      | operand holds             | CF           | OF                        | ZF SF PF | AF |
 * |-----------|---------------------------|--------------|---------------------------|----------|----|
 * | explicit  | the flags themselves      | operand      | operand                   | operand  | operand |
 * | add       | a (r = a + b)             | r < a        | sign of (a^r) & (b^r)     | result   | a^b^r, bit 4 |
 * | addCarry  | a (r = a + b + 1)         | r <= a       | as add                    | result   | as add |
 * | sub       | a (r = a - b)             | a < b        | sign of (a^b) & (a^r)     | result   | as add |
 * | subBorrow | a (r = a - b - 1)         | a <= b       | as sub                    | result   | as add |
 * | logic     | -                         | 0            | 0                         | result   | 0 |
 * | increment | CF (0 or 1)               | operand      | r is the most negative    | result   | low nibble of r is 0 |
 * | decrement | CF                        | operand      | r is the most positive    | result   | low nibble of r is 15 |
 * | result    | CF, OF, AF at their bits  | operand      | operand                   | result   | operand |
 *
 * FLAG_KIND is `kind | (64 - width) << 8`, and above that what instructions that change only CF or OF (rotates, BT …) have
 * put in the place of what the kind says: {@link Override}.
 */

export const FlagKind = {
  explicit: 0,
  add: 1,
  addCarry: 2,
  sub: 3,
  subBorrow: 4,
  logic: 5,
  increment: 6,
  decrement: 7,
  result: 8,
} as const;

/** Bits of FLAG_KIND: CF or OF have a value of their own. */
export const Override = {
  carry: 0x10000,
  carryShift: 17,
  overflow: 0x40000,
  overflowShift: 19,
  /** Both, and their values. */
  all: 0xf0000,
} as const;

/** Bits of RFLAGS. */
export const Flag = {
  CF: 0x1,
  PF: 0x4,
  AF: 0x10,
  ZF: 0x40,
  SF: 0x80,
  TF: 0x100,
  IF: 0x200,
  DF: 0x400,
  OF: 0x800,
  IOPL: 0x3000,
  NT: 0x4000,
  RF: 0x10000,
  VM: 0x20000,
  AC: 0x40000,
  VIF: 0x80000,
  VIP: 0x100000,
  ID: 0x200000,
} as const;

/** The six arithmetic flags. */
export const ARITHMETIC_FLAGS = 0x8d5;

/** The lazy flags as plain numbers; what the TypeScript side of the processor uses. */
export interface LazyFlags {
  readonly result: bigint;
  readonly operand: bigint;
  readonly kind: number;
}

/** The arithmetic flags (mask {@link ARITHMETIC_FLAGS}) of a lazy triple. */
export function arithmeticFlags({ result, operand, kind }: LazyFlags): number {
  let flags = derivedFlags(result, operand, kind & 0xff, BigInt((kind >> 8) & 0xff));
  const override = (present: number, shift: number, flag: number) => {
    if (kind & present) flags = (flags & ~flag) | ((kind >> shift) & 1 ? flag : 0);
  };
  override(Override.carry, Override.carryShift, Flag.CF);
  override(Override.overflow, Override.overflowShift, Flag.OF);
  return flags;
}

function derivedFlags(result: bigint, operand: bigint, low: number, shift: bigint): number {
  if (low === FlagKind.explicit) return Number(operand & BigInt(ARITHMETIC_FLAGS));
  const u = (x: bigint) => BigInt.asUintN(64, x);
  const sign = (x: bigint) => u(x) >> 63n !== 0n;
  const r = u(result);
  const a = u(operand);
  const one = 1n << shift;
  const value = r >> shift;
  let flags = 0;
  if (r === 0n) flags |= Flag.ZF;
  if (sign(r)) flags |= Flag.SF;
  let parity = Number(value & 0xffn);
  parity ^= parity >> 4;
  if (((0x9669 >> (parity & 15)) & 1) !== 0) flags |= Flag.PF;
  const nibble = Number(value & 15n);
  switch (low) {
    case FlagKind.add:
    case FlagKind.addCarry: {
      const b = u(r - a - (low === FlagKind.addCarry ? one : 0n));
      if (low === FlagKind.add ? r < a : r <= a) flags |= Flag.CF;
      if (sign((a ^ r) & (b ^ r))) flags |= Flag.OF;
      flags |= Number(((a ^ b ^ r) >> shift) & 0x10n);
      break;
    }
    case FlagKind.sub:
    case FlagKind.subBorrow: {
      const b = u(a - r - (low === FlagKind.subBorrow ? one : 0n));
      if (low === FlagKind.sub ? a < b : a <= b) flags |= Flag.CF;
      if (sign((a ^ b) & (a ^ r))) flags |= Flag.OF;
      flags |= Number(((a ^ b ^ r) >> shift) & 0x10n);
      break;
    }
    case FlagKind.increment:
      flags |= Number(a & 1n);
      if (r === 1n << 63n) flags |= Flag.OF;
      if (nibble === 0) flags |= Flag.AF;
      break;
    case FlagKind.decrement:
      flags |= Number(a & 1n);
      if (r === (1n << 63n) - one) flags |= Flag.OF;
      if (nibble === 15) flags |= Flag.AF;
      break;
    case FlagKind.result:
      flags |= Number(a & BigInt(Flag.CF | Flag.OF | Flag.AF));
      break;
  }
  return flags;
}
