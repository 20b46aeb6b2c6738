/**
 * Paging structures in memory, as walks read and write them: the machine's own by physical address, those of a
 * guest in VMX non-root operation through what translates its physical addresses.
 */
import { NOT_RAM, type PhysicalMap } from "../../memory/physical.js";
import type { StructureMemory } from "./walk.js";

/** Turns the address of a guest's paging-structure entry into the machine's, or throws a VM exit. */
export interface GuestStructures {
  structureAddress(guestPhysical: number, write: boolean): number;
}

/** What of the code cache a write has to tell. Pages are host addresses >>> 12. */
interface WrittenCode {
  has(hostPage: number): boolean;
  written(host: number, length: number): void;
}

export class PhysicalStructures implements StructureMemory {
  high = 0;
  /** While a guest's structures are meant. */
  guest: GuestStructures | undefined;
  private readonly view: DataView;

  constructor(
    memory: ArrayBuffer,
    private readonly physical: PhysicalMap,
    private readonly code: WrittenCode,
  ) {
    this.view = new DataView(memory);
  }

  load(address: number, bytes: 4 | 8): number {
    const physical = this.guest === undefined ? address : this.guest.structureAddress(address, false);
    const host = this.physical.hostAddress(physical, false);
    if (host === NOT_RAM) {
      this.high = bytes === 8 ? this.physical.readMmio(physical + 4, 4) | 0 : 0;
      return this.physical.readMmio(physical, 4) | 0;
    }
    this.high = bytes === 8 ? this.view.getInt32(host + 4, true) : 0;
    return this.view.getInt32(host, true);
  }

  store(address: number, value: number): void {
    const physical = this.guest === undefined ? address : this.guest.structureAddress(address, true);
    const host = this.physical.hostAddress(physical, true);
    if (host === NOT_RAM) {
      // What is written to ROM is lost.
      if (this.physical.hostAddress(physical, false) === NOT_RAM) this.physical.writeMmio(physical, 4, value);
      return;
    }
    if (this.code.has(host >>> 12)) this.code.written(host, 4);
    this.view.setInt32(host, value, true);
  }
}
