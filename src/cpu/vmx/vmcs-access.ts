/** VMREAD and VMWRITE, in VMX root operation and, with VMCS shadowing, for the guest (SDM vol. 3, 25.6.15 and 31.3). */
import { GPR } from "../../isa/state.js";
import { NOT_RAM } from "../../memory/physical.js";
import { PrimaryControl, SecondaryControl } from "./controls.js";
import { VmError, vmFail, vmFailInvalid, vmSucceed } from "./errors.js";
import { ExitReason } from "./exit-reason.js";
import { VmcsField } from "./fields.js";
import { beginVmx, type VmxInstructionContext } from "./instructions.js";
import { Vmcs } from "./vmcs.js";

const ENCODINGS = 0x8000;
/** No encoding. */
const NONE = -1;

/** The encoding in a register, all of whose bits count; outside 64-bit mode registers have 32. */
function encodingIn({ state }: VmxInstructionContext, register: number): number {
  const low = state.gpr32(register);
  if (low >= ENCODINGS) return NONE;
  return state.u32(GPR + register * 8 + 4) !== 0 && state.long ? NONE : low;
}

/**
 * Whether a VMREAD or VMWRITE of the guest goes to the shadow VMCS instead of causing a VM exit. The bitmaps have a bit
 * for each encoding; 1 is a VM exit.
 */
export function isShadowed(context: VmxInstructionContext, reason: number, register: number): boolean {
  const { vmx, state } = context;
  if (reason !== ExitReason.vmread && reason !== ExitReason.vmwrite) return false;
  const vmcs = vmx.current;
  if (vmcs === undefined) return false;
  if ((vmcs.low(VmcsField.PRIMARY_CONTROLS) & PrimaryControl.activateSecondaryControls) === 0) return false;
  if ((vmcs.low(VmcsField.SECONDARY_CONTROLS) & SecondaryControl.vmcsShadowing) === 0) return false;
  const encoding = encodingIn(context, register);
  if (encoding === NONE) return false;
  const field =
    reason === ExitReason.vmread ? VmcsField.VMREAD_BITMAP_ADDRESS : VmcsField.VMWRITE_BITMAP_ADDRESS;
  const host = vmx.parts.physical.hostAddress(Number(vmcs.read(field)) + (encoding >>> 3), false);
  return host !== NOT_RAM && ((state.view.getUint8(host) >>> (encoding & 7)) & 1) === 0;
}

/** The VMCS that VMREAD and VMWRITE work on: the current one, or for a guest the one its link pointer names. */
function target({ vmx }: VmxInstructionContext): Vmcs | undefined {
  if (!vmx.nonRoot) return vmx.current;
  return vmx.current && vmx.regionAt(vmx.current.read(VmcsField.VMCS_LINK_POINTER));
}

/** Whether VMREAD or VMWRITE can go on with the field that `register` names; if not, 0 after VMfail. */
function checkField(context: VmxInstructionContext, register: number, write: boolean): number {
  const { state, vmx } = context;
  if (target(context) === undefined) {
    vmFailInvalid(state);
    return 0;
  }
  // An error of a guest, too, is told in the current VMCS, not in the shadow VMCS.
  const encoding = encodingIn(context, register);
  if (encoding === NONE || !vmx.capabilities.fieldExists(encoding)) {
    vmFail(state, vmx.current, VmError.unsupportedComponent);
    return 0;
  }
  if (write && !vmx.capabilities.fieldWritable(encoding)) {
    vmFail(state, vmx.current, VmError.readOnlyComponent);
    return 0;
  }
  return 1;
}

export const checkVmread = (context: VmxInstructionContext, register: number): number =>
  checkField(context, register, false);
export const checkVmwrite = (context: VmxInstructionContext, register: number): number =>
  checkField(context, register, true);

/** The value to store; VMsucceed comes after the store, which may fault. */
export function vmread(context: VmxInstructionContext, register: number): bigint {
  return target(context)?.read(encodingIn(context, register)) ?? 0n;
}

export function vmwrite(context: VmxInstructionContext, register: number, value: bigint): void {
  target(context)?.write(encodingIn(context, register), BigInt.asUintN(64, value));
  vmSucceed(context.state);
}

/**
 * What precedes VMREAD and VMWRITE of a register. In 64-bit mode at privilege 0 of VMX root operation, with a current
 * VMCS, nothing that {@link beginVmx} looks for can be.
 */
function beginRegister(context: VmxInstructionContext, reason: number, rm: number, register: number): void {
  const { state, vmx } = context;
  if (vmx.current === undefined || vmx.nonRoot || !state.long || state.cpl !== 0) {
    beginVmx(context, reason, rm, register);
  }
}

/** VMREAD of a field that one register names into another register. */
export function vmreadRegister(context: VmxInstructionContext, register: number, destination: number): void {
  beginRegister(context, ExitReason.vmread, destination, register);
  const { state } = context;
  if (checkField(context, register, false) === 0) return;
  const vmcs = target(context)!;
  const field = state.gpr32(register);
  const to = GPR + destination * 8;
  state.setU32(to, vmcs.low(field));
  state.setU32(to + 4, state.long && Vmcs.isWide(field) ? vmcs.high(field) : 0);
  vmSucceed(state);
}

/** VMWRITE of a register into the field that another register names. */
export function vmwriteRegister(context: VmxInstructionContext, register: number, source: number): void {
  beginRegister(context, ExitReason.vmwrite, source, register);
  const { state } = context;
  if (checkField(context, register, true) === 0) return;
  const vmcs = target(context)!;
  const field = state.gpr32(register);
  vmcs.setLow(field, state.gpr32(source));
  if (state.long && Vmcs.isWide(field)) vmcs.setHigh(field, state.u32(GPR + source * 8 + 4));
  vmSucceed(state);
}
