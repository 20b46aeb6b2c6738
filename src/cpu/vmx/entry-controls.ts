/**
 * The controls of a running guest, read from its VMCS once at VM entry: they cannot change before the next VM exit
 * (SDM vol. 3, 25.6-25.8).
 */

import type { VmcsAccess } from "./contract.js";
import { ControlWords } from "./control-words.js";
import { VmcsField } from "./fields.js";

export class GuestControls extends ControlWords {
  readonly exceptionBitmap: number;
  readonly pageFaultMask: number;
  readonly pageFaultMatch: number;
  /** Physical addresses of the bitmaps; meaningful where the control is 1. */
  readonly ioBitmaps: readonly [a: number, b: number];
  readonly msrBitmaps: number;
  readonly virtualApicPage: number;

  constructor(readonly vmcs: VmcsAccess) {
    const word = (field: number) => Number(vmcs.read(field));
    super(word);
    this.exceptionBitmap = word(VmcsField.EXCEPTION_BITMAP);
    this.pageFaultMask = word(VmcsField.PAGE_FAULT_ERROR_CODE_MASK);
    this.pageFaultMatch = word(VmcsField.PAGE_FAULT_ERROR_CODE_MATCH);
    this.ioBitmaps = this.hasPrimary("useIoBitmaps")
      ? [word(VmcsField.IO_BITMAP_A), word(VmcsField.IO_BITMAP_B)]
      : [0, 0];
    this.msrBitmaps = this.hasPrimary("useMsrBitmaps") ? word(VmcsField.MSR_BITMAPS) : 0;
    this.virtualApicPage = this.hasPrimary("useTprShadow") ? word(VmcsField.VIRTUAL_APIC_ADDRESS) : 0;
  }
}
