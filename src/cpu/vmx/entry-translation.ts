/** What a VMCS says about the translation of addresses, for the MMU; and what the MMU changes in it. */
import { ApicAccess } from "./apic-access.js";
import type { GuestControls } from "./entry-controls.js";
import type { VmxProcessor } from "./entry-processor.js";
import type { GuestTranslation, PageModificationLog, VirtualizationExceptions } from "./ept-guest.js";
import { VmcsField } from "./fields.js";

function modificationLog({ vmcs, modificationLog }: GuestControls): PageModificationLog {
  return {
    address: modificationLog,
    get index() {
      return vmcs.low(VmcsField.PML_INDEX);
    },
    set index(value: number) {
      vmcs.setLow(VmcsField.PML_INDEX, value);
    },
  };
}

function virtualizationExceptions(
  processor: VmxProcessor,
  { vmcs, virtualizationExceptionArea }: GuestControls,
): VirtualizationExceptions {
  return {
    area: virtualizationExceptionArea,
    get eptpIndex() {
      return vmcs.low(VmcsField.EPTP_INDEX);
    },
    get delivering() {
      return processor.delivering !== undefined;
    },
  };
}

export function guestTranslation(processor: VmxProcessor, controls: GuestControls): GuestTranslation {
  const has = (control: Parameters<GuestControls["hasSecondary"]>[0]) => controls.hasSecondary(control);
  return {
    vpid: controls.vpid,
    eptp: controls.eptp,
    modeBasedExecute: has("modeBasedExecuteControl"),
    modificationLog: has("enablePml") ? modificationLog(controls) : undefined,
    virtualizationExceptions: has("eptViolationVe")
      ? virtualizationExceptions(processor, controls)
      : undefined,
    apic: has("virtualizeApicAccesses") ? new ApicAccess(processor, controls) : undefined,
  };
}
