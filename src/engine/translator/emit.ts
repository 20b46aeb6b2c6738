/**
 * The translator's side of {@link Emit}: control flow, helpers and time.
 *
 * A helper that needs the processor's exact state is never called from translated code: before its first one an
 * instruction has changed nothing, so the interpreter can execute it from the start.
 */
import type { Shape } from "../../isa/emit.js";
import type { FlagEmit } from "../../isa/flag-emit.js";
import { Control, type Helper } from "../../isa/helper.js";
import type { Instruction } from "../../isa/instruction.js";
import type { LibraryFunction } from "../../isa/library.js";
import { BUDGET, MXCSR, RIP, SLICE_END, TSC_OFFSET } from "../../isa/state.js";
import { load } from "../../wasm/function.js";
import { F32, F64, I32, I64, type TypeMap, V128, type Value, type ValueType } from "../../wasm/value.js";
import { Record } from "../interpreter/record.js";
import type { Runtime } from "../interpreter/runtime.js";
import { LocalEmit, type Place } from "./emit-operands.js";
import type { RegionCode } from "./region-code.js";

/** Where control goes from the end of a block; each emits code that does not come back. */
export interface Ways {
  /** The relative branch is taken, `rest` instructions before the end of its block. False: to no block of the function. */
  taken(rest: number): boolean;
  /** To the block behind a CALL, if it is in the function and on the same page. */
  readonly back: (() => void) | undefined;
  /** To the entry with a number that is known only at run time. */
  entry(number: I32): void;
  /** Table slot of the function that is being emitted. */
  readonly slot: number;
  /** Where words about diverted records lie (CodeCache.entriesOffset). */
  readonly entriesOffset: number;
}

const nothing: { [T in ValueType]: () => TypeMap[T] } = {
  i32: () => I32.const(0),
  i64: () => I64.const(0),
  f32: () => F32.const(0),
  f64: () => F64.const(0),
  v128: () => V128.const(0n, 0n),
};

export class TranslatorEmit extends LocalEmit {
  constructor(
    shape: Shape,
    instruction: Instruction,
    place: Place,
    code: RegionCode,
    flags: FlagEmit,
    runtime: Runtime,
    private readonly ways: Ways,
  ) {
    super(shape, instruction, place, code, flags, runtime);
  }

  private rip(offset: number): I64 {
    const rip = this.code.delta.add(offset);
    return this.let(this.long ? rip : rip.and(0xffffffffn));
  }
  override nextRip(): I64 {
    return this.rip(this.place.next);
  }
  override instructionPointer(): I64 {
    return this.rip(this.place.start);
  }

  override farPointer(): { selector: I32; offset: I64 } {
    const { immediate, immediate2 } = this.instruction;
    return { selector: I32.const(immediate2 & 0xffff), offset: I64.const(BigInt(immediate >>> 0)) };
  }

  override jump(target: I64): void {
    const { code, f } = this;
    const rip = this.branchTarget(target);
    const { mnemonic } = this.shape;
    if (mnemonic === "ret") code.leaveByReturn(rip);
    code.lookUp(rip, (record) => {
      const { slot, entriesOffset } = this.ways;
      const word = f.let(load.i64(record.shrU(2), entriesOffset));
      f.if(word.shrU(32).toI32().eq(slot), () => {
        // In 64-bit mode pages of code are pages of RIP.
        code.moveTo(rip, this.long ? rip.and(4095) : load.i64_16u(record, Record.start));
        this.ways.entry(word.toI32());
      });
    });
    if (mnemonic === "call" && this.ways.back) this.leaveByCall(rip, this.ways.back);
    else code.leaveTo(rip, this.place.left - 1);
  }

  private leaveByCall(target: I64, back: () => void): void {
    const { code } = this;
    const expected = this.nextRip();
    code.leaveByCall(target, expected, () => {
      code.moveTo(expected, this.place.next);
      back();
    });
  }

  override jumpRelative(condition?: I32): void {
    const taken = () => {
      if (this.ways.taken(this.place.left - 1)) return;
      const { place, code } = this;
      if (this.shape.mnemonic === "call" && this.ways.back) {
        const target = this.cutTarget(this.nextRip().add(this.immediate64(0, true)));
        this.leaveByCall(this.let(target), this.ways.back);
        return;
      }
      const distance = BigInt(this.instruction.immediate) + BigInt(place.next);
      code.leaveByBranch(place.record, this.cutTarget(code.delta.add(distance)), place.left - 1);
    };
    if (condition) this.f.if(condition, taken);
    else {
      taken();
      this.code.ended = true;
    }
  }

  override resume(target: I64): void {
    this.code.leaveTo(target, this.place.left - 1, Control.jump);
  }

  override restart(): void {
    this.code.leaveTo(this.rip(this.place.start), this.place.left - 1, Control.leave);
  }

  override finishWithAttention(): void {
    this.code.leaveTo(this.nextRip(), this.place.left - 1, Control.leave);
  }

  private interpret(): void {
    this.code.interpret(this.place.record);
  }

  override leavesAt(helper: Helper): boolean {
    return !helper.pure;
  }

  override call<T extends ValueType>(helper: Helper<T>, ...args: Value[]): TypeMap[T] {
    if (this.leavesAt(helper)) {
      this.interpret();
      return nothing[helper.result]();
    }
    return this.f.call(helper.result, this.runtime.helper(helper), this.cpu, this.record, ...args);
  }

  override run(helper: Helper, ...args: Value[]): void {
    if (this.leavesAt(helper)) this.interpret();
    else this.f.run(this.runtime.helper(helper), this.cpu, this.record, ...args);
  }

  override control(): void {
    this.interpret();
  }

  override invoke<T extends ValueType>(callee: LibraryFunction<T>, ...args: Value[]): TypeMap[T] {
    return this.f.call(callee.result, this.runtime.library(callee), this.cpu, ...args);
  }

  override stateI32(offset: number): I32 {
    return offset === BUDGET ? this.code.budgetLeft() : super.stateI32(offset);
  }

  override floatControl(): I32 {
    return this.code.mxcsr;
  }

  override setStateI32(offset: number, value: I32): void {
    const fixed = this.let(value);
    super.setStateI32(offset, fixed);
    // A set status flag may be missing in the copy (see floatControl).
    if (offset === MXCSR && this.code.unconditional) this.code.mxcsr = fixed;
  }

  override stateI64(offset: number): I64 {
    if (offset === RIP) return this.instructionPointer();
    return super.stateI64(offset);
  }

  override timeStamp(): I64 {
    const ticks = load.i64(this.cpu, SLICE_END).sub(this.code.budgetLeft().toI64S()).sub(this.place.left);
    return this.let(ticks.add(load.i64(this.cpu, TSC_OFFSET)));
  }
}
