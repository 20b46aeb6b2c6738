/**
 * The test device of kvm-unit-tests ("pc-testdev"): a 32-bit latch at ports E0h … E3h, a page flush command
 * at E4h, one port per interrupt line at 2000h … 2017h, and 64 KiB of memory at FF000000h that behaves as a
 * device, so that every access to it takes the MMIO path.
 */
import type { IrqLine } from "../cpu/interrupt-bus.js";
import type { MmioDevice, MmioSize, PhysicalMap } from "../memory/physical.js";
import type { PortDevice, PortSize, PortSpace } from "../memory/ports.js";
import { copyInto, expectVersion, type VersionedState } from "./state.js";

const LATCH = 0xe0;
const FLUSH = 0xe4;
const LINES = 0x2000;
const LINE_COUNT = 24;
const MEMORY_BASE = 0xff000000;
const MEMORY_SIZE = 0x10000;

export interface PcTestdevState extends VersionedState {
  readonly version: 1;
  readonly latch: readonly number[];
  readonly memory: readonly number[];
}

export class PcTestdev implements PortDevice, MmioDevice {
  private readonly latch = new Uint8Array(4);
  private readonly memory = new Uint8Array(MEMORY_SIZE);
  private readonly lines: IrqLine[] = [];

  /**
   * @param line gives the wire of I/O APIC pin n; called once for each of the 24.
   * @param onFlush told of a write to E4h with its value, the linear address of a page. The test unmaps and
   *   remaps the page on the host, which no guest can see: nothing need be done.
   */
  constructor(
    line: (pin: number) => IrqLine,
    private readonly onFlush: ((address: number) => void) | undefined = undefined,
  ) {
    for (let pin = 0; pin < LINE_COUNT; pin++) this.lines.push(line(pin));
  }

  attach(ports: PortSpace, physical: PhysicalMap): void {
    ports.claim(LATCH, LATCH + 3, this);
    ports.claim(FLUSH, FLUSH + 3, this);
    ports.claim(LINES, LINES + LINE_COUNT - 1, this);
    physical.addMmio(MEMORY_BASE, MEMORY_SIZE, this);
  }

  readPort(port: number, size: PortSize): number {
    if (port < LATCH || port >= FLUSH) return 0;
    let value = 0;
    for (let byte = 0; byte < size; byte++) value |= (this.latch[port - LATCH + byte] ?? 0) << (8 * byte);
    return value;
  }

  writePort(port: number, size: PortSize, value: number): void {
    if (port >= LINES) this.lines[port - LINES]?.(value !== 0);
    else if (port >= FLUSH) this.onFlush?.(value);
    else for (let byte = 0; byte < size; byte++) this.latch[port - LATCH + byte] = value >>> (8 * byte);
  }

  readMmio(offset: number, size: MmioSize): number {
    let value = 0;
    for (let byte = 0; byte < size; byte++) value |= (this.memory[offset + byte] ?? 0) << (8 * byte);
    return value >>> 0;
  }

  writeMmio(offset: number, size: MmioSize, value: number): void {
    for (let byte = 0; byte < size; byte++) this.memory[offset + byte] = value >>> (8 * byte);
  }

  reset(): void {
    this.latch.fill(0);
    this.memory.fill(0);
    for (const line of this.lines) line(false);
  }

  save(): PcTestdevState {
    return { version: 1, latch: [...this.latch], memory: [...this.memory] };
  }

  restore(state: PcTestdevState): void {
    expectVersion("pc-testdev", state, 1);
    copyInto(this.latch, state.latch);
    copyInto(this.memory, state.memory);
  }
}
