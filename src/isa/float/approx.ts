/**
 * Reciprocal and reciprocal square root approximations of singles. Intel SDM vol. 2, RCPPS, RSQRTPS.
 *
 * The architecture bounds the relative error by 1.5 * 2^-12; these are correctly rounded. No exception is raised,
 * MXCSR is ignored: denormal operands count as zeros, a result below the normal range becomes zero.
 */

const single = new Float32Array(1);
const bits = new Uint32Array(single.buffer);

const SIGN = 0x80000000;
const INFINITY_BITS = 0x7f800000;
const QUIET = 0x00400000;
const INDEFINITE = 0xffc00000;
const SMALLEST_NORMAL = 0x00800000;

/** RCPSS on a single's bit pattern (signed or unsigned); returns 0 .. 2^32-1. */
export function rcp(x: number): number {
  const magnitude = x & 0x7fffffff;
  const sign = x & SIGN;
  if (magnitude > INFINITY_BITS) return (x | QUIET) >>> 0;
  if (magnitude < SMALLEST_NORMAL) return (sign | INFINITY_BITS) >>> 0;
  bits[0] = magnitude;
  single[0] = 1 / single[0];
  return (sign | (bits[0] < SMALLEST_NORMAL ? 0 : bits[0])) >>> 0;
}

/** RSQRTSS on a single's bit pattern (signed or unsigned); returns 0 .. 2^32-1. */
export function rsqrt(x: number): number {
  const magnitude = x & 0x7fffffff;
  const sign = x & SIGN;
  if (magnitude > INFINITY_BITS) return (x | QUIET) >>> 0;
  if (magnitude < SMALLEST_NORMAL) return (sign | INFINITY_BITS) >>> 0;
  if (sign !== 0) return INDEFINITE;
  bits[0] = magnitude;
  single[0] = 1 / Math.sqrt(single[0]);
  return bits[0];
}
