/**
 * Arithmetic: FADD FSUB FSUBR FMUL FDIV FDIVR with their popping and integer forms, and the operations on ST(0) that
 * need no approximation (SDM vol. 1, 8.3.5). The work is done in helpers-x87-arith.ts.
 */
import { define } from "../emit.js";
import { formatOf, MEMORY, operate, operateOnMemory, x87Helper } from "./x87-stack.js";

for (const mnemonic of ["fadd", "fmul", "fsub", "fsubr", "fdiv", "fdivr"]) {
  /** (destination, source, pops) */
  const registers = x87Helper(mnemonic, 3);
  /** (format): ST(0) and the operand. */
  const memory = x87Helper(`${mnemonic}_memory`, 1);

  define(
    mnemonic,
    (x) => {
      if (!x.isMemory(0)) return operate(x, registers, x.registerNumber(0), x.registerNumber(1), 0);
      operateOnMemory(x, memory, formatOf(x, "float"));
    },
    MEMORY,
  );
  define(`${mnemonic}p`, (x) => operate(x, registers, x.registerNumber(0), x.registerNumber(1), 1));
  define(
    `fi${mnemonic.slice(1)}`,
    (x) => {
      operateOnMemory(x, memory, formatOf(x, "integer"));
    },
    MEMORY,
  );
}

for (const mnemonic of ["fchs", "fabs", "fsqrt", "frndint", "fscale", "fprem", "fprem1", "fxtract"]) {
  const work = x87Helper(mnemonic);
  define(mnemonic, (x) => operate(x, work));
}
