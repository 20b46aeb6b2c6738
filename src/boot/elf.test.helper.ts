/**
 * Builds small ELF files for the tests.
 */

import { alignUp, StructWriter } from "./guest-memory.js";

export interface TestSegment {
  readonly type?: number;
  readonly data: Uint8Array;
  readonly virtual?: number;
  readonly physical: number;
  readonly memorySize?: number;
}

/** An executable with those segments; the first one's data begins at file offset 1000h. */
export function testElf(is64Bit: boolean, entry: number, segments: readonly TestSegment[]): Uint8Array {
  const [headerSize, entrySize] = is64Bit ? [64, 56] : [52, 32];
  const file = new StructWriter();
  const word = (value: number): unknown => (is64Bit ? file.u64(value) : file.u32(value));
  file
    .u32(0x464c457f)
    .u8(is64Bit ? 2 : 1)
    .u8(1)
    .u8(1)
    .zeros(9);
  file
    .u16(2)
    .u16(is64Bit ? 62 : 3)
    .u32(1);
  word(entry);
  word(headerSize);
  word(0);
  file.u32(0).u16(headerSize).u16(entrySize).u16(segments.length).zeros(6);
  let offset = 0x1000;
  for (const { type = 1, data, virtual, physical, memorySize } of segments) {
    file.u32(type);
    if (is64Bit) file.u32(7);
    for (const value of [offset, virtual ?? physical, physical, data.length, memorySize ?? data.length])
      word(value);
    if (!is64Bit) file.u32(7);
    word(0x1000);
    offset = alignUp(offset + data.length, 16);
  }
  file.align(0x1000);
  for (const { data } of segments) file.bytes(data).align(16);
  return file.finish();
}

/** A PT_NOTE segment that holds one note. */
export function testNote(owner: string, type: number, description: Uint8Array): TestSegment {
  const note = new StructWriter()
    .u32(owner.length + 1)
    .u32(description.length)
    .u32(type);
  note.ascii(`${owner}\0`).align(4).bytes(description).align(4);
  return { type: 4, data: note.finish(), physical: 0 };
}
