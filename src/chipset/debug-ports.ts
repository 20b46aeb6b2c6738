/**
 * Ports for firmware and test programs: debug console (402h for SeaBIOS and OVMF, E9h for everybody since
 * Bochs), POST code 80h, and isa-debug-exit F4h of kvm-unit-tests.
 */
import type { PortDevice, PortSize, PortSpace } from "../memory/ports.js";
import { BytePorts } from "./byte-ports.js";
import { expectVersion, type VersionedState } from "./state.js";

/** What a debug console answers to a read, so that a program finds it. */
const CONSOLE_PRESENT = 0xe9;

const CONSOLES = [0x402, 0xe9] as const;
const POST = 0x80;
const EXIT = 0xf4;

/** Ports 402h and E9h: each byte written is a character. */
export class DebugConsole extends BytePorts {
  constructor(private readonly onByte: (byte: number, port: number) => void) {
    super();
  }

  attach(ports: PortSpace): void {
    for (const port of CONSOLES) ports.claim(port, port, this);
  }

  protected override readByte(_port: number): number {
    return CONSOLE_PRESENT;
  }

  protected override writeByte(port: number, value: number): void {
    if ((CONSOLES as readonly number[]).includes(port)) this.onByte(value, port);
  }
}

export interface PostCodeState extends VersionedState {
  readonly version: 1;
  readonly code: number;
}

/** Port 80h: the last POST code. It is also the port that Linux writes to for a short delay. */
export class PostCode extends BytePorts {
  code = 0;

  constructor(private readonly onCode: ((code: number) => void) | undefined = undefined) {
    super();
  }

  attach(ports: PortSpace): void {
    ports.claim(POST, POST, this);
  }

  protected override readByte(port: number): number {
    // The ICH keeps the byte: port 80h shadows an unused DMA page register.
    return port === POST ? this.code : 0xff;
  }

  protected override writeByte(port: number, value: number): void {
    if (port !== POST) return;
    this.code = value;
    this.onCode?.(value);
  }

  reset(): void {
    this.code = 0;
  }

  save(): PostCodeState {
    return { version: 1, code: this.code };
  }

  restore(state: PostCodeState): void {
    expectVersion("POST code port", state, 1);
    this.code = state.code;
  }
}

/** Ports F4h … F7h: a write of any width ends the machine; the exit status is `(code << 1) | 1` by convention. */
export class DebugExit implements PortDevice {
  constructor(private readonly onExit: (code: number) => void) {}

  attach(ports: PortSpace): void {
    ports.claim(EXIT, EXIT + 3, this);
  }

  readPort(_port: number, _size: PortSize): number {
    return 0;
  }

  writePort(_port: number, _size: PortSize, value: number): void {
    this.onExit(value);
  }
}
