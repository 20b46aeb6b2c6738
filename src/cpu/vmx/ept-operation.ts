/**
 * Address translation in VMX non-root operation: which guest runs, with which tags its mappings are cached
 * (SDM vol. 3, 29.4), and how its paging structures are reached.
 */
import { CR0 } from "../../isa/state.js";
import { Cr0 } from "../control-bits.js";
import type { CpuState } from "../cpu-state.js";
import type { GuestStructures, PhysicalStructures } from "../paging/structures.js";
import type { LinearTranslator } from "../paging/translator.js";
import { type AddressSpace, NO_EPT } from "../tlb-view.js";
import { Ept, EptAccess } from "./ept.js";
import type { GuestTranslation } from "./ept-guest.js";
import { eptpRoot } from "./ept-pointer.js";

/** An address space with a number for keys of views. */
export interface NumberedSpace extends AddressSpace {
  readonly id: number;
}

const ROOT_SPACE: NumberedSpace = { id: 0, vpid: 0, eptRoot: NO_EPT };
const NO_EPTP = -1n;
const NO_PAGE = -1;
const ENTRY_BYTES = 8;

export class EptOperation implements GuestStructures {
  /** VPID and EPTP of whatever runs. */
  space: NumberedSpace = ROOT_SPACE;
  private guest: GuestTranslation | undefined;
  private readonly ept: Ept;
  /** The last guest's address space and what it depends on: VM entry mostly returns to it. */
  private lastSpace = ROOT_SPACE;
  private lastEptp = NO_EPTP;
  private lastApicPage = NO_PAGE;
  private lastModeBased = false;
  private readonly spaces = new Map<string, NumberedSpace>();

  /**
   * @param structures those of the linear addresses that run now
   * @param tables those of EPT
   */
  constructor(
    state: CpuState,
    private readonly translator: LinearTranslator,
    private readonly structures: PhysicalStructures,
    tables: PhysicalStructures,
    physicalBits: number,
    page1g: () => boolean,
  ) {
    this.ept = new Ept(tables, physicalBits, page1g, () => (state.u32(CR0) & Cr0.PE) !== 0);
  }

  enter(guest: GuestTranslation): void {
    this.guest = guest;
    const { eptp } = guest;
    this.structures.guest = eptp !== undefined || guest.apic !== undefined ? this : undefined;
    if (eptp !== undefined) {
      this.ept.use(guest, eptp);
      // What cleans dirty flags for the log may rely on VM entry to drop combined mappings, and omit INVEPT.
      if (guest.vpid === 0 && guest.modificationLog !== undefined) this.ept.invalidate(eptpRoot(eptp));
    }
    this.translator.second = eptp === undefined ? undefined : this.ept;
    this.space = this.spaceOf(guest, eptp);
  }

  leave(): void {
    this.guest = undefined;
    this.structures.guest = undefined;
    this.translator.second = undefined;
    this.space = ROOT_SPACE;
  }

  switchEptp(eptp: bigint): void {
    if (this.guest === undefined) return;
    this.ept.use(this.guest, eptp);
    this.space = this.spaceOf(this.guest, eptp);
  }

  /** Mappings that depend on anything else than these are kept apart. */
  private spaceOf(guest: GuestTranslation, eptp = NO_EPTP): NumberedSpace {
    const { vpid, modeBasedExecute: modeBased = false } = guest;
    const apicPage = guest.apic?.page ?? NO_PAGE;
    const same =
      this.lastSpace.vpid === vpid &&
      this.lastEptp === eptp &&
      this.lastApicPage === apicPage &&
      this.lastModeBased === modeBased;
    if (same && this.lastSpace !== ROOT_SPACE) return this.lastSpace;
    const key = `${vpid} ${eptp} ${apicPage} ${modeBased}`;
    let space = this.spaces.get(key);
    if (space === undefined) {
      space = { id: this.spaces.size + 1, vpid, eptRoot: eptp === NO_EPTP ? NO_EPT : eptpRoot(eptp) };
      this.spaces.set(key, space);
    }
    this.lastSpace = space;
    this.lastEptp = eptp;
    this.lastApicPage = apicPage;
    this.lastModeBased = modeBased;
    return space;
  }

  /** Drops guest-physical mappings: those of an EPTP, or all. Returns the root whose combined mappings go with them. */
  invalidate(eptp?: bigint): number | undefined {
    const root = eptp === undefined ? undefined : eptpRoot(eptp);
    this.ept.invalidate(root);
    return root;
  }

  /** Where an entry of the guest's paging structures lies. Throws a VM exit or #VE. */
  structureAddress(guestPhysical: number, write: boolean): number {
    const { ept } = this;
    let physical = guestPhysical;
    if (this.translator.second !== undefined) {
      // Flags are set by a read-modify-write. With accessed and dirty flags in EPT each access to a structure counts
      // as a write, but for loads of PDPTEs, which have no linear address (SDM vol. 3, 29.3.5).
      const changes = write || (ept.accessedDirty && ept.linearValid);
      const access = changes ? EptAccess.read | EptAccess.write : EptAccess.read;
      physical = ept.translate(guestPhysical, access, false) + (guestPhysical & 0xfff);
    }
    const apic = this.guest?.apic;
    if (apic !== undefined && physical - (physical & 0xfff) === apic.page) {
      apic.onApicAccess(physical & 0xfff, ENTRY_BYTES, "structure");
    }
    return physical;
  }
}
