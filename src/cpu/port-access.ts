/**
 * IN, OUT, and the permission to use ports: IOPL and the I/O permission bitmap of the TSS (SDM vol. 1, 19.5).
 */
import { Vector } from "../isa/emit.js";
import { SEGMENT_LIMIT } from "../isa/state.js";
import type { CpuContext } from "./context.js";
import { Rights, SegmentIndex } from "./cpu-state.js";
import { linearAdd } from "./descriptor-table.js";
import { Fault } from "./fault.js";
import type { VmExit } from "./vmx/contract.js";

export type PortSize = 1 | 2 | 4;

/**
 * How long IN and OUT take: about a microsecond, as on a PC. Software counts on that (an OUT to port 80h is a delay to it),
 * and loops that poll a port until some time has passed have less to do.
 */
export const PORT_TICKS = 1000;

/** Where a 32-bit or 64-bit TSS holds the offset of the bitmap. */
const IO_MAP_BASE = 0x66;
/** Bit 3 of a TSS's type: not a 16-bit one, which has no bitmap. */
const TSS_32BIT = 8;

/** #GP(0) unless the program may use the ports. In virtual-8086 mode the bitmap decides whatever the IOPL. */
export function requirePort(context: CpuContext, port: number, size: PortSize): void {
  const { memory, state } = context;
  if (!state.protectedMode || (state.cpl <= state.iopl && !state.v86)) return;
  const rights = state.rights(SegmentIndex.TR);
  const limit = state.u32(SEGMENT_LIMIT + SegmentIndex.TR * 4);
  const refused = new Fault(Vector.GP, 0);
  if ((rights & Rights.unusable) !== 0 || (rights & TSS_32BIT) === 0 || limit < IO_MAP_BASE + 1)
    throw refused;
  const base = state.segmentBase(SegmentIndex.TR);
  const map = Number(memory.read(linearAdd(context, base, IO_MAP_BASE), 2, "system"));
  // Two bytes are always read: an access may straddle them.
  const at = map + (port >> 3);
  if (at + 1 > limit) throw refused;
  const bits = Number(memory.read(linearAdd(context, base, at), 2, "system"));
  if (((bits >> (port & 7)) & ((1 << size) - 1)) !== 0) throw refused;
}

/** Whether a VM exit takes the place of the access. */
export function leaves(context: CpuContext, exit: VmExit | undefined): boolean {
  if (exit !== undefined) context.exitInstead(exit);
  return exit !== undefined;
}

/** IN. @param immediate the port number is part of the instruction */
export function portIn(context: CpuContext, operand: number, size: PortSize, immediate: boolean): number {
  const port = operand & 0xffff;
  requirePort(context, port, size);
  if (leaves(context, context.intercepts?.port({ port, size, write: false, immediate }))) return 0;
  context.debug.portBreakpoint(port, size);
  const value = context.ports.read(port, size);
  context.wait(PORT_TICKS);
  return value;
}

/** OUT. */
export function portOut(
  context: CpuContext,
  operand: number,
  size: PortSize,
  value: number,
  immediate: boolean,
): void {
  const port = operand & 0xffff;
  requirePort(context, port, size);
  if (leaves(context, context.intercepts?.port({ port, size, write: true, immediate }))) return;
  context.debug.portBreakpoint(port, size);
  context.ports.write(port, size, size === 4 ? value >>> 0 : value & (size === 2 ? 0xffff : 0xff));
  context.wait(PORT_TICKS);
}
