/**
 * Comparison and classification: FCOM FUCOM FICOM FCOMI FUCOMI FTST FXAM and their popping forms (SDM vol. 1, 8.3.6).
 */
import { define } from "../emit.js";
import { compute, formatOf, MEMORY, operate, operateOnMemory, x87Function, x87Helper } from "./x87-stack.js";

/** (i, signals for quiet NaNs, pops): conditions from ST(0) and ST(i). */
const compare = x87Helper("compare", 3);
/** (format, pops): conditions from ST(0) and the operand. */
const compareMemory = x87Helper("compare_memory", 2);
/** (i, signals, pops): ZF PF CF at their places. */
const compareFlags = x87Function("compare_flags", 3);

for (const [mnemonic, pops] of [
  ["fcom", 0],
  ["fcomp", 1],
] as const) {
  define(
    mnemonic,
    (x) => {
      if (!x.isMemory(0)) return operate(x, compare, x.registerNumber(1), 1, pops);
      operateOnMemory(x, compareMemory, formatOf(x, "float"), pops);
    },
    MEMORY,
  );
  define(
    mnemonic.replace("f", "fi"),
    (x) => {
      operateOnMemory(x, compareMemory, formatOf(x, "integer"), pops);
    },
    MEMORY,
  );
}
define("fcompp", (x) => operate(x, compare, 1, 1, 2));
define("fucom", (x) => operate(x, compare, x.registerNumber(1), 0, 0));
define("fucomp", (x) => operate(x, compare, x.registerNumber(1), 0, 1));
define("fucompp", (x) => operate(x, compare, 1, 0, 2));

for (const [mnemonic, signals, pops] of [
  ["fcomi", 1, 0],
  ["fcomip", 1, 1],
  ["fucomi", 0, 0],
  ["fucomip", 0, 1],
] as const) {
  define(mnemonic, (x) => {
    const flags = compute(x, compareFlags, x.registerNumber(1), signals, pops);
    // OF, SF and AF are cleared.
    x.flags.explicit(flags.toI64U());
  });
}

for (const mnemonic of ["ftst", "fxam"]) {
  const work = x87Helper(mnemonic);
  define(mnemonic, (x) => operate(x, work));
}
