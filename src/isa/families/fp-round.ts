/**
 * ROUNDPS ROUNDPD ROUNDSS ROUNDSD, the approximations RCPPS RSQRTPS and their scalar forms, and the dot products DPPS
 * DPPD (SDM vol. 2).
 */
import type { Label, Local } from "../../wasm/function.js";
import { f32x4 } from "../../wasm/simd.js";
import { F32, I32, select, V128, type Value } from "../../wasm/value.js";
import { define, type Emit } from "../emit.js";
import { MXCSR } from "../state.js";
import {
  callSlow,
  elementWidth,
  fastOrSlow,
  firstOf,
  firstSource,
  floatHelper,
  formatName,
  isScalar,
  Mxcsr,
  onlyFloatHelper,
  packedSuffixes,
  type Suffix,
  slowFloat,
  slowLanes,
  slowScalar,
  suffixes,
  writeFloat,
  writeScalar,
} from "./fp-emit.js";
import { double, doubles, type Lanes, single, singles } from "./fp-lanes.js";
import { plainWays } from "./fp-steps.js";

/** Bits of the immediate: rounding control, use that of MXCSR instead, suppress the precision exception. */
const USE_MXCSR = 4;
const SUPPRESS = 8;

/** Rounds to integral values; a change is harmless if it is not to be reported, or is known already. */
function fastRound<V extends Value, M extends Value>(
  x: Emit,
  l: Lanes<V, M>,
  values: readonly V[],
  control: I32,
): ((next: Label) => V[])[] {
  const operands = values.map((value) => x.let(value));
  return plainWays(x, l, operands, (next) => roundPlain(x, l, operands, control, next));
}

/** The same for values that are no NaNs and no denormals. */
function roundPlain<V extends Value, M extends Value>(
  x: Emit,
  l: Lanes<V, M>,
  operands: readonly V[],
  control: I32,
  slow: Label,
): V[] {
  const mxcsr = x.let(x.stateI32(MXCSR));
  const rounding = x.let(select(control.and(USE_MXCSR), mxcsr.shrU(13), control).and(3));
  const results = operands.map((a) => {
    const [nearest, down, up, zero] = l.integral as [Rounder<V>, Rounder<V>, Rounder<V>, Rounder<V>];
    const result = x.f.local(a.type) as Local<Value> as Local<V>;
    const set = (value: V) => x.f.set(result, value);
    x.f.if(
      rounding.eqz(),
      () => set(nearest(a)),
      () => {
        x.f.if(
          rounding.eq(3),
          () => set(zero(a)),
          () => {
            x.f.if(
              rounding.eq(1),
              () => set(down(a)),
              () => set(up(a)),
            );
          },
        );
      },
    );
    return result.value;
  });
  const unchanged = results.map((r, i) => l.eq(r, operands[i]!));
  const exact = l.all(unchanged.reduce((all, mask) => l.and(all, mask)));
  const known = mxcsr.and(Mxcsr.PM | Mxcsr.PE).eq(Mxcsr.PM | Mxcsr.PE);
  x.f.brIf(slow, exact.or(known).or(control.and(SUPPRESS)).eqz());
  return results;
}
type Rounder<V> = (a: V) => V;

function round(x: Emit, suffix: Suffix): void {
  const width = elementWidth(suffix);
  const helper = floatHelper(`round_${formatName(suffix)}`, 2);
  const source = x.operands.length - 2;
  const control = x.let(x.immediate(source + 1));
  if (!isScalar(suffix)) {
    const lanes = x.readLanes(source);
    const results = firstOf(
      x,
      "v128",
      lanes.length,
      fastRound(x, width === 32 ? singles : doubles, lanes, control),
      () => {
        callSlow(x, helper, [lanes], (lanes.length * 128) / width, control);
        return slowLanes(x, lanes.length);
      },
    );
    x.writeLanes(0, results);
    return;
  }
  const bits = x.read(source);
  const exact = () => callSlow(x, helper, [bits], 1, control);
  if (width === 64) {
    const [result] = firstOf(x, "f64", 1, fastRound(x, double, [bits.asF64()], control), () => {
      exact();
      return [slowFloat.f64(x)];
    });
    writeFloat(x, result!);
  } else {
    const [result] = firstOf(x, "f32", 1, fastRound(x, single, [bits.toI32().asF32()], control), () => {
      exact();
      return [slowFloat.f32(x)];
    });
    writeFloat(x, result!);
  }
}

for (const suffix of suffixes) {
  floatHelper(`round_${formatName(suffix)}`, 2);
  define([`round${suffix}`, `vround${suffix}`], (x) => round(x, suffix));
}

const ONE = 0x3f8000003f800000n;

/** The reciprocals promise 12 bits, and neither depend on MXCSR nor raise anything: more bits do no harm. */
const approximations = {
  rcp: {
    one: (a: F32) => F32.const(1).div(a),
    four: (a: V128) => f32x4.div(V128.const(ONE, ONE), a),
  },
  rsqrt: {
    one: (a: F32) => F32.const(1).div(a.sqrt()),
    four: (a: V128) => f32x4.div(V128.const(ONE, ONE), f32x4.sqrt(a)),
  },
};

for (const [name, { one, four }] of Object.entries(approximations)) {
  const helper = floatHelper(name);
  define([`${name}ps`, `v${name}ps`], (x) => {
    const lanes = x.readLanes(1);
    const results = fastOrSlow(
      x,
      "v128",
      lanes.length,
      (slow) => fastApproximation(x, singles, lanes, four, slow),
      () => {
        callSlow(x, helper, [lanes], lanes.length * 4);
        return slowLanes(x, lanes.length);
      },
    );
    x.writeLanes(0, results);
  });
  define([`${name}ss`, `v${name}ss`], (x) => {
    const bits = x.read(x.operands.length - 1);
    const [result] = fastOrSlow(
      x,
      "i64",
      1,
      (slow) => {
        const [r] = fastApproximation(x, single, [bits.toI32().asF32()], one, slow);
        return [r!.asI32().toI64U()];
      },
      () => {
        callSlow(x, helper, [bits], 1);
        return [slowScalar(x, 32)];
      },
    );
    writeScalar(x, 32, result!);
  });
}

function fastApproximation<V extends Value, M extends Value>(
  x: Emit,
  l: Lanes<V, M>,
  values: readonly V[],
  compute: (a: V) => V,
  slow: Label,
): V[] {
  const operands = values.map((value) => x.let(value));
  const results = operands.map((a) => x.let(compute(a)));
  const ordinary = results.map((r, i) => l.and(l.ordinary(r), l.ordinary(operands[i]!)));
  x.f.brIf(slow, l.all(ordinary.reduce((all, mask) => l.and(all, mask))).eqz());
  return results;
}

for (const suffix of packedSuffixes) {
  const helper = onlyFloatHelper(`dot_${formatName(suffix)}`, 2);
  define([`dp${suffix}`, `vdp${suffix}`], (x) => {
    const first = firstSource(x);
    const operands = [x.readLanes(first), x.readLanes(first + 1)];
    const parts = operands[0]!.length;
    callSlow(x, helper, operands, I32.const(parts), x.immediate(first + 2));
    x.writeLanes(0, slowLanes(x, parts));
  });
}
