/**
 * Resource templates: what a device decodes, as `_CRS` returns it.
 *
 * ACPI 6.5, 6.4 (resource data types). Each function returns one descriptor; `resourceTemplate` closes
 * the list and wraps it into a buffer.
 */

import { concat, StructWriter } from "../guest-memory.js";
import { type Aml, buffer } from "./aml.js";

/** An inclusive-exclusive window of addresses. */
export interface Window {
  readonly base: number;
  readonly length: number;
}

/** End tag with a checksum of 0, which means "not checked". */
const END_TAG = Uint8Array.of(0x79, 0x00);

export function resourceTemplate(...descriptors: readonly Uint8Array[]): Aml {
  return buffer(concat(...descriptors, END_TAG));
}

/** IRQ descriptor (6.4.2.1): edge triggered, active high, not shared. */
export function irq(line: number): Uint8Array {
  return new StructWriter()
    .u8(0x22)
    .u16(1 << line)
    .finish();
}

/** I/O port descriptor (6.4.2.5) for a fixed range, 16-bit decode. */
export function io(base: number, length: number): Uint8Array {
  return new StructWriter().u8(0x47).u8(1).u16(base).u16(base).u8(1).u8(length).finish();
}

/** 32-bit fixed memory range (6.4.3.4), writable. */
export function memory32Fixed(base: number, length: number): Uint8Array {
  return new StructWriter().u8(0x86).u16(9).u8(1).u32(base).u32(length).finish();
}

/** Extended interrupt descriptor (6.4.3.6): level triggered, active high, shared, one of `lines`. */
export function extendedInterrupt(...lines: readonly number[]): Uint8Array {
  const consumerLevelHighShared = 0x09;
  const out = new StructWriter().u8(0x89).u16(2 + 4 * lines.length);
  out.u8(consumerLevelHighShared).u8(lines.length);
  for (const line of lines) out.u32(line);
  return out.finish();
}

// Address space descriptors (6.4.3.5): resource types, and "producer, positive decode, fixed minimum and maximum".
const TYPE_MEMORY = 0;
const TYPE_IO = 1;
const TYPE_BUS = 2;
const FIXED = 0x0c;

const MEMORY_READ_WRITE = 0x01;
const MEMORY_CACHEABLE_READ_WRITE = 0x03;
const IO_ENTIRE_RANGE = 0x03;

export function busNumbers(first: number, last: number): Uint8Array {
  return wordSpace(TYPE_BUS, 0, first, last);
}

export function ioWindow(first: number, last: number): Uint8Array {
  return wordSpace(TYPE_IO, IO_ENTIRE_RANGE, first, last);
}

function wordSpace(type: number, typeFlags: number, first: number, last: number): Uint8Array {
  const out = new StructWriter().u8(0x88).u16(13).u8(type).u8(FIXED).u8(typeFlags);
  return out
    .u16(0)
    .u16(first)
    .u16(last)
    .u16(0)
    .u16(last - first + 1)
    .finish();
}

/** A window of memory addresses below 4 GiB. */
export function memoryWindow32({ base, length }: Window, cacheable = false): Uint8Array {
  const typeFlags = cacheable ? MEMORY_CACHEABLE_READ_WRITE : MEMORY_READ_WRITE;
  const out = new StructWriter().u8(0x87).u16(23).u8(TYPE_MEMORY).u8(FIXED).u8(typeFlags);
  return out
    .u32(0)
    .u32(base)
    .u32(base + length - 1)
    .u32(0)
    .u32(length)
    .finish();
}

/** A window of memory addresses anywhere. */
export function memoryWindow64({ base, length }: Window): Uint8Array {
  const out = new StructWriter().u8(0x8a).u16(43).u8(TYPE_MEMORY).u8(FIXED).u8(MEMORY_READ_WRITE);
  return out
    .u64(0)
    .u64(base)
    .u64(base + length - 1)
    .u64(0)
    .u64(length)
    .finish();
}
