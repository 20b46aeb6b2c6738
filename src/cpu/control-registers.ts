/**
 * MOV to and from CR0, CR2, CR3, CR4 and CR8, LMSW, SMSW and CLTS (SDM vol. 2; vol. 3, 2.5 and 10.8.6).
 *
 * Results of writes are {@link Control} values: control registers can change how the following bytes decode
 * and which interrupts are deliverable, so execution goes on at the next instruction from outside the block.
 */
import { Vector } from "../isa/emit.js";
import { Control } from "../isa/helper.js";
import { SEGMENT_RIGHTS } from "../isa/state.js";
import type { CpuContext } from "./context.js";
import { Rights, SegmentIndex } from "./cpu-state.js";
import { CR3_NO_FLUSH, loadCr3, usesPdptes } from "./cr3.js";
import { Fault } from "./fault.js";
import { Cr0, Cr4, Efer } from "./mmu.js";
import { requireRing0, requireUserModeInstructions } from "./privilege.js";

/** Bits of CR0 that exist; writes to others in the low half are ignored. ET is always 1. */
const CR0_BITS =
  Cr0.PE | Cr0.MP | Cr0.EM | Cr0.TS | Cr0.ET | Cr0.NE | Cr0.WP | Cr0.AM | Cr0.NW | Cr0.CD | Cr0.PG;
/** CR4.LA57 and CR4.CET. */
const LA57 = 0x1000;
const CET = 0x80_0000;
/** Bits of CR4 whose change drops all cached translations (SDM vol. 3, 4.10.4.1). */
const CR4_FLUSH_ALL = Cr4.PGE | Cr4.PAE | Cr4.PSE | LA57;
/** Bits of CR4 whose change loads the PDPTEs again (SDM vol. 3, 4.4.1). */
const CR4_PDPTE = Cr4.PGE | Cr4.PAE | Cr4.PSE | Cr4.SMEP;

const generalProtection = () => new Fault(Vector.GP, 0);

function continueAtNext(context: CpuContext): number {
  context.state.rip = context.state.nextRip;
  return Control.leave;
}

/** MOV from CRn. */
export function readControlRegister(context: CpuContext, register: number): bigint {
  const { state } = context;
  if (register > 8 || ((1 << register) & 0x11d) === 0) throw new Fault(Vector.UD);
  requireRing0(context);
  if (register === 2) return state.cr2;
  const value = (() => {
    switch (register) {
      case 0:
        return BigInt(state.cr0);
      case 3:
        return state.cr3;
      case 4:
        return BigInt(state.cr4);
      default:
        return BigInt(context.taskPriority);
    }
  })();
  return context.intercepts?.readControlRegister(register as 0 | 3 | 4 | 8, value) ?? value;
}

/** MOV to CRn. Outside 64-bit mode the upper half of `value` is 0. */
export function writeControlRegister(context: CpuContext, register: number, operand: bigint): number {
  const { state } = context;
  if (register > 8 || ((1 << register) & 0x11d) === 0) throw new Fault(Vector.UD);
  requireRing0(context);
  let value = BigInt.asUintN(64, operand);
  if (register === 2) {
    state.cr2 = value;
    return Control.next;
  }
  value = context.intercepts?.writeControlRegister(register as 0 | 3 | 4 | 8, value, "mov") ?? value;
  switch (register) {
    case 0:
      writeCr0(context, value);
      break;
    case 3:
      writeCr3(context, value);
      break;
    case 4:
      writeCr4(context, value);
      break;
    default:
      if (value > 15n) throw generalProtection();
      context.taskPriority = Number(value);
  }
  return continueAtNext(context);
}

/** Loads CR0 with all its checks; EFER.LMA follows CR0.PG. */
export function writeCr0(context: CpuContext, value: bigint): void {
  const { state } = context;
  if (value >> 32n !== 0n) throw generalProtection();
  const old = state.cr0;
  const next = ((Number(value) & CR0_BITS) | Cr0.ET) >>> 0;
  const changed = old ^ next;
  const paging = (next & Cr0.PG) !== 0;
  if (paging && (next & Cr0.PE) === 0) throw generalProtection();
  if ((next & Cr0.NW) !== 0 && (next & Cr0.CD) === 0) throw generalProtection();
  if ((next & Cr0.WP) === 0 && (state.cr4 & CET) !== 0) throw generalProtection();
  let efer = state.efer;
  if ((changed & Cr0.PG) !== 0) {
    const long64 = (state.rights(SegmentIndex.CS) & Rights.L) !== 0;
    if (paging && (efer & Efer.LME) !== 0) {
      // IA-32e mode is entered from a code segment that is not 64-bit, with PAE, and without a 16-bit TSS.
      const tss16 =
        (state.rights(SegmentIndex.TR) & 0x8) === 0 && (state.rights(SegmentIndex.TR) & Rights.P) !== 0;
      if ((state.cr4 & Cr4.PAE) === 0 || long64 || tss16) throw generalProtection();
      efer |= Efer.LMA;
    } else if (!paging) {
      if ((efer & Efer.LMA) !== 0 && long64) throw generalProtection();
      if ((state.cr4 & Cr4.PCIDE) !== 0) throw generalProtection();
      efer &= ~Efer.LMA;
    }
  }
  const longAfter = (efer & Efer.LMA) !== 0;
  const reload = (changed & (Cr0.PG | Cr0.CD | Cr0.NW)) !== 0 && usesPdptes(next, state.cr4, longAfter);
  if (reload && !context.loadPdptes(state.cr3)) throw generalProtection();
  state.cr0 = next;
  state.efer = efer;
  if ((changed & Cr0.PE) !== 0 && (next & Cr0.PE) !== 0) enterProtectedMode(context);
  if ((changed & Cr0.PG) !== 0) context.tlb.flushAll();
  context.modeChanged();
}

/** Code runs at privilege 0 when protection begins, and so do its segments. */
function enterProtectedMode(context: CpuContext): void {
  const { state } = context;
  state.cpl = 0;
  for (const index of [SegmentIndex.CS, SegmentIndex.SS]) {
    state.setU32(SEGMENT_RIGHTS + index * 4, state.rights(index) & ~(3 << Rights.dplShift));
  }
}

function writeCr3(context: CpuContext, value: bigint): void {
  const { state, features } = context;
  const pcids = (state.cr4 & Cr4.PCIDE) !== 0;
  const address = pcids ? value & ~CR3_NO_FLUSH : value;
  if (state.longModeActive && address >> BigInt(features.physicalBits) !== 0n) throw generalProtection();
  // Without IA-32e mode CR3 has 32 bits.
  loadCr3(context, state.longModeActive ? value : BigInt.asUintN(32, value));
}

export function writeCr4(context: CpuContext, value: bigint): void {
  const { state, features } = context;
  if (value >> 32n !== 0n || (Number(value) & ~features.cr4Mask) !== 0) throw generalProtection();
  const old = state.cr4;
  const next = Number(value);
  const changed = old ^ next;
  const long = state.longModeActive;
  if (long && ((next & Cr4.PAE) === 0 || (changed & LA57) !== 0)) throw generalProtection();
  if ((changed & Cr4.PCIDE) !== 0 && (next & Cr4.PCIDE) !== 0 && (!long || (state.cr3 & 0xfffn) !== 0n)) {
    throw generalProtection();
  }
  if ((next & CET) !== 0 && (state.cr0 & Cr0.WP) === 0) throw generalProtection();
  const reload = (changed & CR4_PDPTE) !== 0 && usesPdptes(state.cr0, next, long);
  if (reload && !context.loadPdptes(state.cr3)) throw generalProtection();
  state.cr4 = next >>> 0;
  const smepOn = (changed & next & Cr4.SMEP) !== 0;
  const pcidsOff = (changed & old & Cr4.PCIDE) !== 0;
  if ((changed & CR4_FLUSH_ALL) !== 0 || smepOn || pcidsOff) context.tlb.flushAll();
  context.modeChanged();
}

/** LMSW: the low four bits of CR0; PE can be set but not cleared. */
export function loadMachineStatus(context: CpuContext, operand: number): number {
  requireRing0(context);
  const { state } = context;
  let value = BigInt(((state.cr0 & ~0xe) | (operand & 0xf)) >>> 0);
  value = context.intercepts?.writeControlRegister(0, value, "lmsw") ?? value;
  writeCr0(context, value);
  return continueAtNext(context);
}

/** SMSW: CR0, of which the operand's width is stored. */
export function storeMachineStatus(context: CpuContext): bigint {
  requireUserModeInstructions(context);
  context.intercepts?.instruction("smsw");
  const value = BigInt(context.state.cr0);
  return context.intercepts?.readControlRegister(0, value) ?? value;
}

export function clearTaskSwitched(context: CpuContext): number {
  requireRing0(context);
  const { state } = context;
  let value = BigInt((state.cr0 & ~Cr0.TS) >>> 0);
  value = context.intercepts?.writeControlRegister(0, value, "clts") ?? value;
  state.cr0 = Number(value);
  context.modeChanged();
  state.rip = state.nextRip;
  return Control.jump;
}
