/** Puts the VMX of a processor together. */
import type { PhysicalMap } from "../../memory/physical.js";
import type { CpuModel } from "../models/model.js";
import { VmxCapabilities } from "./capabilities.js";
import type { RuleFailure } from "./checks/rule.js";
import { enterGuest, failEntry } from "./entry.js";
import type { VmxProcessor } from "./entry-processor.js";
import { exitGuest } from "./exit.js";
import { observedEntry, observedEntryFailure } from "./observer.js";
import { VmxOperation, type VmxTranslations } from "./vmx-unit.js";

/**
 * @param processor whose `vmx` the result is to become
 * @param translations its MMU
 * @param layoutAt see {@link VmxParts.layoutAt}
 * @param onRuleFailed is told why a VM entry was refused
 */
export function createVmx(
  processor: VmxProcessor,
  translations: VmxTranslations,
  model: CpuModel,
  physical: PhysicalMap,
  layoutAt?: number,
  onRuleFailed?: (failure: RuleFailure) => void,
): VmxOperation {
  const vmx: VmxOperation = new VmxOperation({
    processor,
    capabilities: new VmxCapabilities(model),
    physical,
    layoutAt,
    translations,
    transitions: {
      enterGuest: (vmcs) => {
        const entered = enterGuest(processor, vmcs);
        if (entered) vmx.observer?.onEntry(observedEntry(vmcs, !vmcs.launched));
        else vmx.observer?.onEntryFailure(observedEntryFailure(vmcs, !vmcs.launched, processor.state));
        return entered;
      },
      failEntry: (vmcs, reason, qualification) => {
        failEntry(processor, vmcs, reason, qualification);
        vmx.observer?.onEntryFailure(
          observedEntryFailure(vmcs, !vmcs.launched, processor.state, vmx.lastFailure),
        );
      },
      exitGuest: (vmcs, exit) => exitGuest(processor, vmcs, exit),
    },
    ...(onRuleFailed === undefined ? {} : { onRuleFailed }),
  });
  return vmx;
}
