/**
 * The bytes of a program at a fixed address, the labels in them, and the fix-ups that fill in the addresses of
 * labels that were bound later.
 */

import { type Immediate, isPlace, Label, type Place } from "./label.js";

export type CodeSize = 16 | 32 | 64;

interface Fixup {
  /** Offset of the field in the program. */
  readonly at: number;
  /** In bytes. */
  readonly length: 1 | 2 | 4 | 8;
  readonly place: Place;
  /** The address that the field is relative to; undefined where it is absolute. */
  readonly relativeTo: number | undefined;
}

/** @throws Error when neither the signed nor the unsigned reading of `width` bits has the value. */
export function checkFits(value: bigint, width: number, what: string): void {
  const bits = BigInt(width);
  if (value < -(1n << (bits - 1n)) || value >= 1n << bits) {
    throw new Error(`${what}: ${value} does not fit in ${width} bits.`);
  }
}

export class CodeBuffer {
  /** The address of the first byte. */
  readonly origin: number;
  /** The size of the code that is written now. */
  bits: CodeSize;
  readonly #bytes: number[] = [];
  readonly #fixups: Fixup[] = [];

  constructor(origin: number, bits: CodeSize) {
    this.origin = origin;
    this.bits = bits;
  }

  /** The address of the next byte. */
  get position(): number {
    return this.origin + this.#bytes.length;
  }

  /** A label to be bound later. */
  label(name: string): Label {
    return new Label(name);
  }

  bind(label: Label, address = this.position): void {
    label.bind(address);
  }

  /** A new label, bound here. */
  here(name: string): Label {
    const label = new Label(name);
    this.bind(label);
    return label;
  }

  db(...values: readonly Immediate[]): void {
    for (const value of values) this.immediate(value, 1);
  }

  dw(...values: readonly Immediate[]): void {
    for (const value of values) this.immediate(value, 2);
  }

  dd(...values: readonly Immediate[]): void {
    for (const value of values) this.immediate(value, 4);
  }

  dq(...values: readonly Immediate[]): void {
    for (const value of values) this.immediate(value, 8);
  }

  /** IEEE 754 double precision. */
  double(...values: readonly number[]): void {
    for (const value of values) {
      const view = new DataView(new ArrayBuffer(8));
      view.setFloat64(0, value);
      this.dq(view.getBigUint64(0));
    }
  }

  /** Text without a terminator, in UTF-8. */
  ascii(text: string): void {
    this.#bytes.push(...new TextEncoder().encode(text));
  }

  asciz(text: string): void {
    this.ascii(`${text}\0`);
  }

  fill(count: number, value = 0): void {
    for (let i = 0; i < count; i++) this.#bytes.push(value);
  }

  /** Up to a multiple of `alignment`, which is a power of two. */
  align(alignment: number, value = 0): void {
    this.fill(-this.position & (alignment - 1), value);
  }

  /** A field of `length` bytes. @throws Error when the value doesn't fit. */
  protected immediate(value: Immediate, length: 1 | 2 | 4 | 8): void {
    if (isPlace(value)) {
      this.#fixups.push({ at: this.#bytes.length, length, place: value, relativeTo: undefined });
      this.fill(length);
      return;
    }
    const number = BigInt(value);
    checkFits(number, length * 8, "A value");
    for (let i = 0; i < length; i++) this.#bytes.push(Number((number >> BigInt(8 * i)) & 0xffn));
  }

  /** The distance to a place from the end of this field, or from `trailing` bytes after it. */
  protected relative(place: Place, length: 1 | 2 | 4, trailing = 0): void {
    const relativeTo = this.position + length + trailing;
    this.#fixups.push({ at: this.#bytes.length, length, place, relativeTo });
    this.fill(length);
  }

  /** The program. @throws Error when a label has no address or is too far away. */
  finish(): Uint8Array {
    const program = Uint8Array.from(this.#bytes);
    for (const { at, length, place, relativeTo } of this.#fixups) {
      const { label, offset } = place;
      if (label.address === undefined) throw new Error(`Label ${label.name} is used but not bound.`);
      const value = BigInt(label.address + offset - (relativeTo ?? 0));
      // A 16-bit branch wraps, any other field holds all of the value; a distance is signed.
      const wraps = relativeTo !== undefined && length === 2;
      if (!wraps) checkFits(value, length * 8, `The address of ${label.name}`);
      if (relativeTo !== undefined && !wraps && BigInt.asIntN(length * 8, value) !== value) {
        throw new Error(`Label ${label.name} is too far away for ${length * 8} bits.`);
      }
      for (let i = 0; i < length; i++) program[at + i] = Number((value >> BigInt(8 * i)) & 0xffn);
    }
    return program;
  }
}
