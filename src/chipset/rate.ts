/**
 * An oscillator that runs from tick 0 of virtual time: converts ticks to whole cycles and back.
 *
 * Exact and free of drift: seconds and the rest of a second are converted apart, so that no product leaves
 * the 2^53 range in which a `number` is exact. Frequencies must stay below 9 MHz for that.
 */
import { TICKS_PER_SECOND } from "../time/timeline.js";

export class Rate {
  constructor(readonly hertz: number) {
    if (!(hertz > 0 && hertz * TICKS_PER_SECOND <= Number.MAX_SAFE_INTEGER))
      throw new RangeError(`bad rate ${hertz} Hz`);
  }

  /** Cycles completed at `tick`. */
  cyclesAt(tick: number): number {
    const rest = tick % TICKS_PER_SECOND;
    const product = rest * this.hertz;
    return (
      ((tick - rest) / TICKS_PER_SECOND) * this.hertz +
      (product - (product % TICKS_PER_SECOND)) / TICKS_PER_SECOND
    );
  }

  /** The first tick at which `cycle` cycles are completed. */
  tickAt(cycle: number): number {
    const rest = cycle % this.hertz;
    const product = rest * TICKS_PER_SECOND;
    const remainder = product % this.hertz;
    const ticks = (product - remainder) / this.hertz + (remainder > 0 ? 1 : 0);
    return ((cycle - rest) / this.hertz) * TICKS_PER_SECOND + ticks;
  }
}
