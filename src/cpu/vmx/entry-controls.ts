/**
 * The controls of a running guest, read from its VMCS at VM entry: they cannot change before the next VM exit
 * (SDM vol. 3, 25.6-25.8). Mostly they do not change before the next VM entry, either.
 */

import { highHalf, lowHalf } from "../halves.js";
import { ControlWords } from "./control-words.js";
import { VmcsField } from "./fields.js";
import { VmcsReads } from "./reads.js";
import type { Vmcs } from "./vmcs.js";

/** Fraction bits of the TSC multiplier (SDM vol. 3, 25.3); the multiplier that changes nothing. */
export const TSC_FRACTION = 48n;
const TSC_ONE = 1n << TSC_FRACTION;

export class GuestControls extends ControlWords {
  readonly exceptionBitmap: number;
  readonly pageFaultMask: number;
  readonly pageFaultMatch: number;
  /** Physical addresses of the bitmaps; meaningful where the control is 1. */
  readonly ioBitmaps: readonly [a: number, b: number];
  readonly msrBitmaps: number;
  readonly virtualApicPage: number;
  readonly apicAccessPage: number;
  readonly cr0Mask: bigint;
  readonly cr0Shadow: bigint;
  readonly cr4Mask: bigint;
  readonly cr4Shadow: bigint;
  /** 0 without "use TSC offsetting"; its halves. */
  readonly tscOffset: bigint;
  readonly tscOffsetLow: number;
  readonly tscOffsetHigh: number;
  /** Undefined where nothing is scaled: without "use TSC scaling", and with a multiplier of one. */
  readonly tscMultiplier: bigint | undefined;
  /** 0 without "enable VPID". */
  readonly vpid: number;
  /** Undefined without "enable EPT". VMFUNC may change it while the guest runs. */
  readonly eptp: bigint | undefined;
  /** PML address. */
  readonly modificationLog: number;
  readonly virtualizationExceptionArea: number;
  private readonly reads: VmcsReads;

  constructor(readonly vmcs: Vmcs) {
    const reads = new VmcsReads(vmcs);
    const word = (field: number) => reads.low(field);
    const address = (field: number, used: boolean) => (used ? Number(reads.wide(field)) : 0);
    super(word);
    this.reads = reads;
    this.exceptionBitmap = word(VmcsField.EXCEPTION_BITMAP);
    this.pageFaultMask = word(VmcsField.PAGE_FAULT_ERROR_CODE_MASK);
    this.pageFaultMatch = word(VmcsField.PAGE_FAULT_ERROR_CODE_MATCH);
    const ports = this.hasPrimary("useIoBitmaps");
    this.ioBitmaps = [address(VmcsField.IO_BITMAP_A, ports), address(VmcsField.IO_BITMAP_B, ports)];
    this.msrBitmaps = address(VmcsField.MSR_BITMAPS, this.hasPrimary("useMsrBitmaps"));
    this.virtualApicPage = address(VmcsField.VIRTUAL_APIC_ADDRESS, this.hasPrimary("useTprShadow"));
    const apicAccesses = this.hasSecondary("virtualizeApicAccesses");
    this.apicAccessPage = address(VmcsField.APIC_ACCESS_ADDRESS, apicAccesses);
    this.cr0Mask = reads.wide(VmcsField.CR0_GUEST_HOST_MASK);
    this.cr0Shadow = reads.wide(VmcsField.CR0_READ_SHADOW);
    this.cr4Mask = reads.wide(VmcsField.CR4_GUEST_HOST_MASK);
    this.cr4Shadow = reads.wide(VmcsField.CR4_READ_SHADOW);
    const offsetting = this.hasPrimary("useTscOffsetting");
    this.tscOffset = offsetting ? reads.wide(VmcsField.TSC_OFFSET) : 0n;
    this.tscOffsetLow = lowHalf(this.tscOffset);
    this.tscOffsetHigh = highHalf(this.tscOffset);
    const scaling = offsetting && this.hasSecondary("useTscScaling");
    const multiplier = scaling ? reads.wide(VmcsField.TSC_MULTIPLIER) : TSC_ONE;
    this.tscMultiplier = multiplier === TSC_ONE ? undefined : multiplier;
    this.vpid = this.hasSecondary("enableVpid") ? word(VmcsField.VPID) : 0;
    this.eptp = this.hasSecondary("enableEpt") ? reads.wide(VmcsField.EPT_POINTER) : undefined;
    this.modificationLog = address(VmcsField.PML_ADDRESS, this.hasSecondary("enablePml"));
    const exceptions = this.hasSecondary("eptViolationVe");
    const area = VmcsField.VIRTUALIZATION_EXCEPTION_INFORMATION_ADDRESS;
    this.virtualizationExceptionArea = address(area, exceptions);
  }

  /** The VMCS still holds these controls. */
  get current(): boolean {
    return this.reads.hold(this.vmcs);
  }
}
