/**
 * The APIC-access page (SDM vol. 3, 30.3 and 30.4): what a guest's loads and stores to it do. Some reach the
 * virtual-APIC page instead and are emulated; the others cause APIC-access VM exits.
 */
import { VirtualRegister } from "./apic-page.js";
import { VmExit } from "./contract.js";
import type { GuestControls } from "./entry-controls.js";
import type { VmxProcessor } from "./entry-processor.js";
import type { ApicAccessKind, ApicAccessPage } from "./ept-guest.js";
import { ExitReason } from "./exit-reason.js";

/** Access types of the exit qualification (table 28-6). */
const AccessType = {
  read: 0,
  write: 1,
  fetch: 2,
  eventDelivery: 3,
  guestPhysicalDelivery: 10,
  guestPhysical: 15,
} as const;

const range = (first: number, last: number): number[] =>
  Array.from({ length: (last - first) / 16 + 1 }, (_, i) => first + i * 16);

const {
  ID,
  VERSION,
  TPR,
  EOI,
  LDR,
  DFR,
  SVR,
  ISR,
  ESR,
  ICR,
  ICR_HIGH,
  LVT_TIMER,
  LVT_ERROR,
  INITIAL_COUNT,
  DIVIDE,
} = VirtualRegister;
const LVTS = range(LVT_TIMER, LVT_ERROR);
const TABLES_END = 0x270;

/** Registers that APIC-register virtualization lets a guest read and write. */
const READABLE: ReadonlySet<number> = new Set([
  ...[ID, VERSION, TPR, EOI, LDR, DFR, SVR, ESR, ICR, ICR_HIGH, INITIAL_COUNT, DIVIDE],
  ...range(ISR, TABLES_END),
  ...LVTS,
]);
const WRITABLE: ReadonlySet<number> = new Set([
  ...[ID, TPR, EOI, LDR, DFR, SVR, ESR, ICR, ICR_HIGH, INITIAL_COUNT, DIVIDE],
  ...LVTS,
]);

/** ICR of an IPI that can be virtualized: to itself, fixed, edge-triggered; delivery status (bit 12) is ignored. */
const ICR_SELF_IPI_MASK = 0xffff_efff & ~0xff;
const ICR_SELF_IPI = 0x0004_0000;

/** The VM exit after a write that only software can emulate. */
export const apicWriteExit = (register: number): VmExit =>
  new VmExit(ExitReason.apicWrite, BigInt(register), [], true);

export class ApicAccess implements ApicAccessPage {
  readonly page: number;
  readonly virtualPage: number;

  constructor(
    private readonly processor: VmxProcessor,
    controls: GuestControls,
  ) {
    this.page = controls.apicAccessPage;
    this.virtualPage = controls.virtualApicPage;
  }

  onApicAccess(offset: number, size: number, kind: ApicAccessKind): void {
    const data = kind === "read" || kind === "write";
    if (data && this.virtualizes(offset, size, kind === "write")) return;
    throw new VmExit(ExitReason.apicAccess, BigInt(offset | (this.accessType(kind) << 12)));
  }

  private accessType(kind: ApicAccessKind): number {
    const delivering = this.processor.delivering !== undefined;
    if (kind === "structure") return delivering ? AccessType.guestPhysicalDelivery : AccessType.guestPhysical;
    return delivering ? AccessType.eventDelivery : AccessType[kind];
  }

  private virtualizes(offset: number, size: number, write: boolean): boolean {
    const { apic, controls } = this.processor.guest;
    if (!apic || (offset & 15) + size > 4) return false;
    const register = offset & 0xff0;
    if (register === TPR) return true;
    if (controls.hasSecondary("apicRegisterVirtualization")) {
      return (write ? WRITABLE : READABLE).has(register);
    }
    return (
      write && controls.hasSecondary("virtualInterruptDelivery") && (register === EOI || register === ICR)
    );
  }

  onApicWrite(offset: number): void {
    this.emulate(offset & 0xff0);
  }

  /** APIC-write emulation (30.4.3.2). */
  private emulate(register: number): void {
    const { guest } = this.processor;
    const { apic } = guest;
    if (!apic) return;
    const delivers = guest.controls.hasSecondary("virtualInterruptDelivery");
    switch (register) {
      case TPR:
        apic.writeTpr(apic.page.read(TPR));
        return;
      case EOI:
        if (!delivers) break;
        apic.page.write(EOI, 0);
        apic.endOfInterrupt();
        return;
      case ICR: {
        const command = apic.page.read(ICR);
        const self = (command & ICR_SELF_IPI_MASK) >>> 0 === ICR_SELF_IPI && (command & 0xf0) !== 0;
        if (!delivers || !self) break;
        apic.selfIpi(command & 0xff);
        return;
      }
      case ICR_HIGH:
        apic.page.write(ICR_HIGH, apic.page.read(ICR_HIGH) & 0xff00_0000);
        return;
    }
    guest.exitAfterInstruction(apicWriteExit(register));
  }
}
