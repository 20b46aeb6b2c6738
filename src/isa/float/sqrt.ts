/**
 * Square root. Intel SDM vol. 2, FSQRT, SQRTSD (special operands).
 */

import { DE, type FloatEnv, stopped } from "./env.js";
import type { Format } from "./format.js";
import { invalid, quiet } from "./nan.js";
import { copyNum, highHalf, join64, lowHalf, type Num, QNAN, ZERO } from "./num.js";
import { arithmeticPrecision, roundNum } from "./round.js";

/** out = square root of a. `out` may be the operand. */
export function sqrtNum(format: Format, env: FloatEnv, a: Num, out: Num): void {
  if (a.kind >= QNAN) {
    quiet(env, a, out);
    return;
  }
  if (a.kind === ZERO) {
    copyNum(out, a);
    return;
  }
  if (a.sign !== 0) {
    invalid(env, out);
    return;
  }
  if (a.denormal) env.flags |= DE;
  if (stopped(env)) return;
  if (a.kind !== 0) {
    copyNum(out, a);
    return;
  }
  // The radicand is shifted to 132 or 131 bits, so that its weight is even and its root has 66 bits.
  const odd = a.exp & 1;
  const radicand = join64(a.hi, a.lo) << (odd !== 0 ? 68n : 67n);
  const root = integerSquareRoot(radicand);
  const hi = highHalf(root >> 2n);
  const lo = lowHalf();
  const ext = (Number(root & 3n) << 30) | (root * root === radicand ? 0 : 1);
  roundNum(format, arithmeticPrecision(format, env), env, out, 0, (a.exp - odd) / 2, hi, lo, ext);
}

/** Floor of the square root of a number of at most 200 bits. */
export function integerSquareRoot(value: bigint): bigint {
  // The double has 50 good bits; one Newton step makes 100, and at most a unit of error for 66-bit roots.
  let root = BigInt(Math.floor(Math.sqrt(Number(value))));
  let previous: bigint;
  do {
    previous = root;
    root = (root + value / root) >> 1n;
  } while (root - previous > 1n || previous - root > 1n);
  while (root * root > value) root--;
  while ((root + 1n) * (root + 1n) <= value) root++;
  return root;
}
