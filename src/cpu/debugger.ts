/**
 * What a debugger outside the guest wants to stop for: breakpoints and watchpoints by linear address, whatever address
 * space is in use. The guest cannot see them; its own are in debug.ts.
 *
 * A breakpoint stops before its instruction, a watchpoint after the instruction that made the access.
 */

export interface Watchpoint {
  readonly address: bigint;
  /** At most 4096 bytes. */
  readonly length: number;
  readonly access: "read" | "write" | "access";
}

/** Breakpoints by linear address. */
export interface BreakpointSet extends Iterable<bigint> {
  /** Whether to stop at an address in what the processor runs now. */
  has(linear: bigint): boolean;
}

export type DebuggerStop =
  | { readonly reason: "breakpoint"; readonly address: bigint }
  /** `address` is the first byte of the watched range that was accessed. */
  | { readonly reason: "watchpoint"; readonly address: bigint; readonly access: Watchpoint["access"] };

/**
 * Asked about every access to a watched page, for data breakpoints and watchpoints. `shared`: other instructions are in
 * the block of the one that makes the access. True then means that it has to run again, alone.
 */
export type AccessWatcher = (
  linear: bigint,
  length: number,
  write: boolean,
  read: boolean,
  shared: boolean,
) => boolean;

/** Thrown where a helper's access to memory is refused: its instruction has to run again, alone. */
export class RunAlone {}

export class DebuggerStops {
  private breakpoints: BreakpointSet = new Set();
  /** Replaced as a whole when it changes. */
  watchpoints: readonly Watchpoint[] = [];
  private stop: DebuggerStop | undefined;
  /** A breakpoint that was reported: its instruction is the next to run, and does not stop again. */
  private passed: bigint | undefined;

  /** Returns whether the watchpoints are others than before. */
  arm(breakpoints: BreakpointSet, watchpoints: readonly Watchpoint[]): boolean {
    const changed = this.watchpoints !== watchpoints;
    this.breakpoints = breakpoints;
    this.watchpoints = watchpoints;
    return changed;
  }

  /** Page offsets of the breakpoints: where the engine has to ask. */
  get pageOffsets(): ReadonlySet<number> {
    return new Set(Array.from(this.breakpoints, (address) => Number(address & 0xfffn)));
  }

  /** The breakpoint at `linear`, if any, does not stop the next instruction. */
  pass(linear: bigint | undefined): void {
    this.passed = linear;
  }

  /** Whether to stop before the instruction at a linear address. */
  breaksAt(linear: bigint): boolean {
    if (this.passed !== linear) return this.breakpoints.has(linear);
    this.passed = undefined;
    return false;
  }

  /** The run ends at a breakpoint. */
  reached(linear: bigint): void {
    this.stop = { reason: "breakpoint", address: linear };
    this.passed = linear;
  }

  /** The watchpoint that an access meets. @param read also, or only, reads */
  watchpointAt(linear: bigint, length: number, write: boolean, read: boolean): Watchpoint | undefined {
    return this.watchpoints.find(
      (point) =>
        linear < point.address + BigInt(point.length) &&
        point.address < linear + BigInt(length) &&
        ((write && point.access !== "read") || (read && point.access !== "write")),
    );
  }

  /** The run ends after the instruction that meets a watchpoint. */
  met({ address, access }: Watchpoint, linear: bigint): void {
    this.stop ??= { reason: "watchpoint", address: linear > address ? linear : address, access };
  }

  /** The instruction faulted: the watchpoints that it met are met again when it is restarted. */
  abandonInstruction(): void {
    if (this.stop?.reason === "watchpoint") this.stop = undefined;
  }

  /** Why the run ended, told once. */
  take(): DebuggerStop | undefined {
    const { stop } = this;
    this.stop = undefined;
    return stop;
  }
}
