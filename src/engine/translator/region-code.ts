/**
 * One translated function while it is emitted: registers, flags, XMM values and budget in locals, the ways out of it,
 * and what comes before and after the code of its blocks.
 *
 * The function has the type of a handler: (cpu, number of the entry) -> what the interpreter's loop does next
 * (`RunExit`, 0 to go on at the state's RIP, or the address of a record to go on with). Every way out ends in the same
 * tail, which writes all locals back; so at rest the state is canonical (design decision 4).
 *
 * The budget is taken in portions, as a function that V8 compiles anew runs the old code until it returns.
 */
import { Vector } from "../../isa/emit.js";
import { Control } from "../../isa/helper.js";
import {
  BUDGET,
  FLAG_KIND,
  FLAG_OPERAND,
  FLAG_RESULT,
  GPR,
  IP_DELTA,
  JUMP_CACHE,
  JUMP_ENTRIES,
  MODE_TAG,
  MXCSR,
  PENDING,
  PENDING_ERROR,
  RIP,
  SEGMENT_LIMIT,
  TLB_READ,
  TLB_WRITE,
  YMM,
} from "../../isa/state.js";
import { type FunctionBuilder, type Label, type Local, load } from "../../wasm/function.js";
import { I32, type I64, select, type V128, type Value } from "../../wasm/value.js";
import { Record } from "../interpreter/record.js";
import type { Runtime } from "../interpreter/runtime.js";

/** Most instructions that one call runs. */
const PORTION = 0x10000;

/** A local that mirrors a field of the state. */
interface Mirror<V extends Value> {
  readonly local: Local<V>;
  readonly offset: number;
  written: boolean;
}

/** A translation of one page, in locals. */
export interface NearPage {
  /** The page's linear address. */
  readonly tag: Local<I64>;
  /** Host minus linear address. */
  readonly addend: Local<I32>;
  /** An access to the page hits if it begins below this offset: 0 as long as there is no page. */
  readonly limit: Local<I64>;
}
/** Largest access that goes through a {@link NearPage}, in bytes. */
export const NEAR_BYTES = 8;

export class RegionCode {
  private readonly stackPages = new Map<"read" | "write", NearPage>();
  readonly cpu: I32;
  private readonly gprs = new Map<number, Mirror<I64>>();
  private readonly lanes = new Map<number, Mirror<V128>>();
  readonly flagResult: Local<I64>;
  readonly flagOperand: Local<I64>;
  readonly flagWord: Local<I32>;
  /** What is left of the portion; the state's BUDGET lacks the portion. */
  private readonly budget: Local<I32>;
  /** RIP minus the page offset, as IP_DELTA. */
  readonly delta: Local<I64>;
  private readonly status: Local<I32>;
  /** The record whose instruction did not complete; 0 where RIP is set. */
  private readonly record: Local<I32>;
  /** Instructions that were paid for and not executed, where RIP is set. */
  private readonly refund: Local<I32>;
  private readonly tlbRead: Local<I32>;
  private readonly tlbWrite: Local<I32>;
  private readonly jumpCache: Local<I32>;
  private readonly modeTag: Local<I64>;
  /** Where RIP goes. */
  private readonly rip: Local<I64>;
  private mxcsrCopy: Local<I32> | undefined;
  /** Ways to the tail: at once; RIP and status set; record set and an exception pending, or to be interpreted, or looked up. */
  private readonly labels = {} as Record<
    "end" | "completed" | "fault" | "branched" | "interpret" | "again",
    Label
  >;
  /** General registers whose upper halves are zero here. */
  readonly narrow = new Set<number>();
  /** How deep the blocks' code lies: what is emitted deeper happens under a condition. */
  base = 0;
  /** The code emitted last never goes on. */
  ended = false;
  /** … because the interpreter goes on with it. */
  interpreted = false;
  /** Ways out so far. */
  exits = 0;

  constructor(
    readonly f: FunctionBuilder,
    private readonly runtime: Runtime,
    private readonly long: boolean,
  ) {
    this.cpu = f.param("i32", 0);
    this.flagResult = f.lasting("i64");
    this.flagOperand = f.lasting("i64");
    this.flagWord = f.lasting("i32");
    this.budget = f.lasting("i32");
    this.delta = f.lasting("i64");
    this.status = f.lasting("i32");
    this.record = f.lasting("i32");
    this.refund = f.lasting("i32");
    this.rip = f.lasting("i64");
    this.tlbRead = f.lasting("i32");
    this.tlbWrite = f.lasting("i32");
    this.jumpCache = f.lasting("i32");
    this.modeTag = f.lasting("i64");
  }

  // --- registers ---

  private gpr(register: number): Mirror<I64> {
    let mirror = this.gprs.get(register);
    if (!mirror) {
      mirror = { local: this.f.lasting("i64"), offset: GPR + register * 8, written: false };
      this.gprs.set(register, mirror);
    }
    return mirror;
  }

  /** The whole general register; changes when it is written. */
  readGpr(register: number): I64 {
    const value = this.f.read({ type: "i64", index: this.gpr(register).local.index });
    if (this.narrow.has(register)) value.bits = 32;
    return value;
  }

  /** @param narrow the upper half of `value` is zero */
  writeGpr(register: number, value: I64, narrow: boolean): void {
    const mirror = this.gpr(register);
    mirror.written = true;
    this.f.set(mirror.local, value);
    if (narrow && this.unconditional) this.narrow.add(register);
    else if (!narrow) this.narrow.delete(register);
  }

  private lane(register: number, lane: number): Mirror<V128> {
    const key = register * 2 + lane;
    let mirror = this.lanes.get(key);
    if (!mirror) {
      mirror = { local: this.f.lasting("v128"), offset: YMM + key * 16, written: false };
      this.lanes.set(key, mirror);
    }
    return mirror;
  }

  /** 128 bits of a YMM register; changes when they are written. */
  readLane(register: number, lane: number): V128 {
    return this.f.read({ type: "v128", index: this.lane(register, lane).local.index });
  }

  writeLane(register: number, lane: number, value: V128): void {
    const mirror = this.lane(register, lane);
    mirror.written = true;
    this.f.set(mirror.local, value);
  }

  /** What is emitted now is executed whenever its instruction is. */
  get unconditional(): boolean {
    return this.f.nesting === this.base;
  }

  tlb(access: "read" | "write"): I32 {
    return (access === "read" ? this.tlbRead : this.tlbWrite).value;
  }

  /** A copy of MXCSR, which may lack status flags. */
  get mxcsr(): I32 {
    this.mxcsrCopy ??= this.f.lasting("i32");
    return this.f.read({ type: "i32", index: this.mxcsrCopy.index });
  }
  setMxcsr(value: I32): void {
    this.mxcsrCopy ??= this.f.lasting("i32");
    this.f.set(this.mxcsrCopy, value);
  }

  /** The page of the stack that was accessed last, as a TLB entry: good until the function is left. */
  stackPage(access: "read" | "write"): NearPage {
    let page = this.stackPages.get(access);
    if (!page) {
      const { f } = this;
      page = { tag: f.lasting("i64"), addend: f.lasting("i32"), limit: f.lasting("i64") };
      this.stackPages.set(access, page);
    }
    return page;
  }

  // --- budget ---

  /** Pays for a block of `count` instructions, or leaves before it. @param record its first record */
  pay(count: number, record: number): void {
    const { f, budget } = this;
    f.set(budget, budget.value.sub(count));
    // The lookup that follows finds out whether it is the portion or the budget that is used up.
    f.if(budget.value.ltS(0), () => this.leaveBefore(record, this.labels.again));
  }

  /** The rest of the block, so many instructions, is not executed. */
  giveBack(count: number): void {
    if (count > 0) this.f.set(this.budget, this.budget.value.add(count));
  }

  /** Instructions that may still retire in the slice, the current block already subtracted. */
  budgetLeft(): I32 {
    return load.i32(this.cpu, BUDGET).add(this.budget.value);
  }

  // --- ways out ---

  private leave(way: Label): void {
    this.exits++;
    if (this.unconditional) this.ended = true;
    this.f.br(way);
  }

  /** Leaves before the instruction of a record. */
  private leaveBefore(record: number, way: Label): void {
    this.f.set(this.record, I32.const(record));
    this.leave(way);
  }

  /** An exception is pending. */
  fault(record: number): void {
    this.leaveBefore(record, this.labels.fault);
  }

  /** The interpreter executes this instruction and goes on from there. */
  interpret(record: number): void {
    if (this.unconditional) this.interpreted = true;
    this.leaveBefore(record, this.labels.interpret);
  }

  /** Leaves with the instruction completed. @param refund instructions of the block behind this one */
  leaveTo(rip: I64, refund: number, status: number = Control.next): void {
    const { f } = this;
    f.set(this.rip, rip);
    if (refund > 0) f.set(this.refund, I32.const(refund));
    if (status !== Control.next) f.set(this.status, I32.const(status));
    this.leave(this.labels.completed);
  }

  /**
   * Leaves by a relative branch, whose target is still to be checked.
   * @param record of the branch
   */
  leaveByBranch(record: number, target: I64, refund: number): void {
    const { f } = this;
    f.set(this.rip, target);
    if (refund > 0) f.set(this.refund, I32.const(refund));
    this.leaveBefore(record, this.labels.branched);
  }

  // --- the jump cache ---

  /** Calls `found` with the record of the block at `rip` if the jump cache knows it. */
  lookUp(rip: I64, found: (record: I32) => void): void {
    const { f } = this;
    const index = rip
      .xor(rip.shrU(10))
      .toI32()
      .and(JUMP_ENTRIES - 1)
      .shl(4);
    const entry = f.let(this.jumpCache.value.add(index));
    f.if(load.i64(entry).eq(rip.xor(this.modeTag.value)), () => found(f.let(load.i32(entry, 8))));
  }

  /** Execution goes on at `offset` of the page that `rip` lies in. */
  moveTo(rip: I64, offset: I64 | number): void {
    const { f } = this;
    f.set(this.delta, rip.sub(offset));
    f.store(this.cpu, this.delta.value, IP_DELTA);
  }

  // --- the frame ---

  /** Emits the body around `blocks`, and returns what emits the beginning. */
  frame(blocks: () => void): () => void {
    const { f, cpu } = this;
    const way = (name: keyof RegionCode["labels"], inside: () => void) =>
      f.block((label) => {
        this.labels[name] = label;
        inside();
      });
    // From the outside in: the end of each block leads on to the tail by way of those around it.
    way("end", () => {
      way("completed", () => {
        way("fault", () => {
          way("branched", () => {
            way("interpret", () => {
              way("again", blocks);
              f.br(this.labels.end);
            });
            f.set(this.status, this.record.value);
            f.br(this.labels.end);
          });
          this.checkTarget();
        });
        f.set(this.status, I32.const(Control.fault));
        f.br(this.labels.end);
      });
      f.store(cpu, this.rip.value, RIP);
    });
    this.emitTail();
    return () => {
      const portion = f.local("i32");
      f.set(portion, load.i32(cpu, BUDGET));
      const taken = f.let(select(portion.value.ltS(PORTION), portion.value, I32.const(PORTION)));
      f.set(this.budget, taken);
      f.store(cpu, portion.value.sub(taken), BUDGET);
      f.set(this.delta, load.i64(cpu, IP_DELTA));
      f.set(this.tlbRead, load.i32(cpu, TLB_READ));
      f.set(this.tlbWrite, load.i32(cpu, TLB_WRITE));
      f.set(this.jumpCache, load.i32(cpu, JUMP_CACHE));
      f.set(this.modeTag, load.i64(cpu, MODE_TAG));
      f.set(this.flagResult, load.i64(cpu, FLAG_RESULT));
      f.set(this.flagOperand, load.i64(cpu, FLAG_OPERAND));
      f.set(this.flagWord, load.i32(cpu, FLAG_KIND));
      if (this.mxcsrCopy) f.set(this.mxcsrCopy, load.i32(cpu, MXCSR));
      for (const { local, offset } of this.gprs.values()) f.set(local, load.i64(cpu, offset));
      for (const { local, offset } of this.lanes.values()) f.set(local, load.v128(cpu, offset));
    };
  }

  /** #GP(0) of the branch if there can be no code where RIP goes (SDM vol. 2, Jcc). */
  private checkTarget(): void {
    const { f, cpu } = this;
    const rip = this.rip.value;
    const beyond = this.long ? rip.shl(16).shrS(16).ne(rip) : rip.gtU(load.i64_32u(cpu, SEGMENT_LIMIT + 4));
    f.if(beyond.eqz(), () => {
      f.set(this.record, I32.const(0));
      f.br(this.labels.completed);
    });
    f.store(cpu, I32.const(Vector.GP), PENDING);
    f.store(cpu, I32.const(0), PENDING_ERROR);
  }

  private emitTail(): void {
    const { f, cpu } = this;
    for (const mirrors of [this.gprs, this.lanes]) {
      for (const { local, offset, written } of mirrors.values()) {
        if (written) f.store(cpu, local.value, offset);
      }
    }
    f.store(cpu, this.flagResult.value, FLAG_RESULT);
    f.store(cpu, this.flagOperand.value, FLAG_OPERAND);
    f.store(cpu, this.flagWord.value, FLAG_KIND);
    f.if(this.record.value, () => {
      f.run(this.runtime.sync, cpu, this.record.value);
      f.set(this.refund, load.i32_16u(this.record.value, Record.left));
    });
    f.store(cpu, this.budgetLeft().add(this.refund.value), BUDGET);
    f.return(this.status.value);
  }
}
