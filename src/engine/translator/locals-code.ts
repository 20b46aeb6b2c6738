/**
 * A translated function with registers, flags, XMM values and budget in locals. Every way out ends in the same tail,
 * which writes them back.
 *
 * The budget is taken in portions, as a function that V8 compiles anew runs the old code until it returns.
 */
import { isOutsideCode } from "../../isa/code-limit.js";
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
  MODE_TAG,
  MXCSR,
  PENDING,
  PENDING_ERROR,
  RIP,
  TLB_READ,
  TLB_WRITE,
  YMM,
} from "../../isa/state.js";
import { type FunctionBuilder, type Label, type Local, load } from "../../wasm/function.js";
import { f64x2, i64x2 } from "../../wasm/simd.js";
import { I32, type I64, select, type V128, type Value } from "../../wasm/value.js";
import { Record } from "../interpreter/record.js";
import type { Runtime } from "../interpreter/runtime.js";
import { type NearPage, RegionCode } from "./region-code.js";

/** Most instructions that one call runs. */
const PORTION = 0x10000;

/** A local that mirrors a field of the state. */
interface Mirror<V extends Value> {
  readonly local: Local<V>;
  readonly offset: number;
  written: boolean;
}

export class LocalsCode extends RegionCode {
  private readonly stackPages = new Map<"read" | "write", NearPage>();
  override readonly cpu: I32;
  private readonly gprs = new Map<number, Mirror<I64>>();
  private readonly lanes = new Map<number, Mirror<V128>>();
  private readonly flags: { result: Local<I64>; operand: Local<I64>; word: Local<I32> };
  /** What is left of the portion; the state's BUDGET lacks the portion. */
  private readonly budget: Local<I32>;
  private readonly ipDelta: Local<I64>;
  private readonly status: Local<I32>;
  /** The record whose instruction did not complete; 0 where RIP is set. */
  private readonly record: Local<I32>;
  /** Instructions that were paid for and not executed, where RIP is set. */
  private readonly refund: Local<I32>;
  private readonly tlbRead: Local<I32>;
  private readonly tlbWrite: Local<I32>;
  private readonly jumps: Local<I32>;
  private readonly tag: Local<I64>;
  /** Where RIP goes. */
  private readonly rip: Local<I64>;
  private mxcsrCopy: Local<I32> | undefined;
  /** Ways to the tail: at once; RIP and status set; record set and an exception pending, or to be interpreted, or looked up. */
  private readonly labels = {} as Record<
    "end" | "completed" | "fault" | "branched" | "interpret" | "again",
    Label
  >;

  constructor(
    f: FunctionBuilder,
    private readonly runtime: Runtime,
    private readonly long: boolean,
  ) {
    super(f);
    this.cpu = f.param("i32", 0);
    this.flags = { result: f.lasting("i64"), operand: f.lasting("i64"), word: f.lasting("i32") };
    this.budget = f.lasting("i32");
    this.ipDelta = f.lasting("i64");
    this.status = f.lasting("i32");
    this.record = f.lasting("i32");
    this.refund = f.lasting("i32");
    this.rip = f.lasting("i64");
    this.tlbRead = f.lasting("i32");
    this.tlbWrite = f.lasting("i32");
    this.jumps = f.lasting("i32");
    this.tag = f.lasting("i64");
  }

  // --- registers ---

  private gprMirror(register: number): Mirror<I64> {
    let mirror = this.gprs.get(register);
    if (!mirror) {
      mirror = { local: this.f.lasting("i64"), offset: GPR + register * 8, written: false };
      this.gprs.set(register, mirror);
    }
    return mirror;
  }

  protected override gpr(register: number): I64 {
    return this.f.read({ type: "i64", index: this.gprMirror(register).local.index });
  }

  protected override setGpr(register: number, value: I64): void {
    const mirror = this.gprMirror(register);
    mirror.written = true;
    this.f.set(mirror.local, value);
  }

  private laneMirror(register: number): Mirror<V128> {
    let mirror = this.lanes.get(register);
    if (!mirror) {
      mirror = { local: this.f.lasting("v128"), offset: YMM + register * 32, written: false };
      this.lanes.set(register, mirror);
    }
    return mirror;
  }

  /** High halves of YMM registers stay in the state: VZEROUPPER alone would bring sixteen more locals. */
  protected override lane(register: number, lane: number): V128 {
    if (lane > 0) return load.v128(this.cpu, YMM + register * 32 + 16);
    return this.f.read({ type: "v128", index: this.laneMirror(register).local.index });
  }

  protected override setLane(register: number, lane: number, value: V128): void {
    if (lane > 0) {
      this.f.store(this.cpu, value, YMM + register * 32 + 16);
      return;
    }
    const mirror = this.laneMirror(register);
    mirror.written = true;
    this.f.set(mirror.local, value);
  }

  override readHalf(register: number, lane: number, half: 0 | 1): I64 {
    return i64x2.extract(this.lane(register, lane), half);
  }

  protected override setHalf(register: number, lane: number, half: 0 | 1, value: I64): void {
    if (lane > 0) this.f.store(this.cpu, value, YMM + register * 32 + 16 + half * 8);
    else this.setLane(register, 0, replaceHalf(this.lane(register, 0), half, value));
  }

  override tlb(access: "read" | "write"): I32 {
    return (access === "read" ? this.tlbRead : this.tlbWrite).value;
  }

  override get mxcsr(): I32 {
    this.mxcsrCopy ??= this.f.lasting("i32");
    return this.f.read({ type: "i32", index: this.mxcsrCopy.index });
  }
  override set mxcsr(value: I32) {
    this.mxcsrCopy ??= this.f.lasting("i32");
    this.f.set(this.mxcsrCopy, value);
  }

  override get flagResult(): I64 {
    return this.flags.result.value;
  }
  override set flagResult(value: I64) {
    this.f.set(this.flags.result, value);
  }
  override get flagOperand(): I64 {
    return this.flags.operand.value;
  }
  override set flagOperand(value: I64) {
    this.f.set(this.flags.operand, value);
  }
  override get flagWord(): I32 {
    return this.flags.word.value;
  }
  override set flagWord(value: I32) {
    this.f.set(this.flags.word, value);
  }
  override get delta(): I64 {
    return this.ipDelta.value;
  }
  override set delta(value: I64) {
    this.f.set(this.ipDelta, value);
    this.f.store(this.cpu, this.ipDelta.value, IP_DELTA);
  }
  protected override get jumpCache(): I32 {
    return this.jumps.value;
  }
  protected override get modeTag(): I64 {
    return this.tag.value;
  }

  override stackPage(access: "read" | "write"): NearPage {
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
  override pay(count: number, record: number): void {
    const { f, budget } = this;
    f.set(budget, budget.value.sub(count));
    // The lookup that follows finds out whether it is the portion or the budget that is used up.
    f.if(budget.value.ltS(0), () => {
      this.leaving();
      this.leaveBefore(record, this.labels.again);
    });
  }

  /** The rest of the block, so many instructions, is not executed. */
  override giveBack(count: number): void {
    if (count > 0) this.f.set(this.budget, this.budget.value.add(count));
  }

  /** Instructions that may still retire in the slice, the current block already subtracted. */
  override budgetLeft(): I32 {
    return load.i32(this.cpu, BUDGET).add(this.budget.value);
  }

  // --- ways out ---

  /** Leaves before the instruction of a record. */
  private leaveBefore(record: number, way: Label): void {
    this.f.set(this.record, I32.const(record));
    this.f.br(way);
  }

  protected override leaveFaulting(record: number): void {
    this.leaveBefore(record, this.labels.fault);
  }

  protected override leaveInterpreted(record: number): void {
    this.leaveBefore(record, this.labels.interpret);
  }

  protected override leaveCompleted(rip: I64, refund: number, status: number): void {
    const { f } = this;
    f.set(this.rip, rip);
    if (refund > 0) f.set(this.refund, I32.const(refund));
    if (status !== Control.next) f.set(this.status, I32.const(status));
    f.br(this.labels.completed);
  }

  protected override leaveBranching(record: number, target: I64, refund: number): void {
    const { f } = this;
    f.set(this.rip, target);
    if (refund > 0) f.set(this.refund, I32.const(refund));
    this.leaveBefore(record, this.labels.branched);
  }

  // --- the frame ---

  /** Emits the body around `blocks`, and returns what emits the beginning. */
  override frame(blocks: () => void): () => void {
    const { f, cpu } = this;
    const way = (name: keyof LocalsCode["labels"], inside: () => void) =>
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
      f.set(this.ipDelta, load.i64(cpu, IP_DELTA));
      f.set(this.tlbRead, load.i32(cpu, TLB_READ));
      f.set(this.tlbWrite, load.i32(cpu, TLB_WRITE));
      f.set(this.jumps, load.i32(cpu, JUMP_CACHE));
      f.set(this.tag, load.i64(cpu, MODE_TAG));
      f.set(this.flags.result, load.i64(cpu, FLAG_RESULT));
      f.set(this.flags.operand, load.i64(cpu, FLAG_OPERAND));
      f.set(this.flags.word, load.i32(cpu, FLAG_KIND));
      if (this.mxcsrCopy) f.set(this.mxcsrCopy, load.i32(cpu, MXCSR));
      for (const { local, offset } of this.gprs.values()) f.set(local, load.i64(cpu, offset));
      for (const { local, offset } of this.lanes.values()) f.set(local, load.v128(cpu, offset));
    };
  }

  /** #GP(0) of the branch if there can be no code where RIP goes (SDM vol. 2, Jcc). */
  private checkTarget(): void {
    const { f, cpu } = this;
    const rip = this.rip.value;
    f.if(isOutsideCode(cpu, rip, this.long).eqz(), () => {
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
    f.store(cpu, this.flags.result.value, FLAG_RESULT);
    f.store(cpu, this.flags.operand.value, FLAG_OPERAND);
    f.store(cpu, this.flags.word.value, FLAG_KIND);
    f.if(this.record.value, () => {
      f.run(this.runtime.sync, cpu, this.record.value);
      f.set(this.refund, load.i32_16u(this.record.value, Record.left));
    });
    f.store(cpu, this.budgetLeft().add(this.refund.value), BUDGET);
    f.return(this.status.value);
  }
}

/** A lane with one half replaced. */
export function replaceHalf(lane: V128, half: 0 | 1, value: I64): V128 {
  const { double } = value;
  return double ? f64x2.replace(lane, half, double) : i64x2.replace(lane, half, value);
}
