/**
 * Exact conversions between formats and to and from integers (SDM vol. 2, CVT*).
 */
import { f16ToF32, f32, f32ToF16, f32ToF64, f64, f64ToF32 } from "../float/sse.js";
import { Slot } from "./fp-emit.js";
import { elementwise, env, type FloatHelper } from "./helpers-fp-frame.js";

/** Bit patterns in memory, by width; integers of 32 bits and less are signed or unsigned alike. */
const read = {
  16: (memory: DataView, at: number) => memory.getUint16(at, true),
  32: (memory: DataView, at: number) => memory.getInt32(at, true),
  64: (memory: DataView, at: number) => memory.getBigInt64(at, true),
};
const write = {
  16: (memory: DataView, at: number, bits: number) => memory.setUint16(at, bits, true),
  32: (memory: DataView, at: number, bits: number) => memory.setInt32(at, bits, true),
  64: (memory: DataView, at: number, bits: bigint) => memory.setBigUint64(at, bits, true),
};

/**
 * A helper with arguments (count, control) that converts elements at the second slot to elements at the result. The
 * slots do not overlap, so the widths may differ.
 */
function conversion<S, D>(
  source: [width: number, read: (memory: DataView, at: number) => S],
  result: [width: number, write: (memory: DataView, at: number, bits: D) => void],
  convert: (bits: S, control: number) => D,
): FloatHelper {
  const [from, load] = [source[0] / 8, source[1]];
  const [to, store] = [result[0] / 8, result[1]];
  return (memory, cpu, _, count, control) =>
    elementwise(memory, cpu, count!, (i) => {
      const bits = load(memory, cpu + Slot.second + i * from);
      store(memory, cpu + Slot.result + i * to, convert(bits, control!));
    });
}

const from16 = [16, read[16]] as [number, (typeof read)[16]];
const from32 = [32, read[32]] as [number, (typeof read)[32]];
const from64 = [64, read[64]] as [number, (typeof read)[64]];
const to16 = [16, write[16]] as [number, (typeof write)[16]];
const to32 = [32, write[32]] as [number, (typeof write)[32]];
const to64 = [64, write[64]] as [number, (typeof write)[64]];

/** Conversions to integers: the second argument is 1 to truncate. */
export const convertHelpers: Record<string, FloatHelper> = {
  fp_f32_to_f64: conversion(from32, to64, (bits) => f32ToF64(bits, env)),
  fp_f64_to_f32: conversion(from64, to32, (bits) => f64ToF32(bits, env)),
  fp_f16_to_f32: conversion(from16, to32, (bits) => f16ToF32(bits, env)),
  fp_f32_to_f16: conversion(from32, to16, (bits, control) => f32ToF16(bits, control, env)),
  fp_f32_to_i32: conversion(from32, to32, (bits, truncate) => f32.toInt32(bits, truncate !== 0, env)),
  fp_f32_to_i64: conversion(from32, to64, (bits, truncate) => f32.toInt64(bits, truncate !== 0, env)),
  fp_f64_to_i32: conversion(from64, to32, (bits, truncate) => f64.toInt32(bits, truncate !== 0, env)),
  fp_f64_to_i64: conversion(from64, to64, (bits, truncate) => f64.toInt64(bits, truncate !== 0, env)),
  fp_i32_to_f32: conversion(from32, to32, (bits) => f32.fromInt32(bits, env)),
  fp_i64_to_f32: conversion(from64, to32, (bits) => f32.fromInt64(bits, env)),
  fp_i64_to_f64: conversion(from64, to64, (bits) => f64.fromInt64(bits, env)),
};
