/**
 * The helpers that vector instructions call, as the engine binds them: each gets the machine's memory, the CPU's
 * base address and the record's, then its own arguments.
 */
import { SCRATCH } from "../state.js";

/** Aggregation of the comparisons, control bits 3:2 (SDM vol. 2, 4.1.4). */
const Aggregation = { equalAny: 0, ranges: 1, equalEach: 2, equalOrdered: 3 } as const;

interface Text {
  readonly elements: readonly number[];
  /** Number of valid elements. */
  readonly length: number;
}

function readText(memory: DataView, at: number, control: number, length: number): Text {
  const words = (control & 1) !== 0;
  const signed = (control & 2) !== 0;
  const elements: number[] = [];
  for (let i = 0; i < 16; i += words ? 2 : 1) {
    if (words) elements.push(signed ? memory.getInt16(at + i, true) : memory.getUint16(at + i, true));
    else elements.push(signed ? memory.getInt8(at + i) : memory.getUint8(at + i));
  }
  if (length >= 0) return { elements, length };
  const end = elements.indexOf(0);
  return { elements, length: end < 0 ? elements.length : end };
}

/** IntRes1: bit j speaks about element j of the second operand, `text`. */
function compare(set: Text, text: Text, aggregation: number): number {
  const count = text.elements.length;
  let result = 0;
  for (let j = 0; j < count; j++) {
    if (matches(set, text, j, count, aggregation)) result |= 1 << j;
  }
  return result;
}

/** With the treatment of invalid elements of SDM vol. 2, 4.1.6. */
function matches(set: Text, text: Text, j: number, count: number, aggregation: number): boolean {
  const value = text.elements[j]!;
  switch (aggregation) {
    case Aggregation.equalAny:
      if (j >= text.length) return false;
      for (let i = 0; i < set.length; i++) if (set.elements[i] === value) return true;
      return false;
    case Aggregation.ranges:
      if (j >= text.length) return false;
      for (let i = 0; i + 1 < set.length; i += 2) {
        if (value >= set.elements[i]! && value <= set.elements[i + 1]!) return true;
      }
      return false;
    case Aggregation.equalEach:
      // Both beyond the end is equal, one alone is not.
      if (j >= set.length || j >= text.length) return j >= set.length && j >= text.length;
      return set.elements[j] === value;
    default:
      // What is beyond the end of the sought text matches everything.
      for (let i = 0; i < set.length && i + j < count; i++) {
        if (i + j >= text.length || set.elements[i] !== text.elements[i + j]) return false;
      }
      return true;
  }
}

export const simdHelpers = {
  /** See simd-string.ts. */
  compareStrings(
    memory: DataView,
    cpu: number,
    _record: number,
    control: number,
    firstLength: number,
    secondLength: number,
  ): number {
    const set = readText(memory, cpu + SCRATCH, control, firstLength);
    const text = readText(memory, cpu + SCRATCH + 16, control, secondLength);
    const count = text.elements.length;
    let result = compare(set, text, (control >> 2) & 3);
    // Polarity: bit 4 inverts, with bit 5 only where the second operand is valid.
    if (control & 0x10) result ^= control & 0x20 ? (1 << text.length) - 1 : (1 << count) - 1;
    return result | (text.length < count ? 1 << 16 : 0) | (set.length < count ? 1 << 17 : 0);
  },
} as const;
