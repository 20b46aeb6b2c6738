/**
 * The VMX-preemption timer (SDM vol. 3, 26.5.1): it counts down by 1 every time bit X of the time-stamp counter changes
 * because of a TSC increment (X is IA32_VMX_MISC[4:0]), and causes a VM exit at zero. Offset and scaling of the guest's
 * TSC do not concern it.
 */
import type { Timeline, TimelineEvent } from "../../time/timeline.js";
import { PREEMPTION_TIMER_RATE } from "./controls.js";

const RATE = BigInt(PREEMPTION_TIMER_RATE);

export class PreemptionTimer {
  /** The timer counts. */
  private active = false;
  /** It reached zero and the VM exit has not happened yet. */
  expired = false;
  /** Value of the TSC, in counts, at which it is zero. */
  private zeroAt = 0n;
  private event: TimelineEvent | undefined;

  constructor(private readonly onExpired: () => void) {}

  /**
   * @param value counts until the VM exit
   * @param tsc the processor's own time-stamp counter now
   */
  start(timeline: Timeline, value: bigint, tsc: bigint): void {
    this.event ??= timeline.event("VMX-preemption timer", () => {
      this.expired = true;
      this.onExpired();
    });
    this.active = true;
    this.expired = value === 0n;
    this.zeroAt = (tsc >> RATE) + value;
    if (!this.expired) this.event.arm(timeline.now() + Number((this.zeroAt << RATE) - tsc));
  }

  /** Stops at a VM exit; returns what is left, for "save VMX-preemption timer value". */
  stop(tsc: bigint): bigint {
    if (!this.active) return 0n;
    const left = this.expired ? 0n : this.zeroAt - (tsc >> RATE);
    this.active = this.expired = false;
    this.event?.cancel();
    return left > 0n ? left : 0n;
  }
}
