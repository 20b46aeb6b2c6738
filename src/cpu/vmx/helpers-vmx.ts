/** The helpers of the VMX instructions by the names under which isa/families/vmx.ts declares them. */
import {
  beginVmx,
  type VmxInstructionContext,
  vmcall,
  vmEntry,
  vmptrst,
  vmxoff,
  vmxPointer,
} from "./instructions.js";
import { invalidateTranslations, vmfunc } from "./invalidation.js";
import { vmreadToMemory, vmreadToRegister, vmwriteFromMemory, vmwriteFromRegister } from "./vmcs-access.js";

// biome-ignore lint/suspicious/noConfusingVoidType: a helper without a result returns nothing
export type VmxHelper = (context: VmxInstructionContext, ...args: (number | bigint)[]) => number | void;

const implementations = {
  beginVmx,
  vmxPointer,
  vmptrst,
  vmxoff,
  vmcall,
  vmEntry,
  vmreadToMemory,
  vmreadToRegister,
  vmwriteFromMemory,
  vmwriteFromRegister,
  invalidateTranslations,
  vmfunc,
};

/** The engine calls each with the parameter types it was declared with. */
export const vmxHelpers = implementations as unknown as Readonly<Record<string, VmxHelper>>;
