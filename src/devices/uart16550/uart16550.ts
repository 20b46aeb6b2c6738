/**
 * A serial port: NS16550A (National Semiconductor PC16550D data sheet).
 *
 * Transmission takes no time: a byte written to THR is handed to the host at once, and THRE and TEMT are
 * always set. At 115200 baud a polled boot log of 30 KB would cost 2.6 s of guest time otherwise. THRE
 * interrupts work as on the chip: raised when enabled and after each byte, cleared by reading IIR.
 *
 * Reception is paced by the guest: the host's bytes wait outside while the FIFO is full, nothing overruns.
 * The PC gates the interrupt with OUT2.
 */
import { expectVersion } from "../../chipset/state.js";
import type { IrqLine } from "../../cpu/interrupt-bus.js";
import type { PortDevice, PortSize, PortSpace } from "../../memory/ports.js";
import { TICKS_PER_SECOND, type Timeline, type TimelineEvent } from "../../time/timeline.js";
import { Listening } from "./listening.js";
import { loopbackLevels, nextModemStatus } from "./modem.js";
import {
  BAUD_BASE,
  Fcr,
  FIFO_SIZE,
  Ier,
  Iir,
  Lcr,
  Lsr,
  Mcr,
  Msr,
  Register,
  TRIGGER_LEVELS,
} from "./registers.js";
import type { UartState } from "./state.js";

/** A cable to a terminal that is switched on. */
const MODEM_READY = Msr.cts | Msr.dsr | Msr.dcd;

export class Uart16550 implements PortDevice {
  /** Takes each byte that the guest sends. */
  onOutput: ((byte: number) => void) | undefined;
  /** Told when the receive FIFO has room again after {@link receive} refused bytes, and when the guest is ready for input. */
  onRoom: (() => void) | undefined;

  private readonly guest = new Listening();
  private readonly timeout: TimelineEvent;
  private ier = 0;
  private fcr = 0;
  private lcr = 0;
  private mcr = 0;
  private errors = 0;
  private modem = MODEM_READY;
  private msr: number = MODEM_READY;
  private scr = 0;
  private divisor = 12;
  /** Bytes with their error bits (LSR positions) in bits 15:8. */
  private received: number[] = [];
  private transmitPending = false;
  private timeoutPending = false;
  private timeoutAt = -1;
  private refused = false;

  constructor(
    private readonly timeline: Timeline,
    private readonly irq: IrqLine,
    /** First of the eight ports. */
    readonly base: number,
  ) {
    this.timeout = timeline.event(`uart-${base.toString(16)}-timeout`, () => {
      this.timeoutAt = -1;
      this.timeoutPending = this.received.length > 0;
      this.follow();
    });
  }

  attach(ports: PortSpace): void {
    ports.claim(this.base, this.base + 7, this);
  }

  /**
   * Bytes arrive from the host. Returns how many were taken, from the first; the rest must be offered again
   * after {@link onRoom}.
   */
  receive(bytes: ArrayLike<number>): number {
    let taken = 0;
    // In loopback mode the chip's input pin is disconnected.
    if (!this.looped) {
      while (taken < bytes.length && this.received.length < this.capacity) {
        this.received.push((bytes[taken] ?? 0) & 0xff);
        taken++;
      }
    }
    if (taken < bytes.length) this.refused = true;
    if (taken > 0) this.arrived();
    return taken;
  }

  /** The host sends a break: a zero byte with a break condition. Returns false when the FIFO is full. */
  receiveBreak(): boolean {
    if (this.looped || this.received.length >= this.capacity) return false;
    this.received.push((Lsr.breakInterrupt | Lsr.framing) << 8);
    this.noteErrors();
    this.arrived();
    return true;
  }

  /** Sets the modem inputs, as MSR level bits (`Msr.cts | Msr.dsr | …`). */
  setModem(levels: number): void {
    this.modem = levels & Msr.levels;
    this.updateModem();
    this.follow();
  }

  readPort(port: number, size: PortSize): number {
    let value = 0;
    for (let byte = 0; byte < size; byte++) value |= this.readByte(port - this.base + byte) << (8 * byte);
    this.notice(port - this.base, false);
    return value >>> 0;
  }

  writePort(port: number, size: PortSize, value: number): void {
    for (let byte = 0; byte < size; byte++)
      this.writeByte(port - this.base + byte, (value >>> (8 * byte)) & 0xff);
    this.notice(port - this.base, true);
  }

  /** The guest is ready for input: who has a choice holds it back until then. */
  get listening(): boolean {
    return this.guest.now;
  }

  private notice(register: number, write: boolean): void {
    if (this.guest.access(register, write, this.mcr, this.ier)) this.onRoom?.();
  }

  private get fifos(): boolean {
    return (this.fcr & Fcr.enable) !== 0;
  }

  private get capacity(): number {
    return this.fifos ? FIFO_SIZE : 1;
  }

  private get looped(): boolean {
    return (this.mcr & Mcr.loop) !== 0;
  }

  private get dlab(): boolean {
    return (this.lcr & Lcr.dlab) !== 0;
  }

  private readByte(register: number): number {
    switch (register) {
      case Register.data:
        return this.dlab ? this.divisor & 0xff : this.readReceived();
      case Register.ier:
        return this.dlab ? this.divisor >> 8 : this.ier;
      case Register.iir:
        return this.readIir();
      case Register.lcr:
        return this.lcr;
      case Register.mcr:
        return this.mcr;
      case Register.lsr:
        return this.readLsr();
      case Register.msr:
        return this.readMsr();
      case Register.scr:
        return this.scr;
    }
    return 0xff;
  }

  private writeByte(register: number, value: number): void {
    switch (register) {
      case Register.data:
        if (this.dlab) this.divisor = (this.divisor & 0xff00) | value;
        else this.transmit(value);
        return;
      case Register.ier:
        if (this.dlab) this.divisor = (this.divisor & 0x00ff) | (value << 8);
        else this.writeIer(value & Ier.writable);
        return;
      case Register.iir:
        this.writeFcr(value);
        return;
      case Register.lcr:
        this.lcr = value;
        return;
      case Register.mcr:
        this.writeMcr(value & Mcr.writable);
        return;
      case Register.scr:
        this.scr = value;
    }
    // LSR and MSR are read-only but for factory tests.
  }

  private readReceived(): number {
    const entry = this.received.shift() ?? 0;
    this.timeoutPending = false;
    this.noteErrors();
    this.armTimeout();
    this.follow();
    this.offerRoom();
    return entry & 0xff;
  }

  private offerRoom(): void {
    if (!this.refused || this.looped || this.received.length >= this.capacity) return;
    this.refused = false;
    this.onRoom?.();
  }

  private transmit(value: number): void {
    // THR is full for no time at all, but the request falls and rises: edge-triggered controllers need that.
    this.transmitPending = false;
    this.follow();
    if (!this.looped) this.onOutput?.(value);
    else if (this.received.length < this.capacity) {
      this.received.push(value);
      this.arrived();
    } else {
      this.errors |= Lsr.overrun;
    }
    this.transmitPending = true;
    this.follow();
  }

  /** A byte came in: it restarts the time-out. */
  private arrived(): void {
    this.timeoutPending = false;
    this.noteErrors();
    this.armTimeout();
    this.follow();
  }

  /** The errors of the byte at the top of the FIFO show in LSR until LSR is read. */
  private noteErrors(): void {
    const top = this.received[0];
    if (top === undefined) return;
    this.errors |= top >> 8;
    this.received[0] = top & 0xff;
  }

  /** "No characters have been removed or added for four character times" and at least one waits. */
  private armTimeout(): void {
    if (!this.fifos || this.received.length === 0) {
      this.timeoutAt = -1;
      this.timeout.cancel();
      return;
    }
    this.timeoutAt = this.timeline.now() + 4 * this.characterTicks;
    this.timeout.arm(this.timeoutAt);
  }

  private get characterTicks(): number {
    const bits =
      1 +
      5 +
      (this.lcr & Lcr.wordLength) +
      (this.lcr & Lcr.parity ? 1 : 0) +
      (this.lcr & Lcr.stopBits ? 2 : 1);
    return Math.ceil((bits * TICKS_PER_SECOND * (this.divisor || 1)) / BAUD_BASE);
  }

  private writeIer(value: number): void {
    const newlyEnabled = value & ~this.ier;
    this.ier = value;
    // THR is empty: enabling its interrupt raises it.
    if (newlyEnabled & Ier.transmitEmpty) this.transmitPending = true;
    this.follow();
  }

  private writeFcr(value: number): void {
    const toggled = ((value ^ this.fcr) & Fcr.enable) !== 0;
    // "Bit 0 must be a 1 when other FCR bits are written to or they will not be programmed."
    this.fcr = value & Fcr.enable ? value & (Fcr.enable | Fcr.dmaMode | (3 << Fcr.triggerShift)) : 0;
    if (toggled || (value & Fcr.enable && value & Fcr.clearReceive)) {
      this.received = [];
      this.timeoutPending = false;
      this.armTimeout();
    }
    this.follow();
    this.offerRoom();
  }

  private writeMcr(value: number): void {
    const wasLooped = this.looped;
    this.mcr = value;
    this.updateModem();
    this.follow();
    if (wasLooped) this.offerRoom();
  }

  /** Modem inputs: from the host, or in loopback mode from the four outputs of MCR. */
  private updateModem(): void {
    this.msr = nextModemStatus(this.msr, this.looped ? loopbackLevels(this.mcr) : this.modem);
  }

  private readLsr(): number {
    let value: number = Lsr.transmitEmpty | Lsr.transmitterIdle | this.errors;
    if (this.received.length > 0) value |= Lsr.dataReady;
    if (this.fifos && this.received.some((entry) => entry > 0xff)) value |= Lsr.fifoError;
    this.errors = 0;
    this.follow();
    return value;
  }

  private readMsr(): number {
    const value = this.msr;
    this.msr &= Msr.levels;
    this.follow();
    return value;
  }

  /** The interrupt of the highest priority, as an IIR code without the FIFO bits. */
  private get identification(): number {
    if (this.ier & Ier.lineStatus && this.errors & Lsr.errors) return Iir.lineStatus;
    if (this.ier & Ier.received) {
      const trigger = this.fifos ? (TRIGGER_LEVELS[this.fcr >> Fcr.triggerShift] ?? 1) : 1;
      if (this.received.length >= trigger) return Iir.received;
      if (this.timeoutPending) return Iir.timeout;
    }
    if (this.ier & Ier.transmitEmpty && this.transmitPending) return Iir.transmitEmpty;
    if (this.ier & Ier.modemStatus && this.msr & ~Msr.levels) return Iir.modemStatus;
    return Iir.none;
  }

  private readIir(): number {
    const identification = this.identification;
    if (identification === Iir.transmitEmpty) {
      this.transmitPending = false;
      this.follow();
    }
    return identification | (this.fifos ? Iir.fifosEnabled : 0);
  }

  private follow(): void {
    // In loopback mode OUT2 is forced to its inactive state.
    const gate = (this.mcr & Mcr.out2) !== 0 && !this.looped;
    this.irq(gate && this.identification !== Iir.none);
  }

  reset(): void {
    this.ier = this.fcr = this.lcr = this.mcr = this.errors = 0;
    this.received = [];
    this.transmitPending = this.timeoutPending = false;
    this.armTimeout();
    this.updateModem();
    this.msr &= Msr.levels;
    this.follow();
    this.offerRoom();
  }

  save(): UartState {
    return {
      version: 1,
      ier: this.ier,
      fcr: this.fcr,
      lcr: this.lcr,
      mcr: this.mcr,
      errors: this.errors,
      msr: this.msr,
      scr: this.scr,
      divisor: this.divisor,
      received: [...this.received],
      transmitPending: this.transmitPending,
      timeoutPending: this.timeoutPending,
      timeoutAt: this.timeoutAt,
      modem: this.modem,
    };
  }

  restore(state: UartState): void {
    expectVersion("serial port", state, 1);
    this.ier = state.ier;
    this.fcr = state.fcr;
    this.lcr = state.lcr;
    this.mcr = state.mcr;
    this.errors = state.errors;
    this.msr = state.msr;
    this.scr = state.scr;
    this.divisor = state.divisor;
    this.received = [...state.received];
    this.transmitPending = state.transmitPending;
    this.timeoutPending = state.timeoutPending;
    this.modem = state.modem;
    this.timeoutAt = state.timeoutAt;
    if (state.timeoutAt < 0) this.timeout.cancel();
    else this.timeout.arm(state.timeoutAt);
    // What waits outside is not part of the state: the host offers again after a restore.
    this.refused = false;
  }
}
