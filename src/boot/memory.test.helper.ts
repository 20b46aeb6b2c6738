/**
 * Guest memory for the tests of the loaders: an array that can be looked at.
 */

import type { BootMemory } from "./guest-memory.js";

export class ArrayMemory implements BootMemory {
  readonly bytes: Uint8Array;
  private readonly view: DataView;

  /** All bytes start as CCh, so that what a loader must zero shows. */
  constructor(
    readonly lowRam: number,
    readonly highRam = 0,
  ) {
    this.bytes = new Uint8Array(lowRam).fill(0xcc);
    this.view = new DataView(this.bytes.buffer);
  }

  write(physical: number, bytes: Uint8Array): void {
    this.bytes.set(bytes, physical);
  }

  fill(physical: number, length: number, value: number): void {
    this.bytes.fill(value, physical, physical + length);
  }

  read(physical: number, length: number): Uint8Array {
    return this.bytes.slice(physical, physical + length);
  }

  u8(physical: number): number {
    return this.view.getUint8(physical);
  }

  u16(physical: number): number {
    return this.view.getUint16(physical, true);
  }

  u32(physical: number): number {
    return this.view.getUint32(physical, true);
  }

  u64(physical: number): number {
    return Number(this.view.getBigUint64(physical, true));
  }

  /** The text up to its terminating zero. */
  text(physical: number): string {
    return new TextDecoder().decode(this.bytes.subarray(physical, this.bytes.indexOf(0, physical)));
  }
}

export const MIB = 0x100000;
