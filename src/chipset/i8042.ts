/**
 * The keyboard controller (Intel 8042 with the IBM PC/AT firmware, "IBM PC/AT Technical Reference", keyboard
 * controller) at 60h and 64h, with no keyboard and no mouse connected.
 *
 * Enough for A20, the reset command, self test and a quick, clean probe: there is no second port (its enable
 * commands do nothing and its test fails), the keyboard port's interface test reports a stuck clock, and a
 * byte sent to the keyboard comes back as FEh with the time-out bit. Scan codes can be injected; keyboard
 * and mouse models are a device of their own.
 */
import type { IrqLine } from "../cpu/interrupt-bus.js";
import type { PortSpace } from "../memory/ports.js";
import { BytePorts } from "./byte-ports.js";
import { copyInto, expectVersion, type VersionedState } from "./state.js";

const DATA = 0x60;
const STATUS = 0x64;

const STATUS_OBF = 0x01;
const STATUS_SYSTEM = 0x04;
const STATUS_COMMAND = 0x08;
/** Keylock: 1 says that the keyboard is not locked. */
const STATUS_UNLOCKED = 0x10;
const STATUS_TIMEOUT = 0x40;

/** Controller configuration byte, byte 0 of its RAM. */
const CONFIG_IRQ1 = 0x01;
const CONFIG_SYSTEM = 0x04;
const CONFIG_KEYBOARD_OFF = 0x10;
const CONFIG_AUX_OFF = 0x20;
const CONFIG_TRANSLATE = 0x40;
const CONFIG_POWER_ON = CONFIG_TRANSLATE | CONFIG_AUX_OFF | CONFIG_KEYBOARD_OFF;

const OUTPUT_RESET = 0x01;
const OUTPUT_A20 = 0x02;

const SELF_TEST_PASSED = 0x55;
/** Interface test: the clock line is stuck low, which is what an empty port says. */
const CLOCK_STUCK = 0x01;
const RESEND = 0xfe;

export interface I8042Wires {
  readonly irq1: IrqLine;
  /** Bit 1 of the output port. */
  readonly a20: (enabled: boolean) => void;
  /** Bit 0 of the output port pulses low. */
  readonly reset: () => void;
}

export interface I8042State extends VersionedState {
  readonly version: 1;
  readonly ram: readonly number[];
  readonly status: number;
  readonly output: number;
  readonly outputPort: number;
  readonly command: number;
  readonly injected: readonly number[];
}

export class I8042 extends BytePorts {
  private readonly ram = new Uint8Array(32);
  private status = STATUS_UNLOCKED;
  /** The output buffer, valid while STATUS_OBF is set. */
  private output = 0;
  private outputPort = OUTPUT_RESET | OUTPUT_A20;
  /** The command that waits for a data byte, or -1. */
  private command = -1;
  private injected: number[] = [];

  constructor(private readonly wires: I8042Wires) {
    super();
    this.ram[0] = CONFIG_POWER_ON;
  }

  attach(ports: PortSpace): void {
    ports.claim(DATA, DATA, this);
    ports.claim(STATUS, STATUS, this);
  }

  /** Queues scan codes as if a keyboard had sent them; they wait while the guest holds the port disabled. */
  inject(scanCodes: Iterable<number>): void {
    this.injected.push(...scanCodes);
    this.pump();
  }

  protected override readByte(port: number): number {
    if (port === STATUS) return this.status;
    if (port !== DATA) return 0xff;
    const value = this.output;
    this.status &= ~(STATUS_OBF | STATUS_TIMEOUT);
    this.follow();
    this.pump();
    return value;
  }

  protected override writeByte(port: number, value: number): void {
    if (port === STATUS) {
      this.status |= STATUS_COMMAND;
      this.runCommand(value);
    } else if (port === DATA) {
      this.status &= ~STATUS_COMMAND;
      this.takeData(value);
    }
  }

  private runCommand(command: number): void {
    this.command = -1;
    if (command >= 0x20 && command < 0x40) this.answer(this.ram[command & 31] ?? 0);
    else if (command >= 0x60 && command < 0x80) this.command = command;
    // F0h … FFh pulse the output port bits that are 0; only the reset line means anything.
    else if (command >= 0xf0) {
      if (!(command & OUTPUT_RESET)) this.wires.reset();
    } else this.runNamedCommand(command);
  }

  private runNamedCommand(command: number): void {
    switch (command) {
      case 0xa9: // test the second port
      case 0xab: // test the keyboard port
        this.answer(CLOCK_STUCK);
        return;
      case 0xaa: // self test
        this.setConfig(CONFIG_POWER_ON | CONFIG_SYSTEM);
        this.status |= STATUS_SYSTEM;
        this.answer(SELF_TEST_PASSED);
        return;
      case 0xad:
        this.setConfig((this.ram[0] ?? 0) | CONFIG_KEYBOARD_OFF);
        return;
      case 0xae:
        this.setConfig((this.ram[0] ?? 0) & ~CONFIG_KEYBOARD_OFF);
        return;
      case 0xc0: // input port: bit 7, keyboard not inhibited
        this.answer(0x80);
        return;
      case 0xd0:
        this.answer(this.outputPort | (this.status & STATUS_OBF ? 0x10 : 0));
        return;
      case 0xd1: // write the output port
      case 0xd2: // write the keyboard output buffer
      case 0xd3: // write the second port's output buffer
      case 0xd4: // write to the second port's device
        this.command = command;
        return;
      case 0xdd: // A20 off and on, a later addition that boot loaders use
      case 0xdf:
        this.setOutputPort(command === 0xdf ? this.outputPort | OUTPUT_A20 : this.outputPort & ~OUTPUT_A20);
        return;
      case 0xe0: // test inputs: clock and data low
        this.answer(0);
    }
  }

  private takeData(value: number): void {
    const command = this.command;
    this.command = -1;
    if (command >= 0x60 && command < 0x80) {
      if (command === 0x60) this.setConfig(value);
      else this.ram[command & 31] = value;
      return;
    }
    switch (command) {
      case 0xd1:
        this.setOutputPort(value);
        return;
      case 0xd2:
        this.answer(value);
        return;
      case 0xd3:
        // A controller with one port does not know the loop: its answer comes from the keyboard side.
        this.answer(0);
        return;
      default:
        // To a device that is not there. The AT firmware answers FEh with the time-out bit.
        this.status |= STATUS_TIMEOUT;
        this.answer(RESEND);
    }
  }

  private setConfig(value: number): void {
    this.ram[0] = value | CONFIG_AUX_OFF;
    if (value & CONFIG_SYSTEM) this.status |= STATUS_SYSTEM;
    else this.status &= ~STATUS_SYSTEM;
    this.follow();
    this.pump();
  }

  private setOutputPort(value: number): void {
    this.outputPort = value;
    this.wires.a20((value & OUTPUT_A20) !== 0);
    if (!(value & OUTPUT_RESET)) {
      // Holding reset low would keep the CPU in reset for ever; boards release it.
      this.outputPort |= OUTPUT_RESET;
      this.wires.reset();
    }
  }

  private answer(value: number): void {
    this.output = value;
    this.status |= STATUS_OBF;
    this.follow();
  }

  private pump(): void {
    if (this.status & STATUS_OBF || (this.ram[0] ?? 0) & CONFIG_KEYBOARD_OFF) return;
    const next = this.injected.shift();
    if (next !== undefined) this.answer(next);
  }

  private follow(): void {
    this.wires.irq1((this.status & STATUS_OBF) !== 0 && ((this.ram[0] ?? 0) & CONFIG_IRQ1) !== 0);
  }

  reset(): void {
    this.ram.fill(0);
    this.ram[0] = CONFIG_POWER_ON;
    this.status = STATUS_UNLOCKED;
    this.outputPort = OUTPUT_RESET | OUTPUT_A20;
    this.command = -1;
    this.injected = [];
    this.wires.a20(true);
    this.follow();
  }

  save(): I8042State {
    return {
      version: 1,
      ram: [...this.ram],
      status: this.status,
      output: this.output,
      outputPort: this.outputPort,
      command: this.command,
      injected: [...this.injected],
    };
  }

  restore(state: I8042State): void {
    expectVersion("keyboard controller", state, 1);
    copyInto(this.ram, state.ram);
    this.status = state.status;
    this.output = state.output;
    this.outputPort = state.outputPort;
    this.command = state.command;
    this.injected = [...state.injected];
  }
}
