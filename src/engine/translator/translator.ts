/**
 * Tier 1: finds out which blocks are hot, translates regions around them, and keeps the translations as long as their
 * code is what it was.
 *
 * Blocks are sampled by the interpreter's loop every few thousand instructions. A region's function is emitted at once,
 * because the code and the address space are at hand then; modules are made of several of them, between two runs of the
 * generated code, and V8 compiles them further in the background.
 */
import { codeSizeOf } from "../../cpu/mode.js";
import { BUDGET, IP_DELTA, MODE, RIP, SEGMENT_BASE, SLICE_END } from "../../isa/state.js";
import { NOT_RAM } from "../../memory/physical.js";
import type { EngineCpu } from "../engine.js";
import type { Block, CodeCache } from "../interpreter/code-cache.js";
import { type Interpreter, MOST_REGIONS } from "../interpreter/interpreter.js";
import { SAMPLE_INTERVAL } from "../interpreter/module.js";
import { Allowance } from "./allowance.js";
import { Batch } from "./build.js";
import { type CodePlaces, linearPageOf, RegionFinder } from "./find-region.js";
import { Hops } from "./hops.js";
import { Memberships } from "./memberships.js";
import type { DropReason, TranslationObserver } from "./observer.js";
import { Overwritten } from "./overwritten.js";
import type { Region, RegionBlock } from "./region.js";
import type { RegisterHome } from "./region-code.js";
import { TranslatorStatistics } from "./statistics.js";
import { Visits } from "./visits.js";

/** Samples after which a block is hot. */
const HOT = 16;
/** Pages between blocks of one region: as far as relative branches reach. */
const FARTHEST = 1 << 19;
/** Regions that make a module; fewer have to wait. */
const BATCH = 12;
/** Milliseconds of the host after which fewer will do. */
const PATIENCE = 5;

export class Translator {
  readonly statistics = new TranslatorStatistics();
  /** Slots of the functions entered since {@link forgetEntered}, if {@link traced}. */
  entered: number[] = [];
  /** Translated functions note that they were entered. */
  traced = false;
  observer: TranslationObserver | undefined;
  private readonly code: CodeCache;
  private readonly view: DataView;
  private readonly finder: RegionFinder;
  private heat = new Map<number, number>();
  private readonly overwritten = new Overwritten();
  private readonly memberships = new Memberships();
  private readonly hops = new Hops();
  private readonly visits = new Visits();
  private readonly bySlot = new Map<number, Region>();
  private readonly freeSlots: number[] = [];
  private readonly allowance = new Allowance();
  private batch: Batch | undefined;
  private batchBegun = 0;
  /** When the last sample was taken. */
  private sampled = 0;

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
    interpreter.onSample = (record) => {
      this.statistics.samples++;
      this.sampled = this.now();
      this.sample(record, IP_DELTA);
    };
    interpreter.onFind = (record) => {
      if (!eager && !this.isDue(record)) return;
      const block = code.blockAt(record);
      if (block) this.sample(record, RIP, block.start);
    };
    interpreter.onHop = (record, from) => this.hop(record, from);
    if (!eager) interpreter.onVisit = (slot, instructions) => this.visit(slot, instructions);
    interpreter.onRest = () => this.settle();
    code.onKill = (block) => this.killed(block);
    const { onFlush } = code;
    code.onFlush = () => {
      onFlush();
      this.flushed();
    };
  }

  /** The low half of the time. */
  private now(): number {
    const { base } = this.cpu.state;
    return this.view.getInt32(base + SLICE_END, true) - this.view.getInt32(base + BUDGET, true);
  }

  /**
   * Whether a block at which stepping begins is to be sampled. The interpreter's loop takes no samples in slices that
   * are shorter than its interval, as a guest with a fast timer has them; they end by stepping.
   */
  private isDue(record: number): boolean {
    if (!this.cpu.mmu.alone || (this.now() - this.sampled) >>> 0 < SAMPLE_INTERVAL) return false;
    this.sampled = this.now();
    const block = this.code.blockAt(record);
    if (!block || this.code.diversion(block) !== undefined) return false;
    this.statistics.samples++;
    return true;
  }

  /**
   * A block was met by the sampling.
   * @param record its first record
   * @param at state offset of a RIP that lies `offset` bytes behind the begin of the block's page
   */
  private sample(record: number, at: number, offset = 0): void {
    const heat = (this.heat.get(record) ?? 0) + 1;
    this.heat.set(record, heat);
    this.allowance.sampled();
    if (this.eager ? heat > 1 : heat < HOT || this.allowance.exhausted) return;
    const block = this.code.blockAt(record);
    if (!block) return;
    if (!this.finder.usable(block)) {
      this.observer?.refused?.(block, "it crosses a page, or lies where its segment may end");
      return;
    }
    if (this.isVolatile(block)) {
      this.observer?.refused?.(block, "its code keeps changing");
      return;
    }
    // In a region already, but not entered there.
    if (this.memberships.has(block)) return;
    if (this.freeSlots.length === 0) this.dropAll();
    const started = performance.now();
    const registers = this.home(block);
    const region = this.translate(block, this.places(at, offset, registers), registers);
    const milliseconds = performance.now() - started;
    this.statistics.emitting += milliseconds;
    if (!region || !this.observer?.emitted) return;
    const rip = this.view.getBigUint64(this.cpu.state.base + at, true) + BigInt(block.start - offset);
    this.observer.emitted(region, { rip, body: this.batch!.bodyOf(region), milliseconds });
  }

  /**
   * One function was left for a block of another.
   * @param record first record of the block
   * @param from slot of the function
   */
  private hop(record: number, from: number): void {
    const region = this.bySlot.get(from);
    const target = this.code.blockAt(record);
    if (!region || !target || region.mode !== this.mode || this.code.diversion(target) === from) return;
    this.allowance.hopped();
    const places = this.places(IP_DELTA, 0, region.registers);
    const distance = places.linearPage - region.linearPage;
    // Pages so far away have no exact places relative to the region.
    if (Math.abs(distance) > FARTHEST) return;
    const more = this.hops.note(region, target, distance);
    if (!more || this.allowance.exhausted || this.freeSlots.length === 0) return;
    this.hops.merged(region);
    if (this.code.blockAt(region.seed.record) !== region.seed) return;
    const started = performance.now();
    this.translate(
      region.seed,
      { ...places, linearPage: region.linearPage },
      region.registers,
      undefined,
      this.joined(region, more),
    );
    this.statistics.emitting += performance.now() - started;
  }

  /** Execution stayed in a function for a while, and called no other. */
  private visit(slot: number, instructions: number): void {
    const region = this.bySlot.get(slot);
    if (!region || region.registers === "locals" || region.mode !== this.mode) return;
    if (!this.visits.note(region, instructions)) return;
    this.visits.forget(region);
    if (this.freeSlots.length === 0 || this.code.blockAt(region.seed.record) !== region.seed) return;
    const started = performance.now();
    const places = this.places(IP_DELTA, 0, "locals");
    const own = this.joined(region, new Map());
    this.translate(region.seed, { ...places, linearPage: region.linearPage }, "locals", undefined, own);
    this.statistics.emitting += performance.now() - started;
  }

  /** The blocks of a region, and those that it is left for, with the blocks of their regions. */
  private joined(region: Region, more: ReadonlyMap<Block, number>): ReadonlyMap<Block, number> {
    const all = new Map(more);
    const add = ({ blocks, linearPage }: Region) => {
      for (const { block, page } of blocks) all.set(block, page + linearPage - region.linearPage);
    };
    for (const target of more.keys()) {
      const owner = this.bySlot.get(this.code.diversion(target) ?? 0);
      if (owner) add(owner);
    }
    add(region);
    return all;
  }

  private get mode(): number {
    return this.view.getInt32(this.cpu.state.base + MODE, true);
  }

  private translate(
    seed: Block,
    places: CodePlaces,
    registers: RegisterHome,
    most?: number,
    more?: ReadonlyMap<Block, number>,
  ): Region | undefined {
    const { mode } = this;
    const blocks = this.finder.find(seed, mode, places, most, more);
    if (blocks.length === 0) {
      this.observer?.refused?.(seed, "an instruction of it cannot be decoded");
      return undefined;
    }
    for (const { block } of blocks) {
      if (this.code.duplicate(block)) continue;
      this.observer?.refused?.(seed, "there is no room for a copy of its records");
      return undefined;
    }
    const { linearPage } = places;
    const slot = this.freeSlots.pop()!;
    const region: Region = { blocks, mode, seed, linearPage, registers, slot, void: false };
    this.bySlot.set(region.slot, region);
    this.memberships.add(region);
    if (!this.batch) {
      this.batch = new Batch(this.code.entriesOffset, this.cpu.state.base, this.traced);
      this.batchBegun = performance.now();
    }
    this.batch.add(region);
    for (const { instructions } of blocks) this.allowance.spend(instructions.length);
    return region;
  }

  /** Where a new region has the guest's registers. Who translates everything, does it in both ways. */
  private home(seed: Block): RegisterHome {
    return this.eager && (seed.start & 1) === 1 ? "locals" : "state";
  }

  /**
   * What has been worth a function with the registers in locals, stays there: the newest translation of a block is the
   * one that is entered. Who translates everything, does so before it knows what belongs together.
   */
  private isKept(block: Block): boolean {
    return !this.eager && this.memberships.inLocals(block);
  }

  private isVolatile({ record }: Block): boolean {
    return this.overwritten.isVolatile(record, performance.now());
  }

  /** Where code lies around the current page, and what of it a function of one kind may have. */
  private places(at: number, offset: number, registers: RegisterHome): CodePlaces {
    const { view, cpu, mode } = this;
    const { base } = cpu.state;
    const low = (view.getInt32(base + at, true) - offset) | 0;
    const high = view.getInt32(base + at + 4, true);
    const long = codeSizeOf(mode) === 64;
    const csBase = long ? 0 : view.getInt32(base + SEGMENT_BASE + 8, true);
    const own = linearPageOf((low + csBase) | 0, long ? high : 0);
    return {
      linearPage: own,
      isExcluded: (block) => this.isVolatile(block) || (registers === "state" && this.isKept(block)),
      heat: (block) => this.heat.get(block.record) ?? (this.memberships.has(block) ? 1 : 0),
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

  /** Between two runs of generated code: makes a module of the regions that wait. */
  private settle(): void {
    if (!this.batch) return;
    const started = performance.now();
    if (!this.eager && this.batch.regions.length < BATCH && started - this.batchBegun < PATIENCE) return;
    this.install(this.batch);
    this.batch = undefined;
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
        else this.observer?.refused?.(block.block, "its first instructions belong to the interpreter");
        statistics.count(block);
      }
      statistics.regions++;
      if (region.registers === "locals") statistics.inLocals++;
      if (this.observer) this.observer.installed?.(region, bytes, `r${i}`);
      else for (const block of region.blocks) block.instructions = [];
    }
  }

  /** The newest translation of a block is the one that is entered. */
  private divert(block: Block, region: Region, entry: number): void {
    const { code } = this;
    const before = code.diversion(block);
    code.divert(block, region.slot, entry);
    if (before === undefined || before === region.slot) return;
    const old = this.bySlot.get(before);
    if (old && !old.blocks.some((other) => code.diversion(other.block) === old.slot))
      this.drop(old, "superseded by a newer region");
  }

  /** The code of a block was overwritten. */
  private killed(block: Block): void {
    this.heat.delete(block.record);
    const regions = this.memberships.regions(block);
    if (regions.length === 0) return;
    this.overwritten.note(block.record, performance.now());
    for (const region of regions) {
      this.statistics.invalidated++;
      this.drop(region, "code overwritten");
    }
  }

  /** Nobody enters a region any more. It may still be running, which V8 lets it end. */
  private drop(region: Region, why: DropReason): void {
    const { code } = this;
    region.void = true;
    this.memberships.remove(region);
    for (const { block } of region.blocks) {
      if (code.blockAt(block.record) === block && code.diversion(block) === region.slot) code.restore(block);
    }
    if (this.bySlot.delete(region.slot)) {
      this.freeSlots.unshift(region.slot);
      this.interpreter.table.set(region.slot, null);
    }
    this.hops.forget(region);
    this.visits.forget(region);
    this.observer?.dropped?.(region, why);
  }

  /**
   * Translates the one block at the state's RIP now, whatever it costs; for tests.
   * @param record its first record
   * @param registers where the function has the guest's registers
   * @returns how many of its instructions are translated
   */
  force(record: number, registers: RegisterHome): number {
    const block = this.code.blockAt(record);
    if (!block || !this.finder.usable(block)) return 0;
    if (this.freeSlots.length === 0) this.dropAll();
    this.translate(block, this.places(RIP, block.start, registers), registers, 1);
    const batch = this.batch;
    if (!batch) return 0;
    this.batch = undefined;
    this.install(batch);
    return batch.regions[0]?.blocks[0]?.translated ?? 0;
  }

  /** The table is full: what is hot will soon be translated again. */
  private dropAll(): void {
    for (const region of [...this.bySlot.values()]) this.drop(region, "table full");
    this.heat.clear();
    this.statistics.flushes++;
  }

  /** All decoded code was dropped. */
  private flushed(): void {
    for (const region of this.bySlot.values()) {
      this.freeSlots.unshift(region.slot);
      this.interpreter.table.set(region.slot, null);
      region.void = true;
      this.observer?.dropped?.(region, "all code dropped");
    }
    this.bySlot.clear();
    this.hops.clear();
    this.visits.clear();
    this.memberships.clear();
    this.heat.clear();
    this.overwritten.clear();
    this.batch = undefined;
    this.statistics.flushes++;
  }
}

/** Not if the interpreter has to take over at once. */
const isWorthEntering = ({ translated, instructions }: RegionBlock): boolean =>
  translated >= Math.min(2, instructions.length);
