/**
 * What a loader needs from the machine's memory, and a writer for the little-endian structures it puts there.
 */

/** Guest-physical memory as a loader sees it. The machine implements it. Addresses and lengths are in bytes. */
export interface BootMemory {
  /** RAM from address 0 up to the hole below 4 GiB. */
  readonly lowRam: number;
  /** RAM from 4 GiB up; 0 when there is none. */
  readonly highRam: number;
  write(physical: number, bytes: Uint8Array): void;
  fill(physical: number, length: number, value: number): void;
}

/** Builds a little-endian byte structure from front to back, with patching of what was written before. */
export class StructWriter {
  private buffer = new Uint8Array(256);
  private view = new DataView(this.buffer.buffer);
  private used = 0;

  /** Bytes written so far. */
  get length(): number {
    return this.used;
  }

  u8(value: number): this {
    const at = this.extend(1);
    this.view.setUint8(at, value);
    return this;
  }

  u16(value: number): this {
    const at = this.extend(2);
    this.view.setUint16(at, value, true);
    return this;
  }

  u32(value: number): this {
    const at = this.extend(4);
    this.view.setUint32(at, value, true);
    return this;
  }

  /** `value` is exact: a bigint, or a number up to 2^53. */
  u64(value: number | bigint): this {
    const at = this.extend(8);
    this.view.setBigUint64(at, BigInt(value), true);
    return this;
  }

  bytes(bytes: Uint8Array): this {
    const at = this.extend(bytes.length);
    this.buffer.set(bytes, at);
    return this;
  }

  /** ASCII text; with `width`, padded with zeros or cut to that many bytes. */
  ascii(text: string, width = text.length): this {
    for (let i = 0; i < width; i++) this.u8(i < text.length ? text.charCodeAt(i) : 0);
    return this;
  }

  zeros(count: number): this {
    this.extend(count);
    return this;
  }

  /** Pads with zeros up to a multiple of `alignment`. */
  align(alignment: number): this {
    return this.zeros((alignment - (this.used % alignment)) % alignment);
  }

  /** Overwrites the byte at `offset`, which was written before. */
  patch8(offset: number, value: number): this {
    this.view.setUint8(offset, value);
    return this;
  }

  /** Overwrites the 32 bits at `offset`, which were written before. */
  patch32(offset: number, value: number): this {
    this.view.setUint32(offset, value, true);
    return this;
  }

  /** A copy of all that was written. */
  finish(): Uint8Array {
    return this.buffer.slice(0, this.used);
  }

  private extend(count: number): number {
    const at = this.used;
    const needed = at + count;
    if (needed > this.buffer.length) {
      const grown = new Uint8Array(Math.max(needed, this.buffer.length * 2));
      grown.set(this.buffer);
      this.buffer = grown;
      this.view = new DataView(grown.buffer);
    }
    this.used = needed;
    return at;
  }
}

/** The parts one after another. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** `text` as UTF-8 with a terminating zero, as boot protocols pass strings. */
export function zeroTerminated(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\0`);
}

/** `value` rounded up to a multiple of `alignment`. */
export function alignUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}

/** `value` rounded down to a multiple of `alignment`. */
export function alignDown(value: number, alignment: number): number {
  return Math.floor(value / alignment) * alignment;
}

/** A byte count as people read it: `12.5 MiB`. */
export function mebibytes(bytes: number): string {
  return `${Number((bytes / 0x100000).toFixed(1))} MiB`;
}
