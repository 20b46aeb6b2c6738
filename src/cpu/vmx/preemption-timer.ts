/**
 * The VMX-preemption timer (SDM vol. 3, 26.5.1): it counts down by 1 every time bit X of the time-stamp counter changes
 * because of a TSC increment (X is IA32_VMX_MISC[4:0]), and causes a VM exit at zero. Offset and scaling of the guest's
 * TSC do not concern it.
 */
import type { Timeline, TimelineEvent } from "../../time/timeline.js";
import { PREEMPTION_TIMER_RATE } from "./controls.js";

/** Ticks, that is counts of the time-stamp counter, for each count of the timer. */
const TICKS = 2 ** PREEMPTION_TIMER_RATE;

export class PreemptionTimer {
  /** The timer counts. */
  private active = false;
  /** It reached zero and the VM exit has not happened yet. */
  expired = false;
  /** The tick at which it is zero. */
  private zeroAt = 0;
  private event: TimelineEvent | undefined;

  constructor(private readonly onExpired: () => void) {}

  /**
   * @param value counts until the VM exit
   * @param tsc low bits of the processor's own time-stamp counter now
   */
  start(timeline: Timeline, value: number, tsc: number): void {
    this.event ??= timeline.event("VMX-preemption timer", () => {
      this.expired = true;
      this.onExpired();
    });
    this.active = true;
    this.expired = value === 0;
    this.zeroAt = timeline.now() + value * TICKS - (tsc & (TICKS - 1));
    if (!this.expired) this.event.arm(this.zeroAt);
  }

  /** Stops at a VM exit; returns what is left, for "save VMX-preemption timer value". */
  stop(now: number): number {
    if (!this.active) return 0;
    const left = this.expired ? 0 : Math.ceil((this.zeroAt - now) / TICKS);
    this.active = this.expired = false;
    this.event?.cancel();
    return Math.max(left, 0);
  }
}
