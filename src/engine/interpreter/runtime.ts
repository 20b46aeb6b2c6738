/**
 * The functions that every handler may call: slow paths of memory and segmentation, flags, helpers.
 */
import type { FlagFunctions } from "../../isa/flag-emit.js";
import type { Helper } from "../../isa/helper.js";
import type { BOUNCE } from "../../isa/state.js";
import type { Callee } from "../../wasm/function.js";

/** The access word of the slow paths. */
export const Access = {
  /** Bits 0-6: size in bytes. */
  bytes: 0x7f,
  write: 0x100,
  /** Read-modify-write: as write, and the old bytes are wanted. */
  update: 0x200,
  /** The address belongs to the stack segment whatever the record says. */
  stack: 0x400,
  encode(access: "read" | "write" | "update", bytes: number): number {
    return bytes | (access === "read" ? 0 : access === "write" ? Access.write : Access.write | Access.update);
  },
} as const;

export interface Runtime {
  readonly flags: FlagFunctions;
  /** (cpu, record, address low, address high, access) -> host address, or 0 with an exception pending. */
  readonly resolve: Callee;
  /** (cpu): completes a write that was made to the bounce buffer. */
  readonly commit: Callee;
  /** (cpu, record, raw address, access) -> linear address of a memory operand in legacy mode or with 32-bit addresses. */
  readonly operandAddress: Callee;
  /** (cpu, offset, segment, access) -> linear address, or an exception pending. */
  readonly checkSegment: Callee;
  /** (cpu, record): makes RIP, NEXT_RIP and LEFT exact. */
  readonly sync: Callee;
  helper(helper: Helper): Callee;
  /** State offset of the bounce buffer. */
  readonly bounce: typeof BOUNCE;
}
