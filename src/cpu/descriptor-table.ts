/**
 * Reading descriptors from the GDT and the LDT, and setting their accessed and busy bits. All accesses are
 * those of a supervisor whatever the CPL (SDM vol. 3, 4.6.1).
 */
import { GDTR_BASE, GDTR_LIMIT, SEGMENT_BASE, SEGMENT_LIMIT } from "../isa/state.js";
import type { CpuContext } from "./context.js";
import { type CpuState, Rights, SegmentIndex } from "./cpu-state.js";
import { Descriptor, selectorError } from "./descriptor.js";
import { Fault } from "./fault.js";
import { carry } from "./halves.js";

const TABLE_LOCAL = 4;
const LDTR_BASE = SEGMENT_BASE + SegmentIndex.LDTR * 8;

/**
 * Where in the state the base of the selector's table is (its low half), or -1 when `bytes` of the descriptor exceed
 * the table.
 */
function tableBase(state: CpuState, selector: number, bytes: number): number {
  const last = (selector & 0xfff8) + bytes - 1;
  if ((selector & TABLE_LOCAL) === 0) return last > state.u32(GDTR_LIMIT) ? -1 : GDTR_BASE;
  if ((state.rights(SegmentIndex.LDTR) & Rights.unusable) !== 0) return -1;
  return last > state.u32(SEGMENT_LIMIT + SegmentIndex.LDTR * 4) ? -1 : LDTR_BASE;
}

/** Linear addresses are 32 bits wide outside IA-32e mode. */
export function linearAdd(context: CpuContext, base: bigint, offset: number): bigint {
  const sum = base + BigInt(offset);
  return context.state.longModeActive ? BigInt.asUintN(64, sum) : BigInt.asUintN(32, sum);
}

/**
 * Reads the descriptor `offset` bytes into a table.
 * @param base where the state has the table's base
 * @param wide it has 16 bytes (IA-32e mode)
 */
export function readDescriptorAt(
  context: CpuContext,
  base: number,
  offset: number,
  wide = false,
): Descriptor {
  const { memory, state } = context;
  const long = state.longModeActive;
  const start = state.i32(base);
  const low = (start + offset) | 0;
  const high = long ? (state.i32(base + 4) + carry(start, offset)) | 0 : 0;
  const first = memory.readHalves(low, high, "system");
  const second = memory.upper;
  if (!wide) return new Descriptor(first, second, low, high);
  const upper = memory.readHalves((low + 8) | 0, (high + carry(low, 8)) | 0, "system");
  return new Descriptor(first, second, low, high, upper, memory.upper);
}

/** The descriptor of a selector that is not null, or undefined if it lies outside its table. */
export function findDescriptor(context: CpuContext, selector: number): Descriptor | undefined {
  const base = tableBase(context.state, selector, 8);
  return base < 0 ? undefined : readDescriptorAt(context, base, selector & 0xfff8);
}

/**
 * The descriptor of a selector that is not null. Outside its table: a fault of `vector` with the selector as
 * error code.
 */
export function readDescriptor(
  context: CpuContext,
  selector: number,
  vector: number,
  external = 0,
): Descriptor {
  const base = tableBase(context.state, selector, 8);
  if (base < 0) throw new Fault(vector, selectorError(selector, external));
  return readDescriptorAt(context, base, selector & 0xfff8);
}

/** As {@link readDescriptor}, for descriptors that are 16 bytes long in IA-32e mode (LDT, TSS, call gate). */
export function readSystemDescriptor(
  context: CpuContext,
  selector: number,
  vector: number,
  external = 0,
): Descriptor {
  if (!context.state.longModeActive) return readDescriptor(context, selector, vector, external);
  const base = tableBase(context.state, selector, 16);
  if (base < 0) throw new Fault(vector, selectorError(selector, external));
  return readDescriptorAt(context, base, selector & 0xfff8, true);
}

/** Sets the accessed bit of a code or data segment in memory, if it is not set. */
export function setAccessed(context: CpuContext, descriptor: Descriptor): void {
  if ((descriptor.high & 0x100) !== 0) return;
  const at = linearAdd(context, descriptor.address, 5);
  context.memory.write(at, 1, BigInt(((descriptor.high >>> 8) & 0xff) | 1), "system");
}

/** Sets or clears the busy bit of the TSS descriptor at a linear address. */
export function setBusy(context: CpuContext, address: bigint, busy: boolean): void {
  const at = linearAdd(context, address, 5);
  const old = context.memory.read(at, 1, "system");
  context.memory.write(at, 1, busy ? old | 2n : old & ~2n, "system");
}
