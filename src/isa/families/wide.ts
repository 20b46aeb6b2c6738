/**
 * 128-bit arithmetic from 64-bit operations.
 */
import type { I64 } from "../../wasm/value.js";
import type { Emit } from "../emit.js";

const LOW = 0xffffffffn;

/** Upper 64 bits of a · b (both fixed). */
export function multiplyHigh(x: Emit, a: I64, b: I64, signed: boolean): I64 {
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
 * Quotient of high:low / divisor, all fixed and unsigned, high < divisor: long division with two digits of
 * 32 bits, after Knuth, The Art of Computer Programming, 4.3.1, algorithm D.
 */
export function divide128(x: Emit, high: I64, low: I64, divisor: I64): I64 {
  const f = x.f;
  // Normalised so that the divisor's top bit is set, a digit's estimate is at most 2 too large.
  const shift = x.let(divisor.clz());
  const d = x.let(divisor.shl(shift));
  const d1 = x.let(d.shrU(32));
  const d0 = x.let(d.and(LOW));
  const upper = x.let(high.shl(shift).or(low.shrU(1).shrU(shift.xor(63))));
  const lower = x.let(low.shl(shift));

  /** One digit of `rest`·2^32 + `next` divided by d, and what remains. */
  const digit = (rest: I64, next: I64): { digit: I64; rest: I64 } => {
    const estimate = f.local("i64");
    const remainder = f.local("i64");
    f.set(estimate, rest.divU(d1));
    f.set(remainder, rest.sub(estimate.value.mul(d1)));
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
    return { digit: estimate.value, rest: x.let(rest.shl(32).or(next).sub(estimate.value.mul(d))) };
  };

  const first = digit(upper, x.let(lower.shrU(32)));
  const second = digit(first.rest, x.let(lower.and(LOW)));
  return first.digit.shl(32).or(second.digit);
}
