/**
 * The I/O APIC: Intel 82093AA (data sheet 290566) with the version 20h and EOI register of the ICH9
 * (data sheet 13.5, "Advanced Programmable Interrupt Controller").
 *
 * Invariants: an edge on a masked pin is lost, as the data sheet says; a level pin that was delivered holds
 * remote IRR until an EOI with its vector; polarity (bit 13) is stored only, because a line here is
 * "asserted" or not.
 */
import {
  DeliveryMode,
  type InterruptBus,
  type InterruptMessage,
  type IrqLine,
} from "../cpu/interrupt-bus.js";
import type { MmioDevice, MmioSize } from "../memory/physical.js";
import { copyInto, expectVersion, type VersionedState } from "./state.js";

export const IOAPIC_BASE = 0xfec00000;
export const IOAPIC_SIZE = 0x1000;
export const IOAPIC_PINS = 24;

/** Memory-mapped registers. */
const IOREGSEL = 0x00;
const IOWIN = 0x10;
const EOIR = 0x40;

/** Indirect registers. */
const ID = 0x00;
const VERSION = 0x01;
const ARBITRATION = 0x02;
const REDIRECTION = 0x10;

const VERSION_VALUE = ((IOAPIC_PINS - 1) << 16) | 0x20;
const ID_WRITABLE = 0x0f000000;

/** Redirection entry, low half. */
const RTE_VECTOR = 0xff;
const RTE_MODE_SHIFT = 8;
const RTE_LOGICAL = 1 << 11;
const RTE_PENDING = 1 << 12;
const RTE_REMOTE_IRR = 1 << 14;
const RTE_LEVEL = 1 << 15;
const RTE_MASKED = 1 << 16;
const RTE_LOW_WRITABLE = 0x1ffff & ~(RTE_PENDING | RTE_REMOTE_IRR);
/** Destination, and below it the extended destination id (ICH9) or the index of a remappable entry (VT-d). */
const RTE_HIGH_WRITABLE = 0xffff0000;

export interface IoApicState extends VersionedState {
  readonly version: 1;
  readonly select: number;
  readonly id: number;
  readonly low: readonly number[];
  readonly high: readonly number[];
  readonly lines: number;
}

/** Turns a redirection entry into the message to send; `undefined` blocks it. An IOMMU replaces this. */
export type EntryTranslation = (low: number, high: number, pin: number) => InterruptMessage | undefined;

/** The message of a redirection entry in compatibility format. */
export function entryMessage(low: number, high: number): InterruptMessage {
  const deliveryMode = ((low >> RTE_MODE_SHIFT) & 7) as DeliveryMode;
  return {
    destination: high >>> 24,
    logical: (low & RTE_LOGICAL) !== 0,
    deliveryMode,
    vector: low & RTE_VECTOR,
    level: isLevel(low),
  };
}

/** Level is for fixed and lowest priority; the others are edges whatever bit 15 says (data sheet 3.2.4). */
function isLevel(low: number): boolean {
  const mode = (low >> RTE_MODE_SHIFT) & 7;
  return (low & RTE_LEVEL) !== 0 && (mode === DeliveryMode.fixed || mode === DeliveryMode.lowestPriority);
}

export class IoApic implements MmioDevice {
  /** How entries become messages; interrupt remapping replaces it. */
  translate: EntryTranslation = entryMessage;

  private select = 0;
  private id = 0;
  private lines = 0;
  private readonly low = new Int32Array(IOAPIC_PINS).fill(RTE_MASKED);
  private readonly high = new Int32Array(IOAPIC_PINS);

  constructor(private readonly bus: InterruptBus) {
    bus.onEoi((vector) => this.endOfInterrupt(vector));
  }

  /** The wire of a pin (0 … 23). */
  line(pin: number): IrqLine {
    return (level) => this.setLine(pin, level);
  }

  private setLine(pin: number, level: boolean): void {
    const bit = 1 << pin;
    if (level === ((this.lines & bit) !== 0)) return;
    if (!level) {
      this.lines &= ~bit;
      return;
    }
    this.lines |= bit;
    if (!isLevel(this.low[pin])) this.deliver(pin);
    else this.serviceLevel(pin);
  }

  /** Sends a level interrupt if its pin is asserted and nobody is serving it yet. */
  private serviceLevel(pin: number): void {
    const low = this.low[pin];
    if (!isLevel(low) || low & RTE_REMOTE_IRR || !(this.lines & (1 << pin))) return;
    // Remote IRR means "accepted". Set it first: the EOI may come before send() returns.
    this.low[pin] |= RTE_REMOTE_IRR;
    if (!this.deliver(pin)) this.low[pin] &= ~RTE_REMOTE_IRR;
  }

  private deliver(pin: number): boolean {
    const low = this.low[pin];
    if (low & RTE_MASKED) return false;
    const message = this.translate(low, this.high[pin], pin);
    return message !== undefined && this.bus.send(message);
  }

  private endOfInterrupt(vector: number): void {
    for (let pin = 0; pin < IOAPIC_PINS; pin++) {
      const low = this.low[pin];
      if (!isLevel(low) || (low & RTE_VECTOR) !== vector) continue;
      this.low[pin] = low & ~RTE_REMOTE_IRR;
      this.serviceLevel(pin);
    }
  }

  readMmio(offset: number, _size: MmioSize): number {
    if (offset === IOREGSEL) return this.select;
    return offset === IOWIN ? this.readRegister(this.select) : 0;
  }

  writeMmio(offset: number, _size: MmioSize, value: number): void {
    if (offset === IOREGSEL) this.select = value & 0xff;
    else if (offset === IOWIN) this.writeRegister(this.select, value);
    else if (offset === EOIR) this.endOfInterrupt(value & 0xff);
  }

  private readRegister(index: number): number {
    switch (index) {
      case ID:
      case ARBITRATION:
        return this.id;
      case VERSION:
        return VERSION_VALUE;
    }
    const pin = (index - REDIRECTION) >> 1;
    if (pin < 0 || pin >= IOAPIC_PINS) return 0;
    return (index & 1 ? this.high[pin] : this.low[pin]) >>> 0;
  }

  private writeRegister(index: number, value: number): void {
    if (index === ID) {
      this.id = value & ID_WRITABLE;
      return;
    }
    const pin = (index - REDIRECTION) >> 1;
    if (pin < 0 || pin >= IOAPIC_PINS) return;
    if (index & 1) {
      this.high[pin] = value & RTE_HIGH_WRITABLE;
    } else {
      const next = (this.low[pin] & RTE_REMOTE_IRR) | (value & RTE_LOW_WRITABLE);
      // Remote IRR means nothing for an edge pin; switching to edge and back is how software without an EOI
      // register clears it.
      this.low[pin] = isLevel(next) ? next : next & ~RTE_REMOTE_IRR;
    }
    this.serviceLevel(pin);
  }

  reset(): void {
    this.select = 0;
    this.id = 0;
    this.low.fill(RTE_MASKED);
    this.high.fill(0);
  }

  save(): IoApicState {
    return {
      version: 1,
      select: this.select,
      id: this.id,
      low: [...this.low],
      high: [...this.high],
      lines: this.lines,
    };
  }

  restore(state: IoApicState): void {
    expectVersion("I/O APIC", state, 1);
    this.select = state.select;
    this.id = state.id;
    this.lines = state.lines;
    copyInto(this.low, state.low);
    copyInto(this.high, state.high);
  }
}
