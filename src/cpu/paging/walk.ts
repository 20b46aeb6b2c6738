/**
 * The page walker: follows the paging structures from a root to a page, checks rights and reserved bits,
 * and sets accessed and dirty flags (SDM vol. 3, 4.6-4.8).
 *
 * All addresses are 32-bit halves or exact numbers; nothing here allocates.
 */
import { Entry, PageFaultCode, type PagingFormat } from "./formats.js";

/** Reads and writes paging structures by physical address. */
export interface StructureMemory {
  /** 32 bits at a 4-byte aligned physical address. */
  read32(physical: number): number;
  write32(physical: number, value: number): void;
}

/** What the control registers say about rights. */
export interface PagingRules {
  readonly writeProtect: boolean;
  readonly noExecute: boolean;
  readonly smep: boolean;
  readonly smap: boolean;
  /** 4 MiB pages with 32-bit paging (CR4.PSE). */
  readonly pse: boolean;
  /** CR4.PGE. */
  readonly global: boolean;
  /** 1 GiB pages (CPUID 8000_0001 EDX[26]). */
  readonly page1g: boolean;
  /** Reserved address bits of the high half of an 8-byte entry: those at and above MAXPHYADDR, below bit 52. */
  readonly reservedHigh: number;
}

export class PageWalk {
  // Inputs of one walk.
  write = false;
  fetch = false;
  /** The access is made with user privilege. */
  user = false;
  /** EFLAGS.AC suspends SMAP for this access. */
  ac = false;

  // Results.
  /** Physical address of the 4 KiB page, when the walk succeeds. */
  page = 0;
  /** The translation may be used for writes without another walk: writable here and the dirty flag is set. */
  writable = false;
  global = false;
  /** log2 of the page size. */
  pageShift = 12;
  /** Error code, when the walk fails. */
  error = 0;

  private readonly entryAddress = new Float64Array(4);
  private readonly entryLow = new Int32Array(4);

  constructor(private readonly memory: StructureMemory) {}

  /**
   * Translates linear address high:low. Returns whether the access is allowed; then {@link page} is valid and
   * accessed and dirty flags are set, otherwise {@link error} holds the error code.
   *
   * @param root physical address of the first structure
   */
  run(format: PagingFormat, rules: PagingRules, root: number, low: number, high: number): boolean {
    let table = root;
    let writable = true;
    let userPage = true;
    let noExecute = false;
    const { levels, entryBytes } = format;
    const access =
      (this.write ? PageFaultCode.W : 0) |
      (this.user ? PageFaultCode.U : 0) |
      (this.fetch && (rules.noExecute || rules.smep) ? PageFaultCode.I : 0);
    for (let depth = 0; ; depth++) {
      const level = levels[depth]!;
      const { shift } = level;
      const shifted = shift >= 32 ? high >>> (shift - 32) : shift === 0 ? low : (low >>> shift) | (high << (32 - shift));
      const index = shifted & ((1 << level.bits) - 1);
      const address = table + index * entryBytes;
      const entry = this.memory.read32(address);
      const entryHigh = entryBytes === 8 ? this.memory.read32(address + 4) : 0;
      if ((entry & Entry.P) === 0) {
        this.error = access;
        return false;
      }
      const { leaf } = level;
      const isLeaf =
        leaf === "always" ||
        ((entry & Entry.PS) !== 0 &&
          ((leaf === "ps" && (entryBytes === 8 || rules.pse)) || (leaf === "ps-1g" && rules.page1g)));
      if (this.reserved(format, rules, leaf, isLeaf, shift, entry, entryHigh)) {
        this.error = access | PageFaultCode.P | PageFaultCode.RSVD;
        return false;
      }
      writable &&= (entry & Entry.RW) !== 0;
      userPage &&= (entry & Entry.US) !== 0;
      noExecute ||= entryHigh < 0;
      this.entryAddress[depth] = address;
      this.entryLow[depth] = entry;
      const base = (entry & 0xfffff000) >>> 0;
      const baseHigh = entryHigh & 0xfffff;
      if (!isLeaf) {
        table = base + baseHigh * 0x1_0000_0000;
        continue;
      }
      if (!this.allowed(rules, writable, userPage, noExecute && rules.noExecute)) {
        this.error = access | PageFaultCode.P;
        return false;
      }
      this.setFlags(depth);
      const mayWrite = writable || (!this.user && !rules.writeProtect);
      this.writable = mayWrite && (this.entryLow[depth]! & Entry.D) !== 0;
      this.global = rules.global && (entry & Entry.G) !== 0;
      this.pageShift = shift;
      if (shift === 12) this.page = base + baseHigh * 0x1_0000_0000;
      else if (entryBytes === 4) {
        // PSE-36: bits 13-20 of the entry are bits 32-39 of the address.
        const bits32 = (entry >>> 13) & 0xff;
        this.page = ((entry & 0xffc00000) >>> 0) + (low & 0x3ff000) + bits32 * 0x1_0000_0000;
      } else {
        const offsetMask = shift === 30 ? 0x3ffff000 : 0x1ff000;
        this.page = ((base & ~(offsetMask | 0)) >>> 0) + (low & offsetMask) + baseHigh * 0x1_0000_0000;
      }
      return true;
    }
  }

  /** Whether an entry that is present has a reserved bit set. */
  private reserved(
    format: PagingFormat,
    rules: PagingRules,
    leaf: string,
    isLeaf: boolean,
    shift: number,
    entry: number,
    entryHigh: number,
  ): boolean {
    if (format.entryBytes === 4) {
      // 4 MiB page: bit 21 is reserved, and address bits at or above MAXPHYADDR (40 with PSE-36).
      if (!isLeaf || shift === 12) return false;
      const bits32 = (entry >>> 13) & 0xff;
      return (entry & 0x200000) !== 0 || (bits32 & rules.reservedHigh) !== 0;
    }
    if ((entryHigh & rules.reservedHigh) !== 0) return true;
    if (entryHigh < 0 && !rules.noExecute) return true;
    if (format.levels.length === 2 && (entryHigh & 0x7ff00000) !== 0) return true; // PAE: bits 62-52
    if (!isLeaf) return (leaf === "never" || leaf === "ps-1g") && (entry & Entry.PS) !== 0;
    if (shift === 21) return (entry & 0x1fe000) !== 0;
    if (shift === 30) return (entry & 0x3fffe000) !== 0;
    return false;
  }

  private allowed(rules: PagingRules, writable: boolean, userPage: boolean, noExecute: boolean): boolean {
    if (this.user) {
      if (!userPage) return false;
      if (this.write && !writable) return false;
      return !(this.fetch && noExecute);
    }
    if (this.fetch) return !noExecute && !(userPage && rules.smep);
    if (userPage && rules.smap && !this.ac) return false;
    return !(this.write && !writable && rules.writeProtect);
  }

  private setFlags(leaf: number): void {
    for (let depth = 0; depth <= leaf; depth++) {
      const old = this.entryLow[depth]!;
      const wanted = old | Entry.A | (depth === leaf && this.write ? Entry.D : 0);
      if (wanted !== old) {
        this.memory.write32(this.entryAddress[depth]!, wanted);
        this.entryLow[depth] = wanted;
      }
    }
  }
}
