/**
 * The exact SSE floating-point operations, in TypeScript: what instructions call when WebAssembly's arithmetic will
 * not do. Protocol: fp-emit.ts; arithmetic: ../float; rules of packed operations: SDM vol. 1, 11.5.2.
 */

import { Flag } from "../flags.js";
import { rcp, rsqrt } from "../float/approx.js";
import { EQUAL, LESS, UNORDERED } from "../float/compare.js";
import { Slot } from "./fp-emit.js";
import { convertHelpers } from "./helpers-fp-convert.js";
import { dotHelpers } from "./helpers-fp-dot.js";
import { fmaHelpers } from "./helpers-fp-fma.js";
import {
  type Element,
  elementwise,
  env,
  type FloatHelper,
  f32Element,
  f64Element,
} from "./helpers-fp-frame.js";

const ALL_ONES: Record<4 | 8, bigint> = { 4: 0xffffffffn, 8: 0xffffffffffffffffn };

function helpersOf<P>(name: string, type: Element<P>): Record<string, FloatHelper> {
  const { ops, size } = type;
  const { first, second, result } = Slot;

  const binary =
    (operation: (a: P, b: P, i: number) => P): FloatHelper =>
    (memory, cpu, _, count) =>
      elementwise(memory, cpu, count!, (i) => {
        const a = type.read(memory, cpu + first + i * size);
        const b = type.read(memory, cpu + second + i * size);
        type.write(memory, cpu + result + i * size, operation(a, b, i));
      });

  const writeMask = (memory: DataView, at: number, holds: boolean): void => {
    const mask = holds ? ALL_ONES[size] : 0n;
    if (size === 8) memory.setBigUint64(at, mask, true);
    else memory.setUint32(at, Number(mask), true);
  };

  return {
    [`fp_add_${name}`]: binary((a, b) => ops.add(a, b, env)),
    [`fp_sub_${name}`]: binary((a, b) => ops.sub(a, b, env)),
    [`fp_mul_${name}`]: binary((a, b) => ops.mul(a, b, env)),
    [`fp_div_${name}`]: binary((a, b) => ops.div(a, b, env)),
    [`fp_min_${name}`]: binary((a, b) => ops.min(a, b, env)),
    [`fp_max_${name}`]: binary((a, b) => ops.max(a, b, env)),
    [`fp_addsub_${name}`]: binary((a, b, i) => (i & 1 ? ops.add(a, b, env) : ops.sub(a, b, env))),
    [`fp_sqrt_${name}`]: (memory, cpu, _, count) =>
      elementwise(memory, cpu, count!, (i) => {
        const a = type.read(memory, cpu + second + i * size);
        type.write(memory, cpu + result + i * size, ops.sqrt(a, env));
      }),
    [`fp_round_${name}`]: (memory, cpu, _, count, control) =>
      elementwise(memory, cpu, count!, (i) => {
        const a = type.read(memory, cpu + second + i * size);
        type.write(memory, cpu + result + i * size, ops.round(a, control!, env));
      }),
    [`fp_cmp_${name}`]: (memory, cpu, _, count, predicate) =>
      elementwise(memory, cpu, count!, (i) => {
        const a = type.read(memory, cpu + first + i * size);
        const b = type.read(memory, cpu + second + i * size);
        writeMask(memory, cpu + result + i * size, ops.test(a, b, predicate!, env));
      }),
    // COMISD, UCOMISD: the result is what goes into RFLAGS.
    [`fp_compare_${name}`]: (memory, cpu, _, signal) =>
      elementwise(memory, cpu, 1, () => {
        const a = type.read(memory, cpu + first);
        const b = type.read(memory, cpu + second);
        const relation = ops.compare(a, b, signal !== 0, env);
        const flags =
          relation === UNORDERED
            ? Flag.ZF | Flag.PF | Flag.CF
            : relation === EQUAL
              ? Flag.ZF
              : relation === LESS
                ? Flag.CF
                : 0;
        memory.setBigUint64(cpu + result, BigInt(flags), true);
      }),
  };
}

const approximation =
  (operation: (bits: number) => number): FloatHelper =>
  (memory, cpu, _, count) => {
    for (let i = 0; i < count!; i++) {
      const bits = memory.getUint32(cpu + Slot.second + i * 4, true);
      memory.setUint32(cpu + Slot.result + i * 4, operation(bits), true);
    }
    return 0;
  };

/** Helpers by name. The engine binds them; `cpu` is the base address of the CPU's state. */
export const fpHelpers: Readonly<Record<string, FloatHelper>> = {
  ...helpersOf("f32", f32Element),
  ...helpersOf("f64", f64Element),
  fp_rcp: approximation(rcp),
  fp_rsqrt: approximation(rsqrt),
  ...convertHelpers,
  ...dotHelpers,
  ...fmaHelpers,
};
