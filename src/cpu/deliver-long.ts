/**
 * Delivery of an event through the IDT in IA-32e mode (SDM vol. 3, 6.14). This is a frequent path: it reads
 * the descriptors as numbers and builds no objects.
 */
import { Register, Vector } from "../isa/emit.js";
import { Flag } from "../isa/flags.js";
import { GDTR_BASE, GDTR_LIMIT, IDTR_BASE, IDTR_LIMIT } from "../isa/state.js";
import { isCanonical } from "./canonical.js";
import type { CpuContext } from "./context.js";
import { SegmentIndex } from "./cpu-state.js";
import { type Descriptor, SystemType, selectorError } from "./descriptor.js";
import { readDescriptor, readDescriptorAt, setAccessed } from "./descriptor-table.js";
import { type CpuEvent, checksGatePrivilege, externalBit } from "./event.js";
import { Fault } from "./fault.js";
import { innerStackPointer } from "./inner-stack.js";
import type { Privilege } from "./linear-memory.js";
import { writeFromDescriptor, writeNullSegment } from "./segment-write.js";
import { privilegeOf } from "./stack-cursor.js";

/** The IDT bit of an error code, which then holds a vector instead of a selector. */
const ERROR_IDT = 2;
const TABLE_LOCAL = 4;

function readCodeDescriptor(context: CpuContext, selector: number, external: number): Descriptor {
  const { state } = context;
  const offset = selector & 0xfff8;
  if ((selector & TABLE_LOCAL) !== 0 || offset + 7 > state.u32(GDTR_LIMIT)) {
    return readDescriptor(context, selector, Vector.GP, external);
  }
  return readDescriptorAt(context, BigInt.asUintN(64, state.u64(GDTR_BASE) + BigInt(offset)));
}

export function deliverLong(context: CpuContext, event: CpuEvent): void {
  const { memory, state } = context;
  const external = externalBit(event);
  const idtError = event.vector * 8 + ERROR_IDT + external;
  const oldCpl = state.cpl;

  if (event.vector * 16 + 15 > state.u32(IDTR_LIMIT)) throw new Fault(Vector.GP, idtError);
  const gateAddress = BigInt.asUintN(64, state.u64(IDTR_BASE) + BigInt(event.vector * 16));
  const gate = memory.read(gateAddress, 8, "system");
  const gateHigh = Number(gate >> 32n);
  const type = (gateHigh >>> 8) & 0x1f;
  if (type !== SystemType.interruptGate32 && type !== SystemType.trapGate32) {
    throw new Fault(Vector.GP, idtError);
  }
  if (checksGatePrivilege(event) && ((gateHigh >>> 13) & 3) < oldCpl) throw new Fault(Vector.GP, idtError);
  if ((gateHigh & 0x8000) === 0) throw new Fault(Vector.NP, idtError);

  const selector = Number((gate >> 16n) & 0xffffn);
  if ((selector & 0xfffc) === 0) throw new Fault(Vector.GP, external);
  const code = readCodeDescriptor(context, selector, external);
  const codeError = selectorError(selector, external);
  if (!code.isCode || code.dpl > oldCpl || !code.l || code.db) throw new Fault(Vector.GP, codeError);
  if (!code.present) throw new Fault(Vector.NP, codeError);

  const rest = memory.read(BigInt.asUintN(64, gateAddress + 8n), 4, "system");
  const target = (rest << 32n) | BigInt(((gateHigh & 0xffff_0000) | Number(gate & 0xffffn)) >>> 0);
  if (!isCanonical(state, target)) throw new Fault(Vector.GP, external);

  const inner = !code.isConformingCode && code.dpl < oldCpl;
  const cpl = inner ? code.dpl : oldCpl;
  const ist = gateHigh & 7;
  const oldRsp = state.gpr(Register.RSP);
  let rsp = inner || ist !== 0 ? innerStackPointer(context, cpl, ist, external) : oldRsp;
  rsp &= ~0xfn;
  const bottom = BigInt.asUintN(64, rsp - 48n);
  if (!isCanonical(state, bottom) || !isCanonical(state, rsp - 1n)) throw new Fault(Vector.SS, external);

  const flags = state.rflags | (event.resume ? Flag.RF : 0);
  const privilege: Privilege = inner ? privilegeOf(cpl) : "current";
  const push = (value: bigint) => {
    rsp = BigInt.asUintN(64, rsp - 8n);
    memory.write(rsp, 8, value, privilege);
  };
  push(BigInt(state.selector(SegmentIndex.SS)));
  push(oldRsp);
  push(BigInt(flags >>> 0));
  push(BigInt(state.selector(SegmentIndex.CS)));
  push(event.returnRip);
  if (event.error !== undefined) push(BigInt(event.error >>> 0));
  setAccessed(context, code);

  // Nothing below can fault.
  writeFromDescriptor(state, SegmentIndex.CS, (selector & ~3) | cpl, code);
  if (inner) writeNullSegment(state, SegmentIndex.SS, cpl, cpl);
  state.cpl = cpl;
  state.setGpr(Register.RSP, rsp);
  state.rip = target;
  const cleared = Flag.TF | Flag.NT | Flag.RF | Flag.VM | (type === SystemType.interruptGate32 ? Flag.IF : 0);
  state.setFlag(cleared, false);
}
