/**
 * A debugger's breakpoints by linear address, each for everything that runs or for one side of VMX only: the same address
 * means different code in a hypervisor and in its guest.
 */
import type { BreakpointSet } from "../cpu/debugger.js";

/** `l1`: what runs outside of VMX non-root operation, hypervisor or not; `l2`: its guest. */
export type BreakpointScope = "any" | "l1" | "l2";

export class Breakpoints implements BreakpointSet {
  private readonly scopes = new Map<bigint, BreakpointScope>();

  /** @param inGuest whether the processor is in VMX non-root operation */
  constructor(private readonly inGuest: () => boolean) {}

  /** There is one at each address: another scope replaces the one before. */
  add(linear: bigint, scope: BreakpointScope): void {
    this.scopes.set(linear, scope);
  }

  delete(linear: bigint): void {
    this.scopes.delete(linear);
  }

  clear(): void {
    this.scopes.clear();
  }

  has(linear: bigint): boolean {
    const scope = this.scopes.get(linear);
    return scope === "any" || (scope !== undefined && (scope === "l2") === this.inGuest());
  }

  [Symbol.iterator](): Iterator<bigint> {
    return this.scopes.keys();
  }
}
