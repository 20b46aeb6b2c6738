/**
 * POPF (SDM vol. 2). At privilege 0, with nothing to happen because of the new flags, it is done in place; the processor
 * does the other cases (cpu/flag-instructions.ts).
 */
import { load } from "../../wasm/function.js";
import { I32 } from "../../wasm/value.js";
import type { Emit } from "../emit.js";
import { ARITHMETIC_FLAGS, Flag } from "../flags.js";
import { helper } from "../helper.js";
import { CPL, FLAG_OTHERS, INTERRUPT_PENDING } from "../state.js";
import { mappedStack } from "./stack-address.js";

/** POPF with the rules of CPL, IOPL and virtual-8086 mode. (operand size in bits): reads and drops the stack too. */
const popFlags = helper("popFlags", ["i32"], "i32");

/** What POPF writes at privilege 0, besides arithmetic flags. */
const WRITTEN_16 = Flag.TF | Flag.IF | Flag.DF | Flag.IOPL | Flag.NT;
const WRITTEN_32 = WRITTEN_16 | Flag.AC | Flag.ID;
/** With them set before or after, more has to be done than here. */
const UNUSUAL = Flag.TF | Flag.RF | Flag.AC;

export function popFlagsSimply(x: Emit): void {
  const { f } = x;
  const written = x.operandSize === 16 ? WRITTEN_16 : WRITTEN_32;
  const others = x.let(x.stateI32(FLAG_OTHERS));
  const image = f.local("i32");
  const simple = f.local("i32");
  f.set(simple, I32.const(0));
  f.if(x.stateI32(CPL).or(others.and(UNUSUAL)).eqz(), () =>
    mappedStack(x, (host) => {
      f.set(image, x.operandSize === 16 ? load.i32_16u(host) : load.i32(host));
      // An interrupt that waits has to be taken at once.
      const waiting = x
        .stateI32(INTERRUPT_PENDING)
        .ne(0)
        .and(image.value.and(others.xor(-1)).and(Flag.IF).ne(0));
      f.set(
        simple,
        image.value
          .and(UNUSUAL & written)
          .or(waiting)
          .eqz(),
      );
    }),
  );
  f.if(simple.value.eqz(), () => x.control(popFlags, I32.const(x.operandSize)));
  x.dropStack(x.operandSize / 8);
  x.setStateI32(FLAG_OTHERS, others.and(~written).or(image.value.and(written)));
  x.flags.explicit(x.let(image.value.and(ARITHMETIC_FLAGS).toI64U()));
}
