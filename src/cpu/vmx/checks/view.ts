/**
 * What the rules of VM entry ask of a VMCS: its controls, read once, and the shapes that many fields share. All that the
 * rules look at is noted, so that they need not run again before any of it changes (passed.ts).
 */
import { ARITHMETIC_FLAGS, Flag } from "../../../isa/flags.js";
import type { PhysicalMap } from "../../../memory/physical.js";
import type { VmxCapabilities } from "../capabilities.js";
import { ControlWords } from "../control-words.js";
import { VmcsField } from "../fields.js";
import { VmcsReads } from "../reads.js";
import type { Vmcs } from "../vmcs.js";

/** What of the processor takes part. */
export interface EntryEnvironment {
  readonly capabilities: VmxCapabilities;
  readonly physical: Pick<PhysicalMap, "hostAddress">;
  readonly memory: DataView;
  /** EFER.LMA of the host. */
  readonly longModeActive: boolean;
}

const VALID = 0x8000_0000;
/** Bits of RFLAGS that rules look at: not the arithmetic ones and others that guests change all the time. */
const RFLAGS_CHECKED = ~(ARITHMETIC_FLAGS | Flag.DF | Flag.RF | Flag.AC | Flag.IOPL | Flag.NT | Flag.ID);

export class EntryView extends ControlWords {
  private readonly highMask: number;
  private readonly reads: VmcsReads;
  private readonly longModeActive: boolean;

  constructor(
    readonly vmcs: Vmcs,
    readonly environment: EntryEnvironment,
  ) {
    const reads = new VmcsReads(vmcs);
    super((field) => reads.low(field));
    this.reads = reads;
    this.longModeActive = environment.longModeActive;
    const { physicalBits } = environment.capabilities;
    this.highMask = physicalBits >= 64 ? 0 : ~(2 ** (physicalBits - 32) - 1);
  }

  /** Nothing but the VMCS was looked at. */
  get repeatable(): boolean {
    return !this.reads.incomplete;
  }
  /** Whether rules would find the same as they have found in this view. */
  repeats(vmcs: Vmcs, { longModeActive }: EntryEnvironment): boolean {
    return longModeActive === this.longModeActive && this.reads.hold(vmcs);
  }

  /** VM-entry interruption information; 0 if nothing is injected. */
  get injection(): number {
    if (this.reads.masked(VmcsField.ENTRY_INTERRUPTION_INFO, VALID) === 0) return 0;
    return this.reads.low(VmcsField.ENTRY_INTERRUPTION_INFO);
  }
  /** Guest RFLAGS, of bits 31:0 those that are checked. */
  get rflags(): number {
    return this.reads.masked(VmcsField.GUEST_RFLAGS, RFLAGS_CHECKED);
  }
  /** Where a physical address lies in {@link EntryEnvironment.memory}, or NOT_RAM. What is there may change at any time. */
  inMemory(physical: number): number {
    this.reads.incomplete = true;
    return this.environment.physical.hostAddress(physical, false);
  }

  /** Bits 31:0 of a field, unsigned. */
  low(field: number): number {
    return this.reads.low(field);
  }
  /** Bits 63:32 of a 64-bit or natural-width field, unsigned. */
  high(field: number): number {
    return this.reads.high(field);
  }
  /** The field holds no bit but those of `mask`. */
  within(field: number, mask: number): boolean {
    return (this.low(field) & ~mask) === 0;
  }
  /** Bits 63:32 are 0. */
  is32Bit(field: number): boolean {
    return this.high(field) === 0;
  }

  /** No bit of the high half lies beyond the physical-address width. */
  physicalHigh(high: number): boolean {
    return (high & this.highMask) === 0;
  }
  /** A physical address, aligned. @param alignment in bytes, a power of two */
  physical(field: number, alignment = 4096): boolean {
    return (this.low(field) & (alignment - 1)) === 0 && this.physicalHigh(this.high(field));
  }
  /** No bit beyond the physical-address width. */
  inPhysicalWidth(field: number): boolean {
    return this.physicalHigh(this.high(field));
  }
  /** An MSR area of `count` entries: 16-byte aligned, first and last byte within the physical-address width. */
  msrArea(address: number, count: number): boolean {
    const entries = this.low(count);
    if (entries === 0) return true;
    if (!this.physical(address, 16)) return false;
    const last = this.high(address) * 2 ** 32 + this.low(address) + entries * 16 - 1;
    return last < 2 ** this.environment.capabilities.physicalBits;
  }

  /** Bits 63:47 are equal: no vt86 processor has 57-bit linear addresses. */
  canonical(field: number): boolean {
    const high = this.high(field) >> 15;
    return high === 0 || high === -1;
  }
  /** Eight memory types (SDM vol. 3, table 12-10). */
  pat(field: number): boolean {
    return isPat(this.low(field)) && isPat(this.high(field));
  }

  // The guest's mode.

  get unrestricted(): boolean {
    return this.hasSecondary("unrestrictedGuest");
  }
  get ia32e(): boolean {
    return this.hasEntry("ia32eModeGuest");
  }
  get protectedMode(): boolean {
    return (this.low(VmcsField.GUEST_CR0) & 1) !== 0;
  }
  get paging(): boolean {
    return this.low(VmcsField.GUEST_CR0) >= 0x8000_0000;
  }
  get v86(): boolean {
    return (this.rflags & Flag.VM) !== 0;
  }
  /** Type of the injected event, or -1. */
  get injectionType(): number {
    return this.injection === 0 ? -1 : (this.injection >>> 8) & 7;
  }
  get injectionVector(): number {
    return this.injection & 0xff;
  }
}

/** Types 0, 1, 4, 5, 6, 7 exist. */
function isPat(four: number): boolean {
  for (let shift = 0; shift < 32; shift += 8) {
    const type = (four >>> shift) & 0xff;
    if (type > 7 || type === 2 || type === 3) return false;
  }
  return true;
}
