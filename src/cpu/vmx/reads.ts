/**
 * The words of a VMCS region that somebody has looked at, with what was found. As long as they hold the same, whatever
 * follows from them does too: VM entries need not work it out again.
 */
import { fieldOffset, type Vmcs } from "./vmcs.js";

const WIDTH_16 = 0;

export class VmcsReads {
  private readonly offsets: number[] = [];
  private readonly masks: number[] = [];
  private readonly values: number[] = [];
  /** Something besides the VMCS was looked at: nothing follows from its words alone. */
  incomplete = false;

  constructor(private readonly vmcs: Vmcs) {}

  /** The low 32 bits of a field (16 of a 16-bit field), unsigned. */
  low(field: number): number {
    const offset = fieldOffset(field);
    if (((field >>> 13) & 3) === WIDTH_16) {
      const shift = (offset & 2) * 8;
      this.note(offset & ~3, 0xffff << shift);
    } else this.note(offset, -1);
    return this.vmcs.low(field);
  }

  /** Bits 63:32 of a field, unsigned. */
  high(field: number): number {
    this.note(fieldOffset(field) + 4, -1);
    return this.vmcs.high(field);
  }

  /** Those bits of a field of at least 32 bits that `mask` selects. */
  masked(field: number, mask: number): number {
    this.note(fieldOffset(field), mask);
    return this.vmcs.low(field) & mask;
  }

  /** A field of 64 bits or natural width. */
  wide(field: number): bigint {
    this.note(fieldOffset(field), -1);
    this.note(fieldOffset(field) + 4, -1);
    return this.vmcs.read(field);
  }

  private note(offset: number, mask: number): void {
    const { offsets, masks, values } = this;
    const value = this.vmcs.word(offset);
    for (let i = 0; i < offsets.length; i++) {
      if (offsets[i] !== offset) continue;
      masks[i]! |= mask;
      values[i] = value & masks[i]!;
      return;
    }
    offsets.push(offset);
    masks.push(mask | 0);
    values.push(value & mask);
  }

  /** Whether a VMCS holds the same in all these words. */
  hold({ words, first }: Vmcs): boolean {
    const { offsets, masks, values } = this;
    for (let i = 0; i < offsets.length; i++) {
      if ((words[first + (offsets[i]! >> 2)]! & masks[i]!) !== values[i]) return false;
    }
    return true;
  }
}
