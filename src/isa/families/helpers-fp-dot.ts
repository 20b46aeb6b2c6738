/**
 * DPPS and DPPD (SDM vol. 2): products, sums of neighbours, for DPPS the sum of those. Each stage reports its
 * exceptions before the next begins.
 */
import { beginOperation, loadMxcsr, packedFlags } from "../float/env.js";
import { MXCSR } from "../state.js";
import { Slot } from "./fp-emit.js";
import { type Element, env, type FloatHelper, f32Element, f64Element, raise } from "./helpers-fp-frame.js";

/** Arguments (parts of 128 bits, immediate). */
function dot<P>({ size, ops, read, write }: Element<P>, zero: P): FloatHelper {
  const lanes = 16 / size;
  return (memory, cpu, _, parts, immediate) => {
    const mxcsr = memory.getUint32(cpu + MXCSR, true);
    loadMxcsr(env, mxcsr);
    const stage = (count: number, operation: (i: number) => P): P[] => {
      let flags = 0;
      const results = Array.from({ length: count }, (_, i) => {
        beginOperation(env);
        const result = operation(i);
        flags |= env.flags;
        return result;
      });
      total |= packedFlags(flags, env.masks);
      return results;
    };
    const stopped = () => (total & ~env.masks) !== 0;
    let total = 0;
    let sums = stage(parts! * lanes, (i) => {
      if (((immediate! >> (4 + (i % lanes))) & 1) === 0) return zero;
      const a = read(memory, cpu + Slot.first + i * size);
      return ops.mul(a, read(memory, cpu + Slot.second + i * size), env);
    });
    while (sums.length > parts! && !stopped()) {
      const terms = sums;
      sums = stage(terms.length / 2, (i) => ops.add(terms[2 * i]!, terms[2 * i + 1]!, env));
    }
    if (!stopped()) {
      for (let i = 0; i < parts! * lanes; i++) {
        const selected = ((immediate! >> (i % lanes)) & 1) !== 0;
        write(memory, cpu + Slot.result + i * size, selected ? sums[Math.floor(i / lanes)]! : zero);
      }
    }
    return raise(memory, cpu, mxcsr, total);
  };
}

export const dotHelpers: Record<string, FloatHelper> = {
  fp_dot_f32: dot(f32Element, 0),
  fp_dot_f64: dot(f64Element, 0n),
};
