/**
 * The high precision event timers (IA-PC HPET specification 1.0a), three comparators at FED00000h.
 *
 * The main counter runs at 100 MHz from virtual time: while enabled it is `base` plus the 10 ns steps since
 * `startStep`. With legacy replacement on, timers 0 and 1 take IRQ0 and IRQ8 from the 8254 and the RTC
 * (2.4.2): these two drive their wires through {@link Hpet.legacyLine}.
 *
 * An edge-triggered timer keeps its wire up until its next edge, so that the 8259, whose request falls with
 * the wire, sees it.
 */
import type { IrqLine } from "../cpu/interrupt-bus.js";
import type { MmioDevice, MmioSize } from "../memory/physical.js";
import type { Timeline, TimelineEvent } from "../time/timeline.js";
import { HpetTimer, type HpetTimerState, initialTimer } from "./hpet-timer.js";
import { expectVersion, type VersionedState } from "./state.js";

export const HPET_BASE = 0xfed00000;
export const HPET_SIZE = 0x400;
/** Ticks (ns) in one step of the main counter. */
export const HPET_STEP_TICKS = 10;

const TIMERS = 3;
const TWO_32 = 0x100000000;
/** Vendor 8086h, legacy replacement capable, 64-bit counter, three timers, revision 1 (2.3.4). */
const CAPABILITIES = 0x8086a201;
const PERIOD_FEMTOSECONDS = HPET_STEP_TICKS * 1_000_000;

const GENERAL_CAPABILITIES = 0x000;
const GENERAL_CONFIG = 0x010;
const INTERRUPT_STATUS = 0x020;
const MAIN_COUNTER = 0x0f0;
const TIMER_BLOCK = 0x100;
const TIMER_STRIDE = 0x20;

const CONFIG_ENABLE = 1;
const CONFIG_LEGACY = 2;

/** IOAPIC pins each timer may use, as on the ICH9 (data sheet 20.1.5): 20 … 23, and 11 for timer 2. */
const ROUTES = [0x00f00000, 0x00f00000, 0x00f00800] as const;

export interface HpetLines {
  /** The wires of ISA interrupts 0 and 8, shared with the 8254 and the RTC. */
  readonly irq0: IrqLine;
  readonly irq8: IrqLine;
  /** A wire of an IOAPIC pin; called once for each pin that a timer may be routed to. */
  readonly pin: (pin: number) => IrqLine;
}

export interface HpetState extends VersionedState {
  readonly version: 1;
  readonly config: number;
  readonly status: number;
  readonly baseLow: number;
  readonly baseHigh: number;
  readonly startStep: number;
  readonly timers: readonly HpetTimerState[];
  readonly asserted: readonly number[];
  readonly matchAt: readonly number[];
  readonly legacyLevels: readonly boolean[];
}

export class Hpet implements MmioDevice {
  private readonly timers = [new HpetTimer(), new HpetTimer(), new HpetTimer()];
  private readonly events: TimelineEvent[];
  private readonly pins: Map<number, IrqLine>[];
  private config = 0;
  private status = 0;
  private baseLow = 0;
  private baseHigh = 0;
  private startStep = 0;
  /** The wire that each timer holds up: an IOAPIC pin, -1 none, -2 its legacy IRQ. */
  private readonly asserted = [-1, -1, -1];
  /** The tick of each timer's next match, -1 when it waits for none. */
  private readonly matchAt = [-1, -1, -1];
  /** What the 8254 and the RTC drive. */
  private readonly legacyLevels = [false, false];

  constructor(
    private readonly timeline: Timeline,
    private readonly lines: HpetLines,
  ) {
    this.events = this.timers.map((_, index) => timeline.event(`hpet${index}`, () => this.match(index)));
    this.pins = ROUTES.map((routes) => {
      const pins = new Map<number, IrqLine>();
      for (let pin = 0; pin < 24; pin++) if (routes & (1 << pin)) pins.set(pin, lines.pin(pin));
      return pins;
    });
  }

  /** The wire for the 8254 (`irq` 0) or the RTC (8): passes to the ISA wire unless legacy replacement is on. */
  legacyLine(irq: 0 | 8): IrqLine {
    const index = irq === 0 ? 0 : 1;
    return (level) => {
      this.legacyLevels[index] = level;
      if (!(this.config & CONFIG_LEGACY)) this.isaLine(index)(level);
    };
  }

  private isaLine(index: number): IrqLine {
    return index === 0 ? this.lines.irq0 : this.lines.irq8;
  }

  private get running(): boolean {
    return (this.config & CONFIG_ENABLE) !== 0;
  }

  private get step(): number {
    return Math.floor(this.timeline.now() / HPET_STEP_TICKS);
  }

  /** Low half of the counter with all carries: add `baseHigh` and divide for the high half. */
  private get wideLow(): number {
    return this.baseLow + (this.running ? this.step - this.startStep : 0);
  }

  private get counterLow(): number {
    return this.wideLow % TWO_32;
  }

  private get counterHigh(): number {
    return (this.baseHigh + Math.floor(this.wideLow / TWO_32)) % TWO_32;
  }

  readMmio(offset: number, size: MmioSize): number {
    // Registers are dwords; narrower reads, which the specification does not allow, get their part.
    const value = this.readDword(offset & ~3) >>> (8 * (offset & 3));
    return size === 4 ? value : value & (2 ** (8 * size) - 1);
  }

  private readDword(offset: number): number {
    switch (offset) {
      case GENERAL_CAPABILITIES:
        return CAPABILITIES;
      case GENERAL_CAPABILITIES + 4:
        return PERIOD_FEMTOSECONDS;
      case GENERAL_CONFIG:
        return this.config;
      case INTERRUPT_STATUS:
        return this.status;
      case MAIN_COUNTER:
        return this.counterLow;
      case MAIN_COUNTER + 4:
        return this.counterHigh;
    }
    const index = Math.floor((offset - TIMER_BLOCK) / TIMER_STRIDE);
    const timer = this.timers[index];
    if (!timer) return 0;
    switch ((offset - TIMER_BLOCK) % TIMER_STRIDE) {
      case 0x00:
        return timer.state.config;
      case 0x04:
        return ROUTES[index] ?? 0;
      case 0x08:
        return timer.state.low;
      case 0x0c:
        return timer.state.high;
    }
    return 0;
  }

  writeMmio(offset: number, size: MmioSize, value: number): void {
    if (size !== 4) return;
    switch (offset) {
      case GENERAL_CONFIG:
        this.writeConfig(value & (CONFIG_ENABLE | CONFIG_LEGACY));
        return;
      case INTERRUPT_STATUS:
        this.clearStatus(value);
        return;
      case MAIN_COUNTER:
        this.setCounter(value, this.counterHigh);
        return;
      case MAIN_COUNTER + 4:
        this.setCounter(this.counterLow, value);
        return;
    }
    const index = Math.floor((offset - TIMER_BLOCK) / TIMER_STRIDE);
    const timer = this.timers[index];
    if (!timer) return;
    switch ((offset - TIMER_BLOCK) % TIMER_STRIDE) {
      case 0x00:
        this.writeTimerConfig(index, value);
        return;
      case 0x08:
      case 0x0c:
        timer.writeComparator((offset & 4) !== 0, value, this.timeline.now());
        this.schedule(index);
    }
  }

  private setCounter(low: number, high: number): void {
    this.baseLow = low;
    this.baseHigh = high;
    this.startStep = this.step;
    for (let index = 0; index < TIMERS; index++) this.schedule(index);
  }

  private writeConfig(value: number): void {
    const changed = this.config ^ value;
    if (changed & CONFIG_ENABLE) {
      // Freeze the counter at its present value, or start it from there.
      const low = this.counterLow;
      const high = this.counterHigh;
      this.baseLow = low;
      this.baseHigh = high;
      this.startStep = this.step;
    }
    if (changed & CONFIG_LEGACY) this.switchLegacy(value);
    this.config = value;
    for (let index = 0; index < TIMERS; index++) this.schedule(index);
  }

  private switchLegacy(value: number): void {
    for (let index = 0; index < 2; index++) {
      this.lower(index);
      const legacy = (value & CONFIG_LEGACY) !== 0;
      this.isaLine(index)(!legacy && (this.legacyLevels[index] ?? false));
    }
    this.config = value;
    for (let index = 0; index < 2; index++) if (this.status & (1 << index)) this.raise(index);
  }

  private writeTimerConfig(index: number, value: number): void {
    const timer = this.timers[index];
    if (!timer) return;
    this.lower(index);
    timer.writeConfig(value, ROUTES[index] ?? 0);
    if (!timer.level) this.status &= ~(1 << index);
    if (timer.enabled && this.status & (1 << index)) this.raise(index);
    this.schedule(index);
  }

  /** Waits for the next match of a timer. A comparator that equals the counter matches at once. */
  private schedule(index: number): void {
    const timer = this.timers[index];
    let at = -1;
    if (timer?.enabled && this.running) {
      const distance = timer.distance(this.counterLow, this.counterHigh);
      const tick = (this.step + distance) * HPET_STEP_TICKS;
      if (tick <= Number.MAX_SAFE_INTEGER) at = tick;
    }
    this.arm(index, at);
  }

  private arm(index: number, at: number): void {
    this.matchAt[index] = at;
    if (at < 0) this.events[index]?.cancel();
    else this.events[index]?.arm(at);
  }

  private match(index: number): void {
    const timer = this.timers[index];
    const at = this.matchAt[index] ?? -1;
    if (!timer || at < 0) return;
    this.fire(index);
    // From one match to the next in exact steps, so that a late event delays nothing.
    let distance = timer.wrap;
    if (timer.advance()) distance = timer.state.periodLow + timer.state.periodHigh * TWO_32;
    const next = at + distance * HPET_STEP_TICKS;
    this.arm(index, next <= Number.MAX_SAFE_INTEGER ? next : -1);
  }

  private fire(index: number): void {
    const timer = this.timers[index];
    if (timer?.level) this.status |= 1 << index;
    else this.lower(index);
    this.raise(index);
  }

  private raise(index: number): void {
    const legacy = (this.config & CONFIG_LEGACY) !== 0 && index < 2;
    const wire = legacy ? -2 : (this.timers[index]?.route ?? -1);
    if (!legacy && !this.pins[index]?.has(wire)) return;
    this.asserted[index] = wire;
    this.drive(index, wire, true);
  }

  private lower(index: number): void {
    const wire = this.asserted[index] ?? -1;
    this.asserted[index] = -1;
    if (wire !== -1) this.drive(index, wire, false);
  }

  private drive(index: number, wire: number, level: boolean): void {
    if (wire === -2) this.isaLine(index)(level);
    else this.pins[index]?.get(wire)?.(level);
  }

  private clearStatus(value: number): void {
    const cleared = this.status & value;
    this.status &= ~value;
    for (let index = 0; index < TIMERS; index++) if (cleared & (1 << index)) this.lower(index);
  }

  reset(): void {
    for (const [index, timer] of this.timers.entries()) {
      this.lower(index);
      timer.state = initialTimer();
    }
    this.status = 0;
    this.writeConfig(0);
    this.setCounter(0, 0);
  }

  save(): HpetState {
    return {
      version: 1,
      config: this.config,
      status: this.status,
      baseLow: this.baseLow,
      baseHigh: this.baseHigh,
      startStep: this.startStep,
      timers: this.timers.map((timer) => ({ ...timer.state })),
      asserted: [...this.asserted],
      matchAt: [...this.matchAt],
      legacyLevels: [...this.legacyLevels],
    };
  }

  restore(state: HpetState): void {
    expectVersion("HPET", state, 1);
    this.config = state.config;
    this.status = state.status;
    this.baseLow = state.baseLow;
    this.baseHigh = state.baseHigh;
    this.startStep = state.startStep;
    this.legacyLevels.splice(0, 2, ...state.legacyLevels);
    for (const [index, timer] of this.timers.entries()) {
      timer.state = { ...(state.timers[index] ?? initialTimer()) };
      this.asserted[index] = state.asserted[index] ?? -1;
      this.arm(index, state.matchAt[index] ?? -1);
    }
  }
}
