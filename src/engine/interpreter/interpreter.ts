/**
 * Tier 0: the interpreter as an engine. It owns the generated module and the decoded code, runs the CPU for
 * a number of instructions, and takes every path on which generated code leaves.
 */

import { RunAlone } from "../../cpu/debugger.js";
import { Fault } from "../../cpu/fault.js";
import { jumpSlot } from "../../cpu/fetch-tlb.js";
import { VmExit } from "../../cpu/vmx/contract.js";
import { Decoder } from "../../isa/decode/decoder.js";
import { Vector } from "../../isa/emit.js";
import type { Feature } from "../../isa/form.js";
import { allHelpers } from "../../isa/helper.js";
import {
  ATTENTION,
  BUDGET,
  IP_DELTA,
  JUMP_CACHE,
  LEFT,
  MODE,
  MODE_TAG,
  NEXT_RIP,
  PENDING,
  PENDING_ADDRESS,
  PENDING_ERROR,
  Pending,
  RIP,
  SEGMENT_BASE,
  SEGMENT_LIMIT,
} from "../../isa/state.js";
import type { EngineCpu } from "../engine.js";
import { CodeCache, MAX_BLOCK } from "./code-cache.js";
import { FetchSource } from "./fetch-source.js";
import { RunExit } from "./module.js";
import { Record } from "./record.js";
import { Access } from "./runtime.js";
import { Handler } from "./shapes.js";
import type { Tier0 } from "./tier0.js";

/** A helper as the processor supplies it: bound to one CPU. */
/** An i32 arrives as a number, an i64 as a bigint; beyond the helper's own parameters there is nothing. */
type Argument = number | bigint;
export type HelperFunction = (
  record: number,
  a: Argument,
  b: Argument,
  c: Argument,
  d: Argument,
  // biome-ignore lint/suspicious/noConfusingVoidType: a helper without a result returns nothing
) => number | bigint | void;

/** Most translated functions at a time. */
export const MOST_REGIONS = 2048;

export interface InterpreterOptions {
  readonly memory: WebAssembly.Memory;
  readonly cpu: EngineCpu;
  readonly features: ReadonlySet<Feature> | "all";
  readonly tier0: Tier0;
  /** Room for decoded records in the memory. */
  readonly arena: { readonly at: number; readonly size: number };
  readonly helpers: ReadonlyMap<string, HelperFunction>;
}

export class Interpreter {
  readonly code: CodeCache;
  /** Told now and then which block runs, by its first record: the more often, the more it runs. */
  onSample: (record: number) => void = () => {};
  /** Told now and then that execution stayed long in a translated function: its slot, and the number of instructions. */
  onVisit: (slot: number, instructions: number) => void = () => {};
  /** Told now and then that a block is entered that lies in another function than the one that led there, by its slot. */
  onHop: (record: number, from: number) => void = () => {};
  /** Told of every block that is looked up, and of those at which stepping begins. RIP is exact. */
  onFind: ((record: number) => void) | undefined;
  /** Called when no generated code runs. */
  onRest: () => void = () => {};
  readonly decoder: Decoder;
  /** Functions of the handlers; from {@link firstSlot} on there is room for translated code. */
  readonly table: WebAssembly.Table;
  readonly firstSlot: number;
  /** What translated code imports, by module name. */
  readonly imports: WebAssembly.Imports;
  private readonly cpu: EngineCpu;
  private readonly source: FetchSource;
  private readonly view: DataView;
  private readonly base: number;
  private readonly runModule: (cpu: number, record: number) => number;
  /** What stopped the instruction that just ran, if it was a VM exit. */
  private vmExit: VmExit | undefined;
  /** The next instruction is one that no debugger wants to stop at. */
  private passing = false;

  constructor(options: InterpreterOptions) {
    const { memory, cpu, tier0, helpers } = options;
    this.cpu = cpu;
    this.source = new FetchSource(cpu);
    this.base = cpu.state.base;
    this.view = new DataView(memory.buffer);
    this.decoder = new Decoder(options.features);
    this.code = new CodeCache(memory.buffer, this.decoder, tier0.shapes, options.arena);
    this.code.onProtect = (host) => cpu.mmu.protectHostPage(host);
    this.code.onFlush = () => cpu.mmu.flushCode();
    this.firstSlot = tier0.shapes.count;
    this.table = new WebAssembly.Table({ element: "anyfunc", initial: this.firstSlot + MOST_REGIONS });
    const shared = {
      resolve: (_cpu: number, record: number, low: number, high: number, access: number) =>
        this.resolve(record, low, high, access),
      commit: () => cpu.mmu.commit(),
    };
    const helper = this.bindHelpers(helpers);
    const instance = new WebAssembly.Instance(tier0.module, {
      env: { memory, table: this.table },
      engine: {
        ...shared,
        segmentSlow: (_cpu: number, offset: number, segment: number, access: number) =>
          this.checkSegment(offset, segment, access),
        lookup: () => this.lookup(),
        link: (_cpu: number, record: number) => this.link(record),
        revive: (_cpu: number, record: number) => this.revive(record),
        sample: (_cpu: number, record: number) => this.onSample(record),
        visit: (_cpu: number, slot: number, instructions: number) => this.onVisit(slot, instructions),
        hop: (_cpu: number, record: number, from: number) => this.onHop(record, from),
      },
      helper,
    });
    this.imports = { env: { memory }, engine: shared, helper, runtime: instance.exports };
    this.runModule = instance.exports.run as (cpu: number, record: number) => number;
  }

  /** Wraps every declared helper so that a thrown {@link Fault} becomes the pending exception. */
  private bindHelpers(helpers: ReadonlyMap<string, HelperFunction>): WebAssembly.ModuleImports {
    const bound: WebAssembly.ModuleImports = {};
    for (const { name, pure, result, params } of allHelpers()) {
      const implementation = helpers.get(name);
      if (!implementation) throw new Error(`helper ${name} has no implementation`);
      if (params.length > 4) throw new Error(`helper ${name} has more than four parameters`);
      const onFault = result === "i32" ? RunExit.fault : result === "i64" ? 0n : undefined;
      // Named parameters: a rest array would be allocated for every call.
      bound[name] = pure
        ? (_cpu: number, record: number, a: Argument, b: Argument, c: Argument, d: Argument) =>
            implementation(record, a, b, c, d)
        : (_cpu: number, record: number, a: Argument, b: Argument, c: Argument, d: Argument) => {
            try {
              return implementation(record, a, b, c, d);
            } catch (thrown) {
              this.setPending(thrown);
              return onFault;
            }
          };
    }
    return bound;
  }

  /** A fault becomes the pending exception; a VM exit waits until the instruction is left. */
  private setPending(thrown: unknown): void {
    const { view, base } = this;
    if (thrown instanceof VmExit) {
      this.vmExit = thrown;
      view.setInt32(base + PENDING, Pending.stop, true);
      return;
    }
    if (thrown instanceof RunAlone) {
      view.setInt32(base + PENDING, Pending.alone, true);
      return;
    }
    if (!(thrown instanceof Fault)) throw thrown;
    view.setInt32(base + PENDING, thrown.vector, true);
    view.setInt32(base + PENDING_ERROR, thrown.error, true);
    view.setBigUint64(base + PENDING_ADDRESS, BigInt.asUintN(64, thrown.address), true);
  }

  /**
   * Runs until the budget in the state is used up, the CPU wants attention, or an instruction leaves.
   * Exceptions are delivered on the way.
   */
  run(): void {
    const { view, base, cpu } = this;
    while (view.getInt32(base + BUDGET, true) > 0) {
      if (cpu.stepping) this.step();
      else {
        const exit = this.runModule(base, 0);
        view.setInt32(base + LEFT, 0, true);
        this.onRest();
        if (exit === RunExit.budget) {
          if (view.getInt32(base + BUDGET, true) <= 0) return;
          // Less left than the next block needs: the last instructions run one by one.
          if (view.getInt32(base + ATTENTION, true) === 0) this.step();
        } else if (exit === RunExit.fault) this.takePending();
        else return;
      }
      if (view.getInt32(base + ATTENTION, true) !== 0) return;
    }
  }

  /** First record of the block of one instruction at RIP; 0 if it cannot be fetched. For tests. */
  findSingle(): number {
    const record = this.prepare(1);
    this.view.setInt32(this.base + PENDING, Pending.none, true);
    return record;
  }

  /** Runs exactly one instruction (or delivers the exception that it raises). Devices may be touched. */
  step(): void {
    const { view, base, cpu } = this;
    const budget = view.getInt32(base + BUDGET, true);
    cpu.shortenSlice(budget - 1);
    view.setInt32(base + BUDGET, 1, true);
    cpu.mmu.alone = true;
    let exit: number = RunExit.fault;
    try {
      const record = this.prepare(1);
      if (record !== 0) exit = this.runModule(base, record);
    } finally {
      cpu.mmu.alone = false;
      view.setInt32(base + LEFT, 0, true);
    }
    const retired = 1 - view.getInt32(base + BUDGET, true);
    cpu.shortenSlice(1 - budget);
    view.setInt32(base + BUDGET, budget - retired, true);
    cpu.trimBudget();
    if (exit === RunExit.fault) this.takePending();
    else cpu.afterStep();
  }

  /** Deals with whatever stopped an instruction. */
  private takePending(): void {
    const { view, base, cpu } = this;
    const vector = view.getInt32(base + PENDING, true);
    view.setInt32(base + PENDING, Pending.none, true);
    if (vector === Pending.alone) this.step();
    else if (vector === Pending.stop) {
      if (this.vmExit) this.leaveGuest();
      else if (!cpu.stopsHere()) this.stepOver();
    } else if (vector >= 0) {
      cpu.exception(
        vector,
        view.getInt32(base + PENDING_ERROR, true),
        view.getBigUint64(base + PENDING_ADDRESS, true),
      );
    }
  }

  /** Runs the instruction before which a debugger could have stopped. */
  private stepOver(): void {
    this.passing = true;
    try {
      this.step();
    } finally {
      this.passing = false;
    }
  }

  /** Performs the VM exit that stopped an instruction. */
  private leaveGuest(): void {
    const { view, base, cpu } = this;
    const exit = this.vmExit!;
    this.vmExit = undefined;
    if (exit.trap) view.setBigUint64(base + RIP, view.getBigUint64(base + NEXT_RIP, true), true);
    cpu.vmExit(exit);
  }

  // --- imports of the generated module ---

  private resolve(record: number, low: number, high: number, access: number): number {
    const { mmu } = this.cpu;
    if (mmu.alone) this.sync(record);
    const stack = (access & Access.stack) !== 0 || (this.view.getUint8(record + Record.segment) & 7) === 2;
    try {
      const host = mmu.resolve(
        low,
        high,
        access & Access.bytes,
        (access & Access.write) !== 0,
        (access & Access.update) !== 0,
        stack,
      );
      if (host === 0) this.view.setInt32(this.base + PENDING, Pending.alone, true);
      return host;
    } catch (thrown) {
      this.setPending(thrown);
      return 0;
    }
  }

  /** Makes RIP and LEFT exact, as the generated `sync` does. */
  private sync(record: number): void {
    const { view, base } = this;
    this.setAddress(RIP, view.getUint16(record + Record.start, true));
    this.setAddress(NEXT_RIP, view.getUint16(record + Record.next, true));
    view.setInt32(base + LEFT, view.getUint16(record + Record.left, true), true);
  }

  /** Sets RIP or NEXT_RIP to what lies at an offset of the page of code that runs. */
  private setAddress(field: number, offset: number): void {
    const { view, base } = this;
    const low = view.getUint32(base + IP_DELTA, true) + offset;
    // The offset of a branch's target may be negative, or beyond the page.
    const carry = low < 0 ? -1 : low > 0xffffffff ? 1 : 0;
    const high = this.cpu.state.long ? view.getInt32(base + IP_DELTA + 4, true) + carry : 0;
    view.setInt32(base + field, low, true);
    view.setInt32(base + field + 4, high, true);
  }

  private checkSegment(offset: number, segment: number, access: number): number {
    try {
      this.cpu.checkSegment(segment, offset >>> 0, access & Access.bytes, (access & Access.write) !== 0);
      return 1;
    } catch (thrown) {
      this.setPending(thrown);
      return 0;
    }
  }

  /**
   * Finds code at the state's RIP, in blocks of at most `most` instructions; returns 0 with an exception pending when it
   * cannot be fetched.
   */
  private prepare(most: number): number {
    const { view, base, cpu, source, code } = this;
    try {
      const rip = view.getInt32(base + RIP, true);
      let low = rip;
      let high = view.getInt32(base + RIP + 4, true);
      const mode = view.getInt32(base + MODE, true);
      const long = (mode & 3) === 2;
      let limit = 0xffffffff;
      if (!long) {
        limit = view.getUint32(base + SEGMENT_LIMIT + 4, true);
        if (high !== 0 || rip >>> 0 > limit) throw new Fault(Vector.GP, 0);
        low = (low + view.getInt32(base + SEGMENT_BASE + 8, true)) | 0;
        high = 0;
      }
      // Before the pages are translated, as both forget translations.
      if (code.full) code.flush();
      cpu.mmu.limitCodePages();
      source.set(low, high, long, limit);
      const offset = low & 0xfff;
      if (cpu.mmu.alone) {
        if (!this.passing && code.stops.has(offset) && cpu.breaksAt(low, high)) {
          view.setInt32(base + PENDING, Pending.stop, true);
          return 0;
        }
        cpu.beforeFetch(low, high);
        if (this.onFind !== undefined) {
          const block = code.blockOf(source.hostPage >>> 12, offset, mode);
          if (block) this.onFind(block.record);
        }
      }
      const record = code.find(source, offset, mode, rip >>> 0, most);
      if (this.onFind !== undefined) this.onFind(record);
      return record;
    } catch (thrown) {
      this.setPending(thrown);
      return 0;
    }
  }

  private lookup(): number {
    const record = this.prepare(MAX_BLOCK);
    if (record === 0) return 0;
    const { view, base } = this;
    const low = view.getInt32(base + RIP, true);
    const entry = view.getInt32(base + JUMP_CACHE, true) + jumpSlot(low) * 16;
    this.source.noteJump(this.code.crosses(record));
    view.setInt32(entry, low ^ view.getInt32(base + MODE_TAG, true), true);
    view.setInt32(
      entry + 4,
      view.getInt32(base + RIP + 4, true) ^ view.getInt32(base + MODE_TAG + 4, true),
      true,
    );
    view.setInt32(entry + 8, record, true);
    return record;
  }

  /** Finds the target of a branch that stays in its page, and remembers it in the branch's record. */
  private link(record: number): number {
    const { view } = this;
    this.sync(record);
    const next = view.getUint16(record + Record.next, true);
    this.setAddress(RIP, next + view.getInt32(record + Record.displacement, true));
    // Dropping all records now would drop this one, and the branch may have overwritten itself (CALL pushes).
    const handler = view.getUint16(record + Record.handler, true);
    if (this.code.full || handler === Handler.dead || handler === Handler.end) return 0;
    const found = this.prepare(MAX_BLOCK);
    if (found === 0) {
      view.setInt32(this.base + PENDING, Pending.none, true);
      return 0;
    }
    if (!this.code.crosses(found)) view.setInt32(record + Record.immediate, found, true);
    return found;
  }

  /** A dead block was entered: finds what lies at its address now. */
  private revive(record: number): number {
    const { view } = this;
    this.sync(record);
    // As above: the block is looked up again.
    if (this.code.full) return 0;
    const found = this.prepare(MAX_BLOCK);
    if (found !== 0 && found !== record && !this.code.crosses(found)) {
      view.setUint16(record + Record.handler, Handler.forward, true);
      view.setInt32(record + Record.immediate, found, true);
    }
    return found;
  }
}
