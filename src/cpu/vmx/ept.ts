/**
 * The extended page-table mechanism (SDM vol. 3, 29.3): guest-physical to physical addresses, by the one page
 * walker, with EPT violations, EPT misconfigurations, page-modification logging and virtualization exceptions.
 *
 * Invariant: when {@link Ept.translate} throws, no memory has changed but the information area of a #VE.
 */
import { Vector } from "../../isa/emit.js";
import { Fault } from "../fault.js";
import { EptEntry, FORMAT_EPT, FORMAT_EPT_MODE_BASED, type PagingFormat } from "../paging/formats.js";
import type { PhysicalStructures } from "../paging/structures.js";
import { PageWalk, type PagingRules, WalkFault } from "../paging/walk.js";
import { VmExit } from "./contract.js";
import type { GuestTranslation, VirtualizationExceptions } from "./ept-guest.js";
import { EptMappings } from "./ept-mappings.js";
import { eptpAccessedDirty, eptpRoot } from "./ept-pointer.js";
import { VmcsField } from "./fields.js";

/** Basic exit reasons (SDM appendix C). */
export const EXIT_EPT_VIOLATION = 48;
export const EXIT_EPT_MISCONFIGURATION = 49;
export const EXIT_PML_FULL = 62;

/** Kinds of access, as bits 2:0 of the exit qualification count them. */
export const EptAccess = { read: 1, write: 2, fetch: 4 } as const;

/** Exit qualification of EPT violations (SDM vol. 3, table 28-7). */
const Qualification = {
  rightsShift: 3,
  userExecute: 0x40,
  linearValid: 0x80,
  finalTranslation: 0x100,
} as const;

const PML_ENTRIES = 512;
/** EPTPs whose mappings are kept. */
const MOST_POINTERS = 16;
/** Bit of an EPTP that is always 0, to tell its mappings with mode-based execute control apart. */
const MODE_BASED = 1n << 63n;

export class Ept {
  /** The last translation may be used for writes without asking again. */
  writable = false;

  /** Accesses to guest paging structures count as writes (EPTP bit 6). */
  get accessedDirty(): boolean {
    return this.rules.accessedDirty;
  }

  // What a violation reports, set by whoever translates for a linear access.
  linearValid = false;
  linearLow = 0;
  linearHigh = 0;
  /** The linear address is a user-mode one. */
  userMode = false;

  private readonly walker: PageWalk;
  private readonly known = new Map<bigint, EptMappings>();
  private mappings = new EptMappings(0);
  private key = -1n;
  private guest: GuestTranslation = { vpid: 0 };
  /** Of the walker's last or next walk; for explanations, too. */
  format: PagingFormat = FORMAT_EPT;
  rules: PagingRules;
  root = 0;

  /**
   * @param protectedMode whether CR0.PE = 1: without it there is no #VE
   */
  constructor(
    private readonly structures: PhysicalStructures,
    private readonly physicalBits: number,
    private readonly page1g: () => boolean,
    private readonly protectedMode: () => boolean,
  ) {
    this.walker = new PageWalk(structures);
    this.rules = this.makeRules(false);
  }

  private makeRules(accessedDirty: boolean): PagingRules {
    return {
      writeProtect: true,
      noExecute: false,
      smep: false,
      smap: false,
      pse: false,
      global: false,
      page1g: this.page1g(),
      accessedDirty,
      reservedHigh: 0xfffff & ~((1 << (this.physicalBits - 32)) - 1),
    };
  }

  /** Mappings of this guest's EPTP are used from now on. */
  use(guest: GuestTranslation, eptp: bigint): void {
    this.guest = guest;
    const key = guest.modeBasedExecute ? eptp | MODE_BASED : eptp;
    if (key === this.key) return;
    this.key = key;
    this.format = guest.modeBasedExecute ? FORMAT_EPT_MODE_BASED : FORMAT_EPT;
    this.rules = this.makeRules(eptpAccessedDirty(eptp));
    this.root = eptpRoot(eptp);
    let mappings = this.known.get(key);
    if (mappings) this.known.delete(key);
    else mappings = new EptMappings(this.root);
    this.known.set(key, mappings);
    this.mappings = mappings;
    if (this.known.size > MOST_POINTERS) this.known.delete(this.known.keys().next().value!);
  }

  /** Drops the guest-physical mappings of one EPT PML4 table, or all. */
  invalidate(root?: number): void {
    for (const mappings of this.known.values())
      if (root === undefined || mappings.root === root) mappings.flush();
  }

  /** The access is made for a linear address; violations report it. */
  forLinear(low: number, high: number): void {
    this.linearValid = true;
    this.linearLow = low;
    this.linearHigh = high;
  }

  /**
   * Physical address of the 4 KiB page for an access to guest-physical address `address`. Throws a VM exit or #VE.
   *
   * @param access one of {@link EptAccess}, or read and write for a paging structure
   * @param final the access is to the translation of the linear address, not to a paging structure
   */
  translate(address: number, access: number, final: boolean): number {
    const page = address - (address & 0xfff);
    const need = this.needFor(access);
    const { mappings } = this;
    const host = mappings.lookup(page);
    if (host >= 0 && (mappings.rights & need) === need) {
      this.writable = (mappings.rights & EptEntry.W) !== 0;
      return host;
    }
    return this.walk(address, access, need, final);
  }

  /** Bits of the EPT entries that have to be 1. */
  private needFor(access: number): number {
    if ((access & EptAccess.fetch) === 0) return access;
    return this.format === FORMAT_EPT_MODE_BASED && this.userMode ? EptEntry.XU : EptEntry.X;
  }

  private walk(address: number, access: number, need: number, final: boolean): number {
    const { walker, format, rules, mappings } = this;
    const page = address - (address & 0xfff);
    walker.write = (access & EptAccess.write) !== 0;
    walker.need = need;
    if (!walker.find(format, rules, this.root, address | 0, (address / 0x1_0000_0000) | 0)) {
      mappings.drop(page);
      if (walker.fault === WalkFault.reserved) {
        throw new VmExit(EXIT_EPT_MISCONFIGURATION, 0n, [
          [VmcsField.GUEST_PHYSICAL_ADDRESS, BigInt(address)],
        ]);
      }
      this.violation(address, access, final);
    }
    if (this.guest.modificationLog !== undefined && walker.setsDirty(format, rules)) this.log(page);
    walker.setFlags(format, rules);
    this.writable = walker.writable;
    mappings.enter(page, walker.page, walker.writable ? walker.allLow : walker.allLow & ~EptEntry.W);
    return walker.page;
  }

  /** Page-modification logging, before the dirty flag is set. */
  private log(page: number): void {
    const log = this.guest.modificationLog!;
    const { index } = log;
    if (index >= PML_ENTRIES) throw new VmExit(EXIT_PML_FULL);
    this.structures.store(log.address + index * 8, page | 0);
    this.structures.store(log.address + index * 8 + 4, (page / 0x1_0000_0000) | 0);
    log.index = (index - 1) & 0xffff;
  }

  private violation(address: number, access: number, final: boolean): never {
    const { walker } = this;
    let qualification = access | ((walker.allLow & 7) << Qualification.rightsShift);
    if (this.format === FORMAT_EPT_MODE_BASED && (walker.allLow & EptEntry.XU) !== 0)
      qualification |= Qualification.userExecute;
    if (this.linearValid)
      qualification |= Qualification.linearValid | (final ? Qualification.finalTranslation : 0);
    const linear = this.linearValid
      ? (BigInt(this.linearHigh >>> 0) << 32n) | BigInt(this.linearLow >>> 0)
      : 0n;
    const exceptions = this.guest.virtualizationExceptions;
    if (exceptions !== undefined && walker.lastHigh >= 0 && this.convertible(exceptions)) {
      this.fillInformationArea(exceptions, qualification, linear, address);
      throw new Fault(Vector.VE);
    }
    throw new VmExit(EXIT_EPT_VIOLATION, BigInt(qualification), [
      [VmcsField.GUEST_PHYSICAL_ADDRESS, BigInt(address)],
      [VmcsField.GUEST_LINEAR_ADDRESS, linear],
    ]);
  }

  /** Whether a violation whose entry does not suppress it becomes a #VE (SDM vol. 3, 26.5.7.1). */
  private convertible(exceptions: VirtualizationExceptions): boolean {
    return (
      this.protectedMode() && !exceptions.delivering && this.structures.load(exceptions.area + 4, 4) === 0
    );
  }

  /** The virtualization-exception information area (SDM vol. 3, table 26-1). */
  private fillInformationArea(
    to: VirtualizationExceptions,
    qualification: number,
    linear: bigint,
    address: number,
  ): void {
    const { structures } = this;
    structures.store(to.area, EXIT_EPT_VIOLATION);
    structures.store(to.area + 4, -1);
    structures.store(to.area + 8, qualification);
    structures.store(to.area + 12, 0);
    structures.store(to.area + 16, Number(BigInt.asIntN(32, linear)));
    structures.store(to.area + 20, Number(BigInt.asIntN(32, linear >> 32n)));
    structures.store(to.area + 24, address | 0);
    structures.store(to.area + 28, (address / 0x1_0000_0000) | 0);
    // 16 bits; the area's rest is not defined.
    structures.store(to.area + 32, to.eptpIndex & 0xffff);
  }
}
