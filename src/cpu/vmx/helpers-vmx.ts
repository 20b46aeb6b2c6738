/** The helpers of the VMX instructions by the names under which isa/families/vmx.ts declares them. */
import {
  beginVmx,
  type VmxInstructionContext,
  vmcall,
  vmEntry,
  vmptrst,
  vmxoff,
  vmxPointer,
  vmxSucceed,
} from "./instructions.js";
import { checkInvalidationType, invalidateTranslations, vmfunc } from "./invalidation.js";
import {
  checkVmread,
  checkVmwrite,
  vmread,
  vmreadRegister,
  vmwrite,
  vmwriteRegister,
} from "./vmcs-access.js";

// biome-ignore-start lint/suspicious/noConfusingVoidType: a helper without a result returns nothing
export type VmxHelper = (
  context: VmxInstructionContext,
  ...args: (number | bigint)[]
) => number | bigint | void;
// biome-ignore-end lint/suspicious/noConfusingVoidType: as above

const implementations = {
  beginVmx,
  vmxPointer,
  vmptrst,
  vmxoff,
  vmcall,
  vmEntry,
  vmxSucceed,
  checkVmread,
  vmread,
  vmreadRegister,
  checkVmwrite,
  vmwrite,
  vmwriteRegister,
  checkInvalidationType,
  invalidateTranslations,
  vmfunc,
};

/** The engine calls each with the parameter types it was declared with. */
export const vmxHelpers = implementations as unknown as Readonly<Record<string, VmxHelper>>;
