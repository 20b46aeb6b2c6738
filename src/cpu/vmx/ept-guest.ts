/**
 * What the MMU is told about a guest at VM entry: the VM-execution controls that concern address translation
 * (SDM vol. 3, 25.6.2, 25.6.8, 25.6.11, 25.6.17, 25.6.19).
 */

/** "Enable PML": the page-modification log (SDM vol. 3, 29.3.6). */
export interface PageModificationLog {
  /** PML address: physical address of the page that holds the log. */
  readonly address: number;
  /** PML index, the guest-state field: 16 bits, counts down. */
  index: number;
}

/** "EPT-violation #VE" (SDM vol. 3, 26.5.7). */
export interface VirtualizationExceptions {
  /** Virtualization-exception information address. */
  readonly area: number;
  /** EPTP index, the VM-execution control field. */
  readonly eptpIndex: number;
  /** An event is being delivered through the IDT: then the violation causes a VM exit. */
  readonly delivering: boolean;
}

/**
 * How an access comes to the APIC-access page: a data read, a data write, an instruction fetch, or a
 * guest-physical access to a paging structure.
 */
export type ApicAccessKind = "read" | "write" | "fetch" | "structure";

/** "Virtualize APIC accesses" (SDM vol. 3, 30.4). */
export interface ApicAccessPage {
  /** APIC-access address. */
  readonly page: number;
  /** Virtual-APIC address: the page that serves accesses which cause no VM exit. */
  readonly virtualPage: number;
  /**
   * An access is about to be made; the CPU's state is exact. Throws a VM exit, or returns to let the virtual-APIC page
   * serve it. A read-modify-write is a write. Fetches and accesses to structures have to throw.
   */
  onApicAccess(offset: number, size: number, kind: ApicAccessKind): void;
  /** The virtual-APIC page was written (APIC-write emulation follows the instruction). */
  onApicWrite(offset: number, size: number): void;
}

/** The translation of a guest. */
export interface GuestTranslation {
  /** "Enable VPID": its VPID; otherwise 0, and VM entry and exit drop the mappings of VPID 0000H. */
  readonly vpid: number;
  /** "Enable EPT": EPTP. */
  readonly eptp?: bigint | undefined;
  /** "Mode-based execute control for EPT". */
  readonly modeBasedExecute?: boolean;
  readonly modificationLog?: PageModificationLog | undefined;
  readonly virtualizationExceptions?: VirtualizationExceptions | undefined;
  readonly apic?: ApicAccessPage | undefined;
}
