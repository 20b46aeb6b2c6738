/**
 * The pair of 8259A interrupt controllers of a PC (Intel 8259A data sheet, 231468) with the ELCR of the
 * ICH9 (data sheet 13.4, "Interrupt Controller I/O registers").
 *
 * Invariants: the slave's INT drives IR2 of the master; in edge mode the request latch is set by a rising
 * edge and falls with the line ("the IR input must remain high until after the first INTA", else a default
 * IR7 results); the mask gates the priority resolver, not the latch.
 */
import type { IrqLine } from "../cpu/interrupt-bus.js";
import type { PortSpace } from "../memory/ports.js";
import { BytePorts } from "./byte-ports.js";
import { expectVersion, type VersionedState } from "./state.js";

const MASTER = 0x20;
const SLAVE = 0xa0;
const ELCR = 0x4d0;
/** IR input of the master that the slave's INT drives. */
const CASCADE = 2;
/** IRQs 0, 1, 2 (master) and 8, 13 (slave) are always edge-triggered (ICH9 13.4.10, 13.4.11). */
const ELCR_WRITABLE = [0xf8, 0xde] as const;

const ICW1 = 0x10;
const ICW1_IC4 = 0x01;
const ICW1_SNGL = 0x02;
const ICW4_AEOI = 0x02;
const ICW4_SFNM = 0x10;
const OCW3 = 0x08;

/** Which initialization command word the chip waits for; 0 when it is in operation. */
type InitStep = 0 | 2 | 3 | 4;

interface ChipState {
  lines: number;
  latch: number;
  service: number;
  mask: number;
  elcr: number;
  vectorBase: number;
  lowest: number;
  step: InitStep;
  icw1: number;
  icw4: number;
  specialMask: boolean;
  rotateOnAutoEoi: boolean;
  readService: boolean;
  poll: boolean;
}

function initial(): ChipState {
  return {
    lines: 0,
    latch: 0,
    service: 0,
    mask: 0,
    elcr: 0,
    vectorBase: 0,
    lowest: 7,
    step: 0,
    icw1: 0,
    icw4: 0,
    specialMask: false,
    rotateOnAutoEoi: false,
    readService: false,
    poll: false,
  };
}

export interface PicState extends VersionedState {
  readonly version: 1;
  readonly chips: readonly ChipState[];
}

/** One 8259A. `changed` is told when its INT output moves. */
class Chip {
  state = initial();
  output = false;

  constructor(
    private readonly elcrWritable: number,
    /** Inputs that slaves drive. */
    private readonly slaves: number,
    private readonly changed: (level: boolean) => void,
  ) {}

  setLine(input: number, level: boolean): void {
    const s = this.state;
    const bit = 1 << input;
    if (level === ((s.lines & bit) !== 0)) return;
    if (level) {
      s.lines |= bit;
      s.latch |= bit;
    } else {
      s.lines &= ~bit;
      s.latch &= ~bit;
    }
    this.update();
  }

  /** IRR: the edge latches, and the bare lines where the ELCR says level. */
  get requests(): number {
    const s = this.state;
    return (s.latch & ~s.elcr) | (s.lines & s.elcr);
  }

  /** Position of the highest-priority set bit, 0 … 7 counted from the highest priority; 8 when none is set. */
  private rank(bits: number): number {
    for (let rank = 0; rank < 8; rank++) if (bits & (1 << ((this.state.lowest + 1 + rank) & 7))) return rank;
    return 8;
  }

  private levelOf(rank: number): number {
    return (this.state.lowest + 1 + rank) & 7;
  }

  /** The input that requests an interrupt now, or -1. */
  private pending(): number {
    const s = this.state;
    const rank = this.rank(this.requests & ~s.mask);
    if (rank === 8) return -1;
    let blocking = s.service;
    if (s.specialMask) blocking &= ~s.mask;
    // Special fully nested mode: a slave in service does not lock out its own higher requests.
    if (s.icw4 & ICW4_SFNM) blocking &= ~this.slaves;
    return rank < this.rank(blocking) ? this.levelOf(rank) : -1;
  }

  update(): void {
    const output = this.state.step === 0 && this.pending() >= 0;
    if (output === this.output) return;
    this.output = output;
    this.changed(output);
  }

  /** The first INTA pulse. Returns the input that is now in service, or -1 when the request has vanished. */
  acknowledge(): number {
    const s = this.state;
    const input = this.pending();
    // INT falls with the first INTA and rises again if more is pending: the master must see that edge.
    if (this.output) {
      this.output = false;
      this.changed(false);
    }
    if (input >= 0) {
      s.latch &= ~(1 << input);
      if (!(s.icw4 & ICW4_AEOI)) s.service |= 1 << input;
      else if (s.rotateOnAutoEoi) s.lowest = input;
    }
    this.update();
    return input;
  }

  vector(input: number): number {
    return this.state.vectorBase | input;
  }

  read(odd: boolean): number {
    const s = this.state;
    if (s.poll) {
      s.poll = false;
      const input = this.acknowledge();
      return input < 0 ? 7 : 0x80 | input;
    }
    if (odd) return s.mask;
    return s.readService ? s.service : this.requests;
  }

  write(odd: boolean, value: number): void {
    if (odd) this.writeOdd(value);
    else if (value & ICW1) this.initialize(value);
    else if (value & OCW3) this.writeOcw3(value);
    else this.writeOcw2(value);
    this.update();
  }

  private initialize(icw1: number): void {
    // "The edge sense circuit is reset": a line that is high must fall before it requests again. LTIM is
    // replaced by the ELCR on a PC (ICH9 13.4.2).
    const { lines, elcr, vectorBase } = this.state;
    this.state = { ...initial(), lines, elcr, vectorBase, icw1, step: 2 };
  }

  private writeOdd(value: number): void {
    const s = this.state;
    switch (s.step) {
      case 0:
        s.mask = value;
        return;
      case 2:
        s.vectorBase = value & 0xf8;
        if (s.icw1 & ICW1_SNGL) s.step = s.icw1 & ICW1_IC4 ? 4 : 0;
        else s.step = 3;
        return;
      case 3:
        // ICW3 tells where the slave is; on a PC that is wired.
        s.step = s.icw1 & ICW1_IC4 ? 4 : 0;
        return;
      case 4:
        s.icw4 = value;
        s.step = 0;
    }
  }

  private writeOcw3(value: number): void {
    const s = this.state;
    if (value & 0x40) s.specialMask = (value & 0x20) !== 0;
    s.poll = (value & 0x04) !== 0;
    if (value & 0x02) s.readService = (value & 0x01) !== 0;
  }

  private writeOcw2(value: number): void {
    const s = this.state;
    const rotate = (value & 0x80) !== 0;
    const specific = (value & 0x40) !== 0;
    const named = value & 7;
    if (value & 0x20) {
      // A non-specific EOI in special mask mode does not reset a masked in-service bit.
      const rank = this.rank(s.specialMask ? s.service & ~s.mask : s.service);
      const input = specific ? named : rank < 8 ? this.levelOf(rank) : -1;
      if (input < 0) return;
      s.service &= ~(1 << input);
      if (rotate) s.lowest = input;
    } else if (specific) {
      if (rotate) s.lowest = named;
    } else {
      s.rotateOnAutoEoi = rotate;
    }
  }

  writeElcr(value: number): void {
    this.state.elcr = value & this.elcrWritable;
    this.update();
  }

  reset(): void {
    // The wires keep their level: they belong to the devices that drive them.
    this.state = { ...initial(), lines: this.state.lines };
    this.update();
  }

  restore(state: ChipState): void {
    this.state = { ...state };
    this.output = state.step === 0 && this.pending() >= 0;
  }
}

export class PicPair extends BytePorts {
  /** Told when the INTR output of the pair changes. */
  onOutput: ((level: boolean) => void) | undefined;

  private readonly master = new Chip(ELCR_WRITABLE[0], 1 << CASCADE, (level) => this.onOutput?.(level));
  private readonly slave: Chip = new Chip(ELCR_WRITABLE[1], 0, (level) =>
    this.master.setLine(CASCADE, level),
  );

  attach(ports: PortSpace): void {
    ports.claim(MASTER, MASTER + 1, this);
    ports.claim(SLAVE, SLAVE + 1, this);
    ports.claim(ELCR, ELCR + 1, this);
  }

  /** The wire of ISA interrupt `irq` (0 … 15). IRQ2 is the cascade and is not connected. */
  line(irq: number): IrqLine {
    if (irq === CASCADE) return () => {};
    const chip = irq < 8 ? this.master : this.slave;
    return (level) => chip.setLine(irq & 7, level);
  }

  /** INTR: an interrupt waits for its INTA cycle. */
  get output(): boolean {
    return this.master.output;
  }

  /** The two INTA pulses. Returns the vector; that of IR7 when the request vanished (spurious IRQ7 or IRQ15). */
  acknowledge(): number {
    const input = this.master.acknowledge();
    if (input < 0) return this.master.vector(7);
    if (input !== CASCADE) return this.master.vector(input);
    const slaveInput = this.slave.acknowledge();
    return this.slave.vector(slaveInput < 0 ? 7 : slaveInput);
  }

  protected override readByte(port: number): number {
    switch (port & ~1) {
      case MASTER:
        return this.master.read((port & 1) !== 0);
      case SLAVE:
        return this.slave.read((port & 1) !== 0);
      case ELCR:
        return (port & 1 ? this.slave : this.master).state.elcr;
    }
    return 0xff;
  }

  protected override writeByte(port: number, value: number): void {
    switch (port & ~1) {
      case MASTER:
        this.master.write((port & 1) !== 0, value);
        return;
      case SLAVE:
        this.slave.write((port & 1) !== 0, value);
        return;
      case ELCR:
        (port & 1 ? this.slave : this.master).writeElcr(value);
    }
  }

  reset(): void {
    this.slave.reset();
    this.master.reset();
  }

  save(): PicState {
    return { version: 1, chips: [{ ...this.master.state }, { ...this.slave.state }] };
  }

  restore(state: PicState): void {
    expectVersion("8259 pair", state, 1);
    this.slave.restore(state.chips[1]);
    this.master.restore(state.chips[0]);
  }
}
