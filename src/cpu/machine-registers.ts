/** CPUID, RDMSR, WRMSR, RDTSC, RDTSCP, RDPMC, RDPID, XGETBV, XSETBV, RDPKRU and WRPKRU (SDM vol. 2). */
import { Register, Vector } from "../isa/emit.js";
import { Control } from "../isa/helper.js";
import { PKRU, XCR0 } from "../isa/state.js";
import type { CpuContext } from "./context.js";
import { Fault } from "./fault.js";
import { highHalf, join, lowHalf } from "./halves.js";
import { Cr4 } from "./mmu.js";
import { requireRing0 } from "./privilege.js";

const IA32_TSC_AUX = 0xc000_0103;
const IA32_EFER = 0xc000_0080;
/** MSRs whose writing needs nothing looked at again: the bases of FS and GS, STAR, LSTAR, CSTAR, FMASK. */
const isQuiet = (index: number): boolean =>
  (index >= 0xc000_0081 && index <= 0xc000_0084) || (index >= 0xc000_0100 && index <= IA32_TSC_AUX);
/** XCR0: x87, SSE and AVX state. */
const Xcr0 = { x87: 1n, sse: 2n, avx: 4n } as const;

/** EDX:EAX as one number. */
function pair(context: CpuContext): bigint {
  const { state } = context;
  return join(state.gpr32(Register.RAX), state.gpr32(Register.RDX));
}

function setPair(context: CpuContext, value: bigint): void {
  const { state } = context;
  state.setGpr32(Register.RAX, lowHalf(value));
  state.setGpr32(Register.RDX, highHalf(value));
}

export function cpuid(context: CpuContext): void {
  context.intercepts?.instruction("cpuid");
  const { state } = context;
  const { eax, ebx, ecx, edx } = context.cpuid(state.gpr32(Register.RAX), state.gpr32(Register.RCX));
  state.setGpr32(Register.RAX, eax);
  state.setGpr32(Register.RBX, ebx);
  state.setGpr32(Register.RCX, ecx);
  state.setGpr32(Register.RDX, edx);
}

export function readMsr(context: CpuContext): void {
  requireRing0(context);
  const index = context.state.gpr32(Register.RCX);
  context.intercepts?.msr(index, false);
  setPair(context, context.readMsr(index));
}

export function writeMsr(context: CpuContext): number {
  requireRing0(context);
  const { state } = context;
  const index = state.gpr32(Register.RCX);
  context.intercepts?.msr(index, true);
  context.writeMsr(index, pair(context));
  if (isQuiet(index)) return Control.next;
  if (index === IA32_EFER) context.modeChanged();
  state.rip = state.nextRip;
  return Control.leave;
}

/** CR4.TSD keeps the time-stamp counter to privilege 0. */
function requireTimeStamp(context: CpuContext): void {
  const { state } = context;
  if ((state.cr4 & Cr4.TSD) !== 0 && state.cpl !== 0) throw new Fault(Vector.GP, 0);
}

export function readTimeStamp(context: CpuContext): void {
  requireTimeStamp(context);
  context.intercepts?.instruction("rdtsc");
  setPair(context, context.tsc());
}

export function readTimeStampAndProcessor(context: CpuContext): void {
  requireTimeStamp(context);
  context.intercepts?.instruction("rdtscp");
  const auxiliary = context.readMsr(IA32_TSC_AUX);
  setPair(context, context.tsc());
  context.state.setGpr32(Register.RCX, Number(auxiliary & 0xffff_ffffn));
}

/** RDPID: IA32_TSC_AUX. */
export function readProcessorId(context: CpuContext): bigint {
  context.intercepts?.instruction("rdpid");
  return context.readMsr(IA32_TSC_AUX) & 0xffff_ffffn;
}

export function readPerformanceCounter(context: CpuContext): void {
  const { state } = context;
  if ((state.cr4 & Cr4.PCE) === 0 && state.cpl !== 0 && state.protectedMode) throw new Fault(Vector.GP, 0);
  context.intercepts?.instruction("rdpmc");
  setPair(context, context.readPerformanceCounter(state.gpr32(Register.RCX)));
}

/** XGETBV: XCR0, or with ECX = 1 what of it is in use (this processor tracks no initial states: all). */
export function readExtendedControl(context: CpuContext): void {
  const { state } = context;
  if ((state.cr4 & Cr4.OSXSAVE) === 0) throw new Fault(Vector.UD);
  const index = state.gpr32(Register.RCX);
  if (index !== 0 && !(index === 1 && context.features.xgetbv1)) throw new Fault(Vector.GP, 0);
  setPair(context, state.u64(XCR0));
}

export function writeExtendedControl(context: CpuContext): void {
  const { state } = context;
  if ((state.cr4 & Cr4.OSXSAVE) === 0) throw new Fault(Vector.UD);
  requireRing0(context);
  context.intercepts?.instruction("xsetbv");
  const value = pair(context);
  const valid =
    state.gpr32(Register.RCX) === 0 &&
    (value & ~context.features.xcr0Mask) === 0n &&
    (value & Xcr0.x87) !== 0n &&
    ((value & Xcr0.avx) === 0n || (value & Xcr0.sse) !== 0n);
  if (!valid) throw new Fault(Vector.GP, 0);
  state.setU64(XCR0, value);
  context.modeChanged();
}

function requireProtectionKeys(context: CpuContext): void {
  const { state } = context;
  if ((state.cr4 & Cr4.PKE) === 0) throw new Fault(Vector.UD);
  if (state.gpr32(Register.RCX) !== 0) throw new Fault(Vector.GP, 0);
}

export function readProtectionKeys(context: CpuContext): void {
  requireProtectionKeys(context);
  setPair(context, BigInt(context.state.u32(PKRU)));
}

export function writeProtectionKeys(context: CpuContext): void {
  requireProtectionKeys(context);
  const { state } = context;
  if (state.gpr32(Register.RDX) !== 0) throw new Fault(Vector.GP, 0);
  state.setU32(PKRU, state.gpr32(Register.RAX));
  context.accessRightsChanged();
}
