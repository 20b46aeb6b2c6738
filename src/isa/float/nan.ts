/**
 * NaN operands: which NaN is the result. Intel SDM vol. 1, 4.8.3.5 and table 4-7.
 *
 * SSE: the first operand that is a NaN. x87: the larger significand of two quiet or two signalling NaNs, the quiet
 * one of a pair. A signalling NaN or an unsupported encoding raises invalid; a NaN result is always quiet.
 */

import { type FloatEnv, IE } from "./env.js";
import type { Format } from "./format.js";
import { type Num, QNAN, SNAN, setIndefinite, setNaN, UNSUPPORTED } from "./num.js";

const QUIET = 0x40000000;

/** Result of an invalid operation on operands that are not NaN: the real indefinite. */
export function invalid(env: FloatEnv, out: Num): void {
  env.flags |= IE;
  setIndefinite(out);
}

/** Quiets the NaN `a`, for operations with one operand. */
export function quiet(env: FloatEnv, a: Num, out: Num): void {
  if (a.kind === UNSUPPORTED) {
    invalid(env, out);
    return;
  }
  if (a.kind === SNAN) env.flags |= IE;
  setNaN(out, a.sign, a.hi | QUIET, a.lo);
}

/** The NaN result of an operation with two operands, at least one of them a NaN or unsupported. */
export function propagate(format: Format, env: FloatEnv, a: Num, b: Num, out: Num): void {
  const kinds = a.kind | b.kind;
  if ((kinds & UNSUPPORTED) !== 0) {
    invalid(env, out);
    return;
  }
  if ((kinds & SNAN) !== 0) env.flags |= IE;
  const chosen = format.extended ? chooseX87(a, b) : a.kind >= QNAN ? a : b;
  setNaN(out, chosen.sign, chosen.hi | QUIET, chosen.lo);
}

function chooseX87(a: Num, b: Num): Num {
  if (a.kind < QNAN) return b;
  if (b.kind < QNAN) return a;
  if (a.kind !== b.kind) return a.kind === QNAN ? a : b;
  const difference = (a.hi >>> 0) - (b.hi >>> 0) || (a.lo >>> 0) - (b.lo >>> 0);
  if (difference !== 0) return difference > 0 ? a : b;
  return a.sign <= b.sign ? a : b;
}
