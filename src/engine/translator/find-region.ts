/**
 * Finds the blocks that belong into one function with a hot one: those that were decoded, hence executed, and are
 * reached from it by relative branches, calls, and falling through.
 */
import { codeSizeOf } from "../../cpu/mode.js";
import { pageNumber } from "../../cpu/tlb-view.js";
import { DecodeResult, type Decoder } from "../../isa/decode/decoder.js";
import { Instruction } from "../../isa/instruction.js";
import type { Block, CodeCache } from "../interpreter/code-cache.js";
import { RECORD_SIZE, Record } from "../interpreter/record.js";
import { Handler } from "../interpreter/shapes.js";
import type { Edge, RegionBlock, RegionInstruction } from "./region.js";

/** Bounds of a function: V8's time to compile it grows faster than its size. */
const MOST_BLOCKS = 48;
const MOST_INSTRUCTIONS = 400;

/** Where the pages of code are that lie near the hot block. */
export interface CodePlaces {
  /** Host page (address >>> 12) of a page of linear memory, if it is known to hold code. */
  hostPage(linearPage: number): number | undefined;
  /** Page number of the linear address where the hot block's page begins. */
  readonly linearPage: number;
  /** How often a block was met by the sampling. */
  heat(block: Block): number;
  /** The block is not to be taken: its code is overwritten again and again, or it is better off elsewhere. */
  isExcluded(block: Block): boolean;
}

/** A block that is wanted, by page relative to the first one and offset in it. */
interface Wanted {
  readonly page: number;
  readonly offset: number;
}

/** Blocks that were not met by the sampling, one after the other, before it is not worth while to follow them. */
const MOST_COLD = 1;

const key = ({ page, offset }: Wanted): number => page * 4096 + offset;

interface Candidate extends Wanted {
  readonly block: Block;
  readonly heat: number;
  /** How many cold blocks in a row lead to it, itself included. */
  readonly cold: number;
}

/** Blocks that could join the region; the hottest is the next. */
class Candidates {
  private readonly known = new Set<number>();
  private waiting: Candidate[] = [];

  get empty(): boolean {
    return this.waiting.length === 0;
  }
  has(wanted: Wanted): boolean {
    return this.known.has(key(wanted));
  }
  add(candidate: Candidate): void {
    this.known.add(key(candidate));
    this.waiting.push(candidate);
  }
  take(): Candidate | undefined {
    let best = 0;
    for (const [i, { heat }] of this.waiting.entries()) if (heat > this.waiting[best]!.heat) best = i;
    return this.waiting.splice(best, 1)[0];
  }
}

interface Found extends RegionBlock {
  readonly offset: number;
  instructions: RegionInstruction[];
  shared: number;
}

export class RegionFinder {
  private readonly view: DataView;
  private readonly bytes: Uint8Array;

  constructor(
    memory: ArrayBuffer,
    private readonly code: CodeCache,
    private readonly decoder: Decoder,
  ) {
    this.view = new DataView(memory);
    this.bytes = new Uint8Array(memory);
  }

  /**
   * The blocks of the region around `seed`, in an order in which most ways lead forward.
   * @param most how many at most
   * @param more further blocks that belong to it, with their pages relative to the seed's
   */
  find(
    seed: Block,
    mode: number,
    places: CodePlaces,
    most = MOST_BLOCKS,
    more: ReadonlyMap<Block, number> = new Map(),
  ): RegionBlock[] {
    const found = new Map<number, Found>();
    const candidates = new Candidates();
    /** Places of the instructions so far: blocks that overlap share theirs. */
    const instructions = new Set<number>();
    /**
     * Host pages by relative number. Branches inside a page are not looked up again, so its blocks must lie on one host
     * page; what was found in another address space can come with numbers that are someone else's in this one.
     */
    const homes = new Map<number, number>();
    /** Pages with indirect jumps: relative number by host page. */
    const indirect = new Map<number, number>();
    const consider = (wanted: Wanted | undefined, cold: number): void => {
      if (!wanted || found.has(key(wanted)) || candidates.has(wanted)) return;
      const block = this.known(wanted, mode, places);
      if (!block) return;
      const heat = places.heat(block);
      const distance = heat > 0 ? 0 : cold + 1;
      if (distance <= MOST_COLD) candidates.add({ ...wanted, block, heat, cold: distance });
    };
    candidates.add({ page: 0, offset: seed.start, block: seed, heat: Number.MAX_VALUE, cold: 0 });
    for (const [block, page] of more) {
      if (this.usable(block) && !places.isExcluded(block))
        candidates.add({ page, offset: block.start, block, heat: Number.MAX_VALUE, cold: 0 });
    }
    while (found.size < most && instructions.size < MOST_INSTRUCTIONS) {
      const candidate = candidates.take();
      if (!candidate) break;
      const { block, page, offset, cold } = candidate;
      if ((homes.get(page) ?? block.page) !== block.page) continue;
      homes.set(page, block.page);
      const decoded = this.decode(block, mode);
      if (decoded.length === 0) continue;
      for (const { start } of decoded) instructions.add(page * 4096 + start);
      const entry: Found = {
        block,
        page,
        offset,
        instructions: decoded,
        shared: 0,
        translated: 0,
        next: undefined,
        back: undefined,
      };
      found.set(key(entry), entry);
      // What follows a call is reached when the call returns.
      consider(this.following(entry, mode)?.way, cold);
      for (const instruction of decoded) consider(this.target(entry, instruction, mode), cold);
      if (isIndirect(decoded.at(-1)!)) indirect.set(block.page, page);
      if (!candidates.empty) continue;
      // Where an indirect jump leads is not known, but hot blocks of its page are likely: the parts of a dispatcher,
      // a table of functions.
      for (const [host, at] of indirect) {
        for (const other of this.code.blocksOn(host, mode)) {
          if (places.heat(other) > 0) consider({ page: at, offset: other.start }, 0);
        }
      }
      indirect.clear();
    }
    const blocks = [...found.values()].sort((a, b) => a.page - b.page || a.offset - b.offset);
    const index = new Map(blocks.map((block, i) => [key(block), i]));
    for (const block of blocks) {
      const edge = (way: Wanted | undefined): Edge | undefined => {
        const to = way && index.get(key(way));
        return to === undefined ? undefined : { to, crosses: way!.page !== block.page };
      };
      this.cut(block, (offset) => index.has(block.page * 4096 + offset));
      for (const instruction of block.instructions)
        instruction.taken = edge(this.target(block, instruction, mode));
      const following = this.following(block, mode);
      const onward = edge(following?.way);
      if (following?.returns) block.back = onward;
      else block.next = onward;
    }
    return blocks;
  }

  /** Ends a block where another one begins. */
  private cut(block: Found, begins: (offset: number) => boolean): void {
    const { instructions } = block;
    const at = instructions.findIndex(({ start }, i) => i > 0 && begins(start));
    if (at < 0) return;
    block.shared = instructions.length - at;
    block.instructions = instructions.slice(0, at);
  }

  private known({ page, offset }: Wanted, mode: number, places: CodePlaces): Block | undefined {
    const host = places.hostPage(places.linearPage + page);
    if (host === undefined) return undefined;
    const block = this.code.blockOf(host, offset, mode);
    return block && this.usable(block) && !places.isExcluded(block) ? block : undefined;
  }

  /** It lies in one page, and not where the end of its segment may be. */
  usable(block: Block): boolean {
    return (
      block.secondPage === undefined && block.pageInSegment === Number.POSITIVE_INFINITY && block.end <= 4096
    );
  }

  /** The instructions of a block; its records know where they are, its bytes what they are. */
  private decode(block: Block, mode: number): RegionInstruction[] {
    const { view } = this;
    const records = block.copy || block.record;
    const count = view.getUint16(records + Record.left, true);
    const decoded: RegionInstruction[] = [];
    const page = block.page * 4096;
    for (let i = 0; i < count; i++) {
      const record = records + i * RECORD_SIZE;
      const start = view.getUint16(record + Record.start, true);
      const instruction = new Instruction();
      const outcome = this.decoder.decode(
        this.bytes,
        page + start,
        page + 4096,
        codeSizeOf(mode),
        instruction,
      );
      const handler = view.getUint16(record + Record.handler, true);
      if (outcome !== DecodeResult.Ok && handler >= Handler.first) return [];
      decoded.push({
        taken: undefined,
        instruction,
        start,
        next: view.getUint16(record + Record.next, true),
        handler,
      });
    }
    return decoded;
  }

  /** The place at an offset that counts from a block's page. */
  private place(page: number, offset: number, mode: number): Wanted | undefined {
    const across = Math.floor(offset / 4096);
    // 16-bit code wraps around at 64 KiB.
    if (across !== 0 && codeSizeOf(mode) === 16) return undefined;
    return { page: page + across, offset: offset - across * 4096 };
  }

  /** Where a relative branch leads. */
  private target(
    { page }: Found,
    { instruction, next }: RegionInstruction,
    mode: number,
  ): Wanted | undefined {
    if (instruction.operands[0]?.kind !== "rel") return undefined;
    if (instruction.operandSize === 16 && codeSizeOf(mode) !== 16) return undefined;
    return this.place(page, next + instruction.immediate, mode);
  }

  /** What comes behind a block, if it can be reached. @returns `returns`: only when what was called returns */
  private following(
    { instructions, page }: Found,
    mode: number,
  ): { way: Wanted | undefined; returns: boolean } | undefined {
    const { instruction, next, handler } = instructions.at(-1)!;
    if (handler < Handler.first) return undefined;
    const { mnemonic } = instruction.form;
    if (mnemonic === "jmp" || mnemonic === "ret") return undefined;
    return { way: this.place(page, next, mode), returns: mnemonic === "call" };
  }
}

function isIndirect({ instruction, handler }: RegionInstruction): boolean {
  if (handler < Handler.first) return false;
  const { mnemonic } = instruction.form;
  return (mnemonic === "jmp" || mnemonic === "call") && instruction.operands[0]?.kind !== "rel";
}

/** Page number of a linear address given in halves. */
export const linearPageOf = pageNumber;
