/**
 * SYSCALL and SYSRET (SDM vol. 2). The usual case, from 64-bit code to 64-bit code with nobody stepping or watching, is
 * done in place; the processor does the others (cpu/syscall.ts).
 */
import { I32, type I64 } from "../../wasm/value.js";
import { isNonCanonical } from "../code-limit.js";
import { define, type Emit, Register } from "../emit.js";
import { ARITHMETIC_FLAGS, Flag, SYSRET_FLAGS } from "../flags.js";
import { helper } from "../helper.js";
import { CPL, EFER, FLAG_OTHERS, FMASK, INTERRUPT_PENDING, LSTAR, STAR } from "../state.js";
import { canEnter, enterPrivilege } from "./enter-privilege.js";

const systemCall = helper("systemCall", [], "i32");
const systemReturn = helper("systemReturn", ["i32"], "i32");

const R11 = 11;
const EFER_SCE = 1;
/** With them set, more has to be done than here. */
const UNUSUAL = Flag.TF | Flag.AC;

/** Nonzero: SYSCALL and SYSRET are enabled, and the view for `cpl` can be selected here. */
const isSimple = (x: Emit, cpl: 0 | 3): I32 => x.stateI32(EFER).and(EFER_SCE).and(canEnter(x, cpl));

function setFlags(x: Emit, flags: I32): void {
  x.setStateI32(FLAG_OTHERS, flags.and(~ARITHMETIC_FLAGS).or(2));
  x.flags.explicit(x.let(flags.and(ARITHMETIC_FLAGS).toI64U()));
}

function systemCallInPlace(x: Emit): void {
  const others = x.let(x.stateI32(FLAG_OTHERS));
  const masked = x.let(others.and(x.stateI32(FMASK).xor(-1)));
  const simple = isSimple(x, 0).and(others.and(Flag.TF).or(masked.and(UNUSUAL)).eqz());
  x.f.if(simple, () => {
    const flags = x.let(x.flags.all().or(others.and(~Flag.RF)));
    const next: I64 = x.let(x.nextRip());
    x.writeRegister(Register.RCX, 64, next);
    x.writeRegister(R11, 64, x.let(flags.toI64U()));
    setFlags(x, x.let(flags.and(x.stateI32(FMASK).xor(-1))));
    const selector = x.let(x.stateI32(STAR + 4).and(0xfffc));
    enterPrivilege(x, 0, 64, selector, selector.add(8));
    x.resume(x.let(x.stateI64(LSTAR)));
  });
}

function systemReturnInPlace(x: Emit): void {
  const target = x.let(x.readRegister(Register.RCX, 64));
  const others = x.let(x.stateI32(FLAG_OTHERS));
  const flags = x.let(x.readRegister(R11, 64).toI32().and(SYSRET_FLAGS));
  // An interrupt that waits may have to be taken at once.
  const unusual = x.let(
    others
      .and(Flag.TF | Flag.RF)
      .or(flags.and(UNUSUAL))
      .or(x.stateI32(CPL)),
  );
  const simple = isSimple(x, 3)
    .and(unusual.or(x.stateI32(INTERRUPT_PENDING)).eqz())
    .and(isNonCanonical(target).eqz());
  x.f.if(simple, () => {
    setFlags(x, flags);
    const selector = x.let(x.stateI32(STAR + 4).shrU(16));
    const code = x.let(selector.add(16).and(0xffff).or(3));
    const data = x.let(selector.add(8).and(0xffff).or(3));
    enterPrivilege(x, 3, 64, code, data);
    x.resume(target);
  });
}

define(
  "syscall",
  (x) => {
    if (x.long) systemCallInPlace(x);
    x.control(systemCall);
  },
  { endsBlock: true, long: true },
);

define(
  "sysret",
  (x) => {
    if (x.long && x.operandSize === 64) systemReturnInPlace(x);
    x.control(systemReturn, I32.const(x.operandSize));
  },
  { operandSize: true, endsBlock: true, long: true },
);
