/**
 * Puts the time on what the processor tells, hands it to those who want it, and keeps the last VM exits. Attached to a
 * machine only while somebody looks.
 */
import type {
  ObservedAbort,
  ObservedEntry,
  ObservedEntryFailure,
  ObservedExit,
  VmxObserver,
} from "../cpu/vmx/observer.js";
import type { ExitEvent, FailureEvent, Moment, VtEvent, VtSink } from "./vt-event.js";

/** VM exits that are kept. */
const KEPT = 256;

/** A machine's clocks; both begin again at 0 with a reset. */
export interface Clocks {
  /** Nanoseconds. */
  readonly time: number;
  readonly instructions: number;
}

export class VtRecorder implements VmxObserver {
  private readonly ring: ExitEvent[] = [];
  private next = 0;
  /** The last VM entry that failed. */
  lastFailure: FailureEvent | undefined;
  private last: Moment = { time: 0, instructions: 0 };
  /** What had passed before the last reset. */
  private before: Moment = { time: 0, instructions: 0 };

  constructor(
    private readonly clocks: Clocks,
    private readonly sinks: readonly VtSink[] = [],
  ) {}

  onEntry(entry: ObservedEntry): void {
    this.tell({ kind: "entry", ...this.now(), ...entry });
  }

  onExit(exit: ObservedExit): void {
    const event: ExitEvent = { kind: "exit", ...this.now(), ...exit };
    this.ring[this.next] = event;
    this.next = (this.next + 1) % KEPT;
    this.tell(event);
  }

  onEntryFailure(failure: ObservedEntryFailure): void {
    this.lastFailure = { kind: "failure", ...this.now(), ...failure };
    this.tell(this.lastFailure);
  }

  onAbort(abort: ObservedAbort): void {
    this.tell({ kind: "abort", ...this.now(), ...abort });
  }

  /** The last VM exits, oldest first. */
  exits(): readonly ExitEvent[] {
    return [...this.ring.slice(this.next), ...this.ring.slice(0, this.next)];
  }

  /** The machine has ended. */
  end(): void {
    const at = this.now();
    for (const sink of this.sinks) sink.end?.(at);
  }

  private tell(event: VtEvent): void {
    for (const sink of this.sinks) sink.event(event);
  }

  private now(): Moment {
    const { time, instructions } = this.clocks;
    const { before, last } = this;
    // Clocks that went back: the machine was reset.
    if (before.time + time < last.time) this.before = last;
    this.last = { time: this.before.time + time, instructions: this.before.instructions + instructions };
    return this.last;
  }
}
