/**
 * Decoded code, kept by physical page (design decision 2 and 5).
 *
 * A block is a run of records that starts at one address of one page in one mode and never leaves the page;
 * an instruction that crosses into the next page is a block of its own and is never linked to, because only
 * the lookup checks where the second page lies. Writing over decoded bytes turns the block's first record
 * into a `dead` one; whoever still points there looks the block up anew.
 */

import type { CodePages } from "../../cpu/mmu.js";
import { codeSizeOf, Mode } from "../../cpu/mode.js";
import { DecodeResult, type Decoder } from "../../isa/decode/decoder.js";
import { type CodeSize, Instruction } from "../../isa/instruction.js";
import { endsBlock, gateOf, unavailable } from "./block-rules.js";
import { LINKABLE, RECORD_SIZE, Record, writeOperands } from "./record.js";
import { Handler, type ShapeTable } from "./shapes.js";

/** Longest block, in instructions. */
export const MAX_BLOCK = 64;
/** Bytes that say where a record is translated. */
const ENTRY_SIZE = 8;
/** Longest instruction. */
const MOST_BYTES = 15;
/** Writes after which a page without blocks is a page of data. */
const MOST_ASKED = 64;

export interface Block {
  /** Mode, page offset, and whether it is a block for stepping; unique in its page. */
  readonly key: number;
  /** Host page (address >>> 12) of the first byte. */
  readonly page: number;
  /** Host address of the first record. */
  readonly record: number;
  /** Decoded bytes: page offsets [start, end). `end` may exceed 4096 for a crossing instruction. */
  readonly start: number;
  readonly end: number;
  /** Host page of the second page of a crossing instruction. */
  readonly secondPage: number | undefined;
  /** Where the segment's limit may fall into the page: the offset of the page in the segment; else Infinity. */
  readonly pageInSegment: number;
  /** By which it is found. */
  readonly number: number;
  /** Once it was considered for translation: its records again, for the interpreter; else 0. */
  copy: number;
}

interface CodePage {
  readonly blocks: Map<number, Block>;
  /** Blocks of crossing instructions that end on this page. */
  readonly tails: Set<Block>;
  /** Records of blocks that were overwritten, by key: the next block there is put into them, so that whoever knows them finds it. */
  readonly graves: Map<number, { readonly record: number; readonly count: number }>;
  /** How often a write met the page while there was no block on it. */
  askedWhileEmpty: number;
  /** A bit for each 128 bytes of which some may be decoded. */
  lines: number;
}

/** The bits of {@link CodePage.lines} for the bytes [start, end) of a page. */
const linesOf = (start: number, end: number): number =>
  (-1 << (start >>> 7)) & (-1 >>> (31 - ((Math.min(end, 4096) - 1) >>> 7)));

/** Where instruction bytes come from, and the page after them for the rare crossing instruction. */
export interface CodeSource {
  /** Host address of the page that holds the instruction pointer. */
  readonly hostPage: number;
  /** Highest offset in the code segment; 2^32-1 in 64-bit mode, where it is not checked. */
  readonly limit: number;
  /** Host address of the next page of linear memory; throws a page fault if there is none. */
  nextPage(): number;
}

export class CodeCache implements CodePages {
  private readonly pages = new Map<number, CodePage>();
  private readonly instruction = new Instruction();
  private readonly view: DataView;
  private readonly bytes: Uint8Array;
  private readonly crossing = new Uint8Array(32);
  private next: number;
  /** Where records end. */
  private readonly end: number;
  /**
   * Behind the records there is a word of 8 bytes for each. For a block's first record its high half is the table slot
   * that the block is diverted to, and its low half the entry there; with slot 0 the low half is the block's number.
   * The word of a record lies at a quarter of its address plus this.
   */
  readonly entriesOffset: number;
  /** Page offsets at which a debugger may want to stop. */
  stops: ReadonlySet<number> = new Set();
  /** Called when a host page gets its first block: it must leave the write TLBs. */
  onProtect: (host: number) => void = () => {};
  /** Called after everything was dropped. */
  onFlush: () => void = () => {};
  /** Called when the code of a block was overwritten. */
  onKill: (block: Block) => void = () => {};
  /** All blocks; their numbers are in the words behind the records. */
  private readonly numbered: (Block | undefined)[] = [undefined];
  private readonly freeNumbers: number[] = [];
  /** Diverted blocks by the address of their first record. */
  private readonly diverted = new Map<number, Block>();
  /** Statistics. */
  decoded = 0;
  flushes = 0;

  /** @param arena where records are kept: address and size in the memory */
  constructor(
    memory: ArrayBuffer,
    private readonly decoder: Decoder,
    private readonly shapes: ShapeTable,
    private readonly arena: { readonly at: number; readonly size: number },
  ) {
    this.view = new DataView(memory);
    this.bytes = new Uint8Array(memory);
    this.next = arena.at + RECORD_SIZE * 4;
    const records = Math.floor(arena.size / (RECORD_SIZE + ENTRY_SIZE));
    this.end = arena.at + records * RECORD_SIZE;
    this.entriesOffset = this.end - arena.at / (RECORD_SIZE / ENTRY_SIZE);
  }

  /**
   * A page whose code was overwritten is kept for a while, as it will soon hold code again if a program generates it:
   * leaving the write TLBs costs more than a few slow writes.
   */
  has(hostPage: number): boolean {
    const page = this.pages.get(hostPage);
    if (!page) return false;
    if (page.blocks.size > 0 || page.tails.size > 0) return true;
    if (++page.askedWhileEmpty < MOST_ASKED) return true;
    this.pages.delete(hostPage);
    return false;
  }

  overlaps(host: number, length: number): boolean {
    const page = this.pages.get(host >>> 12);
    if (!page) return false;
    const from = host & 0xfff;
    if ((page.lines & linesOf(from, from + length)) === 0) return false;
    for (const block of page.blocks.values())
      if (from < block.end && from + length > block.start) return true;
    for (const block of page.tails) if (from < block.end - 4096) return true;
    return false;
  }

  written(host: number, length: number): void {
    const page = this.pages.get(host >>> 12);
    if (!page) return;
    const from = host & 0xfff;
    if ((page.lines & linesOf(from, from + length)) === 0) return;
    for (const block of page.blocks.values()) {
      if (from < block.end && from + length > block.start) this.kill(page, block);
    }
    for (const block of page.tails) {
      if (from >= block.end - 4096) continue;
      const home = this.pages.get(block.page);
      if (home) this.kill(home, block);
    }
  }

  private kill(page: CodePage, block: Block): void {
    this.killRecords(block.record);
    if (block.copy !== 0) this.killRecords(block.copy);
    page.blocks.delete(block.key);
    if (block.secondPage === undefined) {
      const count = this.view.getUint16(block.record + Record.left, true);
      page.graves.set(block.key, { record: block.record, count });
    }
    if (page.blocks.size === 0 && page.tails.size === 0) page.lines = 0;
    this.freeNumbers.push(block.number);
    this.numbered[block.number] = undefined;
    this.onKill(block);
    if (block.secondPage !== undefined) this.pages.get(block.secondPage)?.tails.delete(block);
  }

  /** The rest of the records stays: this may be the block that runs now. It ends before its next instruction. */
  private killRecords(first: number): void {
    const { view } = this;
    view.setUint16(first + Record.handler, Handler.dead, true);
    this.setNumber(first, 0);
    this.diverted.delete(first);
    const count = view.getUint16(first + Record.left, true);
    for (let i = 1; i < count; i++)
      view.setUint16(first + i * RECORD_SIZE + Record.handler, Handler.end, true);
  }

  // --- for the translator ---

  /** The block with this first record. */
  blockAt(record: number): Block | undefined {
    const at = this.entryAt(record);
    if (this.view.getInt32(at + 4, true) !== 0) return this.diverted.get(record);
    return this.numbered[this.view.getInt32(at, true)];
  }

  /** The block at an offset of a page of the host, if it was decoded. */
  blockOf(hostPage: number, offset: number, mode: number): Block | undefined {
    return this.pages.get(hostPage)?.blocks.get((mode * 4096 + offset) * 2);
  }

  /** All blocks of a page of the host that were decoded in a mode. */
  *blocksOn(hostPage: number, mode: number): Iterable<Block> {
    for (const block of this.pages.get(hostPage)?.blocks.values() ?? []) {
      if (block.key % 2 === 0 && Math.floor(block.key / 8192) === mode) yield block;
    }
  }

  /** Copies the records of a block, so that its first one can become a way into translated code. False: there is no room. */
  duplicate(block: Block): boolean {
    if (block.copy !== 0) return true;
    const count = this.view.getUint16(block.record + Record.left, true) + 1;
    if (this.next + (count + MAX_BLOCK + 1) * RECORD_SIZE > this.end) return false;
    block.copy = this.next;
    this.bytes.copyWithin(block.copy, block.record, block.record + count * RECORD_SIZE);
    this.next += count * RECORD_SIZE;
    return true;
  }

  /** From now on the block, which has a copy, is entered through entry `entry` of the function at `slot`. */
  divert(block: Block, slot: number, entry: number): void {
    const { view } = this;
    view.setInt32(block.record + Record.displacement, entry, true);
    view.setInt32(block.record + Record.immediate, slot, true);
    view.setUint16(block.record + Record.handler, Handler.region, true);
    const at = this.entryAt(block.record);
    view.setInt32(at, entry, true);
    view.setInt32(at + 4, slot, true);
    this.diverted.set(block.record, block);
  }

  /** Gives a block its number, or takes it away (0). */
  private setNumber(record: number, number: number): void {
    const at = this.entryAt(record);
    this.view.setInt32(at, number, true);
    this.view.setInt32(at + 4, 0, true);
  }

  private entryAt(record: number): number {
    return record / (RECORD_SIZE / ENTRY_SIZE) + this.entriesOffset;
  }

  /** Which function a block is diverted to. */
  diversion(block: Block): number | undefined {
    if (this.view.getUint16(block.record + Record.handler, true) !== Handler.region) return undefined;
    return this.view.getInt32(block.record + Record.immediate, true);
  }

  /** Undoes {@link divert}. */
  restore(block: Block): void {
    this.bytes.copyWithin(block.record, block.copy, block.copy + RECORD_SIZE);
    this.setNumber(block.record, block.number);
    this.diverted.delete(block.record);
  }

  /** No block may be added before everything was dropped, which {@link find} does when no record is in use. */
  get full(): boolean {
    return this.next + (MAX_BLOCK + 1) * RECORD_SIZE > this.end;
  }

  /** What the modes mean has changed: everything is to be dropped before the next block is looked for. */
  retire(): void {
    this.next = this.end;
    this.onFlush();
  }

  /** Blocks end before instructions at these page offsets, but for blocks of one instruction. Only at rest. */
  setStops(offsets: ReadonlySet<number>): void {
    const { stops } = this;
    if (stops.size === offsets.size && [...offsets].every((offset) => stops.has(offset))) return;
    this.stops = offsets;
    this.flush();
  }

  /** Drops everything. */
  flush(): void {
    this.pages.clear();
    this.diverted.clear();
    this.numbered.length = 1;
    this.freeNumbers.length = 0;
    const from = this.entryAt(this.arena.at);
    this.bytes.fill(
      0,
      from,
      from + (Math.min(this.next, this.end) - this.arena.at) / (RECORD_SIZE / ENTRY_SIZE),
    );
    this.next = this.arena.at + RECORD_SIZE * 4;
    this.flushes++;
    this.onFlush();
  }

  /** First record of the block at page offset `offset`, decoded if need be. @param most 1 for a block for stepping */
  find(source: CodeSource, offset: number, mode: number, rip: number, most = MAX_BLOCK): number {
    const hostPage = source.hostPage >>> 12;
    const key = (mode * 4096 + offset) * 2 + (most === 1 ? 1 : 0);
    if (this.full) this.flush();
    const home = this.pages.get(hostPage);
    const known = home?.blocks.get(key);
    const near = mode % 4 !== 2 && rip - offset + 4096 + 16 > source.limit;
    const pageInSegment = near ? rip - offset : Number.POSITIVE_INFINITY;
    if (known) {
      if (known.pageInSegment !== pageInSegment) this.kill(home!, known);
      else if (known.secondPage === undefined || known.secondPage === source.nextPage() >>> 12)
        return known.record;
      else this.kill(home!, known);
    }
    const built = this.build(source, offset, mode, rip, most, this.next);
    const record = this.place(home?.graves.get(key), built);
    const block: Block = {
      key,
      page: hostPage,
      record,
      start: offset,
      end: built.end,
      pageInSegment,
      secondPage: built.crosses ? source.nextPage() >>> 12 : undefined,
      copy: 0,
      number: this.freeNumbers.pop() ?? this.numbered.length,
    };
    const page = this.page(hostPage);
    page.blocks.set(key, block);
    this.numbered[block.number] = block;
    this.setNumber(record, block.number);
    page.askedWhileEmpty = 0;
    page.lines |= linesOf(offset, built.end);
    if (block.secondPage !== undefined) {
      const second = this.page(block.secondPage);
      second.tails.add(block);
      second.lines |= linesOf(0, built.end - 4096);
    }
    return record;
  }

  /** Whether the block at `record` (its first) crosses a page: then it cannot be linked. */
  crosses(record: number): boolean {
    return this.view.getUint16(record + Record.next, true) > 4096;
  }

  private page(hostPage: number): CodePage {
    let page = this.pages.get(hostPage);
    if (!page) {
      page = { blocks: new Map(), tails: new Set(), graves: new Map(), askedWhileEmpty: 0, lines: 0 };
      this.pages.set(hostPage, page);
      this.onProtect(hostPage * 4096);
    }
    return page;
  }

  /** Decides where the records at the end of the arena stay: where an earlier block of theirs lay, if they fit. */
  private place(
    grave: { readonly record: number; readonly count: number } | undefined,
    built: { readonly next: number; readonly crosses: boolean },
  ): number {
    const first = this.next;
    const size = built.next - first;
    if (!grave || built.crosses || size > (grave.count + 1) * RECORD_SIZE) {
      this.next = built.next;
      return first;
    }
    this.bytes.copyWithin(grave.record, first, built.next);
    return grave.record;
  }

  private build(
    source: CodeSource,
    start: number,
    mode: number,
    rip: number,
    most: number,
    at: number,
  ): { next: number; end: number; crosses: boolean } {
    const { view, instruction } = this;
    const codeSize = codeSizeOf(mode);
    const { limit } = source;
    let offset = start;
    let record = at;
    let crosses = false;
    let count = 0;
    let onward = 0;
    let end = start;
    const page = this.pages.get(source.hostPage >>> 12);
    for (; count < most; count++) {
      const known = count > 0 ? page?.blocks.get((mode * 4096 + offset) * 2) : undefined;
      if (known && known.secondPage === undefined) {
        onward = known.record;
        break;
      }
      const length = this.decodeAt(source, offset, codeSize, count === 0);
      if (length === 0) break;
      const next = offset + instruction.length;
      end = offset + this.examined;
      let handler =
        this.outcome === DecodeResult.Ok
          ? this.handlerFor(mode, codeSize)
          : this.outcome === DecodeResult.TooLong
            ? Handler.tooLong
            : Handler.invalid;
      if (codeSize !== 64 && rip + (next - start) - 1 > limit) handler = Handler.tooLong; // beyond the limit: #GP(0)
      if (most > 1 && this.stops.has(offset)) handler = Handler.stop;
      view.setUint16(record + Record.handler, handler, true);
      view.setUint16(record + Record.start, offset, true);
      // Also what is undecodable because of bytes on the next page has to look like a crossing instruction.
      view.setUint16(record + Record.next, end > 4096 ? Math.max(next, 4097) : next, true);
      if (this.outcome === DecodeResult.Ok) {
        writeOperands(view, record, instruction, codeSize === 64, (mode & Mode.FLAT) !== 0);
        this.markLinkable(record, next, codeSize, limit - (rip - start));
      }
      record += RECORD_SIZE;
      offset = next;
      this.decoded++;
      if (end > 4096) {
        crosses = true;
        count++;
        break;
      }
      if (handler < Handler.first || endsBlock(instruction)) {
        count++;
        break;
      }
      if (next === 4096) {
        count++;
        break;
      }
    }
    for (let i = 0; i < count; i++) view.setUint16(at + i * RECORD_SIZE + Record.left, count - i, true);
    // A block that is there already is entered, not decoded once more.
    view.setUint16(record + Record.handler, onward !== 0 ? Handler.forward : Handler.end, true);
    view.setInt32(record + Record.immediate, onward, true);
    view.setUint16(record + Record.start, offset, true);
    view.setUint16(record + Record.next, offset, true);
    view.setUint16(record + Record.left, 0, true);
    return { next: record + RECORD_SIZE, end, crosses };
  }

  private outcome: DecodeResult = DecodeResult.Ok;

  /** Decodes at a page offset. Returns 0 when the instruction needs the next page and may not have it (`first` is false). */
  private decodeAt(source: CodeSource, offset: number, codeSize: CodeSize, first: boolean): number {
    const { instruction, decoder } = this;
    const end = source.hostPage + 4096;
    this.outcome = decoder.decode(this.bytes, source.hostPage + offset, end, codeSize, instruction);
    if (this.outcome !== DecodeResult.NeedMore) {
      this.examined = Math.min(instruction.length, 4096 - offset);
      if (this.outcome !== DecodeResult.Ok) this.undecodable(4096 - offset);
      return instruction.length;
    }
    if (!first) return 0;
    const here = 4096 - offset;
    this.crossing.set(this.bytes.subarray(source.hostPage + offset, end));
    const other = source.nextPage();
    this.crossing.set(this.bytes.subarray(other, other + 32 - here), here);
    this.outcome = decoder.decode(this.crossing, 0, 16, codeSize, instruction);
    if (this.outcome === DecodeResult.NeedMore) this.outcome = DecodeResult.TooLong;
    this.examined = instruction.length;
    if (this.outcome !== DecodeResult.Ok) this.undecodable(MOST_BYTES);
    return instruction.length;
  }

  /** It counts as one byte long, but any of the bytes that it could have had decided over it. */
  private undecodable(available: number): void {
    this.instruction.length = 1;
    this.examined = Math.min(MOST_BYTES, available);
  }

  /** Bytes that the last decoding depended on. */
  private examined = 0;

  private handlerFor(mode: number, codeSize: CodeSize): number {
    const { instruction } = this;
    if (instruction.form.protectedModeOnly && (mode & Mode.protected) === 0) return Handler.invalid;
    return unavailable(gateOf(instruction), mode) || this.shapes.handlerOf(instruction, codeSize);
  }

  /** @param last highest page offset that the code segment's limit allows */
  private markLinkable(record: number, next: number, codeSize: CodeSize, last: number): void {
    const { operands, operandSize } = this.instruction;
    if (operands[0]?.kind !== "rel") return;
    const target = next + this.view.getInt32(record + Record.displacement, true);
    const inPage = target >= 0 && target < 4096 && next <= 4096 && (codeSize === 64 || target <= last);
    const cut = operandSize === 16 && codeSize !== 16;
    this.view.setUint8(record + Record.link, inPage && !cut ? LINKABLE : 0);
    this.view.setInt32(record + Record.immediate, 0, true);
  }
}
