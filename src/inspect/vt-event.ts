/** VT events: what the processor tells an observer (cpu/vmx/observer.ts), with the time. */
import type {
  ObservedAbort,
  ObservedEntry,
  ObservedEntryFailure,
  ObservedExit,
} from "../cpu/vmx/observer.js";

export interface Moment {
  /** Virtual time since power-on, in nanoseconds. Goes on over resets. */
  readonly time: number;
  /** Instructions retired since power-on, likewise. */
  readonly instructions: number;
}

export type EntryEvent = Moment & { readonly kind: "entry" } & ObservedEntry;
export type ExitEvent = Moment & { readonly kind: "exit" } & ObservedExit;
export type FailureEvent = Moment & { readonly kind: "failure" } & ObservedEntryFailure;
export type AbortEvent = Moment & { readonly kind: "abort" } & ObservedAbort;
export type VtEvent = EntryEvent | ExitEvent | FailureEvent | AbortEvent;

/** Gets every event, in order. */
export interface VtSink {
  event(event: VtEvent): void;
  /** No more events come. */
  end?(at: Moment): void;
}
