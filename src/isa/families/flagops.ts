/**
 * Instructions that set flags and nothing else: CLC STC CMC CLD STD; and SALC, which reads one.
 */
import { I64 } from "../../wasm/value.js";
import { define, Register } from "../emit.js";
import { Flag } from "../flags.js";
import { FLAG_OTHERS } from "../state.js";

define("clc", (x) => x.flags.replace(Flag.CF, I64.const(0)));
define("stc", (x) => x.flags.replace(Flag.CF, I64.const(Flag.CF)));
define("cmc", (x) => x.flags.replace(Flag.CF, x.let(x.flags.carry().eqz().toI64U())));
define("cld", (x) => x.setStateI32(FLAG_OTHERS, x.stateI32(FLAG_OTHERS).and(~Flag.DF)));
define("std", (x) => x.setStateI32(FLAG_OTHERS, x.stateI32(FLAG_OTHERS).or(Flag.DF)));

// Not in the manual: AL becomes FFH if CF is set, else 0.
define("salc", (x) => x.writeRegister(Register.RAX, 8, I64.const(0).sub(x.flags.carry().toI64U())));
