/**
 * Fused multiply-add (SDM vol. 1, 14.5): first * second + third, rounded once, exactly. Arguments: count, and a control
 * word of bit 0: negate the product; bits 1 and 2: negate the addend of even and odd elements.
 */
import { Slot } from "./fp-emit.js";
import {
  type Element,
  elementwise,
  env,
  type FloatHelper,
  f32Element,
  f64Element,
} from "./helpers-fp-frame.js";

const negateAddend = (control: number, i: number): 0 | 1 => (((control >> (1 + (i & 1))) & 1) === 0 ? 0 : 1);

const fma =
  <P>({ size, ops, read, write }: Element<P>): FloatHelper =>
  (memory, cpu, _, count, control) =>
    elementwise(memory, cpu, count!, (i) => {
      const a = read(memory, cpu + Slot.first + i * size);
      const b = read(memory, cpu + Slot.second + i * size);
      const c = read(memory, cpu + Slot.third + i * size);
      const result = ops.fma(a, b, c, control! & 1 ? 1 : 0, negateAddend(control!, i), env);
      write(memory, cpu + Slot.result + i * size, result);
    });

export const fmaHelpers: Record<string, FloatHelper> = {
  fp_fma_f32: fma(f32Element),
  fp_fma_f64: fma(f64Element),
};
