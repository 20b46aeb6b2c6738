/**
 * The functions that every handler may call: slow paths of memory and segmentation, flags, helpers.
 */
import type { FlagFunctions } from "../../isa/flag-emit.js";
import type { FlagFunction } from "../../isa/flag-functions.js";
import type { Helper } from "../../isa/helper.js";
import type { LibraryFunction } from "../../isa/library.js";
import { type BOUNCE, EFER, SEGMENT_RIGHTS } from "../../isa/state.js";
import { type Callee, load, type Signature } from "../../wasm/function.js";
import { type I32, I64, select } from "../../wasm/value.js";

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
  /** (cpu, record, address, access) -> host address, or 0 with an exception pending. */
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
  library(callee: LibraryFunction): Callee;
  /** State offset of the bounce buffer. */
  readonly bounce: typeof BOUNCE;
}

/** What translated code needs besides: ways out of it. */
export interface RegionRuntime extends Runtime {
  /** (cpu, record, status) -> status: leaves before an instruction, with the rest of its block given back. */
  readonly leave: Callee;
  /**
   * (cpu, record, target, way) -> status: goes on where a relative branch leads, or leaves with the exception that it
   * raises. Way: bit 0, in 64-bit mode; bits 1 to 8, how many instructions of the block are given back; the others, the
   * slot of the function that leaves.
   */
  readonly leaveByBranch: Callee;
  /** (cpu, slot of the function that leaves, RIP) -> status: goes on at RIP (transfer.ts). */
  readonly transfer: Callee;
}

/** Those functions that the interpreter's module exports for translated code, and their types. */
export const runtimeExports = {
  checkSegment: { params: ["i32", "i64", "i32", "i32"], results: ["i64"] },
  sync: { params: ["i32", "i32"], results: [] },
  leave: { params: ["i32", "i32", "i32"], results: ["i32"] },
  leaveByBranch: { params: ["i32", "i32", "i64", "i32"], results: ["i32"] },
  transfer: { params: ["i32", "i32", "i64"], results: ["i32"] },
} as const satisfies Readonly<Record<string, Signature>>;
/** The same for the functions that derive flags. */
export const flagExports: Readonly<Record<FlagFunction, string>> = {
  carry: "flag_carry",
  overflow: "flag_overflow",
  all: "flag_all",
};
export const flagSignature = { params: ["i64", "i64", "i32"], results: ["i32"] } as const satisfies Signature;
/** What the modules import from TypeScript. */
export const engineImports = {
  resolve: { params: ["i32", "i32", "i32", "i32", "i32"], results: ["i32"] },
  commit: { params: ["i32"], results: [] },
} as const satisfies Readonly<Record<string, Signature>>;

/** All ones in 64-bit mode, else 32 ones: bit 13 (L) of the code segment's rights with EFER.LMA. */
export function ripMask(cpu: I32): I64 {
  const long = load
    .i32(cpu, SEGMENT_RIGHTS + 4)
    .shrU(13)
    .and(load.i32(cpu, EFER).shrU(10))
    .and(1);
  return select(long, I64.const(-1n), I64.const(0xffffffffn));
}
