/**
 * What fits nowhere else: BOUND, ARPL, RDRAND and RDSEED (SDM vol. 2).
 */
import { I32, I64 } from "../../wasm/value.js";
import { define, Vector } from "../emit.js";
import { Flag } from "../flags.js";
import { helper } from "../helper.js";
import { INTERCEPTING, Intercepting } from "../state.js";
import { loadInteger, signExtend } from "./integer.js";

/** 64 random bits. Recorded and replayed, hence no pure helper. */
const randomNumber = helper("randomNumber", [], "i64");

define("bound", (x) => {
  const width = x.width(0);
  const index = x.readSigned(0);
  const linear = x.linearAddress(1, "read");
  const bounds = x.hostRead(linear, width / 4);
  const bound = (offset: number) => signExtend(width, loadInteger(width, bounds, offset));
  const lower = x.let(bound(0));
  const upper = x.let(bound(width / 8));
  x.f.if(index.ltS(lower).or(index.gtS(upper)), () => x.fault(Vector.BR));
});

// Raises the requested privilege level of the selector in operand 0 to that of operand 1.
define("arpl", (x) => {
  const caller = x.let(x.read(1).and(3));
  const selector = x.read(0);
  const adjust = x.let(selector.and(3).ltU(caller));
  // Memory need not be writable if nothing changes.
  x.f.if(adjust, () => x.write(0, selector.and(~3).or(caller)));
  x.flags.replace(Flag.ZF, x.let(adjust.toI64U().shl(6)));
});

// The generator always has a number: CF is set. The other flags are cleared.
/** A hypervisor's turn before RDRAND (0) or RDSEED (1). */
const interceptRandom = helper("interceptRandom", ["i32"]);
for (const [mnemonic, seed] of [
  ["rdrand", 0],
  ["rdseed", 1],
] as const) {
  define(mnemonic, (x) => {
    x.f.if(x.stateI32(INTERCEPTING).and(Intercepting.random), () => x.run(interceptRandom, I32.const(seed)));
    x.write(0, x.call(randomNumber));
    x.flags.explicit(I64.const(Flag.CF));
  });
}
