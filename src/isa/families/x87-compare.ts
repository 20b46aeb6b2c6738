/**
 * Comparison and classification: FCOM FUCOM FICOM FCOMI FUCOMI FTST FXAM and their popping forms (SDM vol. 1, 8.3.6).
 * The common cases are done by x87-compare-library.ts, the others by helpers-x87-arith.ts.
 */
import { I32, I64 } from "../../wasm/value.js";
import { define, type Emit } from "../emit.js";
import { compareMemory, compareRegisters, compareToFlags } from "./x87-compare-library.js";
import type { MemorySource } from "./x87-library.js";
import { compute, MEMORY, operate, operateOnMemory, work, x87Function, x87Helper } from "./x87-stack.js";

/** (i, signals for quiet NaNs, pops): conditions from ST(0) and ST(i). */
const compare = x87Helper("compare", 3);
/** (format, pops): conditions from ST(0) and the operand. */
const compareOperand = x87Helper("compare_memory", 2);
/** (i, signals, pops): ZF PF CF at their places. */
const compareFlags = x87Function("compare_flags", 3);

function registers(x: Emit, i: I32, signals: 0 | 1, pops: 0 | 1 | 2): void {
  operate(x, work(compare, i, signals, pops), work(compareRegisters[pops]!, i));
}

function memory(x: Emit, kind: "float" | "integer", pops: 0 | 1): void {
  operateOnMemory(x, kind, work(compareOperand, pops), (source) =>
    work(compareMemory[source as MemorySource], pops),
  );
}

for (const [mnemonic, pops] of [
  ["fcom", 0],
  ["fcomp", 1],
] as const) {
  define(
    mnemonic,
    (x) => {
      if (x.isMemory(0)) memory(x, "float", pops);
      else registers(x, x.registerNumber(1), 1, pops);
    },
    MEMORY,
  );
  define(mnemonic.replace("f", "fi"), (x) => memory(x, "integer", pops), MEMORY);
}
define("fcompp", (x) => registers(x, I32.const(1), 1, 2));
define("fucom", (x) => registers(x, x.registerNumber(1), 0, 0));
define("fucomp", (x) => registers(x, x.registerNumber(1), 0, 1));
define("fucompp", (x) => registers(x, I32.const(1), 0, 2));

for (const [mnemonic, signals, pops] of [
  ["fcomi", 1, 0],
  ["fcomip", 1, 1],
  ["fucomi", 0, 0],
  ["fucomip", 0, 1],
] as const) {
  define(mnemonic, (x) => {
    const i = x.registerNumber(1);
    const flags = compute(x, work(compareFlags, i, signals, pops), work(compareToFlags, i, pops));
    // OF, SF and AF are cleared.
    x.flags.explicit(flags.toI64U());
  });
}

const ftst = work(x87Helper("ftst"));
define("ftst", (x) => operate(x, ftst, work(compareMemory.integer, I64.const(0), 0)));
const fxam = work(x87Helper("fxam"));
define("fxam", (x) => operate(x, fxam));
