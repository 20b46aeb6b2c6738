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

/** Field encoding in a register, if the field exists; after VMfail otherwise. */
function fieldIn(context: VmxInstructionContext, vmcs: Vmcs, register: number): number | undefined {
  const encoding = encodingIn(context, register);
  if (encoding < ENCODINGS && context.vmx.capabilities.fieldExists(Number(encoding))) return Number(encoding);
  vmFail(context.state, vmcs, VmError.unsupportedComponent);
  return undefined;
}

/** Reads the field that `register` names and stores it; flags change only after `store`, which may fault. */
function vmread(context: VmxInstructionContext, register: number, store: (value: bigint) => void): void {
  const vmcs = target(context);
  if (vmcs === undefined) {
    vmFailInvalid(context.state);
    return;
  }
  const field = fieldIn(context, vmcs, register);
  if (field === undefined) return;
  store(vmcs.read(field));
  vmSucceed(context.state);
}

export function vmreadToMemory(context: VmxInstructionContext, register: number, linear: bigint): void {
  vmread(context, register, (value) => {
    if (context.state.long) context.memory.write(BigInt.asUintN(64, linear), 8, value);
    else context.memory.write(BigInt.asUintN(64, linear), 4, BigInt.asUintN(32, value));
  });
}

export function vmreadToRegister(context: VmxInstructionContext, register: number, to: number): void {
  const { state } = context;
  vmread(context, register, (value) => {
    if (state.long) state.setGpr(to, value);
    else state.setGpr32(to, Number(BigInt.asUintN(32, value)));
  });
}

/** @param load reads the value to write, and may fault */
function vmwrite(context: VmxInstructionContext, register: number, load: () => bigint): void {
  const { vmx, state } = context;
  const vmcs = target(context);
  if (vmcs === undefined) {
    vmFailInvalid(state);
    return;
  }
  const value = load();
  const field = fieldIn(context, vmcs, register);
  if (field === undefined) return;
  if (!vmx.capabilities.fieldWritable(field)) {
    vmFail(state, vmcs, VmError.readOnlyComponent);
    return;
  }
  vmcs.write(field, value);
  vmSucceed(state);
}

export function vmwriteFromMemory(context: VmxInstructionContext, register: number, linear: bigint): void {
  const at = BigInt.asUintN(64, linear);
  vmwrite(context, register, () => context.memory.read(at, context.state.long ? 8 : 4));
}

export function vmwriteFromRegister(context: VmxInstructionContext, register: number, from: number): void {
  const { state } = context;
  vmwrite(context, register, () => (state.long ? state.gpr(from) : BigInt(state.gpr32(from))));
}
