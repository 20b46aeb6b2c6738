/**
 * Conversion between floating-point formats. Intel SDM vol. 1, 4.8.4.2 and 8.5; vol. 2, CVTSD2SS, FLD, FST.
 */

import { DE, type FloatEnv, stopped } from "./env.js";
import type { Format } from "./format.js";
import { quiet } from "./nan.js";
import { copyNum, FINITE, type Num, QNAN } from "./num.js";
import { roundNum } from "./round.js";

/** out = a rounded to `format`; a denormal operand raises DE when `denormal` says so. */
export function convertNum(format: Format, env: FloatEnv, a: Num, denormal: boolean, out: Num): void {
  if (a.kind >= QNAN) {
    quiet(env, a, out);
    return;
  }
  if (a.denormal && denormal) env.flags |= DE;
  if (stopped(env)) return;
  if (a.kind !== FINITE) copyNum(out, a);
  else roundNum(format, format.precision, env, out, a.sign, a.exp, a.hi, a.lo, 0);
}
