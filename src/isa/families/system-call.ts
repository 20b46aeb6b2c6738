/**
 * SYSCALL and SYSRET (SDM vol. 2). The usual case, from 64-bit code to 64-bit code with nobody stepping or watching, is
 * done in place; the processor does the others (cpu/syscall.ts).
 *
 * A change of privilege that needs more than another TLB view has no view in {@link PRIVILEGE_VIEWS}.
 */
import { I32, type I64 } from "../../wasm/value.js";
import { isNonCanonical } from "../code-limit.js";
import { define, type Emit, Register } from "../emit.js";
import { ARITHMETIC_FLAGS, Flag, SYSRET_FLAGS } from "../flags.js";
import { helper } from "../helper.js";
import {
  CPL,
  EFER,
  FLAG_OTHERS,
  FMASK,
  INTERRUPT_PENDING,
  JUMP_CACHE,
  LSTAR,
  PRIVILEGE_VIEWS,
  PrivilegeView,
  SEGMENT_BASE,
  SEGMENT_LIMIT,
  SEGMENT_RIGHTS,
  SEGMENT_SELECTOR,
  STAR,
  TLB_READ,
  TLB_WRITE,
} from "../state.js";

const systemCall = helper("systemCall", [], "i32");
const systemReturn = helper("systemReturn", ["i32"], "i32");

const CS = 1;
const SS = 2;
const R11 = 11;
const EFER_SCE = 1;
/** Access rights in the VMCS format: 64-bit code, and data, both flat, present, accessed; DPL 3 to be or-ed. */
const CODE = 0xa09b;
const DATA = 0xc093;
const DPL3 = 3 << 5;
/** With them set, more has to be done than here. */
const UNUSUAL = Flag.TF | Flag.AC;

function flatSegment(x: Emit, index: number, selector: I32, rights: number): void {
  x.setStateI32(SEGMENT_SELECTOR + index * 4, selector);
  x.setStateI32(SEGMENT_BASE + index * 8, I32.const(0));
  x.setStateI32(SEGMENT_BASE + index * 8 + 4, I32.const(0));
  x.setStateI32(SEGMENT_LIMIT + index * 4, I32.const(-1));
  x.setStateI32(SEGMENT_RIGHTS + index * 4, I32.const(rights));
}

/** CPL and what follows from it. */
function enterPrivilege(x: Emit, cpl: 0 | 3, cs: I32, ss: I32): void {
  const dpl = cpl === 3 ? DPL3 : 0;
  flatSegment(x, CS, cs, CODE | dpl);
  flatSegment(x, SS, ss, DATA | dpl);
  x.setStateI32(CPL, I32.const(cpl));
  const view = viewOf(cpl);
  x.setStateI32(TLB_READ, x.stateI32(view + PrivilegeView.read));
  x.setStateI32(TLB_WRITE, x.stateI32(view + PrivilegeView.write));
  x.setStateI32(JUMP_CACHE, x.stateI32(view + PrivilegeView.jump));
}

const viewOf = (cpl: 0 | 3): number =>
  PRIVILEGE_VIEWS + (cpl === 3 ? PrivilegeView.user : PrivilegeView.kernel) * PrivilegeView.size;

/** Nonzero: SYSCALL and SYSRET are enabled, and the view for `cpl` can be selected here. */
const isSimple = (x: Emit, cpl: 0 | 3): I32 =>
  x
    .stateI32(EFER)
    .and(EFER_SCE)
    .and(x.stateI32(viewOf(cpl)).ne(0));

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
    enterPrivilege(x, 0, selector, selector.add(8));
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
    enterPrivilege(x, 3, code, data);
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
