/**
 * Comparison, minimum and maximum. Intel SDM vol. 2, COMISD, UCOMISD, CMPPD (tables 3-1 and 3-7), MINSD, MAXSD,
 * FCOM, FUCOM.
 */

import { DE, type FloatEnv, IE } from "./env.js";
import type { Format } from "./format.js";
import { copyNum, type Num, QNAN, SNAN, UNSUPPORTED, ZERO } from "./num.js";

export const LESS = -1;
export const EQUAL = 0;
export const GREATER = 1;
export const UNORDERED = 2;
/** Outcome of a comparison, one of the constants above. */
export type Relation = -1 | 0 | 1 | 2;

/** Compares values that are not NaN; infinities and zeros have exponents beyond all others. */
function order(a: Num, b: Num): Relation {
  if (a.sign !== b.sign) {
    if ((a.kind & b.kind & ZERO) !== 0) return EQUAL;
    return a.sign !== 0 ? LESS : GREATER;
  }
  const difference = a.exp - b.exp || (a.hi >>> 0) - (b.hi >>> 0) || (a.lo >>> 0) - (b.lo >>> 0);
  if (difference === 0) return EQUAL;
  return difference < 0 === (a.sign === 0) ? LESS : GREATER;
}

/** Compares; `signal` makes a quiet NaN invalid too (COMISD, FCOM as opposed to UCOMISD, FUCOM). */
export function compareNum(env: FloatEnv, a: Num, b: Num, signal: boolean): Relation {
  const kinds = a.kind | b.kind;
  if (kinds >= QNAN) {
    if (signal || (kinds & (SNAN | UNSUPPORTED)) !== 0) env.flags |= IE;
    return UNORDERED;
  }
  if (a.denormal || b.denormal) env.flags |= DE;
  return order(a, b);
}

/** MINSD and MAXSD: the second operand unless the first is smaller (larger); any NaN is invalid. */
export function selectNum(format: Format, env: FloatEnv, a: Num, b: Num, wanted: -1 | 1, out: Num): void {
  const relation = compareNum(env, a, b, true);
  copyNum(out, relation === wanted ? a : b);
  if (!out.denormal) return;
  // Back to the form of a denormal result: an operand was normalized when it was unpacked.
  const shift = format.emin - out.exp;
  out.exp = format.emin;
  if (shift >= 32) {
    out.lo = out.hi >>> (shift - 32);
    out.hi = 0;
  } else {
    out.lo = (out.lo >>> shift) | (out.hi << (32 - shift));
    out.hi >>>= shift;
  }
}

/**
 * Whether the predicate of CMPPS/CMPPD (imm8 bits 4:0; legacy SSE has only 0..7) holds. Bits 2:0 select the
 * relation, bit 2 inverting it; bit 3 changes the answer for unordered operands (and turns UNORD and ORD into
 * FALSE and TRUE).
 */
export function predicateHolds(predicate: number, relation: Relation): boolean {
  const unordered = relation === UNORDERED;
  const inverted = (predicate & 4) !== 0;
  const alternate = (predicate & 8) !== 0;
  switch (predicate & 3) {
    case 0: // EQ, NEQ; EQ_U, NEQ_O
      return unordered ? inverted !== alternate : (relation === EQUAL) !== inverted;
    case 1: // LT, NLT; NGE, GE
      if (alternate) return unordered ? !inverted : (relation === LESS) !== inverted;
      return unordered ? inverted : (relation === LESS) !== inverted;
    case 2: // LE, NLE; NGT, GT
      if (alternate) return unordered ? !inverted : (relation !== GREATER) !== inverted;
      return unordered ? inverted : (relation !== GREATER) !== inverted;
    default: // UNORD, ORD; FALSE, TRUE
      return alternate ? inverted : unordered !== inverted;
  }
}

/** Whether the predicate of CMPPS/CMPPD raises invalid for quiet NaNs. */
export function predicateSignals(predicate: number): boolean {
  const orderRelation = (predicate & 3) === 1 || (predicate & 3) === 2;
  return orderRelation !== ((predicate & 16) !== 0);
}
