/**
 * x87 arithmetic, comparison and classification on the register stack (SDM vol. 2; special cases: ../float).
 *
 * A masked stack underflow gives the real indefinite as the result; an unmasked exception of the kind found before the
 * computation (IE, DE, ZE) leaves registers and stack as they were (vol. 1, 8.5.1-8.5.3, 8.7).
 */

import { Flag } from "../flags.js";
import { addNum } from "../float/add.js";
import { compareNum, EQUAL, LESS, UNORDERED } from "../float/compare.js";
import { divNum } from "../float/div.js";
import { stopped } from "../float/env.js";
import { extended80, type F80 } from "../float/format.js";
import { mulNum } from "../float/mul.js";
import { Num, setZero } from "../float/num.js";
import { C0, C2, C3, fabs, fchs, fprem, frndint, fscale, fsqrt, fxam, fxtract } from "../float/x87-ops.js";
import { env, fpu, type X87Helper } from "./helpers-x87-frame.js";
import type { OperandFormat } from "./x87-protocol.js";

const first = new Num();
const second = new Num();
const result = new Num();

type Binary = (a: Num, b: Num) => void;

/** `operation` leaves its value in `result`. */
function binary(name: string, operation: Binary): Record<string, X87Helper> {
  return {
    [`x87_${name}`]: (memory, cpu, _, destination, source, pops) => {
      fpu.begin(memory, cpu);
      if (fpu.isEmpty(destination!) || fpu.isEmpty(source!)) {
        if (fpu.underflow()) {
          fpu.writeIndefinite(destination!);
          if (pops !== 0) fpu.pop();
        }
      } else {
        fpu.read(destination!, first);
        fpu.read(source!, second);
        operation(first, second);
        if (!stopped(env)) {
          fpu.write(destination!, result);
          if (pops !== 0) fpu.pop();
        }
      }
      fpu.end();
    },
    [`x87_${name}_memory`]: (memory, cpu, _, format) => {
      fpu.begin(memory, cpu);
      if (fpu.isEmpty(0)) {
        if (fpu.underflow()) fpu.writeIndefinite(0);
      } else {
        fpu.read(0, first);
        fpu.readOperand(format as OperandFormat, second);
        operation(first, second);
        if (!stopped(env)) fpu.write(0, result);
      }
      fpu.end();
    },
  };
}

/** An operation on ST(0) alone. */
const unary =
  (operation: (a: Num) => F80): X87Helper =>
  (memory, cpu) => {
    fpu.begin(memory, cpu);
    if (fpu.isEmpty(0)) {
      if (fpu.underflow()) fpu.writeIndefinite(0);
    } else {
      fpu.read(0, first);
      const value = operation(first);
      if (!stopped(env)) fpu.writeRaw(0, value);
    }
    fpu.end();
  };

/** FCHS and FABS look at the sign only. */
const signOnly =
  (operation: (a: F80) => F80): X87Helper =>
  (memory, cpu) => {
    fpu.begin(memory, cpu);
    if (!fpu.isEmpty(0)) fpu.writeRaw(0, operation(fpu.readRaw(0)));
    else if (fpu.underflow()) fpu.writeIndefinite(0);
    fpu.end();
  };

const remainder =
  (nearest: boolean): X87Helper =>
  (memory, cpu) => {
    fpu.begin(memory, cpu);
    let conditions = 0;
    if (fpu.isEmpty(0) || fpu.isEmpty(1)) {
      fpu.fsw &= ~C2;
      if (fpu.underflow()) fpu.writeIndefinite(0);
    } else {
      fpu.read(0, first);
      fpu.read(1, second);
      const step = fprem(env, first, second, nearest);
      fpu.fsw &= ~step.written;
      conditions = step.conditions;
      if (!stopped(env)) fpu.writeRaw(0, step.value);
    }
    fpu.conditions(conditions);
    fpu.end();
  };

// --- comparison ---

const CONDITIONS = C3 | C2 | C0;

/** Ends a comparison. The conditions are set even when an unmasked exception prevents the pops, as on silicon. */
function concludeComparison(conditions: number, pops: number): void {
  fpu.fsw = (fpu.fsw & ~CONDITIONS) | conditions;
  if (!stopped(env)) for (let i = 0; i < pops; i++) fpu.pop();
  fpu.end();
}

function conditionsOf(signal: boolean): number {
  const relation = compareNum(env, first, second, signal);
  if (relation === UNORDERED) return CONDITIONS;
  return relation === EQUAL ? C3 : relation === LESS ? C0 : 0;
}

const compare: X87Helper = (memory, cpu, _, i, signal, pops) => {
  fpu.begin(memory, cpu);
  let conditions = CONDITIONS;
  if (fpu.isEmpty(0) || fpu.isEmpty(i!)) fpu.underflow();
  else {
    fpu.read(0, first);
    fpu.read(i!, second);
    conditions = conditionsOf(signal !== 0);
  }
  concludeComparison(conditions, pops!);
};

const compareMemory: X87Helper = (memory, cpu, _, format, pops) => {
  fpu.begin(memory, cpu);
  let conditions = CONDITIONS;
  if (fpu.isEmpty(0)) fpu.underflow();
  else {
    fpu.read(0, first);
    fpu.readOperand(format as OperandFormat, second);
    conditions = conditionsOf(true);
  }
  concludeComparison(conditions, pops!);
};

const ftst: X87Helper = (memory, cpu) => {
  fpu.begin(memory, cpu);
  let conditions = CONDITIONS;
  if (fpu.isEmpty(0)) fpu.underflow();
  else {
    fpu.read(0, first);
    setZero(second, 0);
    conditions = conditionsOf(true);
  }
  concludeComparison(conditions, 0);
};

/** FCOMI, FUCOMI: the conditions are returned, for RFLAGS. */
const compareFlags: X87Helper = (memory, cpu, _, i, signal, pops) => {
  fpu.begin(memory, cpu);
  let flags: number = Flag.ZF | Flag.PF | Flag.CF;
  if (fpu.isEmpty(0) || fpu.isEmpty(i!)) fpu.underflow();
  else {
    fpu.read(0, first);
    fpu.read(i!, second);
    const relation = compareNum(env, first, second, signal !== 0);
    if (relation !== UNORDERED) flags = relation === EQUAL ? Flag.ZF : relation === LESS ? Flag.CF : 0;
  }
  if (pops !== 0 && !stopped(env)) fpu.pop();
  fpu.end();
  return flags;
};

export const arithmeticHelpers: Readonly<Record<string, X87Helper>> = {
  ...binary("fadd", (a, b) => addNum(extended80, env, a, b, 0, result)),
  ...binary("fsub", (a, b) => addNum(extended80, env, a, b, 1, result)),
  ...binary("fsubr", (a, b) => addNum(extended80, env, b, a, 1, result)),
  ...binary("fmul", (a, b) => mulNum(extended80, env, a, b, result)),
  ...binary("fdiv", (a, b) => divNum(extended80, env, a, b, result)),
  ...binary("fdivr", (a, b) => divNum(extended80, env, b, a, result)),
  x87_fchs: signOnly(fchs),
  x87_fabs: signOnly(fabs),
  x87_fsqrt: unary((a) => fsqrt(env, a)),
  x87_frndint: unary((a) => frndint(env, a)),
  x87_fprem: remainder(false),
  x87_fprem1: remainder(true),
  x87_fscale: (memory, cpu) => {
    fpu.begin(memory, cpu);
    if (fpu.isEmpty(0) || fpu.isEmpty(1)) {
      if (fpu.underflow()) fpu.writeIndefinite(0);
    } else {
      fpu.read(0, first);
      fpu.read(1, second);
      const value = fscale(env, first, second);
      if (!stopped(env)) fpu.writeRaw(0, value);
    }
    fpu.end();
  },
  x87_fxtract: (memory, cpu) => {
    fpu.begin(memory, cpu);
    fpu.split(() => {
      fpu.read(0, first);
      const { exponent, significand } = fxtract(env, first);
      return [exponent, significand];
    });
    fpu.end();
  },
  x87_compare: compare,
  x87_compare_memory: compareMemory,
  x87_compare_flags: compareFlags,
  x87_ftst: ftst,
  x87_fxam: (memory, cpu) => {
    fpu.begin(memory, cpu);
    const conditions = fxam(fpu.readRaw(0), fpu.isEmpty(0));
    fpu.fsw &= ~CONDITIONS;
    fpu.conditions(conditions);
    fpu.end();
  },
};
