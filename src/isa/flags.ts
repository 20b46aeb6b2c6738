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
/** RFLAGS bits that SYSRET restores from R11: all that exist but RF and VM (SDM vol. 2). */
export const SYSRET_FLAGS = 0x3c_7fd7;

/** Bits 7:0 of a value of two halves, shifted right. */
function byteAt(low: number, high: number, shift: number): number {
  if (shift >= 32) return (high >>> (shift - 32)) & 0xff;
  return (shift === 0 ? low : (low >>> shift) | (high << (32 - shift))) & 0xff;
}

const isBelow = (low: number, high: number, otherLow: number, otherHigh: number): boolean =>
  high === otherHigh ? low >>> 0 < otherLow >>> 0 : high >>> 0 < otherHigh >>> 0;

/** The arithmetic flags (mask {@link ARITHMETIC_FLAGS}) of lazy ones: FLAG_RESULT and FLAG_OPERAND as halves of 32 bits, signed. */
export function arithmeticFlags(
  resultLow: number,
  resultHigh: number,
  operandLow: number,
  operandHigh: number,
  kind: number,
): number {
  let flags =
    (kind & 0xff) === FlagKind.explicit
      ? operandLow & ARITHMETIC_FLAGS
      : derivedFlags(resultLow, resultHigh, operandLow, operandHigh, kind & 0xff, (kind >> 8) & 0xff);
  if (kind & Override.carry) flags = (flags & ~Flag.CF) | ((kind >> Override.carryShift) & 1 ? Flag.CF : 0);
  if (kind & Override.overflow)
    flags = (flags & ~Flag.OF) | ((kind >> Override.overflowShift) & 1 ? Flag.OF : 0);
  return flags;
}

/** Of r and a; the table above says how. */
function derivedFlags(
  rLow: number,
  rHigh: number,
  aLow: number,
  aHigh: number,
  kind: number,
  shift: number,
): number {
  const value = byteAt(rLow, rHigh, shift);
  let flags = 0;
  if ((rLow | rHigh) === 0) flags |= Flag.ZF;
  if (rHigh < 0) flags |= Flag.SF;
  if (((0x9669 >> ((value ^ (value >> 4)) & 15)) & 1) !== 0) flags |= Flag.PF;
  const oneLow = shift < 32 ? 1 << shift : 0;
  const oneHigh = shift < 32 ? 0 : 1 << (shift - 32);
  switch (kind) {
    case FlagKind.add:
    case FlagKind.addCarry:
    case FlagKind.sub:
    case FlagKind.subBorrow: {
      const adds = kind === FlagKind.add || kind === FlagKind.addCarry;
      const carries = kind === FlagKind.addCarry || kind === FlagKind.subBorrow;
      // b is r - a or a - r, and one less with a carry.
      const less = adds ? (rLow >>> 0) - (aLow >>> 0) : (aLow >>> 0) - (rLow >>> 0);
      const low = less - (carries ? oneLow >>> 0 : 0);
      const high = (adds ? rHigh - aHigh : aHigh - rHigh) - (carries ? oneHigh : 0);
      const bLow = low | 0;
      const bHigh = (high + Math.floor(low / 0x1_0000_0000)) | 0;
      const below = adds ? isBelow(rLow, rHigh, aLow, aHigh) : isBelow(aLow, aHigh, bLow, bHigh);
      const equal = adds ? rLow === aLow && rHigh === aHigh : aLow === bLow && aHigh === bHigh;
      if (below || (carries && equal)) flags |= Flag.CF;
      const overflow = adds ? (aHigh ^ rHigh) & (bHigh ^ rHigh) : (aHigh ^ bHigh) & (aHigh ^ rHigh);
      if (overflow < 0) flags |= Flag.OF;
      return flags | (byteAt(aLow ^ bLow ^ rLow, aHigh ^ bHigh ^ rHigh, shift) & Flag.AF);
    }
    case FlagKind.increment:
      flags |= aLow & Flag.CF;
      if (rLow === 0 && rHigh === -0x8000_0000) flags |= Flag.OF;
      return (value & 15) === 0 ? flags | Flag.AF : flags;
    case FlagKind.decrement:
      flags |= aLow & Flag.CF;
      // The most positive value: all bits but the sign, down to the lowest one of the width.
      if (rLow === (-oneLow | 0) && rHigh === (shift < 32 ? 0x7fff_ffff : (-0x8000_0000 - oneHigh) | 0))
        flags |= Flag.OF;
      return (value & 15) === 15 ? flags | Flag.AF : flags;
    case FlagKind.result:
      return flags | (aLow & (Flag.CF | Flag.OF | Flag.AF));
    default:
      return flags;
  }
}
