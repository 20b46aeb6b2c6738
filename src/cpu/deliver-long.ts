/**
 * Delivery of an event through the IDT in IA-32e mode (SDM vol. 3, 6.14). This is a frequent path: addresses and
 * values are halves (halves.ts), not bigints.
 */
import { Register, Vector } from "../isa/emit.js";
import { Flag } from "../isa/flags.js";
import { GPR, IDTR_BASE, IDTR_LIMIT, RIP } from "../isa/state.js";
import { isCanonicalHigh } from "./canonical.js";
import type { CpuContext } from "./context.js";
import { SegmentIndex } from "./cpu-state.js";
import { SystemType, selectorError } from "./descriptor.js";
import { readDescriptor, setAccessed } from "./descriptor-table.js";
import { type CpuEvent, checksGatePrivilege, externalBit } from "./event.js";
import { Fault } from "./fault.js";
import { carry, highHalf, lowHalf } from "./halves.js";
import { readInnerStackPointer } from "./inner-stack.js";
import type { LinearMemory, Privilege } from "./linear-memory.js";
import { writeFromDescriptor, writeNullSegment } from "./segment-write.js";
import { privilegeOf } from "./stack-cursor.js";

/** The IDT bit of an error code, which then holds a vector instead of a selector. */
const ERROR_IDT = 2;
const RSP = GPR + Register.RSP * 8;
/** SS:RSP, RFLAGS, CS:RIP. */
const FRAME_BYTES = 40;

export function deliverLong(context: CpuContext, event: CpuEvent): void {
  const { memory, state } = context;
  const external = externalBit(event);
  const idtError = event.vector * 8 + ERROR_IDT + external;
  const oldCpl = state.cpl;

  const entry = event.vector * 16;
  if (entry + 15 > state.u32(IDTR_LIMIT)) throw new Fault(Vector.GP, idtError);
  const idt = state.i32(IDTR_BASE);
  const gateAt = (idt + entry) | 0;
  const gateAtHigh = (state.i32(IDTR_BASE + 4) + carry(idt, entry)) | 0;
  const gateLow = memory.readHalves(gateAt, gateAtHigh, "system");
  const gateHigh = memory.upper;
  const type = (gateHigh >>> 8) & 0x1f;
  if (type !== SystemType.interruptGate32 && type !== SystemType.trapGate32) {
    throw new Fault(Vector.GP, idtError);
  }
  if (checksGatePrivilege(event) && ((gateHigh >>> 13) & 3) < oldCpl) throw new Fault(Vector.GP, idtError);
  if ((gateHigh & 0x8000) === 0) throw new Fault(Vector.NP, idtError);

  const selector = gateLow >>> 16;
  if ((selector & 0xfffc) === 0) throw new Fault(Vector.GP, external);
  const code = readDescriptor(context, selector, Vector.GP, external);
  const codeError = selectorError(selector, external);
  if (!code.isCode || code.dpl > oldCpl || !code.l || code.db) throw new Fault(Vector.GP, codeError);
  if (!code.present) throw new Fault(Vector.NP, codeError);

  const target = (gateHigh & 0xffff_0000) | (gateLow & 0xffff);
  const targetHigh = memory.readHalves((gateAt + 8) | 0, (gateAtHigh + carry(gateAt, 8)) | 0, "system");
  if (!isCanonicalHigh(state, targetHigh)) throw new Fault(Vector.GP, external);

  const inner = !code.isConformingCode && code.dpl < oldCpl;
  const cpl = inner ? code.dpl : oldCpl;
  const ist = gateHigh & 7;
  const oldRsp = state.i32(RSP);
  const oldRspHigh = state.i32(RSP + 4);
  let top = oldRsp;
  let high = oldRspHigh;
  if (inner || ist !== 0) {
    top = readInnerStackPointer(context, cpl, ist, external);
    high = memory.upper;
  }
  top &= ~0xf;
  const withError = event.error !== undefined;
  if (!isCanonicalHigh(state, high + carry(top, -48)) || !isCanonicalHigh(state, high + carry(top, -1))) {
    throw new Fault(Vector.SS, external);
  }

  const flags = state.rflags | (event.resume ? Flag.RF : 0);
  const privilege: Privilege = inner ? privilegeOf(cpl) : "current";
  push(memory, top, high, 1, state.selector(SegmentIndex.SS), 0, privilege);
  push(memory, top, high, 2, oldRsp, oldRspHigh, privilege);
  push(memory, top, high, 3, flags, 0, privilege);
  push(memory, top, high, 4, state.selector(SegmentIndex.CS), 0, privilege);
  push(memory, top, high, 5, lowHalf(event.returnRip), highHalf(event.returnRip), privilege);
  if (withError) push(memory, top, high, 6, event.error, 0, privilege);
  setAccessed(context, code);

  // Nothing below can fault.
  writeFromDescriptor(state, SegmentIndex.CS, (selector & ~3) | cpl, code);
  if (inner) writeNullSegment(state, SegmentIndex.SS, cpl, cpl);
  state.cpl = cpl;
  const pushed = withError ? FRAME_BYTES + 8 : FRAME_BYTES;
  state.setHalves(RSP, top - pushed, high + carry(top, -pushed));
  state.setHalves(RIP, target, targetHigh);
  const cleared = Flag.TF | Flag.NT | Flag.RF | Flag.VM | (type === SystemType.interruptGate32 ? Flag.IF : 0);
  state.setFlag(cleared, false);
}

/** Writes the `index`th word (from 1) below the top of a stack. */
function push(
  memory: LinearMemory,
  top: number,
  high: number,
  index: number,
  value: number,
  valueHigh: number,
  privilege: Privilege,
): void {
  const below = -8 * index;
  memory.writeHalves((top + below) | 0, (high + carry(top, below)) | 0, value, valueHigh, privilege);
}
