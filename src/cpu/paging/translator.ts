/**
 * Linear addresses to physical ones, in whatever mode the control registers ask for: no paging, one of the paging
 * modes, and below them, for a guest in VMX non-root operation with EPT, the second level (SDM vol. 3, 4.1, 29.3).
 *
 * Nothing is cached here: mmu.ts keeps what this finds in TLB views.
 */
import { Vector } from "../../isa/emit.js";
import { CR0, CR3, CR4, EFER } from "../../isa/state.js";
import { Cr0, Cr4, Efer } from "../control-bits.js";
import type { CpuState } from "../cpu-state.js";
import { Fault } from "../fault.js";
import { type Ept, EptAccess } from "../vmx/ept.js";
import {
  Entry,
  FORMAT_4LEVEL,
  FORMAT_32BIT,
  FORMAT_PAE,
  PageFaultCode,
  type PagingFormat,
} from "./formats.js";
import { PageWalk, type PagingRules, type StructureMemory } from "./walk.js";

const ADDRESS_HIGH = 0xfffff;

/** What a PDPTE register must not have set: bits 2:1, 8:5, and address bits from MAXPHYADDR (SDM vol. 3, 4.4.1). */
const PDPTE_RESERVED = 0x1e6;

export class LinearTranslator {
  readonly walker: PageWalk;
  /** Undefined while CR0.PG = 0. */
  format: PagingFormat | undefined;
  rules: PagingRules;
  /** All that rules depend on, as a number below 2^10. */
  rulesKey = -1;
  /** PDPTE registers of PAE paging (SDM vol. 3, 4.4.1): low and high halves. */
  readonly pdpte = new Int32Array(8);
  /** The second level; the structures' addresses then are guest-physical ones, too. */
  second: Ept | undefined;
  /** After {@link translate}: the translation may be used for writes without another walk. */
  writable = false;
  global = false;
  /** log2 of the size of the page that maps the linear address. */
  pageShift = 12;
  private readonly knownRules = new Map<number, PagingRules>();

  constructor(
    private readonly state: CpuState,
    private readonly structures: StructureMemory,
    private readonly physicalBits: number,
    private readonly page1g: () => boolean,
  ) {
    this.walker = new PageWalk(structures);
    this.rules = this.makeRules();
  }

  private makeRules(): PagingRules {
    const { state } = this;
    const cr0 = state.u32(CR0);
    const cr4 = state.u32(CR4);
    const noExecute = (state.u32(EFER) & Efer.NXE) !== 0;
    return {
      writeProtect: (cr0 & Cr0.WP) !== 0,
      noExecute,
      smep: (cr4 & Cr4.SMEP) !== 0,
      smap: (cr4 & Cr4.SMAP) !== 0,
      pse: (cr4 & Cr4.PSE) !== 0,
      global: (cr4 & Cr4.PGE) !== 0,
      page1g: this.page1g(),
      accessedDirty: true,
      reservedHigh: this.reservedAddress | (noExecute ? 0 : Entry.XD),
    };
  }

  /** Address bits at and above MAXPHYADDR, in a high half. */
  private get reservedAddress(): number {
    return ADDRESS_HIGH & ~((1 << (this.physicalBits - 32)) - 1);
  }

  /** Control registers or EFER changed. */
  modeChanged(): void {
    const { state } = this;
    const cr0 = state.u32(CR0);
    const cr4 = state.u32(CR4);
    const efer = state.u32(EFER);
    const key =
      (cr0 >>> 31) | // PG
      ((cr0 >>> 15) & 2) | // WP
      ((cr4 >>> 2) & 0xc) | // PSE, PAE
      ((cr4 >>> 3) & 0x10) | // PGE
      ((cr4 >>> 12) & 0x20) | // PCIDE
      ((cr4 >>> 14) & 0xc0) | // SMEP, SMAP
      ((efer >>> 2) & 0x300); // LMA, NXE
    if (key === this.rulesKey) return;
    this.rulesKey = key;
    this.format =
      (cr0 & Cr0.PG) === 0
        ? undefined
        : (efer & Efer.LMA) !== 0
          ? FORMAT_4LEVEL
          : (cr4 & Cr4.PAE) !== 0
            ? FORMAT_PAE
            : FORMAT_32BIT;
    let rules = this.knownRules.get(key);
    if (!rules) {
      rules = this.makeRules();
      this.knownRules.set(key, rules);
    }
    this.rules = rules;
  }

  /** Whether the upper half of a linear address is good in this mode. */
  canonical(high: number): boolean {
    if (this.format !== FORMAT_4LEVEL) return true;
    const top = high >> 15;
    return top === 0 || top === -1;
  }

  /** What the next {@link translate} is for. `ac`: EFLAGS.AC suspends SMAP. */
  setAccess(write: boolean, fetch: boolean, user: boolean, ac: boolean): void {
    const { walker } = this;
    walker.write = write;
    walker.fetch = fetch;
    walker.user = user;
    walker.ac = ac;
  }

  /** Physical address of the 4 KiB page. Throws a page fault, and for a guest EPT violations. */
  translate(low: number, high: number): number {
    const { second } = this;
    if (second !== undefined) return this.translateTwice(second, low, high);
    const { walker, format } = this;
    if (format === undefined) return this.unpaged(low);
    if (!walker.run(format, this.rules, this.root(low, high), low, high))
      throw pageFault(walker.error, low, high);
    this.writable = walker.writable;
    this.global = walker.global;
    this.pageShift = walker.pageShift;
    return walker.page;
  }

  private translateTwice(second: Ept, low: number, high: number): number {
    const { walker, format } = this;
    second.forLinear(low, high);
    let page: number;
    if (format === undefined) {
      page = this.unpaged(low);
      second.userMode = true;
    } else {
      if (!walker.run(format, this.rules, this.root(low, high), low, high))
        throw pageFault(walker.error, low, high);
      this.writable = walker.writable;
      this.global = walker.global;
      this.pageShift = walker.pageShift;
      page = walker.page;
      second.userMode = (walker.allLow & Entry.US) !== 0;
    }
    const access = walker.write ? EptAccess.write : walker.fetch ? EptAccess.fetch : EptAccess.read;
    const physical = second.translate(page + (low & 0xfff), access, true);
    this.writable &&= second.writable;
    return physical;
  }

  private unpaged(low: number): number {
    this.writable = true;
    this.global = false;
    this.pageShift = 12;
    return (low & ~0xfff) >>> 0;
  }

  /** Physical address of the structure at which the walk starts. Throws #PF for a PDPTE register that is not present. */
  private root(low: number, high: number): number {
    const root = this.rootFor(low);
    if (root < 0) throw pageFault(this.notPresentError, low, high);
    return root;
  }

  /** As the walk's first structure, or -1 when the PDPTE register is not present. */
  rootFor(low: number): number {
    const { state, format } = this;
    if (format === FORMAT_PAE) {
      const index = low >>> 30;
      const entry = this.pdpte[index * 2]!;
      if ((entry & Entry.P) === 0) return -1;
      return ((entry & ~0xfff) >>> 0) + (this.pdpte[index * 2 + 1]! & ADDRESS_HIGH) * 0x1_0000_0000;
    }
    const cr3 = (state.u32(CR3) & ~0xfff) >>> 0;
    return format === FORMAT_4LEVEL ? cr3 + (state.u32(CR3 + 4) & ADDRESS_HIGH) * 0x1_0000_0000 : cr3;
  }

  /** Error code of a page fault because a PDPTE register is not present. */
  private get notPresentError(): number {
    const { walker, rules } = this;
    return (
      (walker.write ? PageFaultCode.W : 0) |
      (walker.user ? PageFaultCode.U : 0) |
      (walker.fetch && (rules.noExecute || rules.smep) ? PageFaultCode.I : 0)
    );
  }

  /** Loads the PDPTE registers from memory at CR3; false, and nothing changed, when one has a reserved bit set. */
  loadPdptes(cr3: number): boolean {
    const base = (cr3 & 0xffffffe0) >>> 0;
    // These loads have no linear address, and are reads whatever the EPTP says of accessed and dirty flags.
    if (this.second !== undefined) this.second.linearValid = false;
    const entries = new Int32Array(8);
    for (let i = 0; i < 4; i++) {
      entries[i * 2] = this.structures.load(base + i * 8, 8);
      entries[i * 2 + 1] = this.structures.high;
    }
    return this.setPdptes(entries);
  }

  /** Sets the PDPTE registers, as VM entry does; false, and nothing changed, when one has a reserved bit set. */
  setPdptes(halves: Int32Array): boolean {
    for (let i = 0; i < 4; i++) {
      const low = halves[i * 2]!;
      const reserved =
        (low & PDPTE_RESERVED) | (halves[i * 2 + 1]! & ~(ADDRESS_HIGH & ~this.reservedAddress));
      if ((low & Entry.P) !== 0 && reserved !== 0) return false;
    }
    this.pdpte.set(halves);
    return true;
  }
}

function pageFault(code: number, low: number, high: number): Fault {
  return new Fault(Vector.PF, code, (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0));
}
