/**
 * 64-bit numbers as two 32-bit halves, for the frequent paths of the processor's TypeScript side: a bigint is an object
 * there. Halves are signed, as bit operations and Int32Array give them.
 */

const halves = new Int32Array(2);
const whole = new BigInt64Array(halves.buffer);

/** What is carried into the high half when `n` (of less than 32 bits, perhaps negative) is added to a low half. */
export function carry(low: number, n: number): number {
  const sum = (low >>> 0) + n;
  return sum < 0 ? -1 : sum > 0xffff_ffff ? 1 : 0;
}

/** Bits 31:0 of a bigint. */
export function lowHalf(value: bigint): number {
  whole[0] = value;
  return halves[0]!;
}

/** Bits 63:32 of a bigint. */
export function highHalf(value: bigint): number {
  whole[0] = value;
  return halves[1]!;
}

/** The unsigned number. */
export function join(low: number, high: number): bigint {
  halves[0] = low;
  halves[1] = high;
  return BigInt.asUintN(64, whole[0]!);
}
