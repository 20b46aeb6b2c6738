/**
 * SSE arithmetic in WebAssembly, in two steps; only what they both leave goes to the exact way in TypeScript.
 *
 * WebAssembly's arithmetic is IEEE 754 with rounding to nearest and without flags. It is what the processor does
 * if MXCSR asks for that rounding and masks everything, no operand is a NaN, infinite or denormal, the result is
 * neither tiny nor overflowed, and it is exact or the (sticky) precision flag is set already.
 *
 * The *fast* step asks for more than that, with as few instructions as possible: the precision flag is set, and neither
 * operands nor result are zero. The *careful* step asks for just that. Neither calls anything: V8 would keep all that
 * lives across a call in memory, also where the call is not made.
 */
import type { Label } from "../../wasm/function.js";
import type { I32, Value } from "../../wasm/value.js";
import type { Emit } from "../emit.js";
import { MXCSR } from "../state.js";
import { Mxcsr, requireDefaults } from "./fp-emit.js";
import type { Lanes } from "./fp-lanes.js";
import type { Fixing } from "./wide.js";

/** An operation on operands (one or two) of any shape. */
export interface Operation {
  compute<V extends Value, M extends Value>(l: Lanes<V, M>, operands: readonly V[]): V;
  /**
   * Conditions under which the result is certainly ordinary - no NaN, infinity, zero, nothing tiny - and so are the
   * operands, but for zeros where the result shows that they did no harm.
   */
  ordinary<V extends Value, M extends Value>(x: Fixing, l: Lanes<V, M>, operands: readonly V[], r: V): M[];
  /** Where the result `r` is zero: whether it is exactly that, not an underflow. */
  exactZero<V extends Value, M extends Value>(l: Lanes<V, M>, operands: readonly V[], r: V): M;
  /** What rounding took away from an ordinary or zero result `r`, if there is such a value. */
  error?<V extends Value, M extends Value>(l: Lanes<V, M>, operands: readonly V[], r: V): V;
  /** True only if the ordinary or zero result `r` is exact. Undefined if that is not cheap to know. */
  exact?<V extends Value, M extends Value>(l: Lanes<V, M>, operands: readonly V[], r: V): M | undefined;
}

const ordinary: Operation["ordinary"] = (x, l, operands, r) => {
  const magnitude = x.let(l.abs(r));
  const unknown = operands.filter((operand) => !l.isPlain(operand));
  return [...l.above([...unknown.map((operand) => l.abs(operand)), magnitude]), l.belowInfinity(magnitude)];
};

/** The error of a sum of two values is a value too (Knuth's two-sum, TAOCP vol. 2, 4.2.2). */
export const add: Operation = {
  ordinary,
  compute: (l, [a, b]) => l.add(a!, b!),
  exactZero: (l, _, r) => l.zero(r),
  error: (l, [a, b], r) => {
    const b1 = l.sub(r, a!);
    return l.add(l.sub(a!, l.sub(r, b1)), l.sub(b!, b1));
  },
};

export const sub: Operation = {
  ordinary,
  compute: (l, [a, b]) => l.sub(a!, b!),
  exactZero: (l, _, r) => l.zero(r),
  error: (l, [a, b], r) => {
    const b1 = l.sub(a!, r);
    return l.add(l.sub(a!, l.add(r, b1)), l.sub(b1, b!));
  },
};

export const mul: Operation = {
  ordinary,
  compute: (l, [a, b]) => l.mul(a!, b!),
  exactZero: (l, [a, b], r) => l.and(l.zero(r), l.or(l.zero(a!), l.zero(b!))),
  exact: (l, [a, b], r) => {
    const exact = l.exactProduct?.(a!, b!, r);
    return exact && l.or(exact, l.zero(r));
  },
};

export const div: Operation = {
  ordinary,
  compute: (l, [a, b]) => l.div(a!, b!),
  exactZero: (l, [a], r) => l.and(l.zero(a!), l.zero(r)),
  exact: (l, [a, b], r) => l.exactProduct?.(r, b!, a!),
};

export const sqrt: Operation = {
  // The root of a normal value is one.
  ordinary: (_, l, [a]) => [...l.above([a!]), ...(l.isPlain(a!) ? [] : [l.belowInfinity(a!)])],
  compute: (l, [a]) => l.sqrt(a!),
  exactZero: (l, _, r) => l.zero(r),
  exact: (l, [a], r) => l.exactProduct?.(r, r, a!),
};

type Step<V> = (next: Label) => V[];

/** Both steps for operands whose parts are `operands[k][i]`: a 256-bit vector has two parts. */
export function arithmeticSteps<V extends Value, M extends Value>(
  x: Emit,
  operation: Operation,
  l: Lanes<V, M>,
  operands: readonly (readonly V[])[],
): Step<V>[] {
  const parts = operands[0]!.map((_, i) => operands.map((operand) => operand[i]!));
  const compute = () => parts.map((part) => x.let(operation.compute(l, part)));
  return [
    (next) => {
      requireDefaults(x, next, Mxcsr.PE);
      const results = compute();
      l.unless(
        parts.flatMap((part, i) => operation.ordinary(x, l, part, results[i]!)),
        (condition) => x.f.brIf(next, condition),
      );
      return results;
    },
    (next) => {
      const canTell = operation.error || operation.exact?.(l, parts[0]!, parts[0]![0]!);
      requireDefaults(x, next, canTell ? 0 : Mxcsr.PE);
      const results = compute();
      const forAll = (test: (part: readonly V[], r: V) => M): I32 =>
        l.all(results.map((r, i) => test(parts[i]!, r)).reduce((all, mask) => l.and(all, mask)));
      const safe = forAll((part, r) => {
        const denormal = part.map((operand) => l.denormal(operand)).reduce((any, mask) => l.or(any, mask));
        return l.andNot(l.or(l.ordinary(r), operation.exactZero(l, part, r)), denormal);
      });
      x.f.brIf(next, safe.eqz());
      if (!canTell) return results;
      x.f.if(x.stateI32(MXCSR).and(Mxcsr.PE).eqz(), () => {
        if (operation.error) {
          const errors = parts.map((part, i) => x.let(operation.error!(l, part, results[i]!)));
          const all = (test: (error: V) => M) => l.all(errors.map(test).reduce((a, b) => l.and(a, b)));
          // Far out the computation of the error may overflow.
          x.f.brIf(next, all((error) => l.belowInfinity(l.abs(error))).eqz());
          x.f.if(all((error) => l.zero(error)).eqz(), () =>
            x.setStateI32(MXCSR, x.stateI32(MXCSR).or(Mxcsr.PE)),
          );
        } else x.f.brIf(next, forAll((part, r) => operation.exact!(l, part, r)!).eqz());
      });
      return results;
    },
  ];
}

/** MINPS, MAXPS: the second operand unless the first is smaller (larger), which is exact and sets no flag. */
export function selectionSteps<V extends Value, M extends Value>(
  x: Emit,
  l: Lanes<V, M>,
  maximum: boolean,
  [first, second]: readonly (readonly V[])[],
): Step<V>[] {
  return plainWays(x, l, [...first!, ...second!], () =>
    first!.map((a, i) => (maximum ? l.larger(a, second![i]!) : l.smaller(a, second![i]!))),
  );
}

/**
 * Two ways to `compute` what asks for no more than that no value is a NaN or denormal: one that does not like zeros
 * either, and one that does.
 */
export function plainWays<V extends Value, M extends Value, R>(
  x: Emit,
  l: Lanes<V, M>,
  values: readonly V[],
  compute: (next: Label) => R,
): ((next: Label) => R)[] {
  const leave = (next: Label) => (condition: I32) => x.f.brIf(next, condition);
  const unknown = values.filter((value) => !l.isPlain(value));
  if (unknown.length === 0) return [compute];
  return [
    (next) => {
      l.unless(
        unknown.flatMap((value) => l.above([l.abs(value)])),
        leave(next),
      );
      return compute(next);
    },
    (next) => {
      const plain = unknown.map((value) => l.andNot(l.eq(value, value), l.denormal(value)));
      l.unless(plain, leave(next));
      return compute(next);
    },
  ];
}
