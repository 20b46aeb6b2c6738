/**
 * The controls of a running guest, read from its VMCS once at VM entry: they cannot change before the next VM exit
 * (SDM vol. 3, 25.6-25.8).
 */

import type { VmcsAccess } from "./contract.js";
import { EntryControl, ExitControl, PinControl, PrimaryControl, SecondaryControl } from "./controls.js";
import { VmcsField } from "./fields.js";

export class GuestControls {
  readonly pin: number;
  readonly primary: number;
  /** 0 where "activate secondary controls" is 0. */
  readonly secondary: number;
  readonly exit: number;
  readonly entry: number;
  readonly exceptionBitmap: number;
  readonly pageFaultMask: number;
  readonly pageFaultMatch: number;
  /** Physical addresses of the bitmaps; meaningful where the control is 1. */
  readonly ioBitmaps: readonly [a: number, b: number];
  readonly msrBitmaps: number;
  readonly virtualApicPage: number;

  constructor(readonly vmcs: VmcsAccess) {
    const word = (field: number) => Number(vmcs.read(field));
    this.pin = word(VmcsField.PIN_CONTROLS);
    this.primary = word(VmcsField.PRIMARY_CONTROLS);
    const hasSecondary = (this.primary & PrimaryControl.activateSecondaryControls) !== 0;
    this.secondary = hasSecondary ? word(VmcsField.SECONDARY_CONTROLS) : 0;
    this.exit = word(VmcsField.EXIT_CONTROLS);
    this.entry = word(VmcsField.ENTRY_CONTROLS);
    this.exceptionBitmap = word(VmcsField.EXCEPTION_BITMAP);
    this.pageFaultMask = word(VmcsField.PAGE_FAULT_ERROR_CODE_MASK);
    this.pageFaultMatch = word(VmcsField.PAGE_FAULT_ERROR_CODE_MATCH);
    this.ioBitmaps = this.hasPrimary("useIoBitmaps")
      ? [word(VmcsField.IO_BITMAP_A), word(VmcsField.IO_BITMAP_B)]
      : [0, 0];
    this.msrBitmaps = this.hasPrimary("useMsrBitmaps") ? word(VmcsField.MSR_BITMAPS) : 0;
    this.virtualApicPage = this.hasPrimary("useTprShadow") ? word(VmcsField.VIRTUAL_APIC_ADDRESS) : 0;
  }

  hasPin(control: keyof typeof PinControl): boolean {
    return (this.pin & PinControl[control]) !== 0;
  }
  hasPrimary(control: keyof typeof PrimaryControl): boolean {
    return (this.primary & PrimaryControl[control]) !== 0;
  }
  hasSecondary(control: keyof typeof SecondaryControl): boolean {
    return (this.secondary & SecondaryControl[control]) !== 0;
  }
  hasExit(control: keyof typeof ExitControl): boolean {
    return (this.exit & ExitControl[control]) !== 0;
  }
  hasEntry(control: keyof typeof EntryControl): boolean {
    return (this.entry & EntryControl[control]) !== 0;
  }
}
