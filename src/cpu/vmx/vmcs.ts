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

/** How many bits a field has, by its encoding: the upper half of a 64-bit field has 32. */
export function fieldBits(encoding: number): 16 | 32 | 64 {
  const width = (encoding >>> 13) & 3;
  if (width === WIDTH_NATURAL || (width === WIDTH_64 && (encoding & 1) === 0)) return 64;
  return width === WIDTH_64 || width === WIDTH_32 ? 32 : 16;
}

export class Vmcs implements VmcsAccess {
  /** The machine's memory. */
  readonly words: Int32Array;
  /** Index of the region's first word in it. */
  readonly first: number;

  /** @param host offset of the region in the machine's memory */
  constructor(
    readonly view: DataView,
    readonly host: number,
    readonly pointer: bigint,
  ) {
    this.words = new Int32Array(view.buffer);
    this.first = host >>> 2;
  }

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
    if (((field >>> 13) & 3) === 0) this.view.setUint16(at, value, true);
    else {
      this.view.setUint32(at, value, true);
      if (Vmcs.isWide(field)) this.view.setUint32(at + 4, 0, true);
    }
  }
  /** Bits 63:32; only of 64-bit and natural-width fields. */
  setHigh(field: number, value: number): void {
    this.view.setUint32(this.host + fieldOffset(field) + 4, value, true);
  }

  /** The encoding is of 64 bits: a 64-bit field as a whole, or one of natural width. */
  static isWide(field: number): boolean {
    return fieldBits(field) === 64;
  }

  // By the offset of a word in the region, for fields that are used so often that even finding them counts.

  /** 32 bits, signed. @param offset from {@link fieldOffset}, or 4 more for the upper half */
  word(offset: number): number {
    return this.words[this.first + (offset >> 2)]!;
  }
  setWord(offset: number, value: number): void {
    this.words[this.first + (offset >> 2)] = value;
  }
  /** Zero-extends 32 bits into a 64-bit or natural-width field. */
  setWide(offset: number, value: number): void {
    const at = this.first + (offset >> 2);
    this.words[at] = value;
    this.words[at + 1] = 0;
  }
}
