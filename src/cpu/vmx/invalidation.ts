/** INVEPT, INVVPID (SDM vol. 3, 31.3) and VMFUNC (26.5.6). The operands' checks; the MMU does the work. */
import { Vector } from "../../isa/emit.js";
import { GPR } from "../../isa/state.js";
import { isCanonical } from "../canonical.js";
import { Fault } from "../fault.js";
import { VmExit } from "./contract.js";
import { type ControlId, PrimaryControl, SecondaryControl, VmFunction } from "./controls.js";
import { eptpFromList, isValidEptp } from "./ept-pointer.js";
import { VmError, vmFail, vmSucceed } from "./errors.js";
import { ExitReason } from "./exit-reason.js";
import { VmcsField } from "./fields.js";
import type { VmxInstructionContext } from "./instructions.js";

const INVEPT_TYPES: readonly (ControlId | undefined)[] = [undefined, "ept.inveptSingle", "ept.inveptAll"];
const INVVPID_TYPES: readonly ControlId[] = [
  "ept.invvpidAddress",
  "ept.invvpidSingle",
  "ept.invvpidAll",
  "ept.invvpidRetainingGlobals",
];
const InvEpt = { single: 1 } as const;
const InvVpid = { address: 0, all: 2 } as const;

const eptpRules = ({ vmx: { capabilities } }: VmxInstructionContext) => ({
  physicalBits: capabilities.physicalBits,
  accessedDirty: capabilities.has("ept.accessedDirty"),
});

/**
 * Whether INVEPT or INVVPID can go on with its register operand; if not, 0 after VMfail.
 *
 * @param reason exit reason of the instruction
 */
export function checkInvalidationType(
  { vmx, state }: VmxInstructionContext,
  reason: number,
  type: bigint,
): number {
  const types = reason === ExitReason.invept ? INVEPT_TYPES : INVVPID_TYPES;
  const which = BigInt.asUintN(64, type);
  const needed = which < BigInt(types.length) ? types[Number(which)] : undefined;
  if (needed !== undefined && vmx.capabilities.has(needed)) return 1;
  vmFail(state, vmx.current, VmError.invalidInvalidationOperand);
  return 0;
}

/** INVEPT and INVVPID. @param low @param high the descriptor in memory */
export function invalidateTranslations(
  context: VmxInstructionContext,
  reason: number,
  type: bigint,
  low: bigint,
  high: bigint,
): void {
  const { vmx, state } = context;
  const first = BigInt.asUintN(64, low);
  const done =
    reason === ExitReason.invept
      ? invept(context, Number(type), first)
      : invvpid(context, Number(type), first, BigInt.asUintN(64, high));
  if (done) vmSucceed(state);
  else vmFail(state, vmx.current, VmError.invalidInvalidationOperand);
}

/** False: the descriptor is invalid. */
function invept(context: VmxInstructionContext, type: number, eptp: bigint): boolean {
  if (type === InvEpt.single && !isValidEptp(eptp, eptpRules(context))) return false;
  context.vmx.parts.translations.invalidateEpt(type, eptp);
  return true;
}

/** False: the descriptor is invalid. */
function invvpid(context: VmxInstructionContext, type: number, first: bigint, linear: bigint): boolean {
  if (first >> 16n !== 0n) return false;
  if (type !== InvVpid.all && first === 0n) return false;
  if (type === InvVpid.address && !isCanonical(context.state, linear)) return false;
  context.vmx.parts.translations.invalidateVpid(type, Number(first), linear);
  return true;
}

const FUNCTIONS = 64;
const EAX = 0;
const ECX = 1;

/** VMFUNC, at any privilege level. Function 0 switches to the EPTP that ECX selects from the list. */
export function vmfunc(context: VmxInstructionContext): void {
  const { vmx, state } = context;
  const vmcs = vmx.nonRoot ? vmx.current : undefined;
  if (
    vmcs === undefined ||
    (vmcs.low(VmcsField.PRIMARY_CONTROLS) & PrimaryControl.activateSecondaryControls) === 0 ||
    (vmcs.low(VmcsField.SECONDARY_CONTROLS) & SecondaryControl.enableVmFunctions) === 0
  ) {
    throw new Fault(Vector.UD);
  }
  const which = state.u32(GPR + EAX * 8);
  if (which >= FUNCTIONS) throw new Fault(Vector.UD);
  const enabled = which === 0 && (vmcs.low(VmcsField.VM_FUNCTION_CONTROLS) & VmFunction.eptpSwitching) !== 0;
  if (!enabled) throw new VmExit(ExitReason.vmfunc);
  const index = state.u32(GPR + ECX * 8);
  const list = Number(vmcs.read(VmcsField.EPTP_LIST_ADDRESS));
  const eptp = eptpFromList(state.view, vmx.parts.physical, list, index, eptpRules(context));
  if (eptp === undefined) throw new VmExit(ExitReason.vmfunc);
  vmcs.write(VmcsField.EPT_POINTER, eptp);
  if (vmx.capabilities.has("secondary.eptViolationVe")) vmcs.setLow(VmcsField.EPTP_INDEX, index);
  vmx.parts.translations.switchEptp(eptp);
}
