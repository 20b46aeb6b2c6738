/**
 * How one translated function goes on with another: it calls it, and returns what that returns. So a CALL of the guest
 * is a call of the host, and its RET a return to code that goes on with the next instruction; other ways nest until
 * {@link MOST_NESTED} functions are open, then all of them return to the interpreter's loop.
 *
 * Nothing that translated code does without leaving can change the mode, a mapping, or code that was translated (such a
 * store misses the TLB), so a function that waits for another is still right when that has returned.
 */
import { Control } from "../../isa/helper.js";
import {
  BUDGET,
  HOPPED,
  IP_DELTA,
  JUMP_CACHE,
  JUMP_ENTRIES,
  MODE_TAG,
  RIP,
  TRANSFER_DEPTH,
  TRANSFERRED,
  VISITS,
} from "../../isa/state.js";
import { type Callee, type FunctionBuilder, load } from "../../wasm/function.js";
import { I32, type I64 } from "../../wasm/value.js";
import { Record } from "./record.js";
import { Handler } from "./shapes.js";

/** Functions that may wait for others: the host predicts about as many returns. */
const MOST_NESTED = 24;
/** A way between functions is sampled where the budget crosses a multiple of two to this power. */
export const SAMPLE_SHIFT = 12;
/** Of so many calls of translated functions one is a sample; a power of two. */
const CALLS_PER_SAMPLE = 16;
/** Instructions for which execution has to stay in a function to be noticed. */
const LONG_VISIT = 2048;

/** What a call of a translated function needs of the interpreter's module. */
export interface CallImports {
  readonly hop: Callee;
  readonly visit: Callee;
}

/** The address of the entry for `rip` in the jump cache at `cache`; jumpSlot (cpu/fetch-tlb.ts) says the same. */
export function jumpEntry(f: FunctionBuilder, cache: I32, rip: I64): I32 {
  const index = rip
    .xor(rip.shrU(10))
    .toI32()
    .and(JUMP_ENTRIES - 1)
    .shl(4);
  return f.let(cache.add(index));
}

/**
 * Calls the translated function that a diverted record leads to, and takes the samples.
 * @param slot of the function
 * @param from slot of the function that led there, or 0
 * @param before the budget
 * @returns its status
 */
export function callTranslated(
  f: FunctionBuilder,
  imports: CallImports,
  handlerType: number,
  cpu: I32,
  record: I32,
  slot: I32,
  from: I32,
  before: I32,
): I32 {
  const entry = f.let(load.i32(record, Record.displacement));
  f.if(before.xor(load.i32(cpu, HOPPED)).shrU(SAMPLE_SHIFT).and(from.ne(0)), () => {
    f.store(cpu, before, HOPPED);
    f.run(imports.hop, cpu, record, from);
  });
  f.store(cpu, I32.const(0), TRANSFERRED);
  const status = f.callIndirect("i32", handlerType, slot, cpu, entry);
  // How long it ran says something only if it ran alone.
  const instructions = f.let(before.sub(load.i32(cpu, BUDGET)));
  f.if(instructions.geS(LONG_VISIT), () =>
    f.if(load.i32(cpu, TRANSFERRED).eqz(), () => {
      const visits = f.let(load.i32(cpu, VISITS).add(1));
      f.store(cpu, visits, VISITS);
      f.if(visits.and(CALLS_PER_SAMPLE - 1).eqz(), () => f.run(imports.visit, cpu, slot, instructions));
    }),
  );
  f.store(cpu, I32.const(1), TRANSFERRED);
  return status;
}

/** (cpu, slot of the function that leaves, RIP) -> status */
export function emitTransfer(f: FunctionBuilder, imports: CallImports, handlerType: number): void {
  const cpu = f.param("i32", 0);
  const from = f.param("i32", 1);
  const rip = f.param("i64", 2);
  const leave = () => {
    f.store(cpu, rip, RIP);
    f.return(I32.const(Control.next));
  };
  const entry = jumpEntry(f, load.i32(cpu, JUMP_CACHE), rip);
  f.if(load.i64(entry).ne(rip.xor(load.i64(cpu, MODE_TAG))), leave);
  const record = f.let(load.i32(entry, 8));
  f.if(load.i32_16u(record, Record.handler).ne(Handler.region), leave);
  const depth = f.let(load.i32(cpu, TRANSFER_DEPTH));
  f.if(depth.geU(MOST_NESTED), leave);
  f.store(cpu, depth.add(1), TRANSFER_DEPTH);
  f.store(cpu, rip.sub(load.i64_16u(record, Record.start)), IP_DELTA);
  const before = f.let(load.i32(cpu, BUDGET));
  const slot = f.let(load.i32(record, Record.immediate));
  const status = callTranslated(f, imports, handlerType, cpu, record, slot, from, before);
  f.store(cpu, depth, TRANSFER_DEPTH);
  f.return(status);
}
