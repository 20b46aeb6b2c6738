/**
 * The tolerance for instructions that compute approximations (section "approx" of the vectors' README).
 */
import type { SiliconVector } from "./vector.js";

/** Reciprocal estimates: relative error at most 1.5 · 2^-12. The VEX forms are recorded without the mark. */
const estimate = /^(VEX_V)?R(cp|sqrt)[ps]s_/i;

function float32(bits: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, bits);
  return view.getFloat32(0);
}

function closeEstimate(got: number, want: number): boolean {
  if (got === want) return true;
  const [a, b] = [float32(got), float32(want)];
  if (!Number.isFinite(a) || !Number.isFinite(b)) return false;
  // Two estimates, each within 1.5 · 2^-12 of the true value; tiny results may be flushed to zero.
  if (Math.abs(b) < 2 ** -125 && Math.abs(a) < 2 ** -125) return true;
  return Math.abs(a - b) <= 3 * 2 ** -12 * Math.abs(b);
}

/** An 80-bit value as a signed count of units in the last place. */
function units(value: bigint): bigint {
  const exponent = (value >> 64n) & 0x7fffn;
  const significand = value & 0x7fffffffffffffffn;
  const magnitude = exponent * (1n << 63n) + significand;
  return (value >> 79n) & 1n ? -magnitude : magnitude;
}

/** Whether `got` may stand for `want` in this vector. Registers: 80-bit x87 or 256-bit vector values. */
export function acceptable(vector: SiliconVector, got: bigint, want: bigint): boolean {
  if (got === want) return true;
  if (estimate.test(vector.form)) {
    for (let shift = 0n; shift < 256n; shift += 32n) {
      const lane = (value: bigint) => Number((value >> shift) & 0xffffffffn);
      if (!closeEstimate(lane(got), lane(want))) return false;
    }
    return true;
  }
  if (!vector.approx) return false;
  const distance = units(got) - units(want);
  return distance >= -2n && distance <= 2n;
}
