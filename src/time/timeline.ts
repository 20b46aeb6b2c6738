/**
 * Virtual time and the queue of events that wait in it.
 *
 * One tick is one nanosecond of guest time and also one retired instruction (design: virtual time is the
 * count of retired instructions). All times are absolute tick counts held in a `number`, exact up to 2^53
 * (104 days). Events at the same tick fire in the order in which they were scheduled, so that a run repeats
 * bit for bit.
 */

/** Ticks in one second of guest time. Also the frequency of the time-stamp counter. */
export const TICKS_PER_SECOND = 1_000_000_000;

/** Something that is to happen at one tick. Obtained from {@link Timeline.event}; reusable. */
export interface TimelineEvent {
  /** The tick at which it fires, or `Infinity` while it is not armed. */
  readonly at: number;
  /** Arms the event for absolute tick `at` (re-arming moves it). A tick in the past fires at once when the CPU next looks. */
  arm(at: number): void;
  /** Disarms the event. */
  cancel(): void;
}

class QueuedEvent implements TimelineEvent {
  at = Number.POSITIVE_INFINITY;
  order = 0;
  constructor(
    private readonly timeline: Timeline,
    readonly name: string,
    readonly fire: (now: number) => void,
  ) {}
  arm(at: number): void {
    this.timeline.move(this, at);
  }
  cancel(): void {
    this.timeline.move(this, Number.POSITIVE_INFINITY);
  }
}

export class Timeline {
  private readonly events: QueuedEvent[] = [];
  private sequence = 0;
  private deadline = Number.POSITIVE_INFINITY;
  /** Called when the earliest deadline moves to an earlier tick, so that a running CPU can shorten its slice. */
  onEarlier: (() => void) | undefined;

  /** @param clock returns the current tick; it must be exact at any moment, also while a CPU runs. */
  constructor(private readonly clock: () => number) {}

  /** The current tick. */
  now(): number {
    return this.clock();
  }

  /** The tick of the earliest armed event, or `Infinity`. */
  get next(): number {
    return this.deadline;
  }

  /** Makes an event, not yet armed. `name` identifies it in snapshots and traces; `fire` receives the current tick. */
  event(name: string, fire: (now: number) => void): TimelineEvent {
    const event = new QueuedEvent(this, name, fire);
    this.events.push(event);
    return event;
  }

  /** Fires every event that is due at tick `now`, earliest first. */
  runDue(now: number): void {
    while (this.deadline <= now) {
      let due: QueuedEvent | undefined;
      for (const event of this.events) {
        if (event.at > now) continue;
        if (!due || event.at < due.at || (event.at === due.at && event.order < due.order)) due = event;
      }
      if (!due) break;
      due.at = Number.POSITIVE_INFINITY;
      this.refresh();
      due.fire(now);
    }
  }

  /** @internal */
  move(event: QueuedEvent, at: number): void {
    const before = this.deadline;
    const wasFirst = event.at === before;
    event.at = at;
    event.order = this.sequence++;
    if (at < before) {
      this.deadline = at;
      this.onEarlier?.();
    } else if (wasFirst && at !== before) this.refresh();
  }

  private refresh(): void {
    let deadline = Number.POSITIVE_INFINITY;
    for (const event of this.events) if (event.at < deadline) deadline = event.at;
    this.deadline = deadline;
  }
}
