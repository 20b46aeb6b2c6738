/** Where there can be no code, as generated code tests it. */

import { load } from "../wasm/function.js";
import type { I32, I64 } from "../wasm/value.js";
import { SEGMENT_LIMIT } from "./state.js";

/** The address is not canonical: bits 63 to 47 are not all equal (SDM vol. 1, 3.3.7.1). */
export const isNonCanonical = (address: I64): I32 => address.shl(16).shrS(16).ne(address);

/** RIP lies beyond the limit of CS. */
export const isBeyondLimit = (cpu: I32, rip: I64): I32 => rip.gtU(load.i64_32u(cpu, SEGMENT_LIMIT + 4));

/** No instruction can be at RIP: a branch to it raises #GP(0). */
export const isOutsideCode = (cpu: I32, rip: I64, long: boolean): I32 =>
  long ? isNonCanonical(rip) : isBeyondLimit(cpu, rip);
