/**
 * One comparator of the HPET (IA-PC HPET specification 1.0a, 2.3.8 … 2.3.10).
 *
 * 64-bit values are pairs of unsigned 32-bit halves. The timer knows the counter only as such a pair and as
 * a distance in counts; the block turns distances into ticks.
 */

/** Timer N configuration and capability register, low half (2.3.8). */
export const TimerConfig = {
  level: 1 << 1,
  enable: 1 << 2,
  periodic: 1 << 3,
  periodicCapable: 1 << 4,
  wide: 1 << 5,
  setValue: 1 << 6,
  only32: 1 << 8,
  routeShift: 9,
  route: 0x1f << 9,
} as const;

const WRITABLE =
  TimerConfig.level |
  TimerConfig.enable |
  TimerConfig.periodic |
  TimerConfig.setValue |
  TimerConfig.only32 |
  TimerConfig.route;

const TWO_32 = 0x100000000;
const ALL_ONES = 0xffffffff;

export interface HpetTimerState {
  config: number;
  /** Comparator, low and high half. */
  low: number;
  high: number;
  /** Period, as last written, low and high half. */
  periodLow: number;
  periodHigh: number;
  /** The tick of the write that consumed Tn_VAL_SET_CNF, or -1. */
  setValueTick: number;
}

export function initialTimer(): HpetTimerState {
  return {
    config: TimerConfig.periodicCapable | TimerConfig.wide,
    low: ALL_ONES,
    high: ALL_ONES,
    periodLow: 0,
    periodHigh: 0,
    setValueTick: -1,
  };
}

export class HpetTimer {
  state = initialTimer();

  get enabled(): boolean {
    return (this.state.config & TimerConfig.enable) !== 0;
  }

  get level(): boolean {
    return (this.state.config & TimerConfig.level) !== 0;
  }

  get periodic(): boolean {
    return (this.state.config & TimerConfig.periodic) !== 0;
  }

  get route(): number {
    return (this.state.config & TimerConfig.route) >> TimerConfig.routeShift;
  }

  private get only32(): boolean {
    return (this.state.config & TimerConfig.only32) !== 0;
  }

  /** @param routes bit mask of the IOAPIC pins it may be routed to; other values of the field do not stick. */
  writeConfig(value: number, routes: number): void {
    const s = this.state;
    let next = (s.config & ~WRITABLE) | (value & WRITABLE);
    const route = (value & TimerConfig.route) >> TimerConfig.routeShift;
    if (!(routes & (1 << route))) next = (next & ~TimerConfig.route) | (s.config & TimerConfig.route);
    if (!(next & TimerConfig.periodic)) next &= ~TimerConfig.setValue;
    s.config = next;
    if (next & TimerConfig.only32) s.high = s.periodHigh = 0;
  }

  /**
   * Writes half of the comparator (2.3.9). A periodic timer takes the value as its period, and as its
   * comparator too when Tn_VAL_SET_CNF is set, which the write clears. The bus splits a 64-bit write into two
   * at the same tick: the flag holds for both.
   */
  writeComparator(high: boolean, value: number, tick: number): void {
    const s = this.state;
    if (high && this.only32) return;
    const set = !this.periodic || (s.config & TimerConfig.setValue) !== 0 || s.setValueTick === tick;
    if (set && high) s.high = value;
    else if (set) s.low = value;
    if (!this.periodic) return;
    if (s.config & TimerConfig.setValue) s.setValueTick = tick;
    s.config &= ~TimerConfig.setValue;
    if (high) s.periodHigh = value;
    else s.periodLow = value;
  }

  /** Counts from the main counter to the next match, 0 … 2^64 (inexact above 2^53, which no run reaches). */
  distance(counterLow: number, counterHigh: number): number {
    const s = this.state;
    const low = s.low - counterLow;
    if (this.only32) return low < 0 ? low + TWO_32 : low;
    let high = s.high - counterHigh - (low < 0 ? 1 : 0);
    if (high < 0) high += TWO_32;
    return high * TWO_32 + (low < 0 ? low + TWO_32 : low);
  }

  /** The full cycle of the counter at this timer's width. */
  get wrap(): number {
    return this.only32 ? TWO_32 : TWO_32 * TWO_32;
  }

  /** After a match: a periodic comparator advances by its period. Returns false when there is nothing to add. */
  advance(): boolean {
    const s = this.state;
    if (!this.periodic || (s.periodLow === 0 && s.periodHigh === 0)) return false;
    const low = s.low + s.periodLow;
    s.low = low % TWO_32;
    if (!this.only32) s.high = (s.high + s.periodHigh + (low >= TWO_32 ? 1 : 0)) % TWO_32;
    return true;
  }
}
