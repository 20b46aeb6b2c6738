/**
 * FSIN FCOS FSINCOS FPTAN FPATAN F2XM1 FYL2X FYL2XP1 (SDM vol. 1, 8.3.7, 8.3.9-8.3.10).
 */
import { define } from "../emit.js";
import { operate, work, x87Helper } from "./x87-stack.js";

for (const mnemonic of ["fsin", "fcos", "fsincos", "fptan", "fpatan", "f2xm1", "fyl2x", "fyl2xp1"]) {
  const exact = work(x87Helper(mnemonic));
  define(mnemonic, (x) => operate(x, exact));
}
