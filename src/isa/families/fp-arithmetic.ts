/**
 * ADD SUB MUL DIV SQRT MIN MAX and the horizontal and alternating forms HADD HSUB ADDSUB of packed and scalar
 * singles and doubles, legacy and VEX (SDM vol. 2; vol. 1, 11.5.2 for the exceptions).
 *
 * WebAssembly's arithmetic is IEEE 754 with rounding to nearest and without flags. It is what the processor does
 * if MXCSR asks for that rounding and masks everything, no operand is a NaN, infinite or denormal, the result is
 * neither tiny nor overflowed, and it is exact or the (sticky) precision flag is set already.
 */

import type { Label } from "../../wasm/function.js";
import { i8x16, v128 } from "../../wasm/simd.js";
import { type F32, type F64, type I64, V128, type Value } from "../../wasm/value.js";
import { define, type Emit } from "../emit.js";
import type { Helper } from "../helper.js";
import { MXCSR } from "../state.js";
import {
  callSlow,
  elementWidth,
  fastOrSlow,
  firstSource,
  floatHelper,
  formatName,
  isScalar,
  Mxcsr,
  packedSuffixes,
  requireDefaults,
  slowLanes,
  slowScalar,
  suffixes,
  writeScalar,
} from "./fp-emit.js";
import { double, doubles, type Lanes, single, singles } from "./fp-lanes.js";

/** How WebAssembly computes an operation on operands (one or two) of any shape, and when it may. */
interface Operation {
  compute<V extends Value, M extends Value>(l: Lanes<V, M>, operands: readonly V[]): V;
  /** Where the result `r` is zero: whether it is exactly that, not an underflow. */
  exactZero<V extends Value, M extends Value>(l: Lanes<V, M>, operands: readonly V[], r: V): M;
  /** True only if the ordinary or zero result `r` is exact. Undefined if that is not cheap to know. */
  exact<V extends Value, M extends Value>(l: Lanes<V, M>, operands: readonly V[], r: V): M | undefined;
}

/** The error of a sum of two values is a value too (Knuth's two-sum, TAOCP vol. 2, 4.2.2): is it zero? */
const add: Operation = {
  compute: (l, [a, b]) => l.add(a!, b!),
  exactZero: (l, _, r) => l.zero(r),
  exact: (l, [a, b], r) => {
    const b1 = l.sub(r, a!);
    return l.zero(l.add(l.sub(a!, l.sub(r, b1)), l.sub(b!, b1)));
  },
};

const sub: Operation = {
  compute: (l, [a, b]) => l.sub(a!, b!),
  exactZero: (l, _, r) => l.zero(r),
  exact: (l, [a, b], r) => {
    const b1 = l.sub(a!, r);
    return l.zero(l.add(l.sub(a!, l.add(r, b1)), l.sub(b1, b!)));
  },
};

const mul: Operation = {
  compute: (l, [a, b]) => l.mul(a!, b!),
  exactZero: (l, [a, b], r) => l.and(l.zero(r), l.or(l.zero(a!), l.zero(b!))),
  exact: (l, [a, b], r) => {
    const exact = l.exactProduct?.(a!, b!, r);
    return exact && l.or(exact, l.zero(r));
  },
};

const div: Operation = {
  compute: (l, [a, b]) => l.div(a!, b!),
  exactZero: (l, [a], r) => l.and(l.zero(a!), l.zero(r)),
  exact: (l, [a, b], r) => l.exactProduct?.(r, b!, a!),
};

const sqrt: Operation = {
  compute: (l, [a]) => l.sqrt(a!),
  exactZero: (l, _, r) => l.zero(r),
  exact: (l, [a], r) => l.exactProduct?.(r, r, a!),
};

/** `operands[k][i]` is part i of operand k; a 256-bit vector has two parts. */
function fastArithmetic<V extends Value, M extends Value>(
  x: Emit,
  operation: Operation,
  l: Lanes<V, M>,
  operands: readonly (readonly V[])[],
  slow: Label,
): V[] {
  const parts = operands[0]!.map((_, i) => operands.map((operand) => x.let(operand[i]!)));
  const canTell = operation.exact(l, parts[0]!, parts[0]![0]!) !== undefined;
  requireDefaults(x, slow, canTell ? 0 : Mxcsr.PE);
  const results = parts.map((part) => x.let(operation.compute(l, part)));
  const forAll = (test: (part: readonly V[], r: V) => M) => {
    const [first, ...rest] = results.map((r, i) => test(parts[i]!, r));
    return l.all(rest.reduce((all, mask) => l.and(all, mask), first!));
  };
  const safe = forAll((part, r) => {
    const denormal = part.map((operand) => l.denormal(operand)).reduce((any, mask) => l.or(any, mask));
    return l.andNot(l.or(l.ordinary(r), operation.exactZero(l, part, r)), denormal);
  });
  x.f.brIf(slow, safe.eqz());
  if (canTell) {
    x.f.if(x.stateI32(MXCSR).and(Mxcsr.PE).eqz(), () => {
      x.f.brIf(slow, forAll((part, r) => operation.exact(l, part, r)!).eqz());
    });
  }
  return results;
}

/** MINPS, MAXPS: the second operand unless the first is smaller (larger), which is exact and sets no flag. */
function fastSelect<V extends Value, M extends Value>(
  x: Emit,
  l: Lanes<V, M>,
  maximum: boolean,
  [first, second]: readonly (readonly V[])[],
  slow: Label,
): V[] {
  const pairs = first!.map((a, i) => [x.let(a), x.let(second![i]!)] as const);
  const plain = pairs.map(([a, b]) =>
    l.andNot(l.and(l.eq(a, a), l.eq(b, b)), l.or(l.denormal(a), l.denormal(b))),
  );
  x.f.brIf(slow, l.all(plain.reduce((all, mask) => l.and(all, mask))).eqz());
  return pairs.map(([a, b]) => l.choose(maximum ? l.lt(b, a) : l.lt(a, b), a, b));
}

/** The fast way of an instruction, for any shape. */
type Fast = <V extends Value, M extends Value>(
  x: Emit,
  l: Lanes<V, M>,
  operands: readonly (readonly V[])[],
  slow: Label,
) => V[];

function scalar(
  x: Emit,
  width: 32 | 64,
  fast: Fast,
  helper: Helper<"i32">,
  sources: readonly number[],
): void {
  const operands = sources.map((i) => x.read(i));
  const [result] = fastOrSlow(
    x,
    "i64",
    1,
    (slow): I64[] => {
      if (width === 64) {
        const values = operands.map((bits): F64[] => [bits.asF64()]);
        return fast(x, double, values, slow).map((r) => r.asI64());
      }
      const values = operands.map((bits): F32[] => [bits.toI32().asF32()]);
      return fast(x, single, values, slow).map((r) => r.asI32().toI64U());
    },
    () => {
      callSlow(x, helper, operands, 1);
      return [slowScalar(x, width)];
    },
  );
  writeScalar(x, width, result!);
}

/** What is done to the operands of a packed instruction first, part by part. */
type Prepare = (a: V128, b: V128) => readonly [V128, V128];

function packed(
  x: Emit,
  width: 32 | 64,
  fast: Fast,
  helper: Helper<"i32">,
  sources: readonly number[],
  prepare?: Prepare,
): void {
  let operands = sources.map((i) => x.readLanes(i));
  if (prepare) {
    const pairs = operands[0]!.map((a, i) => prepare(a, operands[1]![i]!).map((part) => x.let(part)));
    operands = [pairs.map(([a]) => a!), pairs.map(([, b]) => b!)];
  }
  const count = operands[0]!.length;
  const results = fastOrSlow(
    x,
    "v128",
    count,
    (slow) => fast(x, width === 32 ? singles : doubles, operands, slow),
    () => {
      callSlow(x, helper, operands, (count * 128) / width);
      return slowLanes(x, count);
    },
  );
  x.writeLanes(0, results);
}

const arithmetic =
  (operation: Operation): Fast =>
  (x, l, operands, slow) =>
    fastArithmetic(x, operation, l, operands, slow);

const selection =
  (maximum: boolean): Fast =>
  (x, l, operands, slow) =>
    fastSelect(x, l, maximum, operands, slow);

const binary: Record<string, Fast> = {
  add: arithmetic(add),
  sub: arithmetic(sub),
  mul: arithmetic(mul),
  div: arithmetic(div),
  min: selection(false),
  max: selection(true),
};

for (const [name, fast] of Object.entries(binary)) {
  for (const suffix of suffixes) {
    const helper = floatHelper(`${name}_${formatName(suffix)}`);
    const emit = isScalar(suffix) ? scalar : packed;
    define([`${name}${suffix}`, `v${name}${suffix}`], (x) => {
      const first = firstSource(x);
      emit(x, elementWidth(suffix), fast, helper, [first, first + 1]);
    });
  }
}

for (const suffix of suffixes) {
  const helper = floatHelper(`sqrt_${formatName(suffix)}`);
  const emit = isScalar(suffix) ? scalar : packed;
  define([`sqrt${suffix}`, `vsqrt${suffix}`], (x) => {
    emit(x, elementWidth(suffix), arithmetic(sqrt), helper, [x.operands.length - 1]);
  });
}

/** Elements of two vectors by number, the second one's after the first one's. */
function shuffle(a: V128, b: V128, width: number, elements: readonly number[]): V128 {
  const bytes = width / 8;
  return i8x16.shuffle(
    a,
    b,
    elements.flatMap((element) => Array.from({ length: bytes }, (_, i) => element * bytes + i)),
  );
}

// Neighbours meet when the even and the odd elements of both operands are brought together.
const neighbours: Record<32 | 64, Prepare> = {
  32: (a, b) => [shuffle(a, b, 32, [0, 2, 4, 6]), shuffle(a, b, 32, [1, 3, 5, 7])],
  64: (a, b) => [shuffle(a, b, 64, [0, 2]), shuffle(a, b, 64, [1, 3])],
};

// ADDSUB subtracts in the even elements. The sign of a NaN must not be changed, but no NaN goes the fast way.
const evenSigns: Record<32 | 64, V128> = {
  32: V128.const(0x80000000n, 0x80000000n),
  64: V128.const(1n << 63n, 0n),
};

const addSub =
  (width: 32 | 64): Fast =>
  (x, l, [a, b], slow) => {
    // Packed only, so that the values are vectors.
    const negated = b!.map(
      (part) => v128.xor(part as Value as V128, evenSigns[width]) as Value as typeof part,
    );
    return fastArithmetic(x, add, l, [a!, negated], slow);
  };

for (const suffix of packedSuffixes) {
  const width = elementWidth(suffix);
  const operands = (x: Emit): number[] => [firstSource(x), firstSource(x) + 1];
  const helper = (name: string) => floatHelper(`${name}_${formatName(suffix)}`);
  const helpers = { add: helper("add"), sub: helper("sub"), addsub: helper("addsub") };
  define([`hadd${suffix}`, `vhadd${suffix}`], (x) =>
    packed(x, width, arithmetic(add), helpers.add, operands(x), neighbours[width]));
  define([`hsub${suffix}`, `vhsub${suffix}`], (x) =>
    packed(x, width, arithmetic(sub), helpers.sub, operands(x), neighbours[width]));
  define([`addsub${suffix}`, `vaddsub${suffix}`], (x) =>
    packed(x, width, addSub(width), helpers.addsub, operands(x)));
}
