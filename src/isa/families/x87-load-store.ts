/**
 * Loads and stores: FLD FST FSTP FILD FIST FISTP FISTTP FBLD FBSTP and the constants (SDM vol. 1, 8.3.3-8.3.4, 8.3.8).
 */
import { define } from "../emit.js";
import {
  formatOf,
  MEMORY,
  operate,
  operateOnMemory,
  storeResult,
  x87Function,
  x87Helper,
} from "./x87-stack.js";

/** (format): pushes the operand. */
const push = x87Helper("push", 1);
/** (i): pushes ST(i). */
const pushRegister = x87Helper("push_register", 1);
/** (index into the list below) */
const pushConstant = x87Helper("push_constant", 1);
/** (i, pops): ST(i) = ST(0). */
const copy = x87Helper("copy", 2);
/** (format, pops): leaves ST(0) at OPERAND; 0: do not store. */
const convert = x87Function("convert", 2);
/** The same, always truncating. */
const truncate = x87Function("truncate", 2);

define(
  "fld",
  (x) => {
    if (!x.isMemory(0)) return operate(x, pushRegister, x.registerNumber(0));
    operateOnMemory(x, push, formatOf(x, "float"));
  },
  MEMORY,
);

define(
  "fild",
  (x) => {
    operateOnMemory(x, push, formatOf(x, "integer"));
  },
  MEMORY,
);

define(
  "fbld",
  (x) => {
    operateOnMemory(x, push, formatOf(x, "bcd"));
  },
  MEMORY,
);

for (const [mnemonic, pops] of [
  ["fst", 0],
  ["fstp", 1],
] as const) {
  define(
    mnemonic,
    (x) => {
      if (x.isMemory(0)) storeResult(x, convert, formatOf(x, "float"), pops);
      else operate(x, copy, x.registerNumber(0), pops);
    },
    MEMORY,
  );
}

define("fist", (x) => storeResult(x, convert, formatOf(x, "integer"), 0), MEMORY);
define("fistp", (x) => storeResult(x, convert, formatOf(x, "integer"), 1), MEMORY);
define("fisttp", (x) => storeResult(x, truncate, formatOf(x, "integer"), 1), MEMORY);
define("fbstp", (x) => storeResult(x, convert, formatOf(x, "bcd"), 1), MEMORY);

for (const [index, mnemonic] of ["fld1", "fldl2t", "fldl2e", "fldpi", "fldlg2", "fldln2", "fldz"].entries()) {
  define(mnemonic, (x) => operate(x, pushConstant, index));
}
