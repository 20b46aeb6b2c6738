/**
 * The frame of every exact floating-point helper: MXCSR in, elements one by one, exception flags out.
 */
import { beginOperation, createEnv, loadMxcsr, packedFlags } from "../float/env.js";
import { f32, f64, type ScalarOps } from "../float/sse.js";
import { MXCSR } from "../state.js";

export type FloatHelper = (memory: DataView, cpu: number, record: number, ...args: number[]) => number;

/** The environment of the operation in progress. */
export const env = createEnv();

/**
 * Runs an operation for each of `count` elements and collects their exceptions into MXCSR. Returns 1 if one of them is
 * unmasked: what was written is then not to be used.
 */
export function elementwise(
  memory: DataView,
  cpu: number,
  count: number,
  operation: (i: number) => void,
): number {
  const mxcsr = memory.getUint32(cpu + MXCSR, true);
  loadMxcsr(env, mxcsr);
  let flags = 0;
  for (let i = 0; i < count; i++) {
    beginOperation(env);
    operation(i);
    flags |= env.flags;
  }
  return raise(memory, cpu, mxcsr, flags);
}

/** Sets exception flags in MXCSR; returns 1 if one of them is unmasked. */
export function raise(memory: DataView, cpu: number, mxcsr: number, flags: number): number {
  const raised = packedFlags(flags, env.masks);
  memory.setUint32(cpu + MXCSR, mxcsr | raised, true);
  return (raised & ~env.masks) !== 0 ? 1 : 0;
}

/** A format in memory: bit patterns, as numbers or bigints. */
export interface Element<P> {
  /** Bytes. */
  readonly size: 4 | 8;
  readonly ops: ScalarOps<P>;
  read(memory: DataView, at: number): P;
  write(memory: DataView, at: number, bits: P): void;
}

export const f32Element: Element<number> = {
  size: 4,
  ops: f32,
  read: (memory, at) => memory.getUint32(at, true),
  write: (memory, at, bits) => memory.setUint32(at, bits, true),
};

export const f64Element: Element<bigint> = {
  size: 8,
  ops: f64,
  read: (memory, at) => memory.getBigUint64(at, true),
  write: (memory, at, bits) => memory.setBigUint64(at, bits, true),
};
