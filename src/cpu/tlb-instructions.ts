/** INVLPG and INVPCID (SDM vol. 2; vol. 3, 4.10.4.1). */
import { Vector } from "../isa/emit.js";
import { isCanonical } from "./canonical.js";
import type { CpuContext } from "./context.js";
import { Fault } from "./fault.js";
import { Cr4 } from "./mmu.js";
import { requireRing0 } from "./privilege.js";

function currentPcid(context: CpuContext): number {
  const { state } = context;
  return (state.cr4 & Cr4.PCIDE) !== 0 ? Number(state.cr3 & 0xfffn) : 0;
}

export function invalidatePage(context: CpuContext, linear: bigint): void {
  requireRing0(context);
  const address = BigInt.asUintN(64, linear);
  context.intercepts?.instruction("invlpg", address);
  if (isCanonical(context.state, address)) context.tlb.invalidatePage(address, currentPcid(context));
}

/** @param operand the type, @param linear address of the 16-byte descriptor */
export function invalidatePcid(context: CpuContext, operand: bigint, linear: bigint): void {
  requireRing0(context);
  const at = BigInt.asUintN(64, linear);
  context.intercepts?.instruction("invpcid", at);
  const { state, tlb } = context;
  const type = BigInt.asUintN(64, operand);
  if (type > 3n) throw new Fault(Vector.GP, 0);
  const bytes = context.memory.readBytes(at, 16);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const first = view.getBigUint64(0, true);
  const address = view.getBigUint64(8, true);
  const pcid = Number(first & 0xfffn);
  const pcids = (state.cr4 & Cr4.PCIDE) !== 0;
  if (first >> 12n !== 0n) throw new Fault(Vector.GP, 0);
  if (type < 2n && !pcids && pcid !== 0) throw new Fault(Vector.GP, 0);
  switch (type) {
    case 0n:
      if (!isCanonical(state, address)) throw new Fault(Vector.GP, 0);
      tlb.invalidatePage(address, pcid);
      break;
    case 1n:
      tlb.flushPcid(pcid);
      break;
    case 2n:
      tlb.flushAll();
      break;
    default:
      tlb.flushNonGlobal();
  }
}
