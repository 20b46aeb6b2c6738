/**
 * Reset control register CF9h (ICH9 data sheet 13.7.5) and port 92h (13.7.3), and the A20 gate, which is the
 * OR of port 92h and of the keyboard controller's output port.
 *
 * A `"cpu"` reset is INIT#: processors start at the reset vector, the chipset keeps its state. A `"system"`
 * reset is PLTRST#: the machine resets every device. RAM is kept by both.
 */
import type { PortSpace } from "../memory/ports.js";
import { BytePorts } from "./byte-ports.js";
import { expectVersion, type VersionedState } from "./state.js";

export type ResetKind = "cpu" | "system";

const PORT_92 = 0x92;
const RST_CNT = 0xcf9;

const FAST_INIT = 0x01;
const ALT_A20 = 0x02;
const SYS_RST = 0x02;
const RST_CPU = 0x04;
const FULL_RST = 0x08;

export interface ResetState extends VersionedState {
  readonly version: 1;
  readonly port92: number;
  readonly control: number;
  readonly keyboardA20: boolean;
}

export class ResetControl extends BytePorts {
  onReset: ((kind: ResetKind) => void) | undefined;
  /** Told when the A20 gate opens or closes. */
  onA20: ((enabled: boolean) => void) | undefined;

  private port92 = 0;
  private control = 0;
  /** The A20GATE input; keyboard controllers come up with it high. */
  private keyboardA20 = true;
  private reported = true;

  /** Claims 92h and CF9h. Attach after the PCI root, whose CF8h … CFFh encloses CF9h. */
  attach(ports: PortSpace): void {
    ports.claim(PORT_92, PORT_92, this);
    ports.claim(RST_CNT, RST_CNT, this);
  }

  get a20(): boolean {
    return this.keyboardA20 || (this.port92 & ALT_A20) !== 0;
  }

  /** The A20GATE wire from the keyboard controller. */
  setKeyboardA20(enabled: boolean): void {
    this.keyboardA20 = enabled;
    this.follow();
  }

  /** The keyboard controller pulses its reset output (RCIN#). */
  pulseCpuReset(): void {
    this.onReset?.("cpu");
  }

  private follow(): void {
    if (this.a20 === this.reported) return;
    this.reported = this.a20;
    this.onA20?.(this.reported);
  }

  protected override readByte(port: number): number {
    if (port === PORT_92) return this.port92;
    return port === RST_CNT ? this.control : 0xff;
  }

  protected override writeByte(port: number, value: number): void {
    if (port === PORT_92) {
      const init = value & ~this.port92 & FAST_INIT;
      this.port92 = value & (FAST_INIT | ALT_A20);
      this.follow();
      if (init) this.onReset?.("cpu");
    } else if (port === RST_CNT) {
      // The reset happens when RST_CPU goes from 0 to 1; its kind is what SYS_RST says then.
      const start = value & ~this.control & RST_CPU;
      this.control = value & (SYS_RST | RST_CPU | FULL_RST);
      if (start) this.onReset?.(value & SYS_RST ? "system" : "cpu");
    }
  }

  reset(): void {
    this.port92 = 0;
    this.control = 0;
    this.keyboardA20 = true;
    this.follow();
  }

  save(): ResetState {
    return { version: 1, port92: this.port92, control: this.control, keyboardA20: this.keyboardA20 };
  }

  restore(state: ResetState): void {
    expectVersion("reset control", state, 1);
    this.port92 = state.port92;
    this.control = state.control;
    this.keyboardA20 = state.keyboardA20;
    this.follow();
  }
}
