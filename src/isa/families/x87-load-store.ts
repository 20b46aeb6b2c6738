/**
 * Loads and stores: FLD FST FSTP FILD FIST FISTP FISTTP FBLD FBSTP and the constants (SDM vol. 1, 8.3.3-8.3.4, 8.3.8).
 * The common cases are done by x87-move-library.ts, the others by helpers-x87-move.ts.
 */
import { I64 } from "../../wasm/value.js";
import { define } from "../emit.js";
import { constants, ONE, POSITIVE_ZERO } from "../float/constants.js";
import {
  copyRegister,
  pushConstant,
  pushExtended,
  pushMemory,
  pushRegister,
  storeFloats,
  storeIntegers,
  truncateIntegers,
} from "./x87-move-library.js";
import { MEMORY, operate, operateOnMemory, storeResult, work, x87Function, x87Helper } from "./x87-stack.js";

/** (format): pushes the operand. */
const push = work(x87Helper("push", 1));
/** (i): pushes ST(i). */
const pushST = x87Helper("push_register", 1);
/** (index into the list below) */
const pushNumber = x87Helper("push_constant", 1);
/** (i, pops): ST(i) = ST(0). */
const copy = x87Helper("copy", 2);
/** (format, pops): leaves ST(0) at OPERAND; 0: do not store. */
const convert = x87Function("convert", 2);
/** The same, always truncating. */
const truncate = x87Function("truncate", 2);

define(
  "fld",
  (x) => {
    if (x.isMemory(0)) {
      operateOnMemory(x, "float", push, (source) =>
        work(source === "f80" ? pushExtended : pushMemory[source]),
      );
      return;
    }
    const i = x.registerNumber(0);
    operate(x, work(pushST, i), work(pushRegister, i));
  },
  MEMORY,
);

define("fild", (x) => operateOnMemory(x, "integer", push, () => work(pushMemory.integer)), MEMORY);
define("fbld", (x) => operateOnMemory(x, "bcd", push), MEMORY);

for (const [mnemonic, pops] of [
  ["fst", 0],
  ["fstp", 1],
] as const) {
  define(
    mnemonic,
    (x) => {
      if (x.isMemory(0)) {
        storeResult(x, "float", work(convert, pops), work(storeFloats[x.width(0)]!, pops));
        return;
      }
      const i = x.registerNumber(0);
      operate(x, work(copy, i, pops), work(copyRegister, i, pops));
    },
    MEMORY,
  );
}

for (const [mnemonic, exact, fast, pops] of [
  ["fist", convert, storeIntegers, 0],
  ["fistp", convert, storeIntegers, 1],
  ["fisttp", truncate, truncateIntegers, 1],
] as const) {
  define(
    mnemonic,
    (x) => storeResult(x, "integer", work(exact, pops), work(fast[x.width(0)]!, pops)),
    MEMORY,
  );
}
define("fbstp", (x) => storeResult(x, "bcd", work(convert, 1)), MEMORY);

const constantNames = {
  fld1: ONE,
  fldl2t: "l2t",
  fldl2e: "l2e",
  fldpi: "pi",
  fldlg2: "lg2",
  fldln2: "ln2",
  fldz: POSITIVE_ZERO,
} as const;
for (const [index, [mnemonic, constant]] of Object.entries(constantNames).entries()) {
  const exact = work(pushNumber, index);
  if (typeof constant === "string") {
    const { se, truncated, nearestIsUp } = constants[constant];
    const fast = work(pushConstant, I64.const(truncated), se, nearestIsUp ? 1 : 0);
    define(mnemonic, (x) => operate(x, exact, fast));
  } else {
    const fast = work(pushExtended, I64.const(constant.sig), constant.se);
    define(mnemonic, (x) => operate(x, exact, fast));
  }
}
