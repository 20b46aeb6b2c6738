/**
 * TLB views (design decision 6).
 *
 * A view is a read TLB, a write TLB and a jump cache for one address space seen with one privilege. The CPU
 * state points at the current one; switching address spaces or privilege, VM entry and VM exit change pointers
 * and flush nothing. Tables lie in the machine's memory, where generated code looks into them; what TypeScript
 * needs to know for invalidation is here.
 *
 * Invariant: a view that is not `touched` is empty.
 */
import { TLB_ENTRIES, TLB_ENTRY_SIZE } from "../isa/state.js";
import { FetchTlb, JUMP_BYTES, pageNumber } from "./fetch-tlb.js";

const TLB_BYTES = TLB_ENTRIES * TLB_ENTRY_SIZE;
export const VIEW_BYTES = TLB_BYTES * 2 + JUMP_BYTES;

/** An empty table. Its tags have the index bits of other slots: no address that is looked up in a slot matches. */
const emptyTag = (index: number): number => (index ^ 1) << 12;
const EMPTY_TABLE = new Int32Array(TLB_BYTES / 4);
for (let i = 0; i < TLB_ENTRIES; i++) EMPTY_TABLE[i * 4] = emptyTag(i);

/** Slots that are remembered as filled; with more, a table is emptied as a whole. */
const FEW_SLOTS = 512;

/** The slots of a table that may hold something, as long as they are few: emptying them costs less than the whole. */
class FilledSlots {
  private readonly slots = new Uint16Array(FEW_SLOTS);
  /** Above {@link FEW_SLOTS}: too many. */
  private count = 0;

  /** A slot may be noted more than once. */
  note(slot: number): void {
    if (this.count < FEW_SLOTS) this.slots[this.count++] = slot;
    else this.count = FEW_SLOTS + 1;
  }

  get few(): boolean {
    return this.count <= FEW_SLOTS;
  }
  get length(): number {
    return this.count;
  }
  at(i: number): number {
    return this.slots[i]!;
  }

  /** The slots from `count` on are empty now; those before it may have been replaced with {@link keep}. */
  truncate(count: number): void {
    this.count = count;
  }
  keep(i: number, slot: number): void {
    this.slots[i] = slot;
  }
}

/** Code pages of one view that are remembered. */
const MOST_CODE_PAGES = 16384;

/** Regions with large pages that are remembered of one view. */
const MOST_LARGE_REGIONS = 65536;

/** Addresses dropped from a view that is not in use, before all of it is. */
const MOST_DROPS = 256;

export { pageNumber } from "./fetch-tlb.js";

const UNUSED = -1;
/** The mappings of a view do not come from EPT. */
export const NO_EPT = -1;
/** No host address. */
const MISS = -1;

/** An address space: what mappings are tagged with besides the mode and the PCID. */
export interface AddressSpace {
  readonly vpid: number;
  readonly eptRoot: number;
}

export class TlbView {
  readonly read: number;
  readonly write: number;
  readonly jump: number;
  /** Which address space and privilege it serves; {@link UNUSED} while it serves none. */
  key = UNUSED;
  /** Tags of its mappings (SDM vol. 3, 29.4.1). */
  pcid = 0;
  vpid = 0;
  /** EPTP bits 51:12 as an address, for combined mappings; {@link NO_EPT} for linear ones. */
  eptRoot = NO_EPT;
  lastUse = 0;
  /** Was in use since it was last flushed. */
  touched = false;
  /** Belongs to the space in use, or to the one before. */
  held = false;
  /** Addresses dropped from it since it was used last. */
  drops = 0;
  /** 2 MiB regions filled from 2 MiB pages: invalidating one address must drop them all. */
  private readonly largeRegions = new Set<number>();
  /** 1 GiB regions filled from larger pages. */
  private readonly hugeRegions = new Set<number>();
  /** Pages of code, and the jump cache. */
  readonly fetch: FetchTlb;
  private readonly words: Int32Array;
  private readonly readSlots = new FilledSlots();
  private readonly writeSlots = new FilledSlots();

  constructor(memory: ArrayBuffer, at: number) {
    this.words = new Int32Array(memory);
    this.read = at;
    this.write = at + TLB_BYTES;
    this.jump = at + TLB_BYTES * 2;
    this.words.set(EMPTY_TABLE, this.read >>> 2);
    this.words.set(EMPTY_TABLE, this.write >>> 2);
    this.fetch = new FetchTlb(memory, this.jump);
  }

  /** Drops everything. */
  flush(): void {
    this.empty(this.read, this.readSlots);
    this.empty(this.write, this.writeSlots);
    // To clear a set takes longer than to see that there is nothing in it.
    if (this.largeRegions.size > 0) this.largeRegions.clear();
    if (this.hugeRegions.size > 0) this.hugeRegions.clear();
    this.fetch.flush();
  }

  private empty(table: number, slots: FilledSlots): void {
    if (slots.few) for (let i = 0; i < slots.length; i++) this.clear(table, slots.at(i));
    else this.words.set(EMPTY_TABLE, table >>> 2);
    slots.truncate(0);
  }

  /** Drops all but global translations (a write of CR3 without PCIDs). */
  flushNonGlobal(): void {
    this.clearWhere(this.read, this.readSlots, (at) => this.words[at + 3] === 0);
    this.clearWhere(this.write, this.writeSlots, (at) => this.words[at + 3] === 0);
    this.fetch.flushLocal();
  }

  /** Empties those slots of a table for whose first word `which` says so. */
  private clearWhere(table: number, slots: FilledSlots, which: (at: number) => boolean): void {
    const first = table >>> 2;
    if (!slots.few) {
      for (let i = 0; i < TLB_ENTRIES; i++) if (which(first + i * 4)) this.clear(table, i);
      return;
    }
    let kept = 0;
    for (let i = 0; i < slots.length; i++) {
      const slot = slots.at(i);
      if (which(first + slot * 4)) this.clear(table, slot);
      else slots.keep(kept++, slot);
    }
    slots.truncate(kept);
  }

  /** Drops what concerns one linear address. */
  invalidate(low: number, high: number): void {
    if (this.largeRegions.size + this.hugeRegions.size > 0) {
      const page = pageNumber(low, high);
      if (
        this.largeRegions.has(Math.floor(page / 0x200)) ||
        this.hugeRegions.has(Math.floor(page / 0x40000))
      ) {
        this.flush();
        return;
      }
    }
    const index = (low >>> 12) & (TLB_ENTRIES - 1);
    this.clearIf(this.read, index, low, high);
    this.clearIf(this.write, index, low, high);
    if (this.fetch.size > 0) this.fetch.invalidate(low, high);
  }

  /** Empties a slot that holds the translation of an address. */
  private clearIf(table: number, index: number, low: number, high: number): void {
    const at = (table >>> 2) + index * 4;
    if (this.words[at] === (low & ~0xfff) && this.words[at + 1] === high) this.clear(table, index);
  }

  /** Enters a translation by a page of 2^shift bytes. `addend` is host minus linear address, modulo 2^32. */
  fill(
    table: "read" | "write",
    low: number,
    high: number,
    addend: number,
    global: boolean,
    shift: number,
  ): void {
    if (shift > 12 && this.manyRegions) this.flush();
    const slot = (low >>> 12) & (TLB_ENTRIES - 1);
    const at = ((table === "read" ? this.read : this.write) >>> 2) + slot * 4;
    if (this.words[at] === emptyTag(slot)) (table === "read" ? this.readSlots : this.writeSlots).note(slot);
    this.words[at] = low & ~0xfff;
    this.words[at + 1] = high;
    this.words[at + 2] = addend;
    this.words[at + 3] = global ? 1 : 0;
    if (shift > 12) this.noteLarge(low, high, shift);
  }

  private get manyRegions(): boolean {
    return this.largeRegions.size + this.hugeRegions.size > MOST_LARGE_REGIONS;
  }

  /** Keeps what is remembered of code within bounds. */
  limit(): void {
    if (this.manyRegions) this.flush();
    else if (this.fetch.size > MOST_CODE_PAGES) this.fetch.flush();
  }

  /** The address is translated by a page of 2^shift bytes, more than 4 KiB. */
  noteLarge(low: number, high: number, shift: number): void {
    const page = pageNumber(low, high);
    if (shift === 21) this.largeRegions.add(Math.floor(page / 0x200));
    else this.hugeRegions.add(Math.floor(page / 0x40000));
  }

  /** Host address for an access inside one page, or -1. */
  lookup(write: boolean, low: number, high: number): number {
    const at = ((write ? this.write : this.read) >>> 2) + ((low >>> 12) & (TLB_ENTRIES - 1)) * 4;
    if (this.words[at] !== (low & ~0xfff) || this.words[at + 1] !== high) return MISS;
    return (low + this.words[at + 2]!) >>> 0;
  }

  /** Translations in the read and the write TLB. */
  get entries(): number {
    let count = 0;
    for (const table of [this.read >>> 2, this.write >>> 2]) {
      for (let i = 0; i < TLB_ENTRIES; i++) if (this.words[table + i * 4] !== emptyTag(i)) count++;
    }
    return count;
  }

  /** Whether the slot of an address holds nothing. */
  isFree(table: "read" | "write", low: number): boolean {
    const index = (low >>> 12) & (TLB_ENTRIES - 1);
    const at = ((table === "read" ? this.read : this.write) >>> 2) + index * 4;
    return this.words[at] === emptyTag(index) && this.words[at + 1] === 0;
  }

  /** Removes write translations that lead to a host page (it now holds decoded code). */
  protectHostPage(host: number): void {
    const { words } = this;
    this.clearWhere(
      this.write,
      this.writeSlots,
      (at) => (((words[at]! + words[at + 2]!) ^ host) & ~0xfff) === 0,
    );
  }

  private clear(table: number, index: number): void {
    const at = (table >>> 2) + index * 4;
    this.words[at] = emptyTag(index);
    this.words[at + 1] = 0;
    this.words[at + 3] = 0;
  }
}

/**
 * Views, made when they are wanted, as it takes a while to write empty tables. When there are `count` of them, the least
 * recently used one is reused for a new key.
 */
export class TlbViewPool {
  private readonly views: TlbView[] = [];
  private readonly byKey = new Map<number, TlbView>();
  private clock = 0;

  constructor(
    private readonly memory: ArrayBuffer,
    private readonly at: number,
    private readonly count: number,
  ) {}

  /** The view for `key`; a new one is empty. It counts as touched. */
  get(key: number, pcid: number, space: AddressSpace): TlbView {
    let view = this.byKey.get(key);
    if (view === undefined) {
      view = this.another();
      this.byKey.delete(view.key);
      if (view.touched) view.flush();
      view.key = key;
      view.pcid = pcid;
      view.vpid = space.vpid;
      view.eptRoot = space.eptRoot;
      this.byKey.set(key, view);
    }
    this.use(view);
    return view;
  }

  private another(): TlbView {
    const { views } = this;
    if (views.length < this.count) {
      const view = new TlbView(this.memory, this.at + views.length * VIEW_BYTES);
      views.push(view);
      return view;
    }
    return views.reduce((oldest, view) => (view.lastUse < oldest.lastUse ? view : oldest));
  }

  /** A view is in use again. */
  use(view: TlbView): void {
    view.touched = true;
    view.drops = 0;
    view.lastUse = ++this.clock;
  }

  /** All views that can hold something. */
  *touched(): Iterable<TlbView> {
    for (const view of this.views) if (view.touched) yield view;
  }

  /**
   * Drops what concerns one linear address from the views of a VPID, and of a PCID unless that is undefined. A view that
   * nobody uses any more (modes of the firmware, processes that ended) loses all it has at last, and costs nothing then.
   */
  invalidate(low: number, high: number, vpid: number, pcid: number | undefined): void {
    const { views } = this;
    for (let i = 0; i < views.length; i++) {
      const view = views[i]!;
      if (!view.touched || view.vpid !== vpid || (pcid !== undefined && view.pcid !== pcid)) continue;
      if (view.held || ++view.drops < MOST_DROPS) view.invalidate(low, high);
      else this.forget(view);
    }
  }

  /** Drops everything from the views that `which` names. */
  flush(which: (view: TlbView) => boolean): void {
    for (const view of this.views) {
      if (view.touched && which(view)) this.forget(view);
    }
  }

  private forget(view: TlbView): void {
    view.flush();
    view.touched = false;
  }
}
