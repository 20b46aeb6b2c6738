/**
 * The interrupt wiring of the board: which wire reaches which controller input.
 *
 * ISA IRQ n goes to input n of the 8259 pair and to pin n of the I/O APIC, except that IRQ0 arrives at pin 2
 * (the interrupt source override that the MADT announces) and IRQ2 is the cascade. Wires that share an input
 * are wired-OR: the input is asserted while any of them is.
 */
import type { IrqLine } from "../cpu/interrupt-bus.js";
import { IOAPIC_PINS, type IoApic } from "./ioapic.js";
import type { PicPair } from "./pic8259.js";
import { expectVersion, type VersionedState } from "./state.js";

/** IOAPIC pin of ISA IRQ0, for the MADT. */
export const IRQ0_PIN = 2;

/** One input that several wires share. */
export class SharedLine {
  private readonly levels: boolean[] = [];
  private asserted = 0;

  constructor(private readonly target: IrqLine) {}

  /** A new wire to this input. */
  source(): IrqLine {
    const index = this.levels.push(false) - 1;
    return (level) => {
      if (this.levels[index] === level) return;
      this.levels[index] = level;
      this.asserted += level ? 1 : -1;
      if (this.asserted === (level ? 1 : 0)) this.target(level);
    };
  }

  save(): boolean[] {
    return [...this.levels];
  }

  /** Sets the levels of all wires without touching the input: the controller restores that itself. */
  restore(levels: readonly boolean[]): void {
    for (let index = 0; index < this.levels.length; index++) this.levels[index] = levels[index] ?? false;
    this.asserted = this.levels.filter(Boolean).length;
  }
}

export interface IrqRouterState extends VersionedState {
  readonly version: 1;
  /** Levels of the wires of each input, in the order in which the machine made them. */
  readonly pic: readonly (readonly boolean[])[];
  readonly pins: readonly (readonly boolean[])[];
}

export class IrqRouter {
  private readonly pic: SharedLine[] = [];
  private readonly pins: SharedLine[] = [];

  constructor(pic: PicPair, ioapic: IoApic) {
    for (let irq = 0; irq < 16; irq++) this.pic.push(new SharedLine(pic.line(irq)));
    for (let pin = 0; pin < IOAPIC_PINS; pin++) this.pins.push(new SharedLine(ioapic.line(pin)));
  }

  /** A new wire of ISA interrupt `irq` (0 … 15), to both controllers. */
  line(irq: number): IrqLine {
    if (irq === 2) return () => {};
    const pic = this.picLine(irq);
    const pin = this.pin(irq === 0 ? IRQ0_PIN : irq);
    return (level) => {
      pic(level);
      pin(level);
    };
  }

  /** A new wire to one pin of the I/O APIC only. */
  pin(pin: number): IrqLine {
    const shared = this.pins[pin];
    if (!shared) throw new RangeError(`the I/O APIC has no pin ${pin}`);
    return shared.source();
  }

  /** A new wire to one input of the 8259 pair only, as PIRQ routing makes them. */
  picLine(irq: number): IrqLine {
    const shared = this.pic[irq];
    if (!shared) throw new RangeError(`the 8259 pair has no input ${irq}`);
    return shared.source();
  }

  save(): IrqRouterState {
    return {
      version: 1,
      pic: this.pic.map((line) => line.save()),
      pins: this.pins.map((line) => line.save()),
    };
  }

  restore(state: IrqRouterState): void {
    expectVersion("interrupt router", state, 1);
    for (const [index, line] of this.pic.entries()) line.restore(state.pic[index] ?? []);
    for (const [index, line] of this.pins.entries()) line.restore(state.pins[index] ?? []);
  }
}
