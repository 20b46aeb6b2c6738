/**
 * SYSENTER and SYSEXIT (SDM vol. 2) in their usual case: flat 32-bit code calls its kernel, outside IA-32e mode, with
 * nobody stepping or watching. Then CS and SS become what they are but for their privilege, and the mode stays. The
 * processor does the other cases (cpu/sysenter.ts).
 */
import type { I32 } from "../../wasm/value.js";
import { type Emit, Register } from "../emit.js";
import { Flag } from "../flags.js";
import {
  CPL,
  EFER,
  EFER_LMA,
  FLAG_OTHERS,
  FLAT_32,
  FLAT_32_MASK,
  MODE,
  SEGMENT_BASE,
  SYSENTER_CS,
  SYSENTER_EIP,
  SYSENTER_ESP,
} from "../state.js";
import { canEnter, enterPrivilege } from "./enter-privilege.js";

const { RCX, RDX, RSP } = Register;

const CS_BASE = SEGMENT_BASE + 8;
/** With them set, more has to be done than here. */
const UNUSUAL = Flag.TF | Flag.AC;

/** IA32_SYSENTER_CS as a selector of privilege 0. */
const selectorOf = (x: Emit): I32 => x.stateI32(SYSENTER_CS).and(0xfffc);

/** 1 where nothing but the privilege changes, so that its view can be selected and MODE stays; else 0. */
function isSimple(x: Emit, cpl: 0 | 3): I32 {
  const unusual = x
    .stateI32(FLAG_OTHERS)
    .and(UNUSUAL)
    .or(x.stateI32(EFER).and(EFER_LMA))
    .or(x.stateI32(CS_BASE));
  return x.let(
    x
      .stateI32(MODE)
      .and(FLAT_32_MASK)
      .eq(FLAT_32)
      .and(unusual.eqz())
      .and(selectorOf(x).ne(0))
      .and(canEnter(x, cpl)),
  );
}

export function systemEnterInPlace(x: Emit): void {
  x.f.if(isSimple(x, 0), () => {
    // VM is clear, or this would not be protected mode.
    x.setStateI32(FLAG_OTHERS, x.stateI32(FLAG_OTHERS).and(~(Flag.IF | Flag.RF)));
    const selector = x.let(selectorOf(x));
    enterPrivilege(x, 0, 32, selector, selector.add(8).and(0xfffc));
    x.writeRegister(RSP, 32, x.let(x.stateI64(SYSENTER_ESP)));
    x.resume(x.let(x.stateI64(SYSENTER_EIP).and(0xffffffffn)));
  });
}

/** To 32-bit code. */
export function systemExitInPlace(x: Emit): void {
  const simple = isSimple(x, 3).and(x.stateI32(CPL).eqz());
  x.f.if(simple, () => {
    const selector = x.let(selectorOf(x).add(16).and(0xfffc));
    const stack = selector.add(8).and(0xfffc);
    const target = x.let(x.readRegister(RDX, 32));
    enterPrivilege(x, 3, 32, selector.or(3), stack.or(3));
    x.writeRegister(RSP, 32, x.let(x.readRegister(RCX, 32)));
    x.resume(target);
  });
}
