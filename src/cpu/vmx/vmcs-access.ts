/** VMREAD and VMWRITE, in VMX root operation and, with VMCS shadowing, for the guest (SDM vol. 3, 25.6.15 and 31.3). */
import { NOT_RAM } from "../../memory/physical.js";
import { PrimaryControl, SecondaryControl } from "./controls.js";
import { VmError, vmFail, vmFailInvalid, vmSucceed } from "./errors.js";
import { ExitReason } from "./exit-reason.js";
import { VmcsField } from "./fields.js";
import type { VmxInstructionContext } from "./instructions.js";
import type { Vmcs } from "./vmcs.js";

const ENCODINGS = 0x8000;

/** The encoding in a register, all of it; outside 64-bit mode registers have 32 bits. */
function encodingIn({ state }: VmxInstructionContext, register: number): bigint {
  return state.long ? state.gpr(register) : BigInt(state.gpr32(register));
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
  if (encoding >= ENCODINGS) return false;
  const field =
    reason === ExitReason.vmread ? VmcsField.VMREAD_BITMAP_ADDRESS : VmcsField.VMWRITE_BITMAP_ADDRESS;
  const bit = Number(encoding);
  const host = vmx.parts.physical.hostAddress(Number(vmcs.read(field)) + (bit >>> 3), false);
  return host !== NOT_RAM && ((state.view.getUint8(host) >>> (bit & 7)) & 1) === 0;
}

/** The VMCS that VMREAD and VMWRITE work on: the current one, or for a guest the one its link pointer names. */
function target({ vmx }: VmxInstructionContext): Vmcs | undefined {
  if (!vmx.nonRoot) return vmx.current;
  return vmx.current && vmx.regionAt(vmx.current.read(VmcsField.VMCS_LINK_POINTER));
}

/** The field that a register names has been checked. */
const fieldIn = (context: VmxInstructionContext, register: number): number =>
  Number(encodingIn(context, register));

/** Whether VMREAD or VMWRITE can go on with the field that `register` names; if not, 0 after VMfail. */
function checkField(context: VmxInstructionContext, register: number, write: boolean): number {
  const { state } = context;
  const { capabilities, current } = context.vmx;
  if (target(context) === undefined) {
    vmFailInvalid(state);
    return 0;
  }
  // An error of a guest, too, is told in the current VMCS, not in the shadow VMCS.
  const encoding = encodingIn(context, register);
  if (encoding >= ENCODINGS || !capabilities.fieldExists(Number(encoding))) {
    vmFail(state, current, VmError.unsupportedComponent);
    return 0;
  }
  if (write && !capabilities.fieldWritable(Number(encoding))) {
    vmFail(state, current, VmError.readOnlyComponent);
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
  return target(context)?.read(fieldIn(context, register)) ?? 0n;
}

export function vmwrite(context: VmxInstructionContext, register: number, value: bigint): void {
  target(context)?.write(fieldIn(context, register), BigInt.asUintN(64, value));
  vmSucceed(context.state);
}
