/**
 * The configuration space of one PCI function: 4 KiB of registers as data (PCI Local Bus 3.0, chapter 6;
 * PCI Express 3.0, chapter 7).
 *
 * Each byte has a value, a mask of the bits that software can write and a mask of the bits that a written 1
 * clears. What a register does beyond that hangs on {@link ConfigSpace.onWrite} and on the BAR callbacks.
 */
import { copyInto, expectVersion, type VersionedState } from "../state.js";

export type ConfigSize = 1 | 2 | 4;

const SPACE_SIZE = 4096;
const CAPABILITIES_START = 0x40;
const EXTENDED_START = 0x100;

/** Offsets of the common header. */
export const Header = {
  vendor: 0x00,
  device: 0x02,
  command: 0x04,
  status: 0x06,
  revision: 0x08,
  classCode: 0x09,
  headerType: 0x0e,
  bar0: 0x10,
  subsystemVendor: 0x2c,
  subsystem: 0x2e,
  rom: 0x30,
  capabilities: 0x34,
  interruptLine: 0x3c,
  interruptPin: 0x3d,
} as const;

export const Command = { io: 0x001, memory: 0x002, busMaster: 0x004, intxDisable: 0x400 } as const;
const COMMAND_WRITABLE = 0x0547;
const Status = { interrupt: 0x0008, capabilities: 0x0010, clearable: 0xf900 } as const;
export const STATUS_INTERRUPT = Status.interrupt;

/** What a function is; the fixed part of its header. */
export interface FunctionIdentity {
  readonly vendor: number;
  readonly device: number;
  /** Class, subclass and programming interface: 24 bits. */
  readonly classCode: number;
  readonly revision?: number;
  readonly subsystemVendor?: number;
  readonly subsystem?: number;
  readonly multifunction?: boolean;
  /** 0 none, 1 INTA … 4 INTD. */
  readonly interruptPin?: number;
}

export interface BarDescription {
  readonly kind: "io" | "memory32" | "memory64";
  /** Bytes; a power of two, at least 4 (I/O) or 16 (memory). */
  readonly size: number;
  readonly prefetchable?: boolean;
}

interface Bar extends BarDescription {
  readonly offset: number;
  readonly onMove: (address: number | undefined) => void;
  /** Where it is decoded now; `undefined` while it is not. */
  mapped: number | undefined;
}

interface Watcher {
  readonly first: number;
  readonly last: number;
  readonly changed: () => void;
  readonly decode: boolean;
}

export interface ConfigSpaceState extends VersionedState {
  readonly version: 1;
  readonly bytes: readonly number[];
}

export class ConfigSpace {
  private readonly bytes = new Uint8Array(SPACE_SIZE);
  private readonly initial = new Uint8Array(SPACE_SIZE);
  private readonly writable = new Uint8Array(SPACE_SIZE);
  private readonly clearable = new Uint8Array(SPACE_SIZE);
  private readonly bars: Bar[] = [];
  private readonly watchers: Watcher[] = [];
  private nextCapability = CAPABILITIES_START;
  private lastCapabilityLink: number = Header.capabilities;
  private nextExtended = EXTENDED_START;
  private lastExtended = -1;

  constructor(identity: FunctionIdentity) {
    this.define(Header.vendor, 2, identity.vendor);
    this.define(Header.device, 2, identity.device);
    this.define(Header.command, 2, 0, COMMAND_WRITABLE);
    this.define(Header.status, 2, 0, 0, Status.clearable);
    this.define(Header.revision, 4, ((identity.classCode << 8) | (identity.revision ?? 0)) >>> 0);
    this.define(Header.headerType, 1, identity.multifunction ? 0x80 : 0);
    this.define(Header.subsystemVendor, 2, identity.subsystemVendor ?? 0);
    this.define(Header.subsystem, 2, identity.subsystem ?? 0);
    this.define(Header.interruptLine, 1, 0, 0xff);
    this.define(Header.interruptPin, 1, identity.interruptPin ?? 0);
  }

  /** Describes a register: value after reset, bits that can be written, bits that a written 1 clears. */
  define(offset: number, size: ConfigSize, value: number, writable = 0, clearable = 0): void {
    for (let byte = 0; byte < size; byte++) {
      this.initial[offset + byte] = this.bytes[offset + byte] = value >>> (8 * byte);
      this.writable[offset + byte] = writable >>> (8 * byte);
      this.clearable[offset + byte] = clearable >>> (8 * byte);
    }
  }

  /** Calls `changed` after each write by software to any of `length` bytes at `offset`, and after a reset. */
  onWrite(offset: number, length: number, changed: () => void): void {
    this.watchers.push({ first: offset, last: offset + length - 1, changed, decode: false });
  }

  /** The same for registers that say what is decoded where: `changed` is called after a restore as well. */
  onDecode(offset: number, length: number, changed: () => void): void {
    this.watchers.push({ first: offset, last: offset + length - 1, changed, decode: true });
  }

  /**
   * Describes base address register `index` (a 64-bit one takes `index + 1` too). `onMove` is told the address
   * at which the function decodes it from now on, `undefined` for nowhere.
   */
  bar(index: number, description: BarDescription, onMove: (address: number | undefined) => void): void {
    const { kind, size, prefetchable } = description;
    const offset = Header.bar0 + 4 * index;
    if (size < (kind === "io" ? 4 : 16) || 2 ** Math.round(Math.log2(size)) !== size) {
      throw new RangeError(`a BAR cannot have ${size} bytes`);
    }
    const type = kind === "io" ? 1 : (kind === "memory64" ? 4 : 0) | (prefetchable ? 8 : 0);
    const low = size >= 2 ** 32 ? 0 : (2 ** 32 - size) >>> 0;
    this.define(offset, 4, type, low);
    if (kind === "memory64") this.define(offset + 4, 4, 0, (2 ** 32 - Math.max(1, size / 2 ** 32)) >>> 0);
    this.bars.push({ ...description, offset, onMove, mapped: undefined });
  }

  /** Adds a capability of `length` bytes (with its two-byte header) to the list; returns its offset. */
  capability(id: number, length: number): number {
    const offset = this.nextCapability;
    if (offset + length > EXTENDED_START) throw new RangeError("no room for another PCI capability");
    this.define(Header.status, 2, this.get(Header.status, 2) | Status.capabilities, 0, Status.clearable);
    this.define(this.lastCapabilityLink, 1, offset);
    this.define(offset, 2, id);
    this.lastCapabilityLink = offset + 1;
    this.nextCapability = (offset + length + 3) & ~3;
    return offset;
  }

  /** Adds an extended capability of `length` bytes (with its four-byte header); returns its offset. */
  extendedCapability(id: number, version: number, length: number): number {
    const offset = this.nextExtended;
    if (offset + length > SPACE_SIZE)
      throw new RangeError("no room for another PCI Express extended capability");
    this.define(offset, 4, id | (version << 16));
    if (this.lastExtended >= 0) {
      const header = this.get(this.lastExtended, 4) & 0xfffff;
      this.define(this.lastExtended, 4, (header | (offset << 20)) >>> 0);
    }
    this.lastExtended = offset;
    this.nextExtended = (offset + length + 3) & ~3;
    return offset;
  }

  /** The value of a register, as the device itself sees it. */
  get(offset: number, size: ConfigSize): number {
    let value = 0;
    for (let byte = 0; byte < size; byte++) value |= (this.bytes[offset + byte] ?? 0xff) << (8 * byte);
    return value >>> 0;
  }

  /** Sets a register from the device's side: no masks, no callbacks. */
  set(offset: number, size: ConfigSize, value: number): void {
    for (let byte = 0; byte < size; byte++) this.bytes[offset + byte] = value >>> (8 * byte);
  }

  read(offset: number, size: ConfigSize): number {
    return this.get(offset, size);
  }

  /** A write by software. */
  write(offset: number, size: ConfigSize, value: number): void {
    for (let byte = 0; byte < size; byte++) {
      const at = offset + byte;
      const written = (value >>> (8 * byte)) & 0xff;
      const mask = this.writable[at] ?? 0;
      const old = this.bytes[at] ?? 0;
      this.bytes[at] = ((old & ~mask) | (written & mask)) & ~(written & (this.clearable[at] ?? 0));
    }
    const last = offset + size - 1;
    if (offset < Header.rom + 4 && last >= Header.command) this.moveBars();
    for (const watcher of this.watchers)
      if (offset <= watcher.last && last >= watcher.first) watcher.changed();
  }

  get busMaster(): boolean {
    return (this.get(Header.command, 2) & Command.busMaster) !== 0;
  }

  /** Where BAR `index` is decoded, or `undefined`. */
  barAddress(index: number): number | undefined {
    return this.bars.find((bar) => bar.offset === Header.bar0 + 4 * index)?.mapped;
  }

  private moveBars(): void {
    for (const bar of this.bars) {
      const address = this.decoded(bar);
      if (address === bar.mapped) continue;
      bar.mapped = address;
      bar.onMove(address);
    }
  }

  private decoded(bar: Bar): number | undefined {
    const command = this.get(Header.command, 2);
    if (!(command & (bar.kind === "io" ? Command.io : Command.memory))) return undefined;
    let address = this.get(bar.offset, 4);
    address = bar.kind === "io" ? address - (address & 3) : address - (address & 15);
    if (bar.kind === "memory64") address += this.get(bar.offset + 4, 4) * 2 ** 32;
    // Zero is what reset leaves, the top of the range what sizing leaves: neither is an assignment.
    const limit = bar.kind === "io" ? 2 ** 16 : bar.kind === "memory32" ? 2 ** 32 : 2 ** 52;
    return address === 0 || address + bar.size >= limit ? undefined : address;
  }

  reset(): void {
    this.bytes.set(this.initial);
    this.moveBars();
    for (const watcher of this.watchers) watcher.changed();
  }

  save(): ConfigSpaceState {
    return { version: 1, bytes: [...this.bytes] };
  }

  restore(state: ConfigSpaceState): void {
    expectVersion("PCI configuration space", state, 1);
    copyInto(this.bytes, state.bytes);
    this.moveBars();
    for (const watcher of this.watchers) if (watcher.decode) watcher.changed();
  }
}
