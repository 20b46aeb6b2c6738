/**
 * Accesses that no single host page serves: those that cross a page, and those that go to a device, to ROM or to
 * the APIC-access page of a guest. Generated code reads and writes the bounce buffer in the CPU's state instead.
 */
import { BOUNCE, DEVICE_TOUCHED } from "../isa/state.js";
import { NOT_RAM, type PhysicalMap } from "../memory/physical.js";
import type { CodePages } from "./code-pages.js";
import type { CpuState } from "./cpu-state.js";
import type { ApicAccessPage } from "./vmx/ept-guest.js";

/** What serves a part of an access. */
const Served = { ram: 0, device: 1, nothing: 2, virtualApic: 3 } as const;

const sizeAt = (address: number, left: number): 1 | 2 | 4 =>
  left >= 4 && address % 4 === 0 ? 4 : left >= 2 && address % 2 === 0 ? 2 : 1;

/** Reads `length` bytes of a device into a buffer, in naturally aligned pieces of up to 4 bytes. */
export function readDevice(
  from: PhysicalMap,
  physical: number,
  length: number,
  into: DataView,
  at: number,
): void {
  for (let done = 0; done < length; ) {
    const size = sizeAt(physical + done, length - done);
    const value = from.readMmio(physical + done, size);
    if (size === 4) into.setUint32(at + done, value, true);
    else if (size === 2) into.setUint16(at + done, value, true);
    else into.setUint8(at + done, value);
    done += size;
  }
}

/** The reverse of {@link readDevice}. */
export function writeDevice(
  to: PhysicalMap,
  physical: number,
  length: number,
  from: DataView,
  at: number,
): void {
  for (let done = 0; done < length; ) {
    const size = sizeAt(physical + done, length - done);
    const value =
      size === 4
        ? from.getUint32(at + done, true)
        : size === 2
          ? from.getUint16(at + done, true)
          : from.getUint8(at + done);
    to.writeMmio(physical + done, size, value);
    done += size;
  }
}

export class BounceBuffer {
  /** The instruction runs alone: devices may be touched. */
  alone = false;
  /** Set when an access was refused because it does not. */
  needsAlone = false;
  /** Of the guest that runs. */
  apic: ApicAccessPage | undefined;
  /** Told of every load from a device and every store to one, as they take time. */
  onDevice: () => void = () => {};
  /** Host address of the buffer. */
  private readonly at: number;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;

  // The parts of the access under way.
  private count = 0;
  private readonly physicalOf = new Float64Array(2);
  private readonly hostOf = new Float64Array(2);
  private readonly lengthOf = new Int32Array(2);
  private readonly servedBy = new Uint8Array(2);

  constructor(
    private readonly state: CpuState,
    private readonly physical: PhysicalMap,
    private readonly code: CodePages,
  ) {
    this.at = state.base + BOUNCE;
    this.bytes = new Uint8Array(state.memory);
    this.view = new DataView(state.memory);
  }

  /** Forgets the last access. */
  begin(): void {
    this.count = 0;
  }

  /** Adds bytes that lie in one physical page. */
  add(physical: number, length: number): void {
    this.physicalOf[this.count] = physical;
    this.lengthOf[this.count++] = length;
  }

  /**
   * Makes the access to what was added, a read at once, a write with {@link commit}. Returns the buffer's address, or 0
   * with {@link needsAlone} set. Throws the VM exit of the APIC-access page.
   */
  open(write: boolean, update: boolean): number {
    let device = false;
    for (let i = 0; i < this.count; i++) {
      const served = this.locate(i, write);
      const alone =
        served === Served.device ||
        served === Served.virtualApic ||
        (write && served === Served.ram && this.overCode(i));
      if (alone && !this.alone) {
        this.needsAlone = true;
        return 0;
      }
      device ||= served === Served.device || served === Served.virtualApic;
    }
    if (device) {
      this.state.setU32(DEVICE_TOUCHED, 1);
      if (this.apic !== undefined) this.askApic(this.apic, write);
    }
    if (!write || update) this.fill();
    return this.at;
  }

  private locate(part: number, write: boolean): number {
    const { physical, apic } = this;
    let address = this.physicalOf[part]!;
    let served: number = Served.ram;
    if (apic !== undefined && address - (address & 0xfff) === apic.page) {
      served = Served.virtualApic;
      address = apic.virtualPage + (address & 0xfff);
    }
    const host = physical.hostAddress(address, write);
    this.hostOf[part] = host;
    if (host === NOT_RAM) {
      served = write && physical.hostAddress(address, false) !== NOT_RAM ? Served.nothing : Served.device;
    }
    this.servedBy[part] = served;
    return served;
  }

  private overCode(part: number): boolean {
    const host = this.hostOf[part]!;
    return this.code.has(host >>> 12) && this.code.overlaps(host, this.lengthOf[part]!);
  }

  private askApic(apic: ApicAccessPage, write: boolean): void {
    for (let i = 0; i < this.count; i++) {
      const address = this.physicalOf[i]!;
      if (address - (address & 0xfff) === apic.page) {
        apic.onApicAccess(address & 0xfff, this.lengthOf[i]!, write ? "write" : "read");
      }
    }
  }

  private fill(): void {
    let at = this.at;
    for (let i = 0; i < this.count; i++) {
      const length = this.lengthOf[i]!;
      // A read-modify-write of ROM reads what is there.
      const rom = this.servedBy[i] === Served.nothing;
      const host = rom ? this.physical.hostAddress(this.physicalOf[i]!, false) : this.hostOf[i]!;
      if (host !== NOT_RAM) this.bytes.copyWithin(at, host, host + length);
      else {
        readDevice(this.physical, this.physicalOf[i]!, length, this.view, at);
        this.onDevice();
      }
      at += length;
    }
  }

  /** Completes a write made to the buffer. */
  commit(): void {
    let at = this.at;
    for (let i = 0; i < this.count; i++) {
      const length = this.lengthOf[i]!;
      const host = this.hostOf[i]!;
      const served = this.servedBy[i]!;
      if (served === Served.device) {
        writeDevice(this.physical, this.physicalOf[i]!, length, this.view, at);
        this.onDevice();
      } else if (served !== Served.nothing) {
        if (this.code.has(host >>> 12)) this.code.written(host, length);
        this.bytes.copyWithin(host, at, at + length);
        if (served === Served.virtualApic) this.apic?.onApicWrite(this.physicalOf[i]! & 0xfff, length);
      }
      at += length;
    }
  }
}
