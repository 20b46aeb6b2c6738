/** What a VMCS says about the translation of addresses, for the MMU; and what the MMU changes in it. */
import { ApicAccess } from "./apic-access.js";
import type { GuestControls } from "./entry-controls.js";
import type { VmxProcessor } from "./entry-processor.js";
import type { GuestTranslation, PageModificationLog, VirtualizationExceptions } from "./ept-guest.js";
import { VmcsField } from "./fields.js";

function modificationLog({ vmcs }: GuestControls): PageModificationLog {
  return {
    address: Number(vmcs.read(VmcsField.PML_ADDRESS)),
    get index() {
      return Number(vmcs.read(VmcsField.PML_INDEX));
    },
    set index(value: number) {
      vmcs.write(VmcsField.PML_INDEX, BigInt(value & 0xffff));
    },
  };
}

function virtualizationExceptions(
  processor: VmxProcessor,
  { vmcs }: GuestControls,
): VirtualizationExceptions {
  return {
    area: Number(vmcs.read(VmcsField.VIRTUALIZATION_EXCEPTION_INFORMATION_ADDRESS)),
    get eptpIndex() {
      return Number(vmcs.read(VmcsField.EPTP_INDEX));
    },
    get delivering() {
      return processor.delivering !== undefined;
    },
  };
}

/** `processor.guest` has begun. */
export function guestTranslation(processor: VmxProcessor, controls: GuestControls): GuestTranslation {
  const { vmcs } = controls;
  const has = (control: Parameters<GuestControls["hasSecondary"]>[0]) => controls.hasSecondary(control);
  return {
    vpid: has("enableVpid") ? Number(vmcs.read(VmcsField.VPID)) : 0,
    eptp: has("enableEpt") ? vmcs.read(VmcsField.EPT_POINTER) : undefined,
    modeBasedExecute: has("modeBasedExecuteControl"),
    modificationLog: has("enablePml") ? modificationLog(controls) : undefined,
    virtualizationExceptions: has("eptViolationVe")
      ? virtualizationExceptions(processor, controls)
      : undefined,
    apic: has("virtualizeApicAccesses") ? new ApicAccess(processor) : undefined,
  };
}
