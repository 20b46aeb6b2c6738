/**
 * Reading descriptors from the GDT and the LDT, and setting their accessed and busy bits. All accesses are
 * those of a supervisor whatever the CPL (SDM vol. 3, 4.6.1).
 */
import { GDTR_BASE, GDTR_LIMIT } from "../isa/state.js";
import type { CpuContext } from "./context.js";
import { Rights, SegmentIndex } from "./cpu-state.js";
import { Descriptor, selectorError } from "./descriptor.js";
import { Fault } from "./fault.js";

const TABLE_LOCAL = 4;

/** Linear address of the descriptor that a selector names, or undefined when `bytes` there exceed the table. */
function descriptorAddress(context: CpuContext, selector: number, bytes: number): bigint | undefined {
  const { state } = context;
  const offset = selector & 0xfff8;
  if ((selector & TABLE_LOCAL) !== 0) {
    if ((state.rights(SegmentIndex.LDTR) & Rights.unusable) !== 0) return undefined;
    if (offset + bytes - 1 > state.segment(SegmentIndex.LDTR).limit) return undefined;
    return linearAdd(context, state.segmentBase(SegmentIndex.LDTR), offset);
  }
  if (offset + bytes - 1 > state.u32(GDTR_LIMIT)) return undefined;
  return linearAdd(context, state.u64(GDTR_BASE), offset);
}

/** Linear addresses are 32 bits wide outside IA-32e mode. */
export function linearAdd(context: CpuContext, base: bigint, offset: number): bigint {
  const sum = base + BigInt(offset);
  return context.state.longModeActive ? BigInt.asUintN(64, sum) : BigInt.asUintN(32, sum);
}

/** Reads an 8-byte descriptor at a linear address. */
export function readDescriptorAt(context: CpuContext, address: bigint): Descriptor {
  const value = context.memory.read(address, 8, "system");
  return new Descriptor(Number(value & 0xffff_ffffn), Number(value >> 32n), address);
}

/** Reads a 16-byte descriptor (IA-32e mode). */
export function readWideDescriptorAt(context: CpuContext, address: bigint): Descriptor {
  const value = context.memory.read(address, 8, "system");
  const rest = context.memory.read(BigInt.asUintN(64, address + 8n), 8, "system");
  return new Descriptor(
    Number(value & 0xffff_ffffn),
    Number(value >> 32n),
    address,
    Number(rest & 0xffff_ffffn),
    Number(rest >> 32n),
  );
}

/** The descriptor of a selector that is not null, or undefined if it lies outside its table. */
export function findDescriptor(context: CpuContext, selector: number): Descriptor | undefined {
  const address = descriptorAddress(context, selector, 8);
  return address === undefined ? undefined : readDescriptorAt(context, address);
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
  const address = descriptorAddress(context, selector, 8);
  if (address === undefined) throw new Fault(vector, selectorError(selector, external));
  return readDescriptorAt(context, address);
}

/** As {@link readDescriptor}, for descriptors that are 16 bytes long in IA-32e mode (LDT, TSS, call gate). */
export function readSystemDescriptor(
  context: CpuContext,
  selector: number,
  vector: number,
  external = 0,
): Descriptor {
  if (!context.state.longModeActive) return readDescriptor(context, selector, vector, external);
  const address = descriptorAddress(context, selector, 16);
  if (address === undefined) throw new Fault(vector, selectorError(selector, external));
  return readWideDescriptorAt(context, address);
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
