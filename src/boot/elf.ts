/**
 * Reads ELF executables and loads their segments by physical address.
 *
 * System V ABI, "Object files" and "Program loading"; both classes, little-endian only. Every offset in the
 * file is checked: a damaged image is a `UsageError`, never a read beyond its end.
 */

import { UsageError } from "../host/usage-error.js";
import { type BootMemory, mebibytes } from "./guest-memory.js";

const PT_LOAD = 1;
const PT_NOTE = 4;
const MACHINE_386 = 3;
const MACHINE_X86_64 = 62;
const CLASS_64 = 2;
const LITTLE_ENDIAN = 1;

export interface ElfSegment {
  readonly offset: number;
  readonly virtualAddress: number;
  readonly physicalAddress: number;
  readonly fileSize: number;
  readonly memorySize: number;
}

export interface ElfNote {
  readonly owner: string;
  readonly type: number;
  readonly description: Uint8Array;
}

export interface ElfImage {
  readonly is64Bit: boolean;
  readonly entry: number;
  /** The PT_LOAD segments that occupy memory, in the file's order. */
  readonly segments: readonly ElfSegment[];
  readonly notes: readonly ElfNote[];
}

export function isElf(file: Uint8Array): boolean {
  return file.length >= 52 && file[0] === 0x7f && file[1] === 0x45 && file[2] === 0x4c && file[3] === 0x46;
}

/** @throws UsageError when the file is not an ELF executable for x86, or is damaged. */
export function parseElf(file: Uint8Array, name: string): ElfImage {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const is64Bit = file[4] === CLASS_64;
  if (!isElf(file) || file[5] !== LITTLE_ENDIAN || (is64Bit && file.length < 64)) {
    throw new UsageError(`${name} is not a little-endian ELF file.`);
  }
  const machine = view.getUint16(18, true);
  if (machine !== MACHINE_386 && machine !== MACHINE_X86_64) {
    throw new UsageError(`${name} is an ELF file for another processor (machine ${machine}), not for x86.`);
  }
  const word = (at: number): number =>
    is64Bit ? Number(view.getBigUint64(at, true)) : view.getUint32(at, true);
  const entry = word(24);
  const tableOffset = word(is64Bit ? 32 : 28);
  const entrySize = view.getUint16(is64Bit ? 54 : 42, true);
  const entryCount = view.getUint16(is64Bit ? 56 : 44, true);
  if (entrySize < (is64Bit ? 56 : 32) || tableOffset + entrySize * entryCount > file.length) {
    throw new UsageError(`${name} is damaged or cut short: its program headers lie outside the file.`);
  }

  const segments: ElfSegment[] = [];
  const notes: ElfNote[] = [];
  for (let i = 0; i < entryCount; i++) {
    const at = tableOffset + i * entrySize;
    const type = view.getUint32(at, true);
    const field = (in64: number, in32: number): number => word(at + (is64Bit ? in64 : in32));
    const segment = {
      offset: field(8, 4),
      virtualAddress: field(16, 8),
      physicalAddress: field(24, 12),
      fileSize: field(32, 16),
      memorySize: field(40, 20),
    };
    if (type !== PT_LOAD && type !== PT_NOTE) continue;
    if (
      segment.offset + segment.fileSize > file.length ||
      (type === PT_LOAD && segment.fileSize > segment.memorySize)
    ) {
      throw new UsageError(`${name} is damaged or cut short: segment ${i} lies outside the file.`);
    }
    if (type === PT_NOTE)
      notes.push(...parseNotes(file.subarray(segment.offset, segment.offset + segment.fileSize)));
    else if (segment.memorySize > 0) segments.push(segment);
  }
  if (segments.length === 0) throw new UsageError(`${name} has no segment to load.`);
  return { is64Bit, entry, segments, notes };
}

/** Notes of one segment; anything that doesn't fit ends the list. Linux pads to 4 bytes in both classes. */
function parseNotes(bytes: Uint8Array): ElfNote[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const notes: ElfNote[] = [];
  let at = 0;
  while (at + 12 <= bytes.length) {
    const ownerSize = view.getUint32(at, true);
    const descriptionSize = view.getUint32(at + 4, true);
    const type = view.getUint32(at + 8, true);
    const descriptionAt = at + 12 + Math.ceil(ownerSize / 4) * 4;
    if (descriptionAt + descriptionSize > bytes.length) break;
    const ownerBytes = bytes.subarray(at + 12, at + 12 + Math.max(0, ownerSize - 1));
    const owner = new TextDecoder("latin1").decode(ownerBytes);
    notes.push({ owner, type, description: bytes.subarray(descriptionAt, descriptionAt + descriptionSize) });
    at = descriptionAt + Math.ceil(descriptionSize / 4) * 4;
  }
  return notes;
}

/** Copies the segments into memory, zeroes what they have beyond the file, and returns the end of the highest. */
export function loadSegments(memory: BootMemory, file: Uint8Array, image: ElfImage, name: string): number {
  let end = 0;
  for (const { physicalAddress, memorySize } of image.segments) {
    if (physicalAddress + memorySize > memory.lowRam) {
      throw new UsageError(
        `${name} needs ${mebibytes(physicalAddress + memorySize)} of memory to load, but the machine has ` +
          `${mebibytes(memory.lowRam)}: give it more.`,
      );
    }
    end = Math.max(end, physicalAddress + memorySize);
  }
  for (const { offset, physicalAddress, fileSize, memorySize } of image.segments) {
    memory.write(physicalAddress, file.subarray(offset, offset + fileSize));
    memory.fill(physicalAddress + fileSize, memorySize - fileSize, 0);
  }
  return end;
}

/** The entry point as a physical address: kernels that are linked high give a virtual one. */
export function physicalEntry(image: ElfImage): number {
  const { entry, segments } = image;
  for (const { virtualAddress, physicalAddress, memorySize } of segments) {
    if (entry >= virtualAddress && entry < virtualAddress + memorySize) {
      return entry - virtualAddress + physicalAddress;
    }
  }
  return entry;
}
