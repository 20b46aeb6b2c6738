/**
 * Exact products of 64-bit significands, in 32-bit words: 128 bits, most significant word first.
 */

/** Words of the last product, [0] being the most significant. */
export const product = new Int32Array(4);

/** High 32 bits of the unsigned product of two 32-bit words. */
function mulHigh(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const middle = a1 * b0 + (Math.imul(a0, b0) >>> 16);
  const cross = a0 * b1 + (middle & 0xffff);
  return a1 * b1 + (middle >>> 16) + (cross >>> 16);
}

/** Multiplies hiA:loA by hiB:loB into `product`. */
export function multiply(hiA: number, loA: number, hiB: number, loB: number): void {
  if ((loA | loB) === 0) {
    product[0] = mulHigh(hiA, hiB);
    product[1] = Math.imul(hiA, hiB);
    product[2] = 0;
    product[3] = 0;
    return;
  }
  const third = mulHigh(loA, loB) + (Math.imul(hiA, loB) >>> 0) + (Math.imul(loA, hiB) >>> 0);
  const second =
    mulHigh(hiA, loB) + mulHigh(loA, hiB) + (Math.imul(hiA, hiB) >>> 0) + Math.floor(third / 0x100000000);
  product[3] = Math.imul(loA, loB);
  product[2] = third;
  product[1] = second;
  product[0] = mulHigh(hiA, hiB) + Math.floor(second / 0x100000000);
}
