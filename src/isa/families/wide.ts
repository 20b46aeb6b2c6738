/**
 * 128-bit arithmetic from 64-bit operations.
 */
import type { FunctionBuilder } from "../../wasm/function.js";
import type { I64, Value } from "../../wasm/value.js";
import { libraryFunction } from "../library.js";

const LOW = 0xffffffffn;

/** What can fix a value: an instruction's emitter or a function builder. */
export interface Fixing {
  let<V extends Value>(value: V): V;
}

/** Upper 64 bits of a · b (both fixed). */
export function multiplyHigh(x: Fixing, a: I64, b: I64, signed: boolean): I64 {
  const a0 = x.let(a.and(LOW));
  const b0 = x.let(b.and(LOW));
  const a1 = x.let(a.shrU(32));
  const b1 = x.let(b.shrU(32));
  // No sum overflows: (2^32 - 1)^2 + 2 (2^32 - 1) = 2^64 - 1.
  const middle = x.let(a1.mul(b0).add(a0.mul(b0).shrU(32)));
  const other = a0.mul(b1).add(middle.and(LOW));
  const high = a1.mul(b1).add(middle.shrU(32)).add(other.shrU(32));
  // A negative factor was taken for 2^64 more than it is.
  return signed ? high.sub(a.shrS(63).and(b)).sub(b.shrS(63).and(a)) : high;
}

/**
 * Quotient of high:low / d, all fixed and unsigned, high < d, the top bit of d set: long division with two digits of
 * 32 bits, after Knuth, The Art of Computer Programming, 4.3.1, algorithm D. Fixed.
 */
export function divideNormalized(f: FunctionBuilder, high: I64, low: I64, d: I64): I64 {
  const d1 = f.let(d.shrU(32));
  const d0 = f.let(d.and(LOW));

  /** One digit of `rest`·2^32 + `next` divided by d, and what remains. */
  const digit = (rest: I64, next: I64): { digit: I64; rest: I64 } => {
    const estimate = f.local("i64");
    const remainder = f.local("i64");
    f.set(estimate, rest.divU(d1));
    f.set(remainder, rest.sub(estimate.value.mul(d1)));
    // Because d is normalised, the estimate is at most 2 too large.
    f.block((done) =>
      f.loop((again) => {
        const trial = remainder.value.shl(32).or(next);
        const tooLarge = estimate.value.shrU(32).ne(0).or(estimate.value.mul(d0).gtU(trial));
        f.brIf(done, tooLarge.eqz());
        f.set(estimate, estimate.value.sub(1));
        f.set(remainder, remainder.value.add(d1));
        f.brIf(again, remainder.value.leU(LOW));
      }),
    );
    return { digit: estimate.value, rest: f.let(rest.shl(32).or(next).sub(estimate.value.mul(d))) };
  };

  const first = digit(high, f.let(low.shrU(32)));
  const second = digit(first.rest, f.let(low.and(LOW)));
  return f.let(first.digit.shl(32).or(second.digit));
}

/** (high, low, divisor): quotient of high:low / divisor, unsigned, high < divisor. */
export const divide128 = libraryFunction("divide128", ["i64", "i64", "i64"], "i64", (f) => {
  const [high, low, divisor] = [f.param("i64", 1), f.param("i64", 2), f.param("i64", 3)];
  f.if(high.eqz(), () => f.return(low.divU(divisor)));
  const shift = f.let(divisor.clz());
  const upper = f.let(high.shl(shift).or(low.shrU(1).shrU(shift.xor(63))));
  f.return(divideNormalized(f, upper, f.let(low.shl(shift)), f.let(divisor.shl(shift))));
});
