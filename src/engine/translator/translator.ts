/**
 * Tier 1: finds out which blocks are hot, translates regions around them, and keeps the translations as long as their
 * code is what it was.
 *
 * Blocks are sampled by the interpreter's loop every few thousand instructions. A region's function is emitted at once,
 * because the code and the address space are at hand then; modules are made of several of them, between two runs of the
 * generated code, and V8 compiles them further in the background.
 */
import { codeSizeOf } from "../../cpu/mode.js";
import { IP_DELTA, MODE, RIP, SEGMENT_BASE } from "../../isa/state.js";
import { NOT_RAM } from "../../memory/physical.js";
import type { EngineCpu } from "../engine.js";
import type { Block, CodeCache } from "../interpreter/code-cache.js";
import { type Interpreter, MOST_REGIONS } from "../interpreter/interpreter.js";
import { Batch } from "./build.js";
import { type CodePlaces, linearPageOf, RegionFinder } from "./find-region.js";
import type { Region, RegionBlock } from "./region.js";

/** Samples after which a block is hot. */
const HOT = 8;
/** Regions that make a module; fewer have to wait. */
const BATCH = 12;
/** Runs of the engine after which fewer will do. */
const PATIENCE = 24;
/** How often the code of a block may be overwritten before it is left to the interpreter. */
const MOST_KILLS = 2;

/** Figures for `--stats engine`. */
export class TranslatorStatistics {
  regions = 0;
  modules = 0;
  instructions = 0;
  bytes = 0;
  invalidated = 0;
  flushes = 0;
  /** Milliseconds of the host spent in finding and emitting, and in compiling. */
  emitting = 0;
  compiling = 0;
}

export class Translator {
  readonly statistics = new TranslatorStatistics();
  /** Slots of the functions entered since {@link forgetEntered}, if {@link traced}. */
  entered: number[] = [];
  /** Translated functions note that they were entered. */
  traced = false;
  /** Told of every region that is translated. */
  onTranslate: ((region: Region, bytes: number) => void) | undefined;
  private readonly code: CodeCache;
  private readonly view: DataView;
  private readonly finder: RegionFinder;
  private heat = new Map<number, number>();
  /** How often a translated block was overwritten, by its record. */
  private readonly kills = new Map<number, number>();
  /** Regions in which a block takes part. */
  private readonly memberships = new Map<Block, Set<Region>>();
  private readonly bySlot = new Map<number, Region>();
  private readonly freeSlots: number[] = [];
  private batch: Batch | undefined;
  private waited = 0;

  constructor(
    memory: WebAssembly.Memory,
    private readonly cpu: EngineCpu,
    private readonly interpreter: Interpreter,
    private readonly eager = false,
  ) {
    const { code, decoder, firstSlot } = interpreter;
    this.code = code;
    this.view = new DataView(memory.buffer);
    this.finder = new RegionFinder(memory.buffer, code, decoder);
    for (let i = MOST_REGIONS - 1; i >= 0; i--) this.freeSlots.push(firstSlot + i);
    interpreter.onSample = (record) => this.sample(record, IP_DELTA);
    if (eager)
      interpreter.onFind = (record) => {
        const block = code.blockAt(record);
        if (block) this.sample(record, RIP, block.start);
      };
    interpreter.onRest = () => this.settle();
    code.onKill = (block) => this.killed(block);
    const { onFlush } = code;
    code.onFlush = () => {
      onFlush();
      this.flushed();
    };
  }

  /**
   * A block was met by the sampling.
   * @param record its first record
   * @param at state offset of a RIP that lies `offset` bytes behind the begin of the block's page
   */
  private sample(record: number, at: number, offset = 0): void {
    const heat = (this.heat.get(record) ?? 0) + 1;
    this.heat.set(record, heat);
    if (heat !== (this.eager ? 1 : HOT)) return;
    const block = this.code.blockAt(record);
    if (!block || !this.finder.usable(block)) return;
    if (this.isVolatile(block)) return;
    if (this.freeSlots.length === 0) this.dropAll();
    const started = performance.now();
    this.translate(block, at, offset);
    this.statistics.emitting += performance.now() - started;
  }

  private translate(seed: Block, at: number, offset: number, most?: number): void {
    const { view } = this;
    const base = this.cpu.state.base;
    const mode = view.getInt32(base + MODE, true);
    const blocks = this.finder.find(seed, mode, this.places(mode, at, offset), most);
    if (blocks.length === 0) return;
    for (const { block } of blocks) if (!this.code.duplicate(block)) return;
    const region: Region = { blocks, mode, slot: this.freeSlots.pop()!, void: false };
    this.bySlot.set(region.slot, region);
    for (const { block } of blocks) {
      let memberships = this.memberships.get(block);
      if (!memberships) {
        memberships = new Set();
        this.memberships.set(block, memberships);
      }
      memberships.add(region);
    }
    this.batch ??= new Batch(this.code.entriesOffset, this.traced);
    this.batch.add(region);
  }

  private isVolatile({ record }: Block): boolean {
    return (this.kills.get(record) ?? 0) >= MOST_KILLS;
  }

  /** Where code lies around the current page. */
  private places(mode: number, at: number, offset: number): CodePlaces {
    const { view } = this;
    const { cpu } = this;
    const { base } = cpu.state;
    const low = (view.getInt32(base + at, true) - offset) | 0;
    const high = view.getInt32(base + at + 4, true);
    const long = codeSizeOf(mode) === 64;
    const csBase = long ? 0 : view.getInt32(base + SEGMENT_BASE + 8, true);
    const own = linearPageOf((low + csBase) | 0, long ? high : 0);
    return {
      linearPage: own,
      isVolatile: (block) => this.isVolatile(block),
      isHot: (block) => this.heat.has(block.record) || this.memberships.has(block),
      hostPage: (page) => {
        const physical = cpu.mmu.knownCodePage(page);
        if (physical === undefined) return undefined;
        const host = cpu.physical.hostAddress(physical, false);
        return host === NOT_RAM ? undefined : host >>> 12;
      },
    };
  }

  forgetEntered(): void {
    this.entered = [];
  }

  /** The region whose function is at a slot. */
  regionAt(slot: number): Region | undefined {
    return this.bySlot.get(slot);
  }

  /** Between two runs of generated code: makes a module of the regions that wait. */
  private settle(): void {
    if (!this.batch) return;
    if (!this.eager && this.batch.regions.length < BATCH && ++this.waited < PATIENCE) return;
    const started = performance.now();
    this.install(this.batch);
    this.batch = undefined;
    this.waited = 0;
    this.statistics.compiling += performance.now() - started;
  }

  private install(batch: Batch): void {
    const { interpreter, statistics } = this;
    const bytes = batch.build();
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
      ...interpreter.imports,
      trace: { entered: (slot: number) => this.entered.push(slot) },
    });
    statistics.modules++;
    statistics.bytes += bytes.length;
    for (const [i, region] of batch.regions.entries()) {
      if (region.void) continue;
      interpreter.table.set(region.slot, instance.exports[`r${i}`] as () => void);
      for (const [entry, block] of region.blocks.entries()) {
        if (isWorthEntering(block)) this.divert(block.block, region, entry);
        statistics.instructions += block.instructions.length;
      }
      statistics.regions++;
      this.onTranslate?.(region, bytes.length);
    }
  }

  /** The newest translation of a block is the one that is entered. */
  private divert(block: Block, region: Region, entry: number): void {
    const { code } = this;
    const before = code.diversion(block);
    code.divert(block, region.slot, entry);
    if (before === undefined || before === region.slot) return;
    const old = this.bySlot.get(before);
    if (old && !old.blocks.some((other) => code.diversion(other.block) === old.slot)) this.drop(old);
  }

  /** The code of a block was overwritten. */
  private killed(block: Block): void {
    this.heat.delete(block.record);
    const memberships = this.memberships.get(block);
    if (!memberships) return;
    this.kills.set(block.record, (this.kills.get(block.record) ?? 0) + 1);
    for (const region of [...memberships]) {
      this.statistics.invalidated++;
      this.drop(region);
    }
  }

  /** Nobody enters a region any more. It may still be running: its function is kept until the slot has another. */
  private drop(region: Region): void {
    const { code } = this;
    region.void = true;
    for (const { block } of region.blocks) {
      const memberships = this.memberships.get(block);
      memberships?.delete(region);
      if (memberships?.size === 0) this.memberships.delete(block);
      if (code.blockAt(block.record) === block && code.diversion(block) === region.slot) code.restore(block);
    }
    if (this.bySlot.delete(region.slot)) this.freeSlots.unshift(region.slot);
  }

  /**
   * Translates the one block at the state's RIP now, whatever it costs; for tests.
   * @param record its first record
   * @returns how many of its instructions are translated
   */
  force(record: number): number {
    const block = this.code.blockAt(record);
    if (!block || !this.finder.usable(block)) return 0;
    if (this.freeSlots.length === 0) this.dropAll();
    this.translate(block, RIP, block.start, 1);
    const batch = this.batch;
    if (!batch) return 0;
    this.batch = undefined;
    this.install(batch);
    return batch.regions[0]?.blocks[0]?.translated ?? 0;
  }

  /** The table is full: what is hot will soon be translated again. */
  private dropAll(): void {
    for (const region of [...this.bySlot.values()]) this.drop(region);
    this.heat.clear();
    this.statistics.flushes++;
  }

  /** All decoded code was dropped. */
  private flushed(): void {
    for (const { slot } of this.bySlot.values()) this.freeSlots.unshift(slot);
    for (const region of this.bySlot.values()) region.void = true;
    this.bySlot.clear();
    this.memberships.clear();
    this.heat.clear();
    this.kills.clear();
    this.batch = undefined;
    this.statistics.flushes++;
  }
}

/** Not if the interpreter has to take over at once. */
const isWorthEntering = ({ translated, instructions }: RegionBlock): boolean =>
  translated >= Math.min(2, instructions.length);
