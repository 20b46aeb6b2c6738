/**
 * How guest time follows the host's clock (`clock: "host"`). An instruction takes a nanosecond, so a guest that executes
 * less than a thousand million of them a second lags behind, and is moved forward; one that executes more gets ahead.
 */
import { TICKS_PER_SECOND } from "../time/timeline.js";

/**
 * While the guest computes, its time moves forward by at most this many ticks at once: less than a period of any timer
 * that a guest uses, so that no interrupts of it merge. A host that was busy is caught up with over the next slices.
 */
const LARGEST_STEP = 500_000;
/** A lag of more than this is given up: a laptop that slept is no reason for a storm of timer interrupts. */
const LARGEST_LAG = TICKS_PER_SECOND;
/**
 * Guest time for host time while a guest that is ahead sleeps. To stand still until the host's clock is there would make
 * a sleep of a millisecond as long as the lead; to go on at full speed would keep the lead for ever.
 */
const SLEEPING_SPEED = 0.8;
const TICKS_PER_MS = TICKS_PER_SECOND / 1000;

export class HostPace {
  /** The host's clock, in milliseconds, at tick 0. */
  private epoch = 0;
  private sleepBegan = 0;
  /** The tick that the guest has reached by sleeping, wherever the host's clock is. */
  private sleptUntil = 0;

  /** @param clock the host's clock in milliseconds */
  constructor(private readonly clock: () => number = () => performance.now()) {}

  /** It is tick `now`. */
  begin(now: number): void {
    this.sleptUntil = now;
    this.epoch = this.clock() - now / TICKS_PER_MS;
  }

  /** The tick to which guest time is to be moved. @param event the next timer event, if the guest sleeps */
  follow(now: number, event: number | undefined): number {
    const host = Math.floor((this.clock() - this.epoch) * TICKS_PER_MS);
    const target = event === undefined ? host : Math.max(host, this.sleptUntil);
    // What was slept through on purpose is no lag.
    const reached = event === undefined ? now : Math.max(now, Math.min(target, event));
    const lag = target - reached;
    if (lag > LARGEST_LAG) this.epoch += (lag - LARGEST_LAG) / TICKS_PER_MS;
    return event === undefined ? now + Math.max(0, Math.min(lag, LARGEST_STEP)) : reached;
  }

  /** The guest sleeps from tick `now` until another one: for how many milliseconds the host is to wait. */
  sleep(now: number, until: number): number {
    this.sleepBegan = this.clock();
    const milliseconds = (until - now) / TICKS_PER_MS;
    const lead = now / TICKS_PER_MS - (this.sleepBegan - this.epoch);
    return lead > 0 ? Math.min(milliseconds / SLEEPING_SPEED, milliseconds + lead) : milliseconds;
  }

  /** The host has waited since {@link sleep}, perhaps not as long as that. It is still tick `now` for the guest. */
  slept(now: number): void {
    const host = this.clock() - this.sleepBegan;
    this.sleptUntil = now + Math.floor(host * SLEEPING_SPEED * TICKS_PER_MS);
  }
}
