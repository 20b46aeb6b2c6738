/**
 * The interpreter's side of {@link Emit}, its last layer: control flow, helpers and time.
 */
import type { Helper } from "../../isa/helper.js";
import type { LibraryFunction } from "../../isa/library.js";
import { BUDGET, IP_DELTA, RIP, SLICE_END, TSC_OFFSET } from "../../isa/state.js";
import { load } from "../../wasm/function.js";
import type { I32, I64, TypeMap, Value, ValueType } from "../../wasm/value.js";
import { RecordEmit } from "./emit-record.js";
import { LINKABLE, Record } from "./record.js";
import { ripMask } from "./runtime.js";

export class InterpreterEmit extends RecordEmit {
  override nextRip(): I64 {
    const next = load.i64(this.cpu, IP_DELTA).add(load.i64_16u(this.record, Record.next));
    return this.let(this.long ? next : next.and(0xffffffffn));
  }

  override instructionPointer(): I64 {
    const pointer = load.i64(this.cpu, IP_DELTA).add(load.i64_16u(this.record, Record.start));
    // Most shapes serve all modes.
    return this.let(pointer.and(ripMask(this.cpu)));
  }

  /** Target of the relative operand, checked. */
  private relativeTarget(): I64 {
    return this.branchTarget(this.nextRip().add(load.i64_32s(this.record, Record.displacement)));
  }

  override farPointer(): { selector: I32; offset: I64 } {
    return {
      selector: this.let(load.i32_16u(this.record, Record.displacement)),
      offset: this.let(load.i64_32u(this.record, Record.immediate)),
    };
  }

  override restart(): void {
    this.sync();
    // Not `jump`: the run loop gets its turn, too.
    this.exits.leave();
  }

  override jump(target: I64): void {
    this.f.store(this.cpu, this.branchTarget(target), RIP);
    this.exits.jump();
  }

  override resume(target: I64): void {
    this.f.store(this.cpu, target, RIP);
    this.exits.jump();
  }

  override jumpRelative(condition?: I32): void {
    const taken = () => {
      if (this.exits.linked) {
        this.f.if(load.i32_8u(this.record, Record.link).and(LINKABLE), () => this.exits.linked!());
      }
      this.f.store(this.cpu, this.relativeTarget(), RIP);
      this.exits.jump();
    };
    if (!condition) taken();
    else {
      this.f.if(condition, taken);
      this.exits.next();
    }
  }

  protected sync(): void {
    this.f.run(this.runtime.sync, this.cpu, this.record);
  }

  override call<T extends ValueType>(helper: Helper<T>, ...args: Value[]): TypeMap[T] {
    const fixed = args.map((arg) => this.let(arg));
    if (!helper.pure) this.sync();
    const result = this.f.call(helper.result, this.runtime.helper(helper), this.cpu, this.record, ...fixed);
    if (!helper.pure) this.faultIfPending();
    return result;
  }

  override run(helper: Helper, ...args: Value[]): void {
    const fixed = args.map((arg) => this.let(arg));
    if (!helper.pure) this.sync();
    this.f.run(this.runtime.helper(helper), this.cpu, this.record, ...fixed);
    if (!helper.pure) this.faultIfPending();
  }

  override invoke<T extends ValueType>(callee: LibraryFunction<T>, ...args: Value[]): TypeMap[T] {
    return this.f.call(callee.result, this.runtime.library(callee), this.cpu, ...args);
  }

  override control(helper: Helper<"i32">, ...args: Value[]): void {
    const fixed = args.map((arg) => this.let(arg));
    this.sync();
    this.exits.control(this.f.call("i32", this.runtime.helper(helper), this.cpu, this.record, ...fixed));
  }

  override finishWithAttention(): void {
    this.f.store(this.cpu, this.nextRip(), RIP);
    this.exits.leave();
  }

  override timeStamp(): I64 {
    const ticks = load
      .i64(this.cpu, SLICE_END)
      .sub(load.i64_32s(this.cpu, BUDGET))
      .sub(load.i64_16u(this.record, Record.left));
    return this.let(ticks.add(load.i64(this.cpu, TSC_OFFSET)));
  }
}
