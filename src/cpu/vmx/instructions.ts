/**
 * The VMX instructions (SDM vol. 3, chapter 31).
 *
 * All but VMCALL and VMFUNC come in steps, as the manual orders their checks: {@link beginVmx} does what precedes
 * the operands (#UD, VM exit, #GP), then the memory operand is read, then the rest follows.
 */
import { Vector } from "../../isa/emit.js";
import { Control } from "../../isa/helper.js";
import { SHADOW } from "../../isa/state.js";
import type { CpuContext } from "../context.js";
import { Rights, SegmentIndex } from "../cpu-state.js";
import { Fault } from "../fault.js";
import { Cr4 } from "../mmu.js";
import { FeatureControl } from "../msr/intel.js";
import { requireRing0 } from "../privilege.js";
import { SHADOW_MOV_SS } from "../segment-load.js";
import { VMCS_REVISION } from "./capabilities.js";
import { VmExit } from "./contract.js";
import { processorOf } from "./entry-processor.js";
import { VmError, vmFail, vmFailInvalid, vmSucceed } from "./errors.js";
import { currentInstruction, memoryOperand } from "./exit-instruction.js";
import { ExitReason } from "./exit-reason.js";
import { VmcsField } from "./fields.js";
import { isCr0Allowed, isCr4Allowed } from "./fixed-bits.js";
import { instructionInformation } from "./memory-operand.js";
import { isShadowed } from "./vmcs-access.js";
import type { VmxOperation } from "./vmx-unit.js";

/** The context of a processor with VMX. */
export interface VmxInstructionContext extends CpuContext {
  readonly vmx: VmxOperation;
}

const IA32_FEATURE_CONTROL = 0x3a;
const invalidOpcode = () => new Fault(Vector.UD);

/** Virtual-8086 mode, real-address mode and compatibility mode do not have the instructions. */
function wrongMode({ state }: CpuContext): boolean {
  return (
    !state.protectedMode ||
    state.v86 ||
    (state.longModeActive && (state.rights(SegmentIndex.CS) & Rights.L) === 0)
  );
}

/** Whether the processor has the instruction that exits with `reason`. */
function exists({ vmx }: VmxInstructionContext, reason: number): boolean {
  if (reason === ExitReason.invept) return vmx.capabilities.has("ept.invept");
  if (reason === ExitReason.invvpid) return vmx.capabilities.has("ept.invvpid");
  return true;
}

const WITHOUT_OPERANDS: ReadonlySet<number> = new Set([
  ExitReason.vmlaunch,
  ExitReason.vmresume,
  ExitReason.vmxoff,
]);

/**
 * What precedes the operands: #UD, VM exit, #GP(0).
 *
 * @param reason exit reason of the instruction, which stands for the instruction
 * @param rm number of the register in the place of a memory operand, or -1
 * @param register number of the register operand, or -1
 */
export function beginVmx(context: VmxInstructionContext, reason: number, rm: number, register: number): void {
  const { vmx, state } = context;
  if (wrongMode(context)) throw invalidOpcode();
  if (reason === ExitReason.vmxon) {
    if ((state.cr4 & Cr4.VMXE) === 0) throw invalidOpcode();
  } else if (!vmx.operation || !exists(context, reason)) throw invalidOpcode();
  if (vmx.nonRoot && !isShadowed(context, reason, register)) {
    if (WITHOUT_OPERANDS.has(reason)) throw new VmExit(reason);
    const processor = processorOf(context);
    const operand = rm < 0 ? memoryOperand(processor, currentInstruction(processor)) : undefined;
    const information = BigInt(instructionInformation(operand, rm, register));
    throw new VmExit(reason, operand?.displacement ?? 0n, [[VmcsField.EXIT_INSTRUCTION_INFO, information]]);
  }
  requireRing0(context);
  if (reason === ExitReason.vmxon) checkVmxon(context);
}

/** VMXON, VMCLEAR and VMPTRLD. @param pointer the memory operand: address of the region */
export function vmxPointer(context: VmxInstructionContext, reason: number, pointer: bigint): void {
  const region = BigInt.asUintN(64, pointer);
  if (reason === ExitReason.vmxon) vmxon(context, region);
  else if (reason === ExitReason.vmclear) vmclear(context, region);
  else vmptrld(context, region);
}

/** #GP(0) unless control registers and IA32_FEATURE_CONTROL allow VMX operation. */
function checkVmxon(context: VmxInstructionContext): void {
  const { vmx, state } = context;
  if (vmx.operation) return;
  const needed = FeatureControl.locked | FeatureControl.vmxOutsideSmx;
  if (
    !isCr0Allowed(state.cr0) ||
    !isCr4Allowed(state.cr4, vmx.capabilities) ||
    (context.readMsr(IA32_FEATURE_CONTROL) & needed) !== needed
  ) {
    throw new Fault(Vector.GP, 0);
  }
}

function vmxon({ vmx, state }: VmxInstructionContext, pointer: bigint): void {
  if (vmx.operation) {
    vmFail(state, vmx.current, VmError.vmxonInRoot);
    return;
  }
  const region = vmx.regionAt(pointer);
  if (region === undefined || region.revision !== VMCS_REVISION || region.isShadow) {
    vmFailInvalid(state);
    return;
  }
  vmx.enterOperation(pointer);
  vmSucceed(state);
}

export function vmxoff(context: VmxInstructionContext): void {
  context.vmx.leaveOperation();
  vmSucceed(context.state);
  processorOf(context).releaseInit();
}

function vmclear({ vmx, state }: VmxInstructionContext, pointer: bigint): void {
  if (!vmx.isRegionAddress(pointer)) {
    vmFail(state, vmx.current, VmError.vmclearInvalidAddress);
    return;
  }
  if (pointer === vmx.vmxonPointer) {
    vmFail(state, vmx.current, VmError.vmclearVmxonPointer);
    return;
  }
  const region = vmx.regionAt(pointer);
  if (region !== undefined) region.launched = false;
  if (vmx.current?.pointer === pointer) vmx.current = undefined;
  vmSucceed(state);
}

function vmptrld({ vmx, state }: VmxInstructionContext, pointer: bigint): void {
  if (!vmx.isRegionAddress(pointer)) {
    vmFail(state, vmx.current, VmError.vmptrldInvalidAddress);
    return;
  }
  if (pointer === vmx.vmxonPointer) {
    vmFail(state, vmx.current, VmError.vmptrldVmxonPointer);
    return;
  }
  const region = vmx.regionAt(pointer);
  const shadowAllowed = vmx.capabilities.has("secondary.vmcsShadowing");
  if (region === undefined || region.revision !== VMCS_REVISION || (region.isShadow && !shadowAllowed)) {
    vmFail(state, vmx.current, VmError.vmptrldWrongRevision);
    return;
  }
  vmx.current = region;
  vmSucceed(state);
}

/** What VMPTRST stores where there is no current VMCS. */
const NO_VMCS = 0xffff_ffff_ffff_ffffn;

/** The value that VMPTRST stores. */
export function vmptrst({ vmx }: VmxInstructionContext): bigint {
  return vmx.current?.pointer ?? NO_VMCS;
}

/** VMsucceed, for instructions that end with a store. */
export const vmxSucceed = ({ state }: VmxInstructionContext): void => vmSucceed(state);

/** VMCALL: a VM exit, or an error, as there is no dual-monitor treatment of SMM. */
export function vmcall(context: VmxInstructionContext): void {
  const { vmx, state } = context;
  if (!vmx.operation) throw invalidOpcode();
  if (vmx.nonRoot) throw new VmExit(ExitReason.vmcall);
  if (wrongMode(context)) throw invalidOpcode();
  requireRing0(context);
  vmFail(state, vmx.current, VmError.vmcallInRoot);
}

/** VMLAUNCH and VMRESUME: checks, then the transition (entry.ts). */
export function vmEntry(context: VmxInstructionContext, reason: number): number {
  const { vmx, state } = context;
  const vmcs = vmx.current;
  const launch = reason === ExitReason.vmlaunch;
  const fail = (error: VmError): number => {
    vmFail(state, vmcs, error);
    vmx.entryFailed(launch, error);
    return Control.next;
  };
  if (vmcs === undefined || vmcs.isShadow) {
    vmFailInvalid(state);
    vmx.entryFailed(launch);
    return Control.next;
  }
  if (state.u32(SHADOW) === SHADOW_MOV_SS) return fail(VmError.entryBlockedByMovSs);
  if (launch && vmcs.launched) return fail(VmError.vmlaunchNonClear);
  if (!launch && !vmcs.launched) return fail(VmError.vmresumeNonLaunched);
  const { checks, environment } = vmx;
  const controls = checks.controls(vmcs, environment);
  const failure = controls ?? checks.hostState(vmcs, environment);
  if (failure !== undefined) {
    vmx.refused(failure);
    return fail(controls ? VmError.entryInvalidControls : VmError.entryInvalidHostState);
  }
  const { transitions } = vmx.parts;
  const guest = checks.guestState(vmcs, environment);
  if (guest !== undefined) {
    vmx.refused(guest);
    transitions.failEntry(vmcs, ExitReason.entryFailureGuestState, BigInt(guest.rule.qualification ?? 0));
    return Control.leave;
  }
  if (!transitions.enterGuest(vmcs)) return Control.leave;
  vmcs.launched = true;
  // If something comes before the guest's first instruction, the engine is asked for attention and stops there.
  return Control.jump;
}
