/**
 * The transcendental x87 instructions on the register stack (SDM vol. 2, F2XM1 … FYL2XP1).
 */
import { stopped } from "../float/env.js";
import type { F80 } from "../float/format.js";
import { Num } from "../float/num.js";
import { f2xm1, fcos, fpatan, fptan, fsin, fsincos, fyl2x, fyl2xp1 } from "../float/transcendental.js";
import { C2 } from "../float/x87-ops.js";
import { env, fpu, type X87Helper } from "./helpers-x87-frame.js";

const first = new Num();
const second = new Num();

/** ST(0) = operation(ST(0)); null: the operand is out of range, C2 = 1 and nothing else happens. */
const replace =
  (operation: (a: Num) => F80 | null, setsC2: boolean): X87Helper =>
  (memory, cpu) => {
    fpu.begin(memory, cpu);
    if (setsC2) fpu.fsw &= ~C2;
    if (fpu.isEmpty(0)) {
      if (fpu.underflow()) fpu.writeIndefinite(0);
    } else {
      fpu.read(0, first);
      const value = operation(first);
      if (value === null) fpu.fsw |= C2;
      else if (!stopped(env)) fpu.writeRaw(0, value);
    }
    fpu.end();
  };

/** ST(0) is replaced and another value pushed; null as above. */
const replaceAndPush =
  (operation: (a: Num) => readonly [F80, F80] | null): X87Helper =>
  (memory, cpu) => {
    fpu.begin(memory, cpu);
    fpu.fsw &= ~C2;
    fpu.split(() => {
      fpu.read(0, first);
      const values = operation(first);
      if (values === null) fpu.fsw |= C2;
      return values;
    });
    fpu.end();
  };

/** ST(1) = operation(ST(1), ST(0)), then pop. */
const combine =
  (operation: (y: Num, x: Num) => F80): X87Helper =>
  (memory, cpu) => {
    fpu.begin(memory, cpu);
    if (fpu.isEmpty(0) || fpu.isEmpty(1)) {
      if (fpu.underflow()) {
        fpu.writeIndefinite(1);
        fpu.pop();
      }
    } else {
      fpu.read(1, first);
      fpu.read(0, second);
      const value = operation(first, second);
      if (!stopped(env)) {
        fpu.writeRaw(1, value);
        fpu.pop();
      }
    }
    fpu.end();
  };

export const transcendentalHelpers: Readonly<Record<string, X87Helper>> = {
  x87_fsin: replace((a) => fsin(env, a), true),
  x87_fcos: replace((a) => fcos(env, a), true),
  x87_f2xm1: replace((a) => f2xm1(env, a), false),
  x87_fsincos: replaceAndPush((a) => {
    const values = fsincos(env, a);
    return values && [values.sine, values.cosine];
  }),
  x87_fptan: replaceAndPush((a) => {
    const values = fptan(env, a);
    return values && [values.tangent, values.one];
  }),
  x87_fpatan: combine((y, x) => fpatan(env, y, x)),
  x87_fyl2x: combine((y, x) => fyl2x(env, y, x)),
  x87_fyl2xp1: combine((y, x) => fyl2xp1(env, y, x)),
};
