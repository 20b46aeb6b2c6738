/**
 * One translated function while it is emitted: where registers, flags and time are, and the ways out of it. There are
 * two kinds, which differ in where the guest's registers live between blocks:
 *
 * - in locals of the function (locals-code.ts): the fastest in loops, but all of them are loaded when the function is
 *   entered and stored when it is left, and V8 moves them around wherever ways meet;
 * - in the CPU's state (state-code.ts): each block loads what it needs and stores what it changes, and entering and
 *   leaving cost next to nothing.
 *
 * The function has the type of a handler: (cpu, number of the entry) -> what the interpreter's loop does next
 * (`RunExit`, 0 to go on at the state's RIP, or the address of a record to go on with). At rest the state is canonical
 * (design decision 4).
 */
import { Control } from "../../isa/helper.js";
import { type FunctionBuilder, type Local, load } from "../../wasm/function.js";
import type { I32, I64, V128 } from "../../wasm/value.js";
import { jumpEntry } from "../interpreter/transfer.js";

/** Where the guest's registers live between the blocks of a function. */
export type RegisterHome = "locals" | "state";

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

export abstract class RegionCode {
  abstract readonly cpu: I32;
  /** General registers whose upper halves are zero here. */
  private readonly narrow = new Set<number>();
  /** XMM registers in whose lower halves there are doubles of which that is known ({@link V128.plainLow}). */
  private readonly plain = new Set<number>();
  /** How deep the blocks' code lies: what is emitted deeper happens under a condition. */
  private base = 0;
  /** The code emitted last never goes on. */
  ended = false;
  /** … because the interpreter goes on with it. */
  interpreted = false;
  /** Ways out so far. */
  exits = 0;

  constructor(readonly f: FunctionBuilder) {}

  /** Emits the body around `blocks`, and returns what emits the beginning. */
  abstract frame(blocks: () => void): () => void;

  /** A block begins, to which several ways may lead. */
  begin(): void {
    this.base = this.f.nesting;
    this.narrow.clear();
    this.plain.clear();
    this.ended = false;
    this.interpreted = false;
  }

  /** What is emitted now is executed whenever its instruction is. */
  get unconditional(): boolean {
    return this.f.nesting === this.base;
  }

  // --- registers ---

  protected abstract gpr(register: number): I64;
  protected abstract setGpr(register: number, value: I64): void;

  /** The whole general register; changes when it is written. */
  readGpr(register: number): I64 {
    const value = this.gpr(register);
    if (this.narrow.has(register)) value.bits = 32;
    return value;
  }

  /** @param narrow the upper half of `value` is zero */
  writeGpr(register: number, value: I64, narrow: boolean): void {
    this.setGpr(register, value);
    if (narrow && this.unconditional) this.narrow.add(register);
    else if (!narrow) this.narrow.delete(register);
  }

  /** The upper half of the register is zero. */
  isNarrow(register: number): boolean {
    return this.narrow.has(register);
  }

  protected abstract lane(register: number, lane: number): V128;
  protected abstract setLane(register: number, lane: number, value: V128): void;
  protected abstract setHalf(register: number, lane: number, half: 0 | 1, value: I64): void;

  /** 128 bits of a YMM register; changes when they are written. */
  readLane(register: number, lane: number): V128 {
    const value = this.lane(register, lane);
    value.plainLow = lane === 0 && this.plain.has(register);
    return value;
  }

  writeLane(register: number, lane: number, value: V128): void {
    this.setLane(register, lane, value);
    if (lane !== 0) return;
    if (value.plainLow && this.unconditional) this.plain.add(register);
    else this.plain.delete(register);
  }

  /** Half of a lane. */
  abstract readHalf(register: number, lane: number, half: 0 | 1): I64;

  writeHalf(register: number, lane: number, half: 0 | 1, value: I64): void {
    this.setHalf(register, lane, half, value);
    if (lane === 0 && half === 0) this.plain.delete(register);
  }

  // --- the rest of the state ---

  /** The lazy flags (isa/flag-emit.ts). */
  abstract flagResult: I64;
  abstract flagOperand: I64;
  abstract flagWord: I32;
  /** RIP minus the page offset; the state's IP_DELTA has the same value. */
  abstract delta: I64;
  /** MXCSR, which may lack status flags. */
  abstract mxcsr: I32;
  /** Address of the TLB. */
  abstract tlb(access: "read" | "write"): I32;
  /** The page of the stack that was accessed last, as a TLB entry: good until the function is left. */
  abstract stackPage(access: "read" | "write"): NearPage | undefined;

  // --- budget ---

  /** Pays for a block of `count` instructions, or leaves before it. @param record its first record */
  abstract pay(count: number, record: number): void;
  /** The rest of the block, so many instructions, is not executed. */
  abstract giveBack(count: number): void;
  /** Instructions that may still retire in the slice, the current block already subtracted. */
  abstract budgetLeft(): I32;

  // --- ways out ---

  /** An exception is pending. */
  fault(record: number): void {
    this.leaving();
    this.leaveFaulting(record);
  }
  protected abstract leaveFaulting(record: number): void;

  /** The interpreter executes this instruction and goes on from there. */
  interpret(record: number): void {
    if (this.unconditional) this.interpreted = true;
    this.leaving();
    this.leaveInterpreted(record);
  }
  protected abstract leaveInterpreted(record: number): void;

  /** Leaves with the instruction completed. @param refund instructions of the block behind this one */
  leaveTo(rip: I64, refund: number, status: number = Control.next): void {
    this.leaving();
    this.leaveCompleted(rip, refund, status);
  }
  protected abstract leaveCompleted(rip: I64, refund: number, status: number): void;

  /**
   * Leaves by a relative branch, whose target is still to be checked.
   * @param record of the branch
   */
  leaveByBranch(record: number, target: I64, refund: number): void {
    this.leaving();
    this.leaveBranching(record, target, refund);
  }
  protected abstract leaveBranching(record: number, target: I64, refund: number): void;

  /**
   * Leaves by a CALL to another function. When that comes back, `goOn` may be asked to go on behind the call.
   * @param expected RIP of the instruction behind it
   */
  leaveByCall(target: I64, _expected: I64, _goOn: () => void): void {
    this.leaveTo(target, 0);
  }

  /** Leaves by a RET if the function was called by one that waits for it; otherwise goes on. */
  leaveByReturn(_rip: I64): void {}

  protected leaving(): void {
    this.exits++;
    if (this.unconditional) this.ended = true;
  }

  // --- the jump cache ---

  protected abstract get jumpCache(): I32;
  protected abstract get modeTag(): I64;

  /** Calls `found` with the record of the block at `rip` if the jump cache knows it. */
  lookUp(rip: I64, found: (record: I32) => void): void {
    const { f } = this;
    const entry = jumpEntry(f, this.jumpCache, rip);
    f.if(load.i64(entry).eq(rip.xor(this.modeTag)), () => found(f.let(load.i32(entry, 8))));
  }

  /** Execution goes on at `offset` of the page that `rip` lies in. */
  moveTo(rip: I64, offset: I64 | number): void {
    this.delta = rip.sub(offset);
  }
}
