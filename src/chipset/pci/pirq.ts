/**
 * PCI interrupt routing of the ICH9: INTx pins -> PIRQA# … PIRQH# -> interrupt controllers (data sheet 5.8.6
 * and 13.1.10, "PIRQ[n]_ROUT").
 *
 * PIRQA … H drive I/O APIC pins 16 … 23, always; each also drives the 8259 input that its routing register
 * names, unless bit 7 of it is set.
 */
import type { IrqLine } from "../../cpu/interrupt-bus.js";
import { type IrqRouter, SharedLine } from "../irq-router.js";
import { expectVersion, type VersionedState } from "../state.js";

/** I/O APIC pin of PIRQA. */
export const PIRQ_FIRST_PIN = 16;
const PIRQS = 8;
/** Routing register: no 8259 interrupt. */
const ROUTE_OFF = 0x80;
/** 8259 inputs a PIRQ may be routed to (13.1.10); the others are reserved. */
const ROUTABLE = [3, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15] as const;

/**
 * PIRQ (0 = A … 7 = H) of interrupt pin `pin` (0 = INTA … 3 = INTD) of a device on bus 0, for the DSDT's _PRT:
 * devices 25 … 31, those of the ICH, use A … D in pin order; slots use E … H, rotated by device number.
 */
export function pirqOf(device: number, pin: number): number {
  return device >= 25 ? pin & 3 : 4 + ((device + pin) & 3);
}

export interface PirqState extends VersionedState {
  readonly version: 1;
  readonly routes: readonly number[];
  readonly levels: readonly boolean[];
  /** Levels of the wires of each PIRQ in the order in which the machine made them. */
  readonly sources: readonly (readonly boolean[])[];
}

export class PirqRouter {
  private readonly shared: SharedLine[] = [];
  private readonly pins: IrqLine[] = [];
  private readonly pic = new Map<number, IrqLine>();
  private readonly routes = new Uint8Array(PIRQS).fill(ROUTE_OFF);
  private readonly levels: boolean[] = [];

  constructor(router: IrqRouter) {
    for (let pirq = 0; pirq < PIRQS; pirq++) {
      this.levels.push(false);
      this.pins.push(router.pin(PIRQ_FIRST_PIN + pirq));
      this.shared.push(new SharedLine((level) => this.drive(pirq, level)));
    }
    for (const irq of ROUTABLE) this.pic.set(irq, router.picLine(irq));
  }

  /** A new wire for interrupt pin `pin` (0 = INTA) of a device on bus 0. */
  intx(device: number, pin: number): IrqLine {
    const shared = this.shared[pirqOf(device, pin)];
    if (!shared) throw new RangeError(`no PIRQ for device ${device}`);
    return shared.source();
  }

  /** The routing register of a PIRQ has a new value. */
  route(pirq: number, value: number): void {
    this.routes[pirq] = value;
    this.followPic();
  }

  private drive(pirq: number, level: boolean): void {
    this.levels[pirq] = level;
    this.pins[pirq]?.(level);
    this.followPic();
  }

  private followPic(): void {
    for (const [irq, line] of this.pic) {
      // Bit 7 set makes the value differ from any input's number.
      line(this.levels.some((level, pirq) => level && this.routes[pirq] === irq));
    }
  }

  save(): PirqState {
    return {
      version: 1,
      routes: [...this.routes],
      levels: [...this.levels],
      sources: this.shared.map((line) => line.save()),
    };
  }

  restore(state: PirqState): void {
    expectVersion("PIRQ router", state, 1);
    this.routes.set(state.routes);
    this.levels.splice(0, PIRQS, ...state.levels);
    for (const [index, line] of this.shared.entries()) line.restore(state.sources[index] ?? []);
  }
}
