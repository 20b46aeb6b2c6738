/**
 * A change of privilege with flat segments, done in place: what SYSCALL, SYSRET, SYSENTER and SYSEXIT have in common
 * (SDM vol. 2). Nothing else of the mode changes.
 *
 * A change of privilege that needs more than another TLB view has no view in {@link PRIVILEGE_VIEWS}.
 */
import { I32 } from "../../wasm/value.js";
import type { Emit } from "../emit.js";
import {
  CPL,
  JUMP_CACHE,
  PRIVILEGE_VIEWS,
  PrivilegeView,
  SEGMENT_BASE,
  SEGMENT_LIMIT,
  SEGMENT_RIGHTS,
  SEGMENT_SELECTOR,
  TLB_READ,
  TLB_WRITE,
} from "../state.js";

const CS = 1;
const SS = 2;
/** Access rights in the VMCS format: code, by its size, and data, both flat, present, accessed; DPL 3 to be or-ed. */
const CODE = { 32: 0xc09b, 64: 0xa09b } as const;
const DATA = 0xc093;
const DPL3 = 3 << 5;

const viewOf = (cpl: 0 | 3): number =>
  PRIVILEGE_VIEWS + (cpl === 3 ? PrivilegeView.user : PrivilegeView.kernel) * PrivilegeView.size;

/** 1 if the view for `cpl` can be selected here, with EFLAGS.AC clear; else 0. */
export const canEnter = (x: Emit, cpl: 0 | 3): I32 => x.stateI32(viewOf(cpl)).ne(0);

function flatSegment(x: Emit, index: number, selector: I32, rights: number): void {
  x.setStateI32(SEGMENT_SELECTOR + index * 4, selector);
  x.setStateI32(SEGMENT_BASE + index * 8, I32.const(0));
  x.setStateI32(SEGMENT_BASE + index * 8 + 4, I32.const(0));
  x.setStateI32(SEGMENT_LIMIT + index * 4, I32.const(-1));
  x.setStateI32(SEGMENT_RIGHTS + index * 4, I32.const(rights));
}

/** CS, SS, CPL and what follows from it. The code before has the same size. */
export function enterPrivilege(x: Emit, cpl: 0 | 3, size: 32 | 64, cs: I32, ss: I32): void {
  const dpl = cpl === 3 ? DPL3 : 0;
  flatSegment(x, CS, cs, CODE[size] | dpl);
  flatSegment(x, SS, ss, DATA | dpl);
  x.setStateI32(CPL, I32.const(cpl));
  const view = viewOf(cpl);
  x.setStateI32(TLB_READ, x.stateI32(view + PrivilegeView.read));
  x.setStateI32(TLB_WRITE, x.stateI32(view + PrivilegeView.write));
  x.setStateI32(JUMP_CACHE, x.stateI32(view + PrivilegeView.jump));
}
