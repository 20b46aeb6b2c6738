/**
 * Breakpoints as GDB sets them: several at one address, taken away whenever the guest stops and set again when it goes
 * on. Each address keeps the scope that it had first through all that.
 */
import type { BreakpointScope, DebugControl } from "../machine/debug-control.js";

export class BreakpointTable {
  /** Of addresses that get their first breakpoint from now on. */
  scope: BreakpointScope = "any";
  private readonly places = { software: new Set<bigint>(), hardware: new Set<bigint>() };
  private readonly scopes = new Map<bigint, BreakpointScope>();
  /** Addresses whose scope the person has named. */
  private readonly limited = new Set<bigint>();

  constructor(private readonly debug: DebugControl) {}

  add(kind: "software" | "hardware", address: bigint): void {
    this.places[kind].add(address);
    const scope = this.scopes.get(address) ?? this.scope;
    this.scopes.set(address, scope);
    this.debug.addBreakpoint(address, scope);
  }

  remove(kind: "software" | "hardware", address: bigint): void {
    this.places[kind].delete(address);
    if (!this.has(address)) this.debug.removeBreakpoint(address);
  }

  private has(address: bigint): boolean {
    return this.places.software.has(address) || this.places.hardware.has(address);
  }

  kindAt(address: bigint): "software" | "hardware" {
    return this.places.software.has(address) ? "software" : "hardware";
  }

  /** The scope of one address, from now on. */
  limit(address: bigint, scope: BreakpointScope): void {
    this.scopes.set(address, scope);
    this.limited.add(address);
    if (this.has(address)) this.debug.addBreakpoint(address, scope);
  }

  /** The guest goes on: what has not been set again is gone for good, and so is its scope. */
  forgetRemoved(): void {
    for (const address of this.scopes.keys()) {
      if (!this.has(address) && !this.limited.has(address)) this.scopes.delete(address);
    }
  }

  /** Removes all, and what was said of them. */
  clear(): void {
    this.scope = "any";
    this.places.software.clear();
    this.places.hardware.clear();
    this.scopes.clear();
    this.limited.clear();
  }
}
