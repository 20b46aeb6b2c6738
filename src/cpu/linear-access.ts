/**
 * Memory by linear address for the TypeScript side of the processor (linear-memory.ts): finds host addresses through
 * the TLB views as generated code does, and serves what is not RAM.
 */
import { NOT_RAM, type PhysicalMap } from "../memory/physical.js";
import { readDevice, writeDevice } from "./bounce.js";
import type { CodePages } from "./code-pages.js";
import type { CpuState } from "./cpu-state.js";
import { highHalf, join, lowHalf } from "./halves.js";
import type { LinearMemory, Privilege } from "./linear-memory.js";
import type { ApicAccessPage } from "./vmx/ept-guest.js";

/** A run of bytes inside one page. */
interface Piece {
  /** Host address, or NOT_RAM. */
  readonly host: number;
  readonly physical: number;
  readonly length: number;
  /** Offset in the whole access. */
  readonly offset: number;
}

export abstract class LinearAccess implements LinearMemory {
  protected readonly bytes: Uint8Array;
  protected readonly view: DataView;
  /** Physical address, after {@link locate} answered NOT_RAM. */
  protected located = 0;
  upper = 0;

  constructor(
    protected readonly state: CpuState,
    protected readonly physical: PhysicalMap,
    protected readonly code: CodePages,
  ) {
    this.bytes = new Uint8Array(state.memory);
    this.view = new DataView(state.memory);
  }

  /** Linear addresses have 64 bits. */
  protected abstract readonly wide: boolean;
  /** The APIC-access page of the guest that runs. */
  protected abstract readonly apicPage: ApicAccessPage | undefined;

  /**
   * Host address for an access inside one page, or NOT_RAM and then {@link located}. Throws faults. RAM that is to be
   * written may hold decoded code.
   */
  protected abstract locate(low: number, high: number, write: boolean, privilege: Privilege): number;

  /** Told of every access before it is made; data breakpoints and watchpoints ask for it. */
  protected abstract accessed(address: bigint, length: number, write: boolean): void;

  /** Accesses may be watched: {@link accessed} wants to know. */
  protected abstract readonly watching: boolean;

  private locateAt(address: bigint, write: boolean, privilege: Privilege): number {
    return this.locate(lowHalf(address), this.wide ? highHalf(address) : 0, write, privilege);
  }

  /** The pieces of a linear range; all are translated before the first is used. */
  private pieces(address: bigint, length: number, write: boolean, privilege: Privilege): Piece[] {
    const list: Piece[] = [];
    for (let offset = 0; offset < length; ) {
      const linear = address + BigInt(offset);
      const inPage = Math.min(length - offset, 4096 - Number(linear & 0xfffn));
      const host = this.locateAt(linear, write, privilege);
      list.push({ host, physical: this.located, length: inPage, offset });
      offset += inPage;
    }
    return list;
  }

  readBytes(address: bigint, length: number, privilege: Privilege = "current"): Uint8Array {
    this.accessed(address, length, false);
    const result = new Uint8Array(length);
    for (const piece of this.pieces(address, length, false, privilege)) {
      const { host, offset } = piece;
      if (host !== NOT_RAM) result.set(this.bytes.subarray(host, host + piece.length), offset);
      else this.readOther(piece.physical, piece.length, result, offset);
    }
    return result;
  }

  writeBytes(address: bigint, bytes: Uint8Array, privilege: Privilege = "current"): void {
    this.accessed(address, bytes.length, true);
    for (const { host, physical, length, offset } of this.pieces(address, bytes.length, true, privilege)) {
      if (host !== NOT_RAM) {
        if (this.code.has(host >>> 12)) this.code.written(host, length);
        this.bytes.set(bytes.subarray(offset, offset + length), host);
      } else this.writeOther(physical, length, bytes, offset);
    }
  }

  probeWrite(address: bigint, length: number, privilege: Privilege = "current"): void {
    this.pieces(address, length, true, privilege);
  }

  read(address: bigint, size: 1 | 2 | 4 | 8, privilege: Privilege = "current"): bigint {
    if (Number(address & 0xfffn) + size <= 4096) {
      this.accessed(address, size, false);
      const host = this.locateAt(address, false, privilege);
      if (host !== NOT_RAM) {
        if (size === 8) return this.view.getBigUint64(host, true);
        if (size === 4) return BigInt(this.view.getUint32(host, true));
        if (size === 2) return BigInt(this.view.getUint16(host, true));
        return BigInt(this.view.getUint8(host));
      }
    }
    let value = 0n;
    const bytes = this.readBytes(address, size, privilege);
    for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
    return value;
  }

  write(address: bigint, size: 1 | 2 | 4 | 8, value: bigint, privilege: Privilege = "current"): void {
    if (Number(address & 0xfffn) + size <= 4096) {
      this.accessed(address, size, true);
      const host = this.locateAt(address, true, privilege);
      if (host !== NOT_RAM) {
        if (this.code.has(host >>> 12)) this.code.written(host, size);
        if (size === 8) this.view.setBigUint64(host, value, true);
        else if (size === 4) this.view.setUint32(host, Number(BigInt.asUintN(32, value)), true);
        else if (size === 2) this.view.setUint16(host, Number(BigInt.asUintN(16, value)), true);
        else this.view.setUint8(host, Number(BigInt.asUintN(8, value)));
        return;
      }
    }
    const bytes = new Uint8Array(size);
    for (let i = 0; i < size; i++) bytes[i] = Number((value >> BigInt(8 * i)) & 0xffn);
    this.writeBytes(address, bytes, privilege);
  }

  readHalves(low: number, high: number, privilege: Privilege): number {
    if ((low & 0xfff) <= 4096 - 8 && !this.watching) {
      const host = this.locate(low, this.wide ? high : 0, false, privilege);
      if (host !== NOT_RAM) {
        this.upper = this.view.getInt32(host + 4, true);
        return this.view.getInt32(host, true);
      }
    }
    const value = this.read(join(low, high), 8, privilege);
    this.upper = highHalf(value);
    return lowHalf(value);
  }

  readShort(low: number, high: number, size: 2 | 4, privilege: Privilege): number {
    this.upper = 0;
    if ((low & 0xfff) <= 4096 - size && !this.watching) {
      const host = this.locate(low, this.wide ? high : 0, false, privilege);
      if (host !== NOT_RAM)
        return size === 2 ? this.view.getUint16(host, true) : this.view.getInt32(host, true);
    }
    return lowHalf(this.read(join(low, high), size, privilege));
  }

  writeHalves(low: number, high: number, valueLow: number, valueHigh: number, privilege: Privilege): void {
    if ((low & 0xfff) <= 4096 - 8 && !this.watching) {
      const host = this.locate(low, this.wide ? high : 0, true, privilege);
      if (host !== NOT_RAM) {
        if (this.code.has(host >>> 12)) this.code.written(host, 8);
        this.view.setInt32(host, valueLow, true);
        this.view.setInt32(host + 4, valueHigh, true);
        return;
      }
    }
    this.write(join(low, high), 8, join(valueLow, valueHigh), privilege);
  }

  /** Reads a device, or a guest's APIC-access page. */
  private readOther(physical: number, length: number, into: Uint8Array, at: number): void {
    const { apicPage } = this;
    if (apicPage !== undefined && physical - (physical & 0xfff) === apicPage.page) {
      apicPage.onApicAccess(physical & 0xfff, length, "read");
      const host = this.physical.hostAddress(apicPage.virtualPage + (physical & 0xfff), false);
      if (host !== NOT_RAM) into.set(this.bytes.subarray(host, host + length), at);
      return;
    }
    readDevice(this.physical, physical, length, new DataView(into.buffer, into.byteOffset), at);
  }

  /** Writes to a device, to ROM (nothing happens), or to a guest's APIC-access page. */
  private writeOther(physical: number, length: number, from: Uint8Array, at: number): void {
    const { apicPage } = this;
    if (apicPage !== undefined && physical - (physical & 0xfff) === apicPage.page) {
      apicPage.onApicAccess(physical & 0xfff, length, "write");
      const host = this.physical.hostAddress(apicPage.virtualPage + (physical & 0xfff), true);
      if (host !== NOT_RAM) this.bytes.set(from.subarray(at, at + length), host);
      apicPage.onApicWrite(physical & 0xfff, length);
    } else if (this.physical.hostAddress(physical, false) === NOT_RAM) {
      writeDevice(this.physical, physical, length, new DataView(from.buffer, from.byteOffset), at);
    }
  }
}
