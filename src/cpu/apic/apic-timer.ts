/**
 * The timer of the local APIC (Intel SDM vol. 3, 11.5.4): one-shot, periodic and TSC-deadline.
 *
 * Nothing counts: the current count is computed from the tick at which the count began. One count is a whole
 * number of ticks, so periods do not drift however late the event is seen.
 *
 * Invariant: the event is armed exactly while an unmasked count runs or a deadline is set. A masked count
 * needs no event; `catchUp` finds out later how often it has passed zero.
 */
import { TICKS_PER_SECOND, type Timeline, type TimelineEvent } from "../../time/timeline.js";
import { DIVIDE_WRITABLE, LVT_MASKED, LVT_TIMER_MODE_SHIFT } from "./registers.js";
import type { ApicTimerState } from "./state.js";

/** The input clock before division: the bus clock, which Linux and Xen calibrate. */
export const APIC_TIMER_HZ = 100_000_000;
const TICKS_PER_CLOCK = TICKS_PER_SECOND / APIC_TIMER_HZ;

const PERIODIC = 1;
const TSC_DEADLINE = 2;

export interface TscDeadline {
  readonly supported: boolean;
  /** The time-stamp counter, which advances by one each tick of the timeline. */
  now(): bigint;
}

export class ApicTimer {
  private mode = 0;
  private masked = true;
  private divide = 0;
  private initial = 0;
  /** The tick at which the count was (or, after a change of the divider, would have been) `initial`. */
  private start = 0;
  private running = false;
  /** IA32_TSC_DEADLINE; 0 while no deadline is set. */
  private deadlineTsc = 0n;
  private readonly event: TimelineEvent;

  /** @param expired sends the interrupt of LVT timer, if that is not masked. */
  constructor(
    name: string,
    private readonly timeline: Timeline,
    private readonly tsc: TscDeadline,
    private readonly expired: () => void,
  ) {
    this.event = timeline.event(name, (now) => this.onEvent(now));
  }

  get divideConfiguration(): number {
    return this.divide;
  }

  set divideConfiguration(value: number) {
    const now = this.timeline.now();
    this.catchUp(now);
    const counted = this.elapsed(now);
    this.divide = value & DIVIDE_WRITABLE;
    // The count goes on from where it is, at the new pace.
    this.start = now - counted * this.ticksPerCount;
    this.rearm(now);
  }

  /** Bits 0, 1 and 3 hold 0 … 7 for a division by 2, 4 … 128, 1. */
  private get ticksPerCount(): number {
    const code = (this.divide & 3) | ((this.divide & 8) >> 1);
    return TICKS_PER_CLOCK << ((code + 1) & 7);
  }

  get initialCount(): number {
    return this.initial;
  }

  /** Starts the count; 0 stops it. Ignored in TSC-deadline mode. */
  set initialCount(value: number) {
    if (this.mode === TSC_DEADLINE) return;
    const now = this.timeline.now();
    this.catchUp(now);
    this.initial = value >>> 0;
    this.start = now;
    this.running = this.initial !== 0;
    this.rearm(now);
  }

  get currentCount(): number {
    const now = this.timeline.now();
    this.catchUp(now);
    return this.running ? this.initial - this.elapsed(now) : 0;
  }

  /** Counts since `start`. */
  private elapsed(now: number): number {
    return Math.floor((now - this.start) / this.ticksPerCount);
  }

  /** IA32_TSC_DEADLINE. Reads as 0 and ignores writes in the other modes; 0 disarms. */
  get deadline(): bigint {
    return this.deadlineTsc;
  }

  set deadline(value: bigint) {
    if (this.mode !== TSC_DEADLINE) return;
    this.deadlineTsc = value;
    this.rearm(this.timeline.now());
  }

  /** To be called when software has written the TSC (IA32_TSC, IA32_TSC_ADJUST): a deadline moves with it. */
  tscChanged(): void {
    if (this.deadlineTsc !== 0n) this.rearm(this.timeline.now());
  }

  /** Takes over mode and mask from the LVT entry. A running count goes on, except to and from TSC-deadline mode. */
  configure(lvt: number): void {
    const now = this.timeline.now();
    this.catchUp(now);
    const mode = (lvt >> LVT_TIMER_MODE_SHIFT) & 3;
    if (mode !== this.mode && (mode === TSC_DEADLINE || this.mode === TSC_DEADLINE)) {
      this.initial = 0;
      this.running = false;
      this.deadlineTsc = 0n;
    }
    this.mode = mode;
    this.masked = (lvt & LVT_MASKED) !== 0;
    this.rearm(now);
  }

  private onEvent(now: number): void {
    if (this.deadlineTsc !== 0n) this.rearm(now);
    else this.catchUp(now);
  }

  /** Lets the count pass through the zeros that lie before `now`. */
  private catchUp(now: number): void {
    if (!this.running) return;
    const span = this.initial * this.ticksPerCount;
    const passed = now - this.start;
    if (passed < span) return;
    if (this.mode === PERIODIC) this.start += passed - (passed % span);
    else this.running = false;
    this.rearm(now);
    if (!this.masked) this.expired();
  }

  private rearm(now: number): void {
    if (this.deadlineTsc !== 0n) {
      const wait = this.deadlineTsc - this.tsc.now();
      if (wait > 0n) {
        this.event.arm(now + Number(wait));
        return;
      }
      this.deadlineTsc = 0n;
      this.event.cancel();
      this.expired();
    } else if (this.running && !this.masked) {
      this.event.arm(this.start + this.initial * this.ticksPerCount);
    } else if (this.event.at !== Number.POSITIVE_INFINITY) {
      this.event.cancel();
    }
  }

  /** Back to a stopped, masked one-shot timer. */
  reset(): void {
    this.mode = 0;
    this.masked = true;
    this.divide = 0;
    this.initial = 0;
    this.start = 0;
    this.running = false;
    this.deadlineTsc = 0n;
    this.event.cancel();
  }

  save(): ApicTimerState {
    return {
      divide: this.divide,
      initial: this.initial,
      start: this.start,
      running: this.running,
      deadline: this.deadlineTsc.toString(),
    };
  }

  /** @param lvt the restored LVT entry, which holds mode and mask. */
  restore(state: ApicTimerState, lvt: number): void {
    this.mode = (lvt >> LVT_TIMER_MODE_SHIFT) & 3;
    this.masked = (lvt & LVT_MASKED) !== 0;
    this.divide = state.divide;
    this.initial = state.initial;
    this.start = state.start;
    this.running = state.running;
    this.deadlineTsc = BigInt(state.deadline);
    this.armRestored();
  }

  /** A restored timer whose time has come fires as an event, not from inside `restore`. */
  private armRestored(): void {
    const now = this.timeline.now();
    if (this.deadlineTsc !== 0n && this.deadlineTsc <= this.tsc.now()) this.event.arm(now);
    else this.rearm(now);
  }
}
