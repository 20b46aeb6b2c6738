/**
 * A VMCS in its region of guest memory (SDM vol. 3, 25.2 and 25.11).
 *
 * The region is a page: revision identifier and shadow-VMCS indicator (as the manual fixes them), abort indicator
 * (same), launch state, then every field at an offset that follows from its encoding. Nothing is kept outside, so
 * VMCLEAR has nothing to write back, and snapshots nothing to remember.
 *
 * | offset | content |
 * |--------|---------|
 * | 000h | revision identifier (bit 31: shadow VMCS), VMX-abort indicator, launch state |
 * | 100h | 16-bit fields, 32 for each type (control, read-only data, guest state, host state) |
 * | 200h | 32-bit fields, likewise |
 * | 400h | natural-width fields, likewise, 8 bytes each |
 * | 800h | 64-bit fields, 64 for each type |
 */
import { NOT_RAM, type PhysicalMap } from "../../memory/physical.js";
import type { VmcsAccess } from "./contract.js";

const REVISION = 0;
const ABORT = 4;
const LAUNCH = 8;
/** Shadow-VMCS indicator. */
const SHADOW = 0x8000_0000;

const WIDTH_64 = 1;
const WIDTH_32 = 2;
const WIDTH_NATURAL = 3;

/** Offset of a field in the region, by an encoding that exists; the upper half of a 64-bit field has its own. */
export function fieldOffset(encoding: number): number {
  const index = (encoding >>> 1) & 0x3f;
  const type = (encoding >>> 10) & 3;
  switch ((encoding >>> 13) & 3) {
    case WIDTH_64:
      return 0x800 + (type << 9) + (index << 3) + ((encoding & 1) << 2);
    case WIDTH_32:
      return 0x200 + (type << 7) + (index << 2);
    case WIDTH_NATURAL:
      return 0x400 + (type << 8) + (index << 3);
    default:
      return 0x100 + (type << 6) + (index << 1);
  }
}

export class Vmcs implements VmcsAccess {
  /** @param host offset of the region in the machine's memory */
  constructor(
    private readonly view: DataView,
    private readonly host: number,
    readonly pointer: bigint,
  ) {}

  /** The region at a 4 KiB aligned address; undefined where there is no memory. */
  static at(view: DataView, physical: Pick<PhysicalMap, "hostAddress">, pointer: bigint): Vmcs | undefined {
    const host = physical.hostAddress(Number(pointer), true);
    return host === NOT_RAM ? undefined : new Vmcs(view, host, pointer);
  }

  /** Bits 30:0 of the first word. */
  get revision(): number {
    return this.view.getUint32(this.host + REVISION, true) & ~SHADOW;
  }
  get isShadow(): boolean {
    return (this.view.getUint32(this.host + REVISION, true) & SHADOW) !== 0;
  }
  get launched(): boolean {
    return this.view.getUint32(this.host + LAUNCH, true) !== 0;
  }
  set launched(on: boolean) {
    this.view.setUint32(this.host + LAUNCH, on ? 1 : 0, true);
  }
  set abortIndicator(value: number) {
    this.view.setUint32(this.host + ABORT, value, true);
  }

  read(field: number): bigint {
    const at = this.host + fieldOffset(field);
    switch ((field >>> 13) & 3) {
      case WIDTH_64:
        return (field & 1) !== 0 ? BigInt(this.view.getUint32(at, true)) : this.view.getBigUint64(at, true);
      case WIDTH_NATURAL:
        return this.view.getBigUint64(at, true);
      case WIDTH_32:
        return BigInt(this.view.getUint32(at, true));
      default:
        return BigInt(this.view.getUint16(at, true));
    }
  }

  /** Keeps as many low bits as the field has. */
  write(field: number, value: bigint): void {
    const at = this.host + fieldOffset(field);
    switch ((field >>> 13) & 3) {
      case WIDTH_64:
        if ((field & 1) !== 0) this.view.setUint32(at, Number(value & 0xffff_ffffn), true);
        else this.view.setBigUint64(at, value, true);
        break;
      case WIDTH_NATURAL:
        this.view.setBigUint64(at, value, true);
        break;
      case WIDTH_32:
        this.view.setUint32(at, Number(value & 0xffff_ffffn), true);
        break;
      default:
        this.view.setUint16(at, Number(value & 0xffffn), true);
    }
  }

  // Without bigints, for what happens at every VM entry and exit.

  /** The low 32 bits (16 of a 16-bit field), unsigned. */
  low(field: number): number {
    const at = this.host + fieldOffset(field);
    return ((field >>> 13) & 3) === 0 ? this.view.getUint16(at, true) : this.view.getUint32(at, true);
  }
  /** Bits 63:32, unsigned; only of 64-bit and natural-width fields. */
  high(field: number): number {
    return this.view.getUint32(this.host + fieldOffset(field) + 4, true);
  }
  /** Writes a field of up to 32 bits, or zero-extends into a wider one. */
  setLow(field: number, value: number): void {
    const at = this.host + fieldOffset(field);
    const width = (field >>> 13) & 3;
    if (width === 0) this.view.setUint16(at, value, true);
    else {
      this.view.setUint32(at, value, true);
      if (width !== WIDTH_32) this.view.setUint32(at + 4, 0, true);
    }
  }

  /** Copies words of the region. @param offsets multiples of 4 */
  copyWords(offsets: readonly number[], into: Int32Array): void {
    for (let i = 0; i < offsets.length; i++) into[i] = this.view.getInt32(this.host + offsets[i]!, true);
  }
  /** Whether words of the region are as they were copied. */
  matches(offsets: readonly number[], copy: Int32Array): boolean {
    for (let i = 0; i < offsets.length; i++) {
      if (this.view.getInt32(this.host + offsets[i]!, true) !== copy[i]) return false;
    }
    return true;
  }
}
