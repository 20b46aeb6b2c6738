/**
 * Fused multiply-add (SDM vol. 1, 14.5): first * second + third, rounded once. Arguments: count, and a control word of
 * bit 0: negate the product; bits 1 and 2: negate the addend of even and odd elements.
 *
 * The exact way is slow, and mathematical libraries live on FMA. Where rounding is to nearest and only the sticky
 * precision flag can be raised, the result comes from ordinary doubles instead, by rounding to odd (Boldo and
 * Melquiond, "Emulation of a FMA and correctly rounded sums: proved algorithms using rounding to odd", 2008).
 */
import { MXCSR } from "../state.js";
import { Mxcsr, Slot } from "./fp-emit.js";
import {
  type Element,
  elementwise,
  env,
  type FloatHelper,
  f32Element,
  f64Element,
} from "./helpers-fp-frame.js";

const bits = new DataView(new ArrayBuffer(8));

/** `sum` with what rounding took away, `error`, jammed into its lowest bit: the neighbour with an odd significand. */
function roundToOdd(sum: number, error: number): number {
  if (error === 0) return sum;
  bits.setFloat64(0, sum);
  const low = bits.getInt32(4);
  if ((low & 1) !== 0) return sum;
  if (error > 0 === sum > 0) {
    bits.setInt32(4, low | 1);
  } else {
    bits.setInt32(4, low - 1);
    if (low === 0) bits.setInt32(0, bits.getInt32(0) - 1);
  }
  return bits.getFloat64(0);
}

/** What `a + b` lost in the rounding to `sum`. */
function sumError(a: number, b: number, sum: number): number {
  const b1 = sum - a;
  return a - (sum - b1) + (b - b1);
}

const SPLIT = 2 ** 27 + 1;
// Far from overflow, and no error term can be denormal.
const FACTOR_MIN = 2 ** -400;
const FACTOR_MAX = 2 ** 400;
const ADDEND_MIN = 2 ** -800;
const ADDEND_MAX = 2 ** 800;

/** a * b + c of doubles, or NaN if this way cannot tell. */
function fusedDouble(a: number, b: number, c: number): number {
  const x = Math.abs(a);
  const y = Math.abs(b);
  const z = Math.abs(c);
  if (!(x > FACTOR_MIN && x < FACTOR_MAX && y > FACTOR_MIN && y < FACTOR_MAX)) return Number.NaN;
  if (!((z > ADDEND_MIN && z < ADDEND_MAX) || c === 0)) return Number.NaN;
  // The product and its error (Dekker).
  const product = a * b;
  const scaledA = a * SPLIT;
  const highA = scaledA - (scaledA - a);
  const lowA = a - highA;
  const scaledB = b * SPLIT;
  const highB = scaledB - (scaledB - b);
  const lowB = b - highB;
  const rest = highA * highB - product + highA * lowB + lowA * highB + lowA * lowB;
  const low = c + rest;
  const lowError = sumError(c, rest, low);
  const high = product + low;
  const highError = sumError(product, low, high);
  const tail = lowError + highError;
  return high + roundToOdd(tail, sumError(lowError, highError, tail));
}

const SINGLE_MIN = 2 ** -126;

/** a * b + c of singles, or NaN if this way cannot tell. A double holds the product and two bits more than needed. */
function fusedSingle(a: number, b: number, c: number): number {
  if ((Math.abs(a) < SINGLE_MIN && a !== 0) || (Math.abs(b) < SINGLE_MIN && b !== 0)) return Number.NaN;
  if (Math.abs(c) < SINGLE_MIN && c !== 0) return Number.NaN;
  const product = a * b;
  const sum = product + c;
  const result = Math.fround(roundToOdd(sum, sumError(product, c, sum)));
  const magnitude = Math.abs(result);
  return (magnitude > SINGLE_MIN && magnitude < Number.POSITIVE_INFINITY) || sum === 0 ? result : Number.NaN;
}

const results = new Float64Array(8);

interface Quick {
  read(memory: DataView, at: number): number;
  write(memory: DataView, at: number, value: number): void;
  fused(a: number, b: number, c: number): number;
}

const quickSingle: Quick = {
  read: (memory, at) => memory.getFloat32(at, true),
  write: (memory, at, value) => memory.setFloat32(at, value, true),
  fused: fusedSingle,
};
const quickDouble: Quick = {
  read: (memory, at) => memory.getFloat64(at, true),
  write: (memory, at, value) => memory.setFloat64(at, value, true),
  fused: fusedDouble,
};

const negateAddend = (control: number, i: number): 0 | 1 => (((control >> (1 + (i & 1))) & 1) === 0 ? 0 : 1);

function fma<P>({ size, ops, read, write }: Element<P>, quick: Quick): FloatHelper {
  const tryQuick = (memory: DataView, cpu: number, count: number, control: number): boolean => {
    for (let i = 0; i < count; i++) {
      const a = quick.read(memory, cpu + Slot.first + i * size);
      const b = quick.read(memory, cpu + Slot.second + i * size);
      const c = quick.read(memory, cpu + Slot.third + i * size);
      const result = quick.fused((control & 1) === 0 ? a : -a, b, negateAddend(control, i) === 0 ? c : -c);
      if (Number.isNaN(result)) return false;
      results[i] = result;
    }
    for (let i = 0; i < count; i++) quick.write(memory, cpu + Slot.result + i * size, results[i]!);
    return true;
  };
  return (memory, cpu, _, count, control) => {
    const relevant = memory.getUint32(cpu + MXCSR, true) & (Mxcsr.RC | Mxcsr.MASKS | Mxcsr.PE);
    if (relevant === (Mxcsr.MASKS | Mxcsr.PE) && tryQuick(memory, cpu, count!, control!)) return 0;
    return elementwise(memory, cpu, count!, (i) => {
      const a = read(memory, cpu + Slot.first + i * size);
      const b = read(memory, cpu + Slot.second + i * size);
      const c = read(memory, cpu + Slot.third + i * size);
      const result = ops.fma(a, b, c, control! & 1 ? 1 : 0, negateAddend(control!, i), env);
      write(memory, cpu + Slot.result + i * size, result);
    });
  };
}

export const fmaHelpers: Record<string, FloatHelper> = {
  fp_fma_f32: fma(f32Element, quickSingle),
  fp_fma_f64: fma(f64Element, quickDouble),
};
