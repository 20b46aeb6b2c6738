/** SGDT, SIDT, LGDT and LIDT (SDM vol. 2). */
import { Vector } from "../isa/emit.js";
import { GDTR_BASE, GDTR_LIMIT, IDTR_BASE, IDTR_LIMIT } from "../isa/state.js";
import { isCanonicalHigh } from "./canonical.js";
import type { CpuContext } from "./context.js";
import { Fault } from "./fault.js";
import { carry, highHalf, lowHalf } from "./halves.js";
import { requireRing0, requireUserModeInstructions } from "./privilege.js";

/** Which register: the values that the helpers take. */
export const TableRegister = { GDTR: 0, IDTR: 1 } as const;

const GDTR = { base: GDTR_BASE, limit: GDTR_LIMIT } as const;
const IDTR = { base: IDTR_BASE, limit: IDTR_LIMIT } as const;
const fields = (which: number) => (which === TableRegister.GDTR ? GDTR : IDTR);

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
  const low = lowHalf(linear);
  const high = highHalf(linear);
  const tableLimit = memory.readShort(low, high, 2, "current");
  const baseLow = (low + 2) | 0;
  const baseHigh = (high + carry(low, 2)) | 0;
  let address: number;
  let upper = 0;
  if (state.long) {
    address = memory.readHalves(baseLow, baseHigh, "current");
    upper = memory.upper;
    if (!isCanonicalHigh(state, upper)) throw new Fault(Vector.GP, 0);
  } else {
    address = memory.readShort(baseLow, baseHigh, 4, "current");
    if (operandSize === 16) address &= 0xff_ffff;
  }
  const { base, limit } = fields(which);
  state.setU32(limit, tableLimit);
  state.setHalves(base, address, upper);
}
