/**
 * The test bench of the chipset and device tests: virtual time that a test moves by hand, and probes for
 * lines and interrupt messages. Holds no tests itself; named so that the package leaves it out.
 */
import type { InterruptBus, InterruptMessage, IrqLine } from "../cpu/interrupt-bus.js";
import { Timeline } from "../time/timeline.js";

/** Virtual time under the control of a test. */
export class Bench {
  tick = 0;
  readonly timeline = new Timeline(() => this.tick);

  /** Lets `ticks` pass, firing every event exactly at its tick. */
  run(ticks: number): void {
    const end = this.tick + ticks;
    while (this.timeline.next <= end) {
      this.tick = Math.max(this.tick, this.timeline.next);
      this.timeline.runDue(this.tick);
    }
    this.tick = end;
  }
}

/** A wire's far end: remembers the level and counts rising edges. */
export class Probe {
  level = false;
  rises = 0;
  readonly line: IrqLine = (level) => {
    if (level && !this.level) this.rises++;
    this.level = level;
  };
}

/** Local APICs that accept (or refuse) every message. */
export class FakeBus implements InterruptBus {
  readonly sent: InterruptMessage[] = [];
  accepts = true;
  private readonly listeners: ((vector: number) => void)[] = [];
  send(message: InterruptMessage): boolean {
    if (this.accepts) this.sent.push(message);
    return this.accepts;
  }
  onEoi(listener: (vector: number) => void): void {
    this.listeners.push(listener);
  }
  eoi(vector: number): void {
    for (const listener of this.listeners) listener(vector);
  }
}
