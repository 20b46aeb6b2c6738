/**
 * The fetch translations of a view, and its jump cache (design decision 5).
 *
 * The jump cache lies in the machine's memory, where generated code looks a RIP up; a slot says which block of decoded
 * code lies there. It may say so only as long as the pages of linear memory that the block was fetched from keep their
 * translation (SDM vol. 3, 4.10), so every page knows the slots that depend on it, and takes them along when it goes.
 */
import { JUMP_ENTRIES } from "../isa/state.js";

export const JUMP_BYTES = JUMP_ENTRIES * 16;

/** What all words of an empty jump cache are. No RIP has it for a tag: bits 48-51 of a canonical address are equal. */
const NO_RIP = 0x00010000;

/** Slots that a page or a view remembers; with more, the jump cache is emptied as a whole. */
const FEW_OF_PAGE = 512;
const FEW_OF_VIEW = 2048;

/** Pages that are found without the map. */
const RECENT = 256;

/** Linear page number as one exact number. */
export const pageNumber = (low: number, high: number): number => (high >>> 0) * 0x100000 + (low >>> 12);

const recentSlot = (low: number): number => ((low >>> 12) ^ (low >>> 20)) & (RECENT - 1);

/** The slot of the jump cache that belongs to the low half of a RIP; generated code computes the same. */
export const jumpSlot = (rip: number): number => (rip ^ (rip >>> 10)) & (JUMP_ENTRIES - 1);

/** A page of linear memory from which code was fetched. */
interface FetchPage {
  /** Its address as two halves. */
  readonly low: number;
  readonly high: number;
  readonly physical: number;
  readonly global: boolean;
  /** Slots of the jump cache that need it; more than {@link FEW_OF_PAGE}: any. Some may be empty or another page's by now. */
  readonly slots: number[];
  /** {@link FetchTlb.epoch} of the slots: those of an earlier one are empty. */
  epoch: number;
}

export class FetchTlb {
  private readonly pages = new Map<number, FetchPage>();
  private readonly recent: (FetchPage | undefined)[] = new Array(RECENT).fill(undefined);
  /** Those that a write of CR3 drops; some may be dropped already. */
  private local: FetchPage[] = [];
  private readonly words: Int32Array;
  private readonly filled = new Uint16Array(FEW_OF_VIEW);
  /** Above {@link FEW_OF_VIEW}: too many. */
  private count = 0;
  /** How often the jump cache was emptied as a whole. */
  private epoch = 0;

  /** @param jump host address of the jump cache */
  constructor(
    memory: ArrayBuffer,
    private readonly jump: number,
  ) {
    this.words = new Int32Array(memory);
    this.words.fill(NO_RIP, jump >>> 2, (jump + JUMP_BYTES) >>> 2);
  }

  get size(): number {
    return this.pages.size;
  }

  private find(low: number, high: number): FetchPage | undefined {
    const slot = recentSlot(low);
    const recent = this.recent[slot];
    if (recent !== undefined && recent.low === (low & ~0xfff) && recent.high === high) return recent;
    const page = this.pages.get(pageNumber(low, high));
    if (page !== undefined) this.recent[slot] = page;
    return page;
  }

  /** Physical address of the page in which a linear address lies, if it was fetched from lately; else -1. */
  lookup(low: number, high: number): number {
    const page = this.find(low, high);
    return page === undefined ? -1 : page.physical;
  }

  /** Enters the translation of the page in which a linear address lies. It is not there yet. */
  add(low: number, high: number, physical: number, global: boolean): void {
    const page = { low: low & ~0xfff, high, physical, global, slots: [], epoch: this.epoch };
    this.pages.set(pageNumber(low, high), page);
    this.recent[recentSlot(low)] = page;
    if (global) return;
    // Those that INVLPG dropped go when they are many.
    if (this.local.length > 2 * this.pages.size + RECENT)
      this.local = this.local.filter((it) => this.has(it));
    this.local.push(page);
  }

  private has(page: FetchPage): boolean {
    return this.pages.get(pageNumber(page.low, page.high)) === page;
  }

  /** The jump cache's slot for a RIP is filled, with a block fetched from the page of a linear address. */
  noteJump(rip: number, low: number, high: number): void {
    const page = this.find(low, high);
    if (page === undefined) throw new Error("code from a page that was not translated");
    const slot = jumpSlot(rip);
    if (this.count < FEW_OF_VIEW) this.filled[this.count++] = slot;
    else this.count = FEW_OF_VIEW + 1;
    if (page.epoch !== this.epoch) {
      page.epoch = this.epoch;
      page.slots.length = 0;
    }
    if (page.slots.length <= FEW_OF_PAGE) page.slots.push(slot);
  }

  /** Drops the translation of the page of a linear address, if there is one. */
  invalidate(low: number, high: number): void {
    const page = this.find(low, high);
    if (page !== undefined) this.drop(page);
  }

  /** Drops all but global translations. */
  flushLocal(): void {
    const { local } = this;
    for (let i = 0; i < local.length; i++) {
      const page = local[i]!;
      if (this.has(page)) this.drop(page);
    }
    local.length = 0;
  }

  private drop(page: FetchPage): void {
    this.pages.delete(pageNumber(page.low, page.high));
    const slot = recentSlot(page.low);
    if (this.recent[slot] === page) this.recent[slot] = undefined;
    if (page.epoch !== this.epoch) return;
    const { slots } = page;
    if (slots.length > FEW_OF_PAGE) this.emptyJumps();
    else for (let i = 0; i < slots.length; i++) this.emptySlot(slots[i]!);
  }

  /** Drops everything. */
  flush(): void {
    this.emptyJumps();
    if (this.pages.size === 0) return;
    this.pages.clear();
    this.recent.fill(undefined);
    this.local.length = 0;
  }

  private emptyJumps(): void {
    if (this.count === 0) return;
    if (this.count <= FEW_OF_VIEW) for (let i = 0; i < this.count; i++) this.emptySlot(this.filled[i]!);
    else this.words.fill(NO_RIP, this.jump >>> 2, (this.jump + JUMP_BYTES) >>> 2);
    this.count = 0;
    this.epoch++;
  }

  private emptySlot(slot: number): void {
    const at = (this.jump >>> 2) + slot * 4;
    this.words[at] = this.words[at + 1] = NO_RIP;
  }
}
