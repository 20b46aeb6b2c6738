/**
 * Helpers: operations that an instruction's semantics call instead of emitting them, because they are rare,
 * long, or belong to a room above the instruction set (paging, segmentation, MSRs).
 *
 * A semantic function declares a helper by name and type; the engine imports it and the processor supplies
 * it. The import's first two parameters are always the CPU's base address and the address of the decoded
 * record (i32 each). Before a helper runs, RIP, NEXT_RIP and LEFT of the state are exact, and afterwards a
 * pending exception is honoured.
 */
import type { ValueType } from "../wasm/value.js";

export interface Helper<R extends ValueType | undefined = ValueType | undefined> {
  readonly name: string;
  /** Types of the parameters after the two implicit ones. An i64 arrives in TypeScript as a bigint. */
  readonly params: readonly ValueType[];
  /** Result type, or undefined: the helper returns nothing and execution goes on unless an exception is pending. */
  readonly result: R;
  /**
   * It raises nothing, and of the state it knows only its arguments, the x87 registers, MXCSR and the scratch fields:
   * translated code may call it while registers are in locals.
   */
  readonly pure: boolean;
}

/** What helpers of kind "control" return: how execution goes on. */
export const Control = {
  /** With the next instruction. */
  next: 0,
  /** At the state's RIP, which the helper has set. */
  jump: 1,
  /** Leave the engine: the instruction is complete and RIP is set to where to go on. */
  leave: 2,
  /** The instruction did not complete: an exception is pending, RIP is still its own. */
  fault: 3,
} as const;

const registry = new Map<string, Helper>();

/** Declares a helper that needs no exact RIP and cannot fault: the cheap kind, for arithmetic. */
export function pureHelper<R extends ValueType | undefined = undefined>(
  name: string,
  params: readonly ValueType[],
  result?: R,
): Helper<R> {
  return helper(name, params, result, true);
}

/** Declares a helper that computes a value (or, without result type, only has effects). */
export function helper<R extends ValueType | undefined = undefined>(
  name: string,
  params: readonly ValueType[] = [],
  result?: R,
  pure = false,
): Helper<R> {
  const known = registry.get(name);
  if (known) {
    if (`${known.params}>${known.result}` !== `${params}>${result}`)
      throw new Error(`helper ${name}: two types`);
    return known as Helper<R>;
  }
  const declared = { name, params, result: result as R, pure };
  registry.set(name, declared);
  return declared;
}

/** All helpers declared so far, in order of declaration. */
export function allHelpers(): readonly Helper[] {
  return [...registry.values()];
}
