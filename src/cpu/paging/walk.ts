/**
 * The page walker: follows the paging structures from a root to a page, checks rights and reserved bits,
 * and sets accessed and dirty flags (SDM vol. 3, 4.6-4.8 and 29.3).
 *
 * All addresses are 32-bit halves or exact numbers; nothing here allocates.
 */
import { Entry, EptEntry, PageFaultCode, type PagingFormat } from "./formats.js";

/** Reads and writes paging structures by physical address. */
export interface StructureMemory {
  /** Bits 63:32 of the entry that was loaded last; 0 for one of 4 bytes. */
  readonly high: number;
  /** Loads an entry, naturally aligned; returns its bits 31:0. */
  load(physical: number, bytes: 4 | 8): number;
  /** Writes bits 31:0 of an entry. */
  store(physical: number, value: number): void;
}

/** What control registers or an EPTP say about a walk. */
export interface PagingRules {
  readonly writeProtect: boolean;
  readonly noExecute: boolean;
  readonly smep: boolean;
  readonly smap: boolean;
  /** 4 MiB pages with 32-bit paging (CR4.PSE). */
  readonly pse: boolean;
  /** CR4.PGE. */
  readonly global: boolean;
  /** 1 GiB pages (CPUID 8000_0001 EDX[26]; with EPT IA32_VMX_EPT_VPID_CAP[17]). */
  readonly page1g: boolean;
  /** Accessed and dirty flags are kept: always, but for EPT as its EPTP says. */
  readonly accessedDirty: boolean;
  /** Reserved bits of the high half: address bits at and above MAXPHYADDR, and XD unless it is enabled. */
  readonly reservedHigh: number;
}

/** Why a walk failed. */
export const WalkFault = {
  none: 0,
  notPresent: 1,
  /** A reserved bit or value; for EPT a misconfiguration. */
  reserved: 2,
  rights: 3,
} as const;
export type WalkFault = (typeof WalkFault)[keyof typeof WalkFault];

/** Told of each entry as it is read, for explanations. */
export type WalkObserver = (
  depth: number,
  address: number,
  low: number,
  high: number,
  isLeaf: boolean,
  fault: WalkFault,
) => void;

/** EPT memory types 2, 3 and 7 are reserved. */
const RESERVED_MEMORY_TYPES = 0b1000_1100;

export class PageWalk {
  // Inputs of one walk.
  write = false;
  fetch = false;
  /** The access is made with user privilege. */
  user = false;
  /** EFLAGS.AC suspends SMAP for this access. */
  ac = false;
  /** With read, write and execute rights: the bits of the entries that must be 1. */
  need = 0;

  // Results.
  /** Physical address of the 4 KiB page, when the walk succeeds. */
  page = 0;
  /** The translation may be used for writes without another walk: writable, and the dirty flag is set or not kept. */
  writable = false;
  global = false;
  /** log2 of the page size. */
  pageShift = 12;
  fault: WalkFault = WalkFault.none;
  /** Page-fault error code, when a walk of ordinary paging fails. */
  error = 0;
  /** Logical AND of the low halves of all entries; 0 when one was not present. */
  allLow = 0;
  /** Logical OR of the high halves. */
  anyHigh = 0;
  /** High half of the entry at which the walk ended. */
  lastHigh = 0;

  observer: WalkObserver | undefined;

  private readonly entryAddress = new Float64Array(4);
  private readonly entryLow = new Int32Array(4);
  private leafDepth = 0;

  constructor(private readonly memory: StructureMemory) {}

  /**
   * Translates address high:low and sets accessed and dirty flags. Returns whether the access is allowed; then
   * {@link page} is valid, otherwise {@link fault} and {@link error} are.
   *
   * @param root physical address of the first structure
   */
  run(format: PagingFormat, rules: PagingRules, root: number, low: number, high: number): boolean {
    if (!this.find(format, rules, root, low, high)) return false;
    this.setFlags(format, rules);
    return true;
  }

  /** As {@link run}, but changes no memory; {@link writable} is not known before {@link setFlags}. */
  find(format: PagingFormat, rules: PagingRules, root: number, low: number, high: number): boolean {
    const { memory } = this;
    const { levels, entryBytes } = format;
    const userSupervisor = format.rights === "user-supervisor";
    let table = root;
    let allLow = -1;
    let anyHigh = 0;
    for (let depth = 0; ; depth++) {
      const level = levels[depth]!;
      const { shift, leaf } = level;
      const shifted = shift >= 32 ? high >>> (shift - 32) : (low >>> shift) | (high << (32 - shift));
      const address = table + (shifted & ((1 << level.bits) - 1)) * entryBytes;
      const entry = memory.load(address, entryBytes);
      const entryHigh = memory.high;
      this.lastHigh = entryHigh;
      if ((entry & format.present) === 0) {
        this.allLow = 0;
        return this.fail(WalkFault.notPresent, rules, depth, address, entry, false);
      }
      allLow &= entry;
      anyHigh |= entryHigh;
      const isLeaf =
        leaf === "always" ||
        ((entry & Entry.PS) !== 0 &&
          ((leaf === "ps" && (entryBytes === 8 || rules.pse)) || (leaf === "ps-1g" && rules.page1g)));
      if (
        (entry & (isLeaf ? level.reservedPage : level.reservedTable)) !== 0 ||
        (entryHigh & (rules.reservedHigh | format.reservedHigh)) !== 0 ||
        (userSupervisor
          ? entryBytes === 4 && this.reservedPse36(rules, isLeaf, shift, entry)
          : this.misconfigured(isLeaf, entry))
      ) {
        this.allLow = allLow;
        return this.fail(WalkFault.reserved, rules, depth, address, entry, isLeaf);
      }
      this.entryAddress[depth] = address;
      this.entryLow[depth] = entry;
      const base = (entry & 0xfffff000) >>> 0;
      const baseHigh = entryHigh & 0xfffff;
      if (!isLeaf) {
        this.observer?.(depth, address, entry, entryHigh, false, WalkFault.none);
        table = base + baseHigh * 0x1_0000_0000;
        continue;
      }
      this.leafDepth = depth;
      this.allLow = allLow;
      this.anyHigh = anyHigh;
      this.pageShift = shift;
      const allowed = userSupervisor
        ? this.allowed(rules, allLow, anyHigh)
        : (allLow & this.need) === this.need;
      if (!allowed) return this.fail(WalkFault.rights, rules, depth, address, entry, true);
      this.observer?.(depth, address, entry, entryHigh, true, WalkFault.none);
      this.fault = WalkFault.none;
      this.global = rules.global && (entry & Entry.G) !== 0;
      if (shift === 12) this.page = base + baseHigh * 0x1_0000_0000;
      else if (entryBytes === 4) {
        // PSE-36: bits 13-20 of the entry are bits 32-39 of the address.
        this.page = ((entry & 0xffc00000) >>> 0) + (low & 0x3ff000) + ((entry >>> 13) & 0xff) * 0x1_0000_0000;
      } else {
        const offsetMask = shift === 30 ? 0x3ffff000 : 0x1ff000;
        this.page = ((base & ~offsetMask) >>> 0) + (low & offsetMask) + baseHigh * 0x1_0000_0000;
      }
      return true;
    }
  }

  /** After a successful {@link find}: whether {@link setFlags} is going to set a dirty flag. */
  setsDirty(format: PagingFormat, rules: PagingRules): boolean {
    return this.write && rules.accessedDirty && (this.entryLow[this.leafDepth]! & format.dirty) === 0;
  }

  /** Sets the accessed and dirty flags that the access found by {@link find} needs. */
  setFlags(format: PagingFormat, rules: PagingRules): void {
    const leaf = this.leafDepth;
    if (rules.accessedDirty) {
      const { accessed } = format;
      for (let depth = 0; depth <= leaf; depth++) {
        const old = this.entryLow[depth]!;
        const wanted = old | accessed | (depth === leaf && this.write ? format.dirty : 0);
        if (wanted !== old) {
          this.memory.store(this.entryAddress[depth]!, wanted);
          this.entryLow[depth] = wanted;
        }
      }
    }
    // R/W of ordinary paging and the W of EPT are the same bit.
    const writable =
      (this.allLow & Entry.RW) !== 0 ||
      (format.rights === "user-supervisor" && !this.user && !rules.writeProtect);
    this.writable = writable && (!rules.accessedDirty || (this.entryLow[leaf]! & format.dirty) !== 0);
  }

  private fail(
    fault: WalkFault,
    rules: PagingRules,
    depth: number,
    address: number,
    entry: number,
    isLeaf: boolean,
  ): false {
    this.fault = fault;
    this.error =
      (this.write ? PageFaultCode.W : 0) |
      (this.user ? PageFaultCode.U : 0) |
      (this.fetch && (rules.noExecute || rules.smep) ? PageFaultCode.I : 0) |
      (fault === WalkFault.notPresent ? 0 : PageFaultCode.P) |
      (fault === WalkFault.reserved ? PageFaultCode.RSVD : 0);
    this.observer?.(depth, address, entry, this.lastHigh, isLeaf, fault);
    return false;
  }

  /** 4 MiB pages: address bits at or above MAXPHYADDR (40 with PSE-36). */
  private reservedPse36(rules: PagingRules, isLeaf: boolean, shift: number, entry: number): boolean {
    return isLeaf && shift === 22 && ((entry >>> 13) & 0xff & rules.reservedHigh) !== 0;
  }

  /** Writable but not readable, or a reserved memory type (SDM vol. 3, 29.3.3.1). */
  private misconfigured(isLeaf: boolean, entry: number): boolean {
    if ((entry & (EptEntry.R | EptEntry.W)) === EptEntry.W) return true;
    return isLeaf && ((RESERVED_MEMORY_TYPES >>> ((entry >>> EptEntry.memoryTypeShift) & 7)) & 1) !== 0;
  }

  private allowed(rules: PagingRules, allLow: number, anyHigh: number): boolean {
    const writable = (allLow & Entry.RW) !== 0;
    const userPage = (allLow & Entry.US) !== 0;
    const noExecute = anyHigh < 0 && rules.noExecute;
    if (this.user) {
      if (!userPage) return false;
      if (this.write && !writable) return false;
      return !(this.fetch && noExecute);
    }
    if (this.fetch) return !noExecute && !(userPage && rules.smep);
    if (userPage && rules.smap && !this.ac) return false;
    return !(this.write && !writable && rules.writeProtect);
  }
}
