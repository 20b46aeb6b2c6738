/** The world of a hostile hypervisor: where its structures are, a VMCS that works, and what may be wrong with it. */
import { SegmentIndex } from "../../cpu/cpu-state.js";
import { VMCS_REVISION, type VmxCapabilities } from "../../cpu/vmx/capabilities.js";
import {
  EntryControl,
  ExitControl,
  PinControl,
  PrimaryControl,
  SecondaryControl,
} from "../../cpu/vmx/controls.js";
import { VMCS_FIELDS, VmcsField, type VmcsFieldInfo, type VmcsFieldName } from "../../cpu/vmx/fields.js";
import { Vmcs } from "../../cpu/vmx/vmcs.js";
import { At, GDT_LIMIT, Selector } from "./layout.js";
import type { Random } from "./random.js";

const PAGE = 0x1000;

/** Behind the pages of the fuzzer's other programs. */
export const VmxAt = {
  vmxon: 0x20000,
  vmcs: 0x21000,
  otherVmcs: 0x22000,
  shadow: 0x23000,
  /** PML4, PDPT, directory, page table. */
  ept: 0x24000,
  otherEpt: 0x28000,
  virtualApic: 0x2c000,
  apicAccess: 0x2d000,
  ioA: 0x2e000,
  ioB: 0x2f000,
  msrBitmap: 0x30000,
  vmread: 0x31000,
  vmwrite: 0x32000,
  eptpList: 0x33000,
  veInfo: 0x34000,
  pml: 0x35000,
  msrs: 0x36000,
  posted: 0x37000,
  operands: 0x38000,
  guest: 0x39000,
  exited: 0x3a000,
  end: 0x3b000,
} as const;
const FIRST = VmxAt.vmxon;

const HOST_CR0 = 0x8001_0031;
const HOST_CR4 = 0x2620;
const RIGHTS = { code: 0xa09b, data: 0xc093, tss: 0x8b, unusable: 0x10000 } as const;
/** EPTP: write-back, page-walk length of 4; and accessed and dirty flags. */
const EPTP = 0x1e;
const ACCESSED_DIRTY = 0x40;
const MSRS = [0xc000_0081, 0xc000_0082, 0x174, 0x277, 0xc000_0080, 0xc000_0100, 0x10, 0x800, 0x1b, 0x480];

/** Addresses of odd places: not aligned, devices, the VMCS itself, no memory at all. */
const PLACES = [
  VmxAt.vmcs,
  VmxAt.vmxon,
  VmxAt.ept,
  VmxAt.otherVmcs,
  VmxAt.shadow,
  VmxAt.vmcs + 1,
  VmxAt.exited,
  At.pml4,
  At.code,
  0,
  0xa0000,
  0xb8000,
  0xff000,
  0x3f_f000,
  0x40_0000,
  0xfec0_0000,
  0xfee0_0000,
  0xffff_f000,
  0x1_0000_0000,
  0x7f_ffff_f000,
  0xff_ffff_f000,
  0xf_ffff_ffff_f000,
] as const;

export const place = (r: Random): bigint =>
  BigInt(r.pick(PLACES)) + (r.oneIn(6) ? BigInt(r.below(PAGE)) : 0n);

/** Sets of secondary controls that hypervisors use together. */
type Secondary = readonly (keyof typeof SecondaryControl)[];
const SECONDARY: readonly Secondary[] = [
  [],
  ["enableEpt"],
  ["enableEpt", "enableVpid", "enableRdtscp", "enableInvpcid"],
  ["enableEpt", "unrestrictedGuest", "enableVpid"],
  ["enableEpt", "enableVmFunctions", "eptViolationVe", "enablePml"],
  ["enableEpt", "enablePml", "modeBasedExecuteControl"],
  ["vmcsShadowing", "enableVpid"],
  ["virtualizeApicAccesses", "apicRegisterVirtualization", "virtualInterruptDelivery"],
  ["virtualizeX2apicMode", "apicRegisterVirtualization", "virtualInterruptDelivery", "enableEpt"],
  ["useTscScaling", "descriptorTableExiting", "enableXsaves", "wbinvdExiting"],
];

/** Where each field with an address points. */
const ADDRESSES: readonly (readonly [VmcsFieldName, number])[] = [
  ["IO_BITMAP_A", VmxAt.ioA],
  ["IO_BITMAP_B", VmxAt.ioB],
  ["MSR_BITMAPS", VmxAt.msrBitmap],
  ["EXIT_MSR_STORE_ADDRESS", VmxAt.msrs],
  ["EXIT_MSR_LOAD_ADDRESS", VmxAt.msrs + 0x400],
  ["ENTRY_MSR_LOAD_ADDRESS", VmxAt.msrs + 0x800],
  ["PML_ADDRESS", VmxAt.pml],
  ["VIRTUAL_APIC_ADDRESS", VmxAt.virtualApic],
  ["APIC_ACCESS_ADDRESS", VmxAt.apicAccess],
  ["POSTED_INTERRUPT_DESCRIPTOR_ADDRESS", VmxAt.posted],
  ["VM_FUNCTION_CONTROLS", 1],
  ["EPT_POINTER", VmxAt.ept | EPTP],
  ["EPTP_LIST_ADDRESS", VmxAt.eptpList],
  ["VMREAD_BITMAP_ADDRESS", VmxAt.vmread],
  ["VMWRITE_BITMAP_ADDRESS", VmxAt.vmwrite],
  ["VIRTUALIZATION_EXCEPTION_INFORMATION_ADDRESS", VmxAt.veInfo],
];

const INTERESTING: readonly VmcsFieldInfo[] = VMCS_FIELDS.filter(
  ({ type, key }) => type !== "data" && !/SELECTOR|_BASE|SYSENTER/.test(key),
);

const maskOf = <T extends Readonly<Record<string, number>>>(
  table: T,
  r: Random,
  names: readonly (keyof T)[],
  odds: number,
): number => names.reduce((bits, name) => (r.oneIn(odds) ? (bits | table[name]!) >>> 0 : bits), 0);

const PIN = ["externalInterruptExiting", "nmiExiting", "virtualNmis", "activatePreemptionTimer"] as const;
const PRIMARY = [
  "interruptWindowExiting",
  "useTscOffsetting",
  "hltExiting",
  "invlpgExiting",
  "rdtscExiting",
  "cr3LoadExiting",
  "movDrExiting",
  "useIoBitmaps",
  "monitorTrapFlag",
  "useMsrBitmaps",
  "pauseExiting",
] as const;

/** The pages from {@link VmxAt}.vmxon on, made anew for every case. */
export class VmxWorld {
  readonly bytes = new Uint8Array(VmxAt.end - FIRST);
  private readonly view = new DataView(this.bytes.buffer);
  private readonly vmcs = new Vmcs(this.view, VmxAt.vmcs - FIRST, BigInt(VmxAt.vmcs));

  constructor(private readonly capabilities: VmxCapabilities) {}

  fill(r: Random): void {
    this.bytes.fill(0);
    this.bytes.fill(0xf4, VmxAt.guest - FIRST);
    for (const at of [VmxAt.vmxon, VmxAt.vmcs, VmxAt.otherVmcs]) this.put32(at, VMCS_REVISION);
    this.put32(VmxAt.shadow, (VMCS_REVISION | 0x8000_0000) >>> 0);
    this.identity(VmxAt.ept);
    this.identity(VmxAt.otherEpt);
    this.put64(VmxAt.eptpList, BigInt(VmxAt.ept | EPTP));
    this.put64(VmxAt.eptpList + 8, BigInt(VmxAt.otherEpt | EPTP));
    for (let i = 0; i < 16; i++) this.put64(VmxAt.eptpList + 16 + i * 8, place(r) | BigInt(EPTP));
    for (let at = VmxAt.msrs; at < VmxAt.msrs + 0xc00; at += 0x400) {
      for (let i = 0; i < 4; i++) this.put64(at + i * 16, BigInt(r.pick(MSRS)));
    }
    this.guestArea(r);
    this.hostArea();
    this.controls(r);
    if (r.oneIn(4)) this.otherMode(r);
    if (r.oneIn(3)) this.damage(r);
    for (let i = r.below(5); i > 0; i--) this.mutate(r);
  }

  write(at: number, bytes: Uint8Array): void {
    this.bytes.set(bytes, at - FIRST);
  }

  private put32(at: number, value: number): void {
    this.view.setUint32(at - FIRST, value, true);
  }
  private put64(at: number, value: bigint): void {
    this.view.setBigUint64(at - FIRST, value, true);
  }
  private field(name: VmcsFieldName, value: bigint | number): void {
    this.vmcs.write(VmcsField[name], BigInt(value));
  }

  /** EPT structures that map the first 2 MiB in pages, the rest of memory in large ones. */
  private identity(at: number): void {
    this.put64(at, BigInt(at + PAGE) | 7n);
    this.put64(at + PAGE, BigInt(at + 2 * PAGE) | 7n);
    this.put64(at + 2 * PAGE, BigInt(at + 3 * PAGE) | 7n);
    this.put64(at + 2 * PAGE + 8, 0x20_00b7n);
    for (let i = 0; i < 512; i++) {
      this.put32(at + 3 * PAGE + i * 8, (i << 12) | 0x37);
    }
  }

  private hostArea(): void {
    this.field("HOST_CR0", HOST_CR0);
    this.field("HOST_CR3", At.pml4);
    this.field("HOST_CR4", HOST_CR4);
    this.field("HOST_CS_SELECTOR", Selector.code64);
    this.field("HOST_SS_SELECTOR", Selector.data32);
    this.field("HOST_TR_SELECTOR", Selector.tss);
    this.field("HOST_TR_BASE", At.tss);
    this.field("HOST_GDTR_BASE", At.gdt);
    this.field("HOST_IDTR_BASE", At.idt);
    this.field("HOST_RSP", At.stack);
    this.field("HOST_RIP", VmxAt.exited);
  }

  private guestArea(r: Random): void {
    this.field("GUEST_CR0", HOST_CR0);
    this.field("GUEST_CR3", At.pml4);
    this.field("GUEST_CR4", HOST_CR4);
    this.field("GUEST_DR7", 0x400);
    this.field("GUEST_RFLAGS", r.oneIn(3) ? 0x202 : 2);
    this.field("GUEST_RIP", VmxAt.guest);
    this.field("GUEST_RSP", At.stack - 0x400);
    for (let i = 0; i < 8; i++) {
      const [selector, limit, rights] =
        i === SegmentIndex.CS
          ? [Selector.code64, 0xffff_ffff, RIGHTS.code]
          : i === SegmentIndex.TR
            ? [Selector.tss, 0x3ff, RIGHTS.tss]
            : i === SegmentIndex.LDTR
              ? [0, 0xffff_ffff, RIGHTS.unusable]
              : [Selector.data32, 0xffff_ffff, RIGHTS.data];
      this.vmcs.write(VmcsField.GUEST_ES_SELECTOR + i * 2, BigInt(selector));
      this.vmcs.write(VmcsField.GUEST_ES_LIMIT + i * 2, BigInt(limit));
      this.vmcs.write(VmcsField.GUEST_ES_ACCESS_RIGHTS + i * 2, BigInt(rights));
    }
    this.field("GUEST_TR_BASE", At.tss);
    this.field("GUEST_GDTR_BASE", At.gdt);
    this.field("GUEST_GDTR_LIMIT", GDT_LIMIT);
    this.field("GUEST_IDTR_BASE", At.idt);
    this.field("GUEST_IDTR_LIMIT", 0xfff);
  }

  /** A guest in real-address mode or in 32-bit protected mode without paging: for "unrestricted guest". */
  private otherMode(r: Random): void {
    const real = r.oneIn(2);
    this.field("GUEST_CR0", real ? 0x30 : 0x31);
    this.field("GUEST_CR4", 0x2000);
    const chosen = SecondaryControl.enableEpt + SecondaryControl.unrestrictedGuest;
    this.field("SECONDARY_CONTROLS", chosen & this.capabilities.settings("secondary").allowed);
    const primary = Number(this.vmcs.read(VmcsField.PRIMARY_CONTROLS));
    this.field("PRIMARY_CONTROLS", (primary | PrimaryControl.activateSecondaryControls) >>> 0);
    this.field("ENTRY_CONTROLS", this.capabilities.settings("entry").ones);
    this.field("VMCS_LINK_POINTER", 0xffff_ffff_ffff_ffffn);
    for (let i = 0; i < 6; i++) {
      const code = i === SegmentIndex.CS;
      const base = real && code ? VmxAt.guest - 0x1000 : 0;
      if (real) {
        this.vmcs.write(VmcsField.GUEST_ES_SELECTOR + i * 2, BigInt(base >>> 4));
        this.vmcs.write(VmcsField.GUEST_ES_BASE + i * 2, BigInt(base));
        this.vmcs.write(VmcsField.GUEST_ES_LIMIT + i * 2, 0xffffn);
        this.vmcs.write(VmcsField.GUEST_ES_ACCESS_RIGHTS + i * 2, code ? 0x9bn : 0x93n);
      } else if (code) this.field("GUEST_CS_ACCESS_RIGHTS", 0xc09b);
    }
    if (real) this.field("GUEST_RIP", 0x1000);
  }

  private controls(r: Random): void {
    const settings = (group: "pin" | "primary" | "secondary" | "exit" | "entry", bits: number): number => {
      const { ones, allowed } = this.capabilities.settings(group);
      return ((bits | ones) & allowed) >>> 0;
    };
    const chosen = r.pick(SECONDARY);
    const secondary = chosen.reduce((bits, name) => (bits | SecondaryControl[name]) >>> 0, 0);
    const delivery = chosen.includes("virtualInterruptDelivery");
    let pin = maskOf(PinControl, r, PIN, 4);
    if (delivery) pin |= PinControl.externalInterruptExiting;
    if ((pin & PinControl.virtualNmis) !== 0) pin |= PinControl.nmiExiting;
    let primary = maskOf(PrimaryControl, r, PRIMARY, 4);
    if (chosen.length > 0) primary |= PrimaryControl.activateSecondaryControls;
    if (delivery || r.oneIn(4)) primary |= PrimaryControl.useTprShadow;
    const acknowledge = delivery || r.oneIn(3) ? ExitControl.acknowledgeInterrupt : 0;
    this.field("PIN_CONTROLS", settings("pin", pin));
    this.field("PRIMARY_CONTROLS", settings("primary", primary));
    this.field("SECONDARY_CONTROLS", settings("secondary", secondary));
    this.field("EXIT_CONTROLS", settings("exit", ExitControl.hostAddressSpaceSize | acknowledge));
    this.field("ENTRY_CONTROLS", settings("entry", EntryControl.ia32eModeGuest));
    const shadowing = chosen.includes("vmcsShadowing") && this.capabilities.has("secondary.vmcsShadowing");
    this.field("VMCS_LINK_POINTER", shadowing ? VmxAt.shadow : 0xffff_ffff_ffff_ffffn);
    for (const [name, value] of ADDRESSES) this.field(name, value);
    const dirty = this.capabilities.has("ept.accessedDirty") && (chosen.includes("enablePml") || r.oneIn(4));
    if (dirty) this.field("EPT_POINTER", VmxAt.ept | EPTP | ACCESSED_DIRTY);
    this.field("VPID", 1 + r.below(3));
    this.field("TSC_MULTIPLIER", 1n << 48n);
    this.field("PREEMPTION_TIMER_VALUE", r.below(64));
    this.field("PML_INDEX", r.oneIn(2) ? r.below(4) : r.below(512));
    this.field("TPR_THRESHOLD", r.oneIn(4) ? r.below(16) : 0);
    if (r.oneIn(2)) this.field("EXCEPTION_BITMAP", r.u32());
    for (const name of ["EXIT_MSR_STORE_COUNT", "EXIT_MSR_LOAD_COUNT", "ENTRY_MSR_LOAD_COUNT"] as const)
      if (r.oneIn(12)) this.field(name, r.oneIn(4) ? r.below(600) : r.below(4));
    if (r.oneIn(4)) {
      const information = 0x8000_0000 + (r.below(8) << 8) + (r.oneIn(2) ? 0x800 : 0) + r.below(32);
      this.field("ENTRY_INTERRUPTION_INFO", information);
      this.field("ENTRY_INSTRUCTION_LENGTH", r.below(16));
    }
  }

  /** Random entries in EPT structures, bitmaps and lists. */
  private damage(r: Random): void {
    const table = r.pick([VmxAt.ept, VmxAt.ept, VmxAt.otherEpt, VmxAt.eptpList, VmxAt.msrs, VmxAt.msrBitmap]);
    const whole = r.oneIn(8);
    if (whole) {
      const at = table + (table === VmxAt.ept ? r.below(4) * PAGE : 0) - FIRST;
      r.bytes(this.bytes, at, at + PAGE);
      return;
    }
    for (let i = 1 + r.below(4); i > 0; i--) {
      const level = table === VmxAt.ept || table === VmxAt.otherEpt ? r.below(4) : 0;
      const at = table + level * PAGE + (level === 3 ? r.below(512) : r.below(4)) * 8;
      this.put64(at, r.oneIn(2) ? place(r) | BigInt(r.below(256)) : r.wide());
    }
    // The page with the guest's code, or its stack.
    if (r.oneIn(4))
      this.put64(VmxAt.ept + 3 * PAGE + (VmxAt.guest >> 12) * 8, place(r) | BigInt(r.below(256)));
  }

  private mutate(r: Random): void {
    const { encoding, width } = r.pick(r.oneIn(2) ? VMCS_FIELDS : INTERESTING);
    const bits = width === 16 ? 16 : width === 32 ? 32 : 64;
    const old = this.vmcs.read(encoding);
    let value: bigint;
    switch (r.below(6)) {
      case 0:
        value = r.wide();
        break;
      case 1:
        value = 0xffff_ffff_ffff_ffffn;
        break;
      case 2:
        value = place(r);
        break;
      case 3:
        value = BigInt(r.value());
        break;
      default:
        value = old ^ (1n << BigInt(r.below(bits)));
        if (r.oneIn(3)) value ^= 1n << BigInt(r.below(bits));
    }
    this.vmcs.write(encoding, BigInt.asUintN(bits, value));
  }
}
