/**
 * Control transfers between segments, privilege levels and handlers: RETF IRET INT INT3 INTO INT1 SYSENTER SYSEXIT RSM
 * (SDM vol. 2). The processor does them (cpu/); SYSENTER and SYSEXIT have a way of their own for the usual case.
 */
import { I32 } from "../../wasm/value.js";
import { define, Vector } from "../emit.js";
import { helper } from "../helper.js";
import { systemEnterInPlace, systemExitInPlace } from "./system-enter.js";

/** (bytes to release, operand size in bits) */
const farReturn = helper("farReturn", ["i32", "i32"], "i32");
/** (operand size in bits) */
const interruptReturn = helper("interruptReturn", ["i32"], "i32");
/** INT n. (vector) */
const interrupt = helper("interrupt", ["i32"], "i32");
/** INT3, INTO and INT1. (vector) */
const breakpoint = helper("breakpoint", ["i32"], "i32");
const systemEnter = helper("systemEnter", [], "i32");
const systemExit = helper("systemExit", ["i32"], "i32");

const options = { operandSize: true, endsBlock: true } as const;
const ends = { endsBlock: true } as const;

define(
  "retf",
  (x) => {
    const release = x.operands.length > 0 ? x.read(0).toI32().and(0xffff) : I32.const(0);
    x.control(farReturn, release, I32.const(x.operandSize));
  },
  options,
);
define("iret", (x) => x.control(interruptReturn, I32.const(x.operandSize)), options);

define("int", (x) => x.control(interrupt, x.immediate(0)), ends);
define("int3", (x) => x.control(breakpoint, I32.const(Vector.BP)), ends);
define("int1", (x) => x.control(breakpoint, I32.const(Vector.DB)), ends);
define(
  "into",
  (x) => x.f.if(x.flags.condition("o"), () => x.control(breakpoint, I32.const(Vector.OF))),
  ends,
);

define(
  "sysenter",
  (x) => {
    systemEnterInPlace(x);
    x.control(systemEnter);
  },
  ends,
);
define(
  "sysexit",
  (x) => {
    if (x.operandSize !== 64) systemExitInPlace(x);
    x.control(systemExit, I32.const(x.operandSize));
  },
  options,
);

// There is no system-management mode to return from.
define("rsm", (x) => x.fault(Vector.UD), ends);
