/**
 * LDMXCSR and STMXCSR (SDM vol. 2).
 */
import { define, Vector } from "../emit.js";
import { MXCSR } from "../state.js";

/** Bits that MXCSR does not have: MXCSR_MASK is 0xffff. */
const RESERVED = 0xffff0000;

define(["ldmxcsr", "vldmxcsr"], (x) => {
  const value = x.let(x.read(0).toI32());
  x.f.if(value.and(RESERVED), () => x.fault(Vector.GP, 0));
  x.setStateI32(MXCSR, value);
});

define(["stmxcsr", "vstmxcsr"], (x) => x.write(0, x.stateI32(MXCSR).toI64U()));
