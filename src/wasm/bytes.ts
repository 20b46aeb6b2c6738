/**
 * A flat, growing byte buffer with WebAssembly's integer encodings (core specification, 5.2).
 *
 * One buffer serves a whole module: emission costs about a nanosecond a byte, where arrays of numbers that
 * are copied into each other cost a hundred times as much.
 */

const utf8 = new TextEncoder();
const scratch = new DataView(new ArrayBuffer(8));

export class ByteWriter {
  private bytes: Uint8Array<ArrayBuffer>;
  /** Number of bytes written so far. */
  length = 0;

  /** @param expected how many bytes it has room for, before it grows */
  constructor(expected = 1024) {
    this.bytes = new Uint8Array(expected);
  }

  /** What was written, as a view that stays valid until the next write. */
  view(): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(0, this.length);
  }

  /** Forgets everything and keeps the buffer. */
  clear(): void {
    this.length = 0;
  }

  byte(value: number): void {
    if (this.length === this.bytes.length) this.grow(1);
    this.bytes[this.length++] = value;
  }

  append(source: Uint8Array): void {
    if (this.length + source.length > this.bytes.length) this.grow(source.length);
    this.bytes.set(source, this.length);
    this.length += source.length;
  }

  /** Unsigned LEB128, 32 bits. */
  u32(value: number): void {
    let rest = value >>> 0;
    while (rest >= 0x80) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.byte(rest);
  }

  /** Signed LEB128, 32 bits. */
  s32(value: number): void {
    let rest = value | 0;
    for (;;) {
      const low = rest & 0x7f;
      rest >>= 7;
      if ((rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)) {
        this.byte(low);
        return;
      }
      this.byte(low | 0x80);
    }
  }

  /** Signed LEB128, 64 bits. */
  s64(value: bigint): void {
    let rest = BigInt.asIntN(64, value);
    if (rest >= -0x80000000n && rest <= 0x7fffffffn) {
      this.s32(Number(rest));
      return;
    }
    for (;;) {
      const low = Number(rest & 0x7fn);
      rest >>= 7n;
      if ((rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0)) {
        this.byte(low);
        return;
      }
      this.byte(low | 0x80);
    }
  }

  f32(value: number): void {
    scratch.setFloat32(0, value, true);
    for (let i = 0; i < 4; i++) this.byte(scratch.getUint8(i));
  }

  f64(value: number): void {
    scratch.setFloat64(0, value, true);
    for (let i = 0; i < 8; i++) this.byte(scratch.getUint8(i));
  }

  name(text: string): void {
    const encoded = utf8.encode(text);
    this.u32(encoded.length);
    this.append(encoded);
  }

  /** Writes what `body` writes, preceded by its length: the shape of sections and function bodies. */
  sized(body: () => void): void {
    const start = this.length;
    body();
    const size = this.length - start;
    let prefix = 1;
    for (let rest = size >>> 7; rest > 0; rest >>>= 7) prefix++;
    for (let i = 0; i < prefix; i++) this.byte(0);
    this.bytes.copyWithin(start + prefix, start, start + size);
    const end = this.length;
    this.length = start;
    this.u32(size);
    this.length = end;
  }

  private grow(extra: number): void {
    const larger = new Uint8Array(Math.max(this.bytes.length * 2, this.length + extra));
    larger.set(this.bytes);
    this.bytes = larger;
  }
}
