/**
 * The constants of FLD1, FLDL2T, FLDL2E, FLDPI, FLDLG2, FLDLN2, FLDZ. Intel SDM vol. 1, 8.3.8.
 *
 * Each is kept truncated to 64 bits with whether it must be incremented when rounding to nearest; the directed
 * modes follow from the value being inexact. No exception is raised.
 */

import { type FloatEnv, NEAREST, UP } from "./env.js";
import type { F80 } from "./format.js";

interface Constant {
  readonly se: number;
  readonly truncated: bigint;
  readonly nearestIsUp: boolean;
}

/** By the last part of the mnemonic. */
export const constants = {
  /** log2(10). */
  l2t: { se: 0x4000, truncated: 0xd49a784bcd1b8afen, nearestIsUp: false },
  /** log2(e). */
  l2e: { se: 0x3fff, truncated: 0xb8aa3b295c17f0bbn, nearestIsUp: true },
  pi: { se: 0x4000, truncated: 0xc90fdaa22168c234n, nearestIsUp: true },
  /** log10(2). */
  lg2: { se: 0x3ffd, truncated: 0x9a209a84fbcff798n, nearestIsUp: true },
  /** ln(2). */
  ln2: { se: 0x3ffe, truncated: 0xb17217f7d1cf79abn, nearestIsUp: true },
} as const satisfies Record<string, Constant>;

export type ConstantName = keyof typeof constants;

export const ONE: F80 = { se: 0x3fff, sig: 1n << 63n };
export const POSITIVE_ZERO: F80 = { se: 0, sig: 0n };

/** The constant, rounded as the control word says. */
export function loadConstant(name: ConstantName, env: FloatEnv): F80 {
  const { se, truncated, nearestIsUp } = constants[name];
  const up = env.rounding === UP || (env.rounding === NEAREST && nearestIsUp);
  return { se, sig: up ? truncated + 1n : truncated };
}
