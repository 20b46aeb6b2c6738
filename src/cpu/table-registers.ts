/** SGDT, SIDT, LGDT and LIDT (SDM vol. 2). */
import { Vector } from "../isa/emit.js";
import { GDTR_BASE, GDTR_LIMIT, IDTR_BASE, IDTR_LIMIT } from "../isa/state.js";
import { isCanonical } from "./canonical.js";
import type { CpuContext } from "./context.js";
import { Fault } from "./fault.js";
import { requireRing0, requireUserModeInstructions } from "./privilege.js";

/** Which register: the values that the helpers take. */
export const TableRegister = { GDTR: 0, IDTR: 1 } as const;

const fields = (which: number) =>
  which === TableRegister.GDTR
    ? { base: GDTR_BASE, limit: GDTR_LIMIT }
    : { base: IDTR_BASE, limit: IDTR_LIMIT };

/** Bytes of the pseudo-descriptor: a 16-bit limit and a base of 32 or 64 bits. */
const sizeOf = (context: CpuContext): 6 | 10 => (context.state.long ? 10 : 6);

export function storeTable(context: CpuContext, which: number, linear: bigint): void {
  requireUserModeInstructions(context);
  context.intercepts?.instruction(which === TableRegister.GDTR ? "sgdt" : "sidt", linear);
  const { state } = context;
  const { base, limit } = fields(which);
  const bytes = new Uint8Array(sizeOf(context));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, state.u32(limit), true);
  if (bytes.length === 10) view.setBigUint64(2, state.u64(base), true);
  else view.setUint32(2, state.u32(base), true);
  context.memory.writeBytes(BigInt.asUintN(64, linear), bytes);
}

/** @param operandSize with 16 the base has 24 bits */
export function loadTable(context: CpuContext, which: number, linear: bigint, operandSize: number): void {
  requireRing0(context);
  context.intercepts?.instruction(which === TableRegister.GDTR ? "lgdt" : "lidt", linear);
  const { state, memory } = context;
  const tableLimit = Number(memory.read(BigInt.asUintN(64, linear), 2));
  const baseAt = BigInt.asUintN(64, linear + 2n);
  let address: bigint;
  if (state.long) {
    address = memory.read(baseAt, 8);
    if (!isCanonical(state, address)) throw new Fault(Vector.GP, 0);
  } else address = memory.read(baseAt, 4) & (operandSize === 16 ? 0xff_ffffn : 0xffff_ffffn);
  const { base, limit } = fields(which);
  state.setU32(limit, tableLimit);
  state.setU64(base, address);
}
