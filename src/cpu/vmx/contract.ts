/**
 * What the parts of VMX know of each other (SDM vol. 3, chapters 24-31).
 *
 * - vmcs.ts, fields.ts: the VMCS as data and its storage.
 * - capabilities.ts: the one table of controls from which capability MSRs and checks come.
 * - instructions.ts, checks/: the VMX instructions and the checks of VM entry.
 * - entry.ts, exit.ts, intercepts.ts, events.ts: transitions, and what causes exits in non-root operation.
 * - ept.ts, ../mmu.ts: the second level of address translation.
 */
import type { CpuContext } from "../context.js";

/** A VMCS that can be read and written by field encoding (SDM appendix B). Values are zero-extended. */
export interface VmcsAccess {
  /** Guest-physical (for L1: physical) address of the VMCS region. */
  readonly pointer: bigint;
  read(field: number): bigint;
  write(field: number, value: bigint): void;
}

/**
 * Thrown where the manual gives a VM exit its priority, and caught at the engine's helper boundary and in the
 * run loop. As with a Fault, no register has changed when it is thrown, unless `advance` says otherwise.
 */
export class VmExit {
  constructor(
    /** Basic exit reason (SDM appendix C). */
    readonly reason: number,
    /** Exit qualification. */
    readonly qualification: bigint = 0n,
    /** Further VM-exit information fields to record, by VMCS encoding (guest-physical address, instruction information …). */
    readonly fields: readonly (readonly [field: number, value: bigint])[] = [],
    /** Trap-like: RIP is already that of the next instruction, VM-exit instruction length is not defined. */
    readonly trap = false,
  ) {}
}

/** The VMX state of a logical processor: what is not in a VMCS. */
export interface VmxUnit {
  /** After VMXON, until VMXOFF. */
  readonly operation: boolean;
  /** VMX non-root operation: a guest runs. */
  readonly nonRoot: boolean;
  /** Current VMCS, if any. */
  readonly current: VmcsAccess | undefined;
  /** Performs a VM exit: saves guest state, loads host state. Afterwards RIP is the host's. */
  exit(exit: VmExit): void;
}

/** The context with VMX. */
export interface VmxContext extends CpuContext {
  readonly vmx: VmxUnit;
}
