/** The helpers of the x87 instructions, by name. */
import { arithmeticHelpers } from "./helpers-x87-arith.js";
import { environmentHelpers } from "./helpers-x87-environment.js";
import type { X87Helper } from "./helpers-x87-frame.js";
import { moveHelpers } from "./helpers-x87-move.js";
import { transcendentalHelpers } from "./helpers-x87-transcendental.js";

export const x87Helpers: Readonly<Record<string, X87Helper>> = {
  ...moveHelpers,
  ...arithmeticHelpers,
  ...transcendentalHelpers,
  ...environmentHelpers,
};
