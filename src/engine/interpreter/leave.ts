/**
 * The functions with which translated code leaves for the interpreter. They are shared, because a translated function
 * has very many ways out, and few of them are taken often.
 */
import { isBeyondLimit, isNonCanonical } from "../../isa/code-limit.js";
import { Vector } from "../../isa/emit.js";
import { Control } from "../../isa/helper.js";
import { BUDGET, PENDING, PENDING_ERROR } from "../../isa/state.js";
import { type Callee, type FunctionBuilder, load } from "../../wasm/function.js";
import { I32 } from "../../wasm/value.js";
import { Record } from "./record.js";

/** (cpu, record, status) -> status */
export function emitLeave(f: FunctionBuilder, sync: Callee): void {
  const cpu = f.param("i32", 0);
  const record = f.param("i32", 1);
  f.run(sync, cpu, record);
  f.store(cpu, load.i32(cpu, BUDGET).add(load.i32_16u(record, Record.left)), BUDGET);
  f.return(f.param("i32", 2));
}

/** (cpu, record, target, way) -> status. #GP(0) if there can be no code at the target (SDM vol. 2, Jcc). */
export function emitLeaveByBranch(f: FunctionBuilder, leave: Callee, transfer: Callee): void {
  const cpu = f.param("i32", 0);
  const record = f.param("i32", 1);
  const target = f.param("i64", 2);
  const way = f.param("i32", 3);
  const beyond = f.choose(
    "i32",
    way.and(1),
    () => isNonCanonical(target),
    () => isBeyondLimit(cpu, target),
  );
  f.if(beyond, () => {
    f.store(cpu, I32.const(Vector.GP), PENDING);
    f.store(cpu, I32.const(0), PENDING_ERROR);
    f.return(f.call("i32", leave, cpu, record, I32.const(Control.fault)));
  });
  f.store(cpu, load.i32(cpu, BUDGET).add(way.shrU(1).and(0xff)), BUDGET);
  f.return(f.call("i32", transfer, cpu, way.shrU(9), target));
}
