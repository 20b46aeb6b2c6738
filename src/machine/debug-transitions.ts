/**
 * VM exits and VM entries that a debugger wants to stop after: a run then ends before the next instruction, in the state
 * that the transition has left. A VM exit has loaded the host's state, and RIP is the host's; a VM entry has loaded the
 * guest's, and the event that it injects is yet to be delivered.
 *
 * The processor is observed only while something is wanted.
 */
import type {
  ObservedAbort,
  ObservedEntry,
  ObservedEntryFailure,
  ObservedExit,
  VmxObserver,
} from "../cpu/vmx/observer.js";

export type TransitionStop =
  | { readonly reason: "vm-exit"; readonly exit: ObservedExit }
  | { readonly reason: "vm-entry"; readonly entry: ObservedEntry }
  /** A VM entry that failed with one of the VM exits that load the host's state (exit reasons 33, 34 and 41). */
  | { readonly reason: "vm-entry-failure"; readonly failure: ObservedEntryFailure };

/** Tells two. */
class Both implements VmxObserver {
  constructor(
    private readonly first: VmxObserver,
    private readonly second: VmxObserver,
  ) {}
  onEntry(entry: ObservedEntry): void {
    this.first.onEntry(entry);
    this.second.onEntry(entry);
  }
  onExit(exit: ObservedExit): void {
    this.first.onExit(exit);
    this.second.onExit(exit);
  }
  onEntryFailure(failure: ObservedEntryFailure): void {
    this.first.onEntryFailure(failure);
    this.second.onEntryFailure(failure);
  }
  onAbort(abort: ObservedAbort): void {
    this.first.onAbort(abort);
    this.second.onAbort(abort);
  }
}

export class TransitionStops implements VmxObserver {
  /** Basic exit reasons to stop after. */
  exits: ReadonlySet<number> | "all" = new Set();
  entries = false;
  private stop: TransitionStop | undefined;

  /** @param interrupt ends the run before the next instruction */
  constructor(private readonly interrupt: () => void) {}

  private get wanted(): boolean {
    return this.entries || this.exits === "all" || this.exits.size > 0;
  }

  /** The observer that the processor is to have: `observer`, and this one where it wants to know. */
  after(observer: VmxObserver | undefined): VmxObserver | undefined {
    if (!this.wanted) return observer;
    return observer === undefined ? this : new Both(observer, this);
  }

  clear(): void {
    this.exits = new Set();
    this.entries = false;
  }

  /** The transition that the run has ended after, told once. */
  take(): TransitionStop | undefined {
    const { stop } = this;
    this.stop = undefined;
    return stop;
  }

  private wants(reason: number): boolean {
    return this.exits === "all" || this.exits.has(reason);
  }

  private end(stop: TransitionStop): void {
    this.stop = stop;
    this.interrupt();
  }

  // --- VmxObserver ---

  onEntry(entry: ObservedEntry): void {
    if (this.entries) this.end({ reason: "vm-entry", entry });
  }

  onExit(exit: ObservedExit): void {
    if (this.wants(exit.reason)) this.end({ reason: "vm-exit", exit });
  }

  onEntryFailure(failure: ObservedEntryFailure): void {
    if (failure.reason !== undefined && this.wants(failure.reason)) {
      this.end({ reason: "vm-entry-failure", failure });
    }
  }

  onAbort(): void {}
}
