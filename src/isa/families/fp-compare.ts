/**
 * CMPPS … CMPSD with their predicates, COMISS UCOMISS COMISD UCOMISD (SDM vol. 2; predicates: CMPPD, table 3-1).
 *
 * Without NaNs and denormals a comparison raises nothing, whatever MXCSR says, and it is WebAssembly's.
 */

import type { Label } from "../../wasm/function.js";
import { i32x4, v128 } from "../../wasm/simd.js";
import { I32, type I64, type V128, type Value } from "../../wasm/value.js";
import { define, type Emit } from "../emit.js";
import {
  callSlow,
  elementWidth,
  firstOf,
  firstSource,
  floatHelper,
  formatName,
  isScalar,
  type Suffix,
  slowLanes,
  slowScalar,
  suffixes,
  writeScalar,
} from "./fp-emit.js";
import { double, doubles, type Lanes, single, singles } from "./fp-lanes.js";
import { plainWays } from "./fp-steps.js";

interface Relation<M extends Value> {
  readonly less: M;
  readonly equal: M;
}

/** The ways to find the relations of operands: less, equal, or neither; they leave NaNs and denormals. */
function relations<V extends Value, M extends Value, R>(
  x: Emit,
  l: Lanes<V, M>,
  first: readonly V[],
  second: readonly V[],
  result: (relations: Relation<M>[]) => R,
): ((next: Label) => R)[] {
  const pairs = first.map((a, i) => [x.let(a), x.let(second[i]!)] as const);
  return plainWays(x, l, pairs.flat(), () =>
    result(pairs.map(([a, b]) => ({ less: x.let(l.lt(a, b)), equal: x.let(l.eq(a, b)) }))),
  );
}

/** The same for two scalars, given as bits. */
function scalarRelation<R>(
  x: Emit,
  width: 32 | 64,
  a: I64,
  b: I64,
  result: (relation: Relation<I32>) => R,
): ((next: Label) => R)[] {
  return width === 64
    ? relations(x, double, [a.asF64()], [b.asF64()], ([relation]) => result(relation!))
    : relations(x, single, [a.toI32().asF32()], [b.toI32().asF32()], ([relation]) => result(relation!));
}

/**
 * Which relations satisfy a predicate, as 0 or 1. Of ordered operands, the low three bits of the predicate say
 * everything: equal, less, less or equal, nothing (unordered); and the same inverted.
 */
function decodePredicate(x: Emit, predicate: I32): { less: I32; equal: I32; invert: I32 } {
  return {
    less: x.let(predicate.xor(predicate.shrU(1)).and(1)),
    equal: x.let(predicate.xor(1).and(1)),
    invert: x.let(predicate.shrU(2).and(1)),
  };
}

function compareScalars(x: Emit, suffix: Suffix): void {
  const width = elementWidth(suffix);
  const first = firstSource(x);
  const a = x.read(first);
  const b = x.read(first + 1);
  const predicate = predicateOf(x);
  const [result] = firstOf(
    x,
    "i64",
    1,
    scalarRelation(x, width, a, b, ({ less, equal }): I64[] => {
      const when = decodePredicate(x, predicate);
      const holds = less.and(when.less).or(equal.and(when.equal)).xor(when.invert);
      return [I32.const(0).sub(holds).toI64S()];
    }),
    () => {
      callSlow(x, cmpHelper(suffix), [a, b], 1, predicate);
      return [slowScalar(x, width)];
    },
  );
  writeScalar(x, width, result!);
}

function comparePacked(x: Emit, suffix: Suffix): void {
  const width = elementWidth(suffix);
  const first = firstSource(x);
  const a = x.readLanes(first);
  const b = x.readLanes(first + 1);
  const predicate = predicateOf(x);
  const spread = (bit: I32): V128 => i32x4.splat(I32.const(0).sub(bit));
  const results = firstOf(
    x,
    "v128",
    a.length,
    relations(x, width === 32 ? singles : doubles, a, b, (found): V128[] => {
      const when = decodePredicate(x, predicate);
      const [less, equal, invert] = [when.less, when.equal, when.invert].map((bit) => x.let(spread(bit)));
      return found.map((r) => v128.xor(v128.or(v128.and(r.less, less!), v128.and(r.equal, equal!)), invert!));
    }),
    () => {
      callSlow(x, cmpHelper(suffix), [a, b], (a.length * 128) / width, predicate);
      return slowLanes(x, a.length);
    },
  );
  x.writeLanes(0, results);
}

const cmpHelper = (suffix: Suffix) => floatHelper(`cmp_${formatName(suffix)}`, 2);

/** Legacy encodings have eight predicates. */
function predicateOf(x: Emit): I32 {
  return x.let(x.immediate(x.operands.length - 1).and(x.shape.vex ? 31 : 7));
}

for (const suffix of suffixes) {
  cmpHelper(suffix);
  const emit = isScalar(suffix) ? compareScalars : comparePacked;
  define([`cmp${suffix}`, `vcmp${suffix}`], (x) => emit(x, suffix));
}

/** ZF and CF say equal and less; unordered sets both, and PF. OF, SF and AF are cleared. */
function compareToFlags(x: Emit, suffix: Suffix, signal: 0 | 1): void {
  const width = elementWidth(suffix);
  const a = x.read(0);
  const b = x.read(1);
  const [flags] = firstOf(
    x,
    "i64",
    1,
    scalarRelation(x, width, a, b, ({ less, equal }): I64[] => [less.or(equal.shl(6)).toI64U()]),
    () => {
      callSlow(x, floatHelper(`compare_${formatName(suffix)}`), [a, b], signal);
      return [slowScalar(x, 64)];
    },
  );
  x.flags.explicit(flags!);
}

for (const suffix of ["ss", "sd"] as const) {
  floatHelper(`compare_${formatName(suffix)}`);
  define([`comi${suffix}`, `vcomi${suffix}`], (x) => compareToFlags(x, suffix, 1));
  define([`ucomi${suffix}`, `vucomi${suffix}`], (x) => compareToFlags(x, suffix, 0));
}
