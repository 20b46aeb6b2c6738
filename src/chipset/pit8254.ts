/**
 * The 82C54 programmable interval timer (Intel data sheet 231244) at 40h … 43h, and port 61h, which gates
 * channel 2 and shows its output (ICH9 data sheet 13.7.1, "NMI_SC").
 *
 * The input clock runs from tick 0; every count follows from absolute cycles, so nothing drifts.
 */
import type { IrqLine } from "../cpu/interrupt-bus.js";
import type { PortSpace } from "../memory/ports.js";
import type { Timeline, TimelineEvent } from "../time/timeline.js";
import { BytePorts } from "./byte-ports.js";
import { type ChannelState, PitChannel } from "./pit-channel.js";
import { Rate } from "./rate.js";
import { expectVersion, type VersionedState } from "./state.js";

/** Frequency of the counter clock of a PC: a third of the NTSC colour carrier. */
export const PIT_HERTZ = 1193182;

const COUNTERS = 0x40;
const CONTROL = 0x43;
const NMI_SC = 0x61;

const NMI_SC_GATE2 = 0x01;
const NMI_SC_WRITABLE = 0x0f;
const NMI_SC_REFRESH = 0x10;
const NMI_SC_OUT2 = 0x20;

/** Channel 1 requested a DRAM refresh every 18 counts; bit 4 toggles with each, 15.085 µs. */
const REFRESH_CYCLES = 18;

export interface PitState extends VersionedState {
  readonly version: 1;
  readonly channels: readonly ChannelState[];
  readonly port61: number;
  /** The cycle at which OUT0 may change next; -1 when it stays. */
  readonly transition: number;
}

export class Pit8254 extends BytePorts {
  private readonly rate = new Rate(PIT_HERTZ);
  private readonly channels = [
    new PitChannel((cycle) => this.follow(cycle)),
    new PitChannel(),
    new PitChannel(),
  ];
  private readonly event: TimelineEvent;
  private transition = -1;
  private port61 = 0;

  /** @param irq0 the wire that OUT of channel 0 drives. */
  constructor(
    private readonly timeline: Timeline,
    private readonly irq0: IrqLine,
  ) {
    super();
    this.event = timeline.event("pit", () => {
      if (this.transition >= 0) this.follow(this.transition);
    });
    this.channels[2].state.gate = false;
  }

  attach(ports: PortSpace): void {
    ports.claim(COUNTERS, CONTROL, this);
    ports.claim(NMI_SC, NMI_SC, this);
  }

  /** The counting element of a channel as a program would read it now. */
  count(channel: 0 | 1 | 2): number {
    return this.channels[channel].readCount(this.cycle);
  }

  /** Level of a channel's OUT now. */
  output(channel: 0 | 1 | 2): boolean {
    return this.channels[channel].output(this.cycle);
  }

  private get cycle(): number {
    return this.rate.cyclesAt(this.timeline.now());
  }

  /** Brings IRQ0 to the level of OUT0 at `cycle` and waits for the next transition. */
  private follow(cycle: number): void {
    const channel = this.channels[0];
    this.irq0(channel.output(cycle));
    const next = channel.nextTransition(cycle);
    this.transition = Number.isFinite(next) ? next : -1;
    this.armEvent();
  }

  private armEvent(): void {
    if (this.transition < 0) this.event.cancel();
    else this.event.arm(this.rate.tickAt(this.transition));
  }

  protected override readByte(port: number): number {
    if (port === NMI_SC) {
      const cycle = this.cycle;
      const refresh = Math.floor(cycle / REFRESH_CYCLES) & 1;
      return (
        this.port61 | (refresh ? NMI_SC_REFRESH : 0) | (this.channels[2].output(cycle) ? NMI_SC_OUT2 : 0)
      );
    }
    const channel = this.channels[port - COUNTERS];
    // The control register cannot be read; port 43h answers zero as the ICH does.
    return channel ? channel.read(this.cycle) : 0;
  }

  protected override writeByte(port: number, value: number): void {
    const cycle = this.cycle;
    if (port === NMI_SC) {
      this.port61 = value & NMI_SC_WRITABLE;
      this.channels[2].setGate((value & NMI_SC_GATE2) !== 0, cycle);
    } else if (port === CONTROL) {
      this.writeControl(value, cycle);
    } else {
      this.channels[port - COUNTERS]?.write(value, cycle);
    }
  }

  private writeControl(value: number, cycle: number): void {
    const select = value >> 6;
    if (select < 3) {
      this.channels[select].control(value, cycle);
      return;
    }
    // Read-back command: bits 5 and 4 are active low.
    for (let index = 0; index < 3; index++) {
      if (!(value & (2 << index))) continue;
      if (!(value & 0x20)) this.channels[index].latchCount(cycle);
      if (!(value & 0x10)) this.channels[index].latchStatus(cycle);
    }
  }

  reset(): void {
    this.writeByte(NMI_SC, 0);
    // An 82C54 comes up undefined; quiet counters in mode 0 (OUT low) are the harmless choice.
    for (const channel of this.channels) channel.control(0x30, this.cycle);
  }

  save(): PitState {
    const channels = this.channels.map((channel) => ({ ...channel.state }));
    return { version: 1, channels, port61: this.port61, transition: this.transition };
  }

  restore(state: PitState): void {
    expectVersion("8254", state, 1);
    for (const [index, channel] of this.channels.entries()) channel.state = { ...state.channels[index] };
    this.port61 = state.port61;
    this.transition = state.transition;
    this.armEvent();
  }
}
