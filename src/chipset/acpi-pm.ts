/**
 * ACPI power management of the ICH9 (data sheet 13.8.3, "Power management I/O registers"; ACPI 4.8): PM1a
 * event and control blocks, PM timer, GPE0, and the SMI command port B2h.
 *
 * There is no system management mode behind the SMI command port: the device itself does what the firmware's
 * SMI handler does for ACPI enable and disable, as QEMU's q35 does, and SMI_EN comes up with APMC_EN set so
 * that SeaBIOS takes its SMM handler for installed.
 */
import type { IrqLine } from "../cpu/interrupt-bus.js";
import type { PortSize, PortSpace } from "../memory/ports.js";
import type { Timeline, TimelineEvent } from "../time/timeline.js";
import { BytePorts } from "./byte-ports.js";
import { Rate } from "./rate.js";
import { copyInto, expectVersion, type VersionedState } from "./state.js";

/** Where firmware puts the block (LPC register PMBASE). */
export const PM_BASE = 0x600;
export const PM_SIZE = 0x80;
/** Offsets from PMBASE, for the FADT. */
export const PM1_EVENT = 0x00;
export const PM1_CONTROL = 0x04;
export const PM_TIMER = 0x08;
export const GPE0 = 0x20;
/** Bytes in the GPE0 block: eight of status, eight of enable. */
export const GPE0_LENGTH = 16;
const SMI_ENABLE = 0x30;

/** SLP_TYP values for the DSDT's _S3, _S4 and _S5 packages; the same as QEMU's q35. */
export const SLP_TYP_S3 = 1;
export const SLP_TYP_S4 = 2;
export const SLP_TYP_S5 = 0;

/** The SMI command port and its ACPI values, for the FADT. */
export const SMI_COMMAND = 0xb2;
export const ACPI_ENABLE = 0x02;
export const ACPI_DISABLE = 0x03;

export const PM_TIMER_HERTZ = 3579545;

/** PM1 status and enable bits (ACPI 4.8.3.1). */
export const Pm1 = {
  timer: 1 << 0,
  busMaster: 1 << 4,
  global: 1 << 5,
  powerButton: 1 << 8,
  sleepButton: 1 << 9,
  rtc: 1 << 10,
  wake: 1 << 15,
} as const;
const PM1_STATUS_BITS = Pm1.timer | Pm1.busMaster | Pm1.global | Pm1.powerButton | Pm1.rtc | Pm1.wake;
const PM1_ENABLE_BITS = Pm1.timer | Pm1.global | Pm1.powerButton | Pm1.rtc;

/** PM1 control bits (ACPI 4.8.3.2). */
const SCI_EN = 1 << 0;
const SLP_TYP_SHIFT = 10;
const SLP_EN = 1 << 13;
const PM1_CONTROL_BITS = SCI_EN | (1 << 1) | (7 << SLP_TYP_SHIFT);

const SMI_ENABLE_APMC = 1 << 5;

export interface AcpiPmState extends VersionedState {
  readonly version: 1;
  readonly status: number;
  readonly enable: number;
  readonly control: number;
  readonly gpeStatus: readonly number[];
  readonly gpeEnable: readonly number[];
  readonly smiEnable: readonly number[];
  readonly smiCommand: number;
  readonly smiStatus: number;
  readonly togglesSeen: number;
  readonly base: number;
}

export class AcpiPm extends BytePorts {
  /** The guest asked for S5. */
  onPowerOff: (() => void) | undefined;
  /** The guest asked for S3 (suspend to RAM). */
  onSuspend: (() => void) | undefined;

  private readonly rate = new Rate(PM_TIMER_HERTZ);
  private readonly event: TimelineEvent;
  private readonly counts: number;
  private status = 0;
  private enable = 0;
  private control = 0;
  private readonly gpeStatus = new Uint8Array(GPE0_LENGTH / 2);
  private readonly gpeEnable = new Uint8Array(GPE0_LENGTH / 2);
  private readonly smiEnable = new Uint8Array([SMI_ENABLE_APMC, 0, 0, 0]);
  private smiCommand = 0;
  private smiStatus = 0;
  /** Changes of the timer's top bit that have already set TMR_STS. */
  private togglesSeen = 0;
  private ports: PortSpace | undefined;
  private base = -1;

  /**
   * @param sci the wire of the system control interrupt (level-triggered, IRQ9 on a PC).
   * @param timerBits width of the PM timer: 24 as the ICH9, or 32 (then say so in the FADT: TMR_VAL_EXT).
   */
  constructor(
    private readonly timeline: Timeline,
    private readonly sci: IrqLine,
    timerBits: 24 | 32 = 24,
  ) {
    super();
    this.counts = 2 ** timerBits;
    this.event = timeline.event("pm-timer", () => {
      this.noteToggles();
      this.armTimer();
    });
  }

  attach(ports: PortSpace): void {
    this.ports = ports;
    ports.claim(SMI_COMMAND, SMI_COMMAND + 1, this);
    this.relocate(PM_BASE);
  }

  /** Moves the block, as LPC register PMBASE says; `undefined` stops its decoding. */
  relocate(base: number | undefined): void {
    const next = base ?? -1;
    if (next === this.base) return;
    if (this.base >= 0) this.ports?.release(this.base, this.base + PM_SIZE - 1);
    this.base = next;
    if (next >= 0) this.ports?.claim(next, next + PM_SIZE - 1, this);
  }

  /** The PM timer as a program would read it now. */
  get timer(): number {
    return this.rate.cyclesAt(this.timeline.now()) % this.counts;
  }

  /** Somebody presses the power button. */
  pressPowerButton(): void {
    this.raise(Pm1.powerButton);
  }

  /** Sets PM1 status bits, as an event does. */
  raise(bits: number): void {
    this.status |= bits & PM1_STATUS_BITS;
    this.follow();
  }

  /** The machine wakes from S3: WAK_STS and the bit of the event that woke it. */
  wake(reason: number): void {
    this.raise(Pm1.wake | reason);
  }

  /** A general purpose event (bit 0 … 63 of GPE0_STS) happens. */
  raiseGpe(bit: number): void {
    this.gpeStatus[bit >> 3] |= 1 << (bit & 7);
    this.follow();
  }

  private follow(): void {
    let pending = (this.status & this.enable) !== 0;
    for (let index = 0; index < this.gpeStatus.length; index++) {
      if (this.gpeStatus[index] & this.gpeEnable[index]) pending = true;
    }
    // With SCI_EN clear the events raise SMIs instead, and nobody is there to take them.
    this.sci(pending && (this.control & SCI_EN) !== 0);
  }

  /** TMR_STS is set whenever the top bit of the timer changes, twice per cycle of the counter. */
  private noteToggles(): void {
    const toggles = Math.floor(this.rate.cyclesAt(this.timeline.now()) / (this.counts / 2));
    if (toggles > this.togglesSeen) this.raise(Pm1.timer);
    this.togglesSeen = toggles;
  }

  /** The event exists only while somebody wants the interrupt. */
  private armTimer(): void {
    if (this.enable & Pm1.timer) this.event.arm(this.rate.tickAt((this.togglesSeen + 1) * (this.counts / 2)));
    else this.event.cancel();
  }

  override readPort(port: number, size: PortSize): number {
    // The clock source of a guest without a stable TSC: read often, always as a dword.
    if (size === 4 && port === this.base + PM_TIMER) return this.timer;
    return super.readPort(port, size);
  }

  protected override readByte(port: number): number {
    if (port === SMI_COMMAND) return this.smiCommand;
    if (port === SMI_COMMAND + 1) return this.smiStatus;
    const offset = port - this.base;
    if (offset < PM1_CONTROL) {
      this.noteToggles();
      return (this.status | (this.enable << 16)) >>> (8 * offset);
    }
    if (offset < PM_TIMER) return offset < PM1_CONTROL + 2 ? this.control >> (8 * (offset - PM1_CONTROL)) : 0;
    if (offset < PM_TIMER + 4) return this.timer >>> (8 * (offset - PM_TIMER));
    if (offset >= GPE0 && offset < GPE0 + GPE0_LENGTH) {
      const index = offset - GPE0;
      return index < 8 ? this.gpeStatus[index] : this.gpeEnable[index - 8];
    }
    return offset >= SMI_ENABLE && offset < SMI_ENABLE + 4 ? this.smiEnable[offset - SMI_ENABLE] : 0;
  }

  protected override writeByte(port: number, value: number): void {
    if (port === SMI_COMMAND) this.command(value);
    else if (port === SMI_COMMAND + 1) this.smiStatus = value;
    else this.writeBlock(port - this.base, value);
  }

  private writeBlock(offset: number, value: number): void {
    if (offset < 2) {
      this.noteToggles();
      this.status &= ~(value << (8 * offset));
      this.follow();
    } else if (offset < PM1_CONTROL) {
      this.noteToggles();
      this.enable = insert(this.enable, offset - 2, value) & PM1_ENABLE_BITS;
      this.armTimer();
      this.follow();
    } else if (offset < PM1_CONTROL + 2) {
      const written = insert(this.control, offset - PM1_CONTROL, value);
      this.control = written & PM1_CONTROL_BITS;
      this.follow();
      if (written & SLP_EN) this.sleep();
    } else if (offset >= GPE0 && offset < GPE0 + GPE0_LENGTH) {
      const index = offset - GPE0;
      if (index < 8) this.gpeStatus[index] &= ~value;
      else this.gpeEnable[index - 8] = value;
      this.follow();
    } else if (offset >= SMI_ENABLE && offset < SMI_ENABLE + 4) {
      this.smiEnable[offset - SMI_ENABLE] = value;
    }
  }

  private sleep(): void {
    const type = (this.control >> SLP_TYP_SHIFT) & 7;
    if (type === SLP_TYP_S3) this.onSuspend?.();
    // S4 is S5 with an image that the guest wrote itself.
    else if (type === SLP_TYP_S5 || type === SLP_TYP_S4) this.onPowerOff?.();
  }

  private command(value: number): void {
    this.smiCommand = value;
    if (value === ACPI_ENABLE) this.control |= SCI_EN;
    else if (value === ACPI_DISABLE) this.control &= ~SCI_EN;
    this.follow();
  }

  reset(): void {
    this.status = this.enable = this.control = 0;
    this.gpeStatus.fill(0);
    this.gpeEnable.fill(0);
    copyInto(this.smiEnable, [SMI_ENABLE_APMC]);
    this.smiCommand = this.smiStatus = 0;
    this.noteToggles();
    this.status = 0;
    this.armTimer();
    this.follow();
  }

  save(): AcpiPmState {
    return {
      version: 1,
      status: this.status,
      enable: this.enable,
      control: this.control,
      gpeStatus: [...this.gpeStatus],
      gpeEnable: [...this.gpeEnable],
      smiEnable: [...this.smiEnable],
      smiCommand: this.smiCommand,
      smiStatus: this.smiStatus,
      togglesSeen: this.togglesSeen,
      base: this.base,
    };
  }

  restore(state: AcpiPmState): void {
    expectVersion("ACPI power management block", state, 1);
    this.status = state.status;
    this.enable = state.enable;
    this.control = state.control;
    copyInto(this.gpeStatus, state.gpeStatus);
    copyInto(this.gpeEnable, state.gpeEnable);
    copyInto(this.smiEnable, state.smiEnable);
    this.smiCommand = state.smiCommand;
    this.smiStatus = state.smiStatus;
    this.togglesSeen = state.togglesSeen;
    this.relocate(state.base < 0 ? undefined : state.base);
    this.armTimer();
  }
}

/** Replaces one byte of a 16-bit register. */
function insert(register: number, byte: number, value: number): number {
  return (register & ~(0xff << (8 * byte))) | (value << (8 * byte));
}
