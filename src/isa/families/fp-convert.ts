/**
 * Conversions between formats: CVTSS2SD CVTSD2SS CVTPS2PD CVTPD2PS, and of half precision VCVTPH2PS VCVTPS2PH (SDM vol. 2).
 */
import { f32x4, f64x2, i64x2 } from "../../wasm/simd.js";
import type { F32, V128 } from "../../wasm/value.js";
import { define, type Emit } from "../emit.js";
import { MXCSR } from "../state.js";
import {
  callSlow,
  fastOrSlow,
  firstOf,
  floatHelper,
  highHalf,
  joinHalves,
  Mxcsr,
  onlyFloatHelper,
  requireDefaults,
  slowFloat,
  slowLanes,
  writeFloat,
} from "./fp-emit.js";
import { double, doubles, single } from "./fp-lanes.js";
import { plainWays } from "./fp-steps.js";

const toDouble = floatHelper("f32_to_f64");
const toSingle = floatHelper("f64_to_f32");
const halfToSingle = onlyFloatHelper("f16_to_f32");
const singleToHalf = onlyFloatHelper("f32_to_f16", 2);

// To a larger format, only NaNs and denormals are special.
define(["cvtss2sd", "vcvtss2sd"], (x) => {
  const bits = x.read(x.operands.length - 1);
  const a = x.let(bits.toI32().asF32());
  const [result] = firstOf(
    x,
    "f64",
    1,
    plainWays(x, single, [a], () => [a.toF64()]),
    () => {
      callSlow(x, toDouble, [bits], 1);
      return [slowFloat.f64(x)];
    },
  );
  writeFloat(x, result!);
});

define(["cvtps2pd", "vcvtps2pd"], (x) => {
  const source = x.readVector(1);
  const parts = x.width(0) / 128;
  const results = fastOrSlow(
    x,
    "v128",
    parts,
    (slow) => {
      const lanes = Array.from({ length: parts }, (_, i) =>
        x.let(f64x2.promoteLowF32(i === 0 ? source : highHalf(source))),
      );
      // A denormal single is a normal double, below this:
      const smallest = 2 ** -126;
      const plain = lanes.map((a) =>
        doubles.andNot(
          doubles.eq(a, a),
          doubles.andNot(doubles.within(f64x2.abs(a), 0, smallest), doubles.zero(a)),
        ),
      );
      x.f.brIf(slow, doubles.all(plain.reduce((all, mask) => doubles.and(all, mask))).eqz());
      return lanes;
    },
    () => {
      callSlow(x, toDouble, [[source]], parts * 2);
      return slowLanes(x, parts);
    },
  );
  x.writeLanes(0, results);
});

/** Below this a double is tiny as a single, or so near to it that the exact way has to decide. */
const SINGLE_SMALLEST = 2 ** -126 * (1 + 2 ** -23);

define(["cvtsd2ss", "vcvtsd2ss"], (x) => {
  const bits = x.read(x.operands.length - 1);
  const a = x.let(bits.asF64());
  const [result] = firstOf(
    x,
    "f32",
    1,
    [
      (next): F32[] => {
        requireDefaults(x, next, Mxcsr.PE);
        const r = x.let(a.toF32());
        const magnitude = x.let(r.abs());
        single.unless([...single.above([magnitude]), single.belowInfinity(magnitude)], (condition) =>
          x.f.brIf(next, condition),
        );
        return [r];
      },
      (next): F32[] => {
        requireDefaults(x, next);
        const r = x.let(a.toF32());
        const back = x.let(r.toF64());
        const normal = double.within(back.abs(), SINGLE_SMALLEST, Number.POSITIVE_INFINITY);
        x.f.brIf(next, normal.or(a.asI64().shl(1).eqz()).eqz());
        const sticky = x.stateI32(MXCSR).and(Mxcsr.PE);
        x.f.brIf(next, a.eq(back).or(sticky).eqz());
        return [r];
      },
    ],
    () => {
      callSlow(x, toSingle, [bits], 1);
      return [slowFloat.f32(x)];
    },
  );
  writeFloat(x, result!);
});

define(["cvtpd2ps", "vcvtpd2ps"], (x) => {
  const lanes = x.readLanes(1);
  const [result] = fastOrSlow(
    x,
    "v128",
    1,
    (slow): V128[] => {
      requireDefaults(x, slow);
      const singles = lanes.map((a) => x.let(f32x4.demoteF64Zero(a)));
      const back = singles.map((r) => x.let(f64x2.promoteLowF32(r)));
      const fine = back.map((r, i) =>
        doubles.or(
          doubles.within(f64x2.abs(r), SINGLE_SMALLEST, Number.POSITIVE_INFINITY),
          doubles.zero(lanes[i]!),
        ),
      );
      x.f.brIf(slow, doubles.all(fine.reduce((all, mask) => doubles.and(all, mask))).eqz());
      const exact = back.map((r, i) => doubles.eq(r, lanes[i]!));
      const sticky = x.stateI32(MXCSR).and(Mxcsr.PE);
      x.f.brIf(
        slow,
        doubles
          .all(exact.reduce((all, mask) => doubles.and(all, mask)))
          .or(sticky)
          .eqz(),
      );
      return [joinHalves(singles)];
    },
    () => {
      callSlow(x, toSingle, [lanes], lanes.length * 2);
      return [lowPart(x, lanes.length * 64)];
    },
  );
  x.writeLanes(0, [result!]);
});

/** The first `width` bits of a helper's result, zeros above. */
function lowPart(x: Emit, width: number): V128 {
  const [result] = slowLanes(x, 1);
  return width === 64 ? joinHalves([result!]) : result!;
}

// Half precision is storage, not arithmetic: the exact way is good enough.
define("vcvtph2ps", (x) => {
  const parts = x.width(0) / 128;
  callSlow(x, halfToSingle, [[x.readVector(1)]], parts * 4);
  x.writeLanes(0, slowLanes(x, parts));
});

define("vcvtps2ph", (x) => {
  const lanes = x.readLanes(1);
  const width = x.width(0);
  const convert = (): V128 => {
    callSlow(x, singleToHalf, [lanes], lanes.length * 4, x.immediate(2));
    return lowPart(x, width);
  };
  if (!x.isMemory(0)) {
    x.writeWholeVector(0, convert());
    return;
  }
  // The address comes first: a page fault leaves MXCSR as it was.
  x.hostWrite(x.linearAddress(0, "write"), width / 8, (host) => {
    const result = x.let(convert());
    x.f.store(host, width === 64 ? i64x2.extract(result, 0) : result);
  });
});
