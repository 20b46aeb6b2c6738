/** Puts the VMX of a processor together. */
import type { PhysicalMap } from "../../memory/physical.js";
import type { CpuModel } from "../models/model.js";
import { VmxCapabilities } from "./capabilities.js";
import type { RuleFailure } from "./checks/rule.js";
import { enterGuest, failEntry } from "./entry.js";
import type { VmxProcessor } from "./entry-processor.js";
import { exitGuest } from "./exit.js";
import { VmxOperation, type VmxTranslations } from "./vmx-unit.js";

/**
 * @param processor whose `vmx` the result is to become
 * @param translations its MMU
 * @param onRuleFailed is told why a VM entry was refused
 */
export function createVmx(
  processor: VmxProcessor,
  translations: VmxTranslations,
  model: CpuModel,
  physical: PhysicalMap,
  onRuleFailed?: (failure: RuleFailure) => void,
): VmxOperation {
  return new VmxOperation({
    processor,
    capabilities: new VmxCapabilities(model),
    physical,
    translations,
    transitions: {
      enterGuest: (vmcs) => enterGuest(processor, vmcs),
      failEntry: (vmcs, reason, qualification) => failEntry(processor, vmcs, reason, qualification),
      exitGuest: (vmcs, exit) => exitGuest(processor, vmcs, exit),
    },
    ...(onRuleFailed === undefined ? {} : { onRuleFailed }),
  });
}
