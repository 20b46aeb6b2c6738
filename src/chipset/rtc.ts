/**
 * The real-time clock and CMOS RAM: Motorola MC146818 (data sheet ADI856) at ports 70h and 71h, IRQ8.
 *
 * The time registers are counted once a second, as the chip does it. An update cycle ends at `nextUpdate`;
 * UIP is set 244 µs before the 1984 µs update cycle of a 32.768 kHz time base and falls when it ends.
 * Flags in register C are set whether or not their interrupt is enabled; the periodic flag is worked out
 * when somebody looks, and has an event only while its interrupt is enabled.
 */
import type { IrqLine } from "../cpu/interrupt-bus.js";
import type { PortSpace } from "../memory/ports.js";
import { TICKS_PER_SECOND, type Timeline, type TimelineEvent } from "../time/timeline.js";
import { BytePorts } from "./byte-ports.js";
import { Rate } from "./rate.js";
import { addSecond, alarmMatches, formatOf, Register, setTime } from "./rtc-calendar.js";
import { copyInto, expectVersion, type VersionedState } from "./state.js";

const INDEX = 0x70;
const DATA = 0x71;
const SIZE = 128;

const A_UIP = 0x80;
const A_DIVIDER = 0x70;
/** Divider setting of a 32.768 kHz crystal; 11x holds the divider in reset. */
const DIVIDER_32K = 0x20;
const DIVIDER_RESET = 0x60;
const B_SET = 0x80;
const B_PERIODIC = 0x40;
const B_ALARM = 0x20;
const B_UPDATE = 0x10;
/** PF, AF and UF of register C are at the positions of their enables in register B. */
const C_FLAGS = B_PERIODIC | B_ALARM | B_UPDATE;
const C_IRQF = 0x80;
const D_VRT = 0x80;

/** tBUC + tUC of the data sheet: from UIP to the end of the update cycle. */
const UIP_TICKS = (244 + 1984) * 1000;

const CRYSTAL = new Rate(32768);

export interface RtcState extends VersionedState {
  readonly version: 1;
  readonly index: number;
  readonly registers: readonly number[];
  readonly nextUpdate: number;
  readonly dividerStart: number;
  readonly periodsSeen: number;
}

export class Rtc extends BytePorts {
  private readonly registers = new Uint8Array(SIZE);
  private readonly update: TimelineEvent;
  private readonly periodic: TimelineEvent;
  private index = 0;
  /** The tick at which the current update cycle ends; -1 while the divider is stopped. */
  private nextUpdate = -1;
  /** The tick from which the divider chain counts. */
  private dividerStart = 0;
  /** Periods of the periodic interrupt that have already set PF. */
  private periodsSeen = 0;

  /** @param startUnixMs the time of day (UTC) at the present tick, as UNIX milliseconds. */
  constructor(
    private readonly timeline: Timeline,
    private readonly irq8: IrqLine,
    startUnixMs: number,
  ) {
    super();
    this.update = timeline.event("rtc-update", () => this.endUpdate());
    this.periodic = timeline.event("rtc-periodic", () => {
      this.notePeriods();
      this.armPeriodic();
    });
    this.registers[Register.a] = DIVIDER_32K | 6;
    this.registers[Register.b] = 0x02;
    this.setTime(startUnixMs);
  }

  attach(ports: PortSpace): void {
    ports.claim(INDEX, DATA, this);
  }

  /** Sets one byte of CMOS RAM, as the machine's configuration does before a boot. */
  setByte(index: number, value: number): void {
    this.registers[index & (SIZE - 1)] = value;
  }

  getByte(index: number): number {
    return this.registers[index & (SIZE - 1)];
  }

  /** Sets the clock to UTC `unixMs`; the fraction of a second sets the phase of the divider. */
  setTime(unixMs: number): void {
    setTime(this.registers, unixMs, formatOf(this.registers[Register.b]));
    const fraction = Math.floor((((unixMs % 1000) + 1000) % 1000) * (TICKS_PER_SECOND / 1000));
    this.dividerStart = this.timeline.now() - fraction;
    this.nextUpdate = this.dividerStart + TICKS_PER_SECOND;
    this.notePeriods(true);
    this.armEvents();
  }

  protected override readByte(port: number): number {
    // Port 70h is write-only.
    if (port !== DATA) return 0xff;
    switch (this.index) {
      case Register.a:
        return this.registers[Register.a] | (this.updating ? A_UIP : 0);
      case Register.c:
        return this.readFlags();
      case Register.d:
        return D_VRT;
    }
    return this.registers[this.index];
  }

  protected override writeByte(port: number, value: number): void {
    // Bit 7 of port 70h masks NMI, which nothing here raises.
    if (port === INDEX) this.index = value & (SIZE - 1);
    else if (port === DATA) this.writeRegister(this.index, value);
  }

  private get updating(): boolean {
    if (this.nextUpdate < 0 || this.registers[Register.b] & B_SET) return false;
    return this.timeline.now() >= this.nextUpdate - UIP_TICKS;
  }

  private writeRegister(index: number, value: number): void {
    switch (index) {
      case Register.a:
        this.writeA(value & 0x7f);
        return;
      case Register.b:
        this.notePeriods();
        // "The SET bit going high clears UIE."
        this.registers[index] = value & B_SET ? value & ~B_UPDATE : value;
        this.follow();
        this.armPeriodic();
        return;
      case Register.c:
      case Register.d:
        return;
      default:
        this.registers[index] = value;
    }
  }

  private writeA(value: number): void {
    this.notePeriods();
    const wasReset = (this.registers[Register.a] & DIVIDER_RESET) === DIVIDER_RESET;
    const isReset = (value & DIVIDER_RESET) === DIVIDER_RESET;
    this.registers[Register.a] = value;
    if (isReset) {
      this.nextUpdate = -1;
    } else if (wasReset) {
      // "The first update cycle begins one-half second after the divider reset is removed."
      this.dividerStart = this.timeline.now() - TICKS_PER_SECOND / 2;
      this.nextUpdate = this.dividerStart + TICKS_PER_SECOND;
    }
    this.notePeriods(true);
    this.armEvents();
  }

  /** An update cycle ends: one more second, unless SET holds the registers. */
  private endUpdate(): void {
    if (this.nextUpdate < 0) return;
    this.nextUpdate += TICKS_PER_SECOND;
    this.update.arm(this.nextUpdate);
    const registers = this.registers;
    if (registers[Register.b] & B_SET) return;
    addSecond(registers, formatOf(registers[Register.b]));
    registers[Register.c] |= B_UPDATE | (alarmMatches(registers) ? B_ALARM : 0);
    this.follow();
  }

  /** Crystal cycles in one period of the periodic interrupt, or 0 when there is none (data sheet, table 5). */
  private get periodCycles(): number {
    const a = this.registers[Register.a];
    const select = a & 0x0f;
    if (select === 0 || (a & A_DIVIDER) !== DIVIDER_32K) return 0;
    return 1 << ((select <= 2 ? select + 7 : select) - 1);
  }

  /** Sets PF when a period has ended since the last look; `forget` only moves on to the present. */
  private notePeriods(forget = false): void {
    const cycles = this.periodCycles;
    if (cycles === 0) {
      this.periodsSeen = 0;
      return;
    }
    const periods = Math.floor(CRYSTAL.cyclesAt(this.timeline.now() - this.dividerStart) / cycles);
    if (!forget && periods > this.periodsSeen) {
      this.registers[Register.c] |= B_PERIODIC;
      this.follow();
    }
    this.periodsSeen = periods;
  }

  private readFlags(): number {
    this.notePeriods();
    const flags = this.flags;
    this.registers[Register.c] = 0;
    this.follow();
    return flags;
  }

  private get flags(): number {
    const flags = this.registers[Register.c] & C_FLAGS;
    return flags & this.registers[Register.b] ? flags | C_IRQF : flags;
  }

  private follow(): void {
    this.irq8((this.flags & C_IRQF) !== 0);
  }

  private armPeriodic(): void {
    const cycles = this.periodCycles;
    if (cycles === 0 || !(this.registers[Register.b] & B_PERIODIC)) {
      this.periodic.cancel();
      return;
    }
    this.periodic.arm(this.dividerStart + CRYSTAL.tickAt((this.periodsSeen + 1) * cycles));
  }

  private armEvents(): void {
    if (this.nextUpdate < 0) this.update.cancel();
    else this.update.arm(this.nextUpdate);
    this.armPeriodic();
  }

  /** RESET: interrupt enables and flags go, time and RAM stay (they have a battery). */
  reset(): void {
    this.notePeriods(true);
    this.registers[Register.b] &= ~(C_FLAGS | 0x08);
    this.registers[Register.c] = 0;
    this.follow();
    this.armPeriodic();
  }

  save(): RtcState {
    return {
      version: 1,
      index: this.index,
      registers: [...this.registers],
      nextUpdate: this.nextUpdate,
      dividerStart: this.dividerStart,
      periodsSeen: this.periodsSeen,
    };
  }

  restore(state: RtcState): void {
    expectVersion("real-time clock", state, 1);
    copyInto(this.registers, state.registers);
    this.index = state.index;
    this.nextUpdate = state.nextUpdate;
    this.dividerStart = state.dividerStart;
    this.periodsSeen = state.periodsSeen;
    this.armEvents();
  }
}
