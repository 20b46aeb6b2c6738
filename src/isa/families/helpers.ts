/**
 * The helpers of the instruction set that need nothing but the CPU's state: arithmetic too long to emit.
 */
import { fpHelpers } from "./helpers-fp.js";
import { simdHelpers } from "./helpers-simd.js";
import { x87Helpers } from "./helpers-x87.js";

export type ArithmeticHelper = (
  memory: DataView,
  cpu: number,
  record: number,
  // biome-ignore lint/suspicious/noExplicitAny: each helper has the parameter types that it declared
  ...args: any[]
  // biome-ignore lint/suspicious/noConfusingVoidType: a helper without a result returns nothing
) => number | bigint | void;

export const arithmeticHelpers: Readonly<Record<string, ArithmeticHelper>> = {
  ...simdHelpers,
  ...fpHelpers,
  ...x87Helpers,
};
