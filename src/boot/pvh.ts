/**
 * Loads a kernel through the PVH entry point: an ELF file with the note XEN_ELFNOTE_PHYS32_ENTRY.
 *
 * Xen documentation, "x86/HVM direct boot ABI (PVH)", and `struct hvm_start_info` version 1. The guest starts
 * in 32-bit protected mode with the address of the start info in EBX.
 */

import { UsageError } from "../host/usage-error.js";
import type { BootRequest } from "./boot-request.js";
import { type ElfImage, isElf, loadSegments, parseElf } from "./elf.js";
import { type EntryState, protectedEntry } from "./entry-state.js";
import { type BootMemory, StructWriter, zeroTerminated } from "./guest-memory.js";
import { BOOT_INFO } from "./layout.js";
import { placeModules } from "./modules.js";

const XEN_ELFNOTE_PHYS32_ENTRY = 18;
const START_INFO_MAGIC = 0x336ec578;
const START_INFO_VERSION = 1;
const START_INFO_LENGTH = 56;
const MODULE_LENGTH = 32;
const MEMORY_MAP_ENTRY_LENGTH = 24;

/** The entry point of a parsed ELF file, when it has the note. */
export function pvhEntry(image: ElfImage): number | undefined {
  const note = image.notes.find(({ owner, type }) => owner === "Xen" && type === XEN_ELFNOTE_PHYS32_ENTRY);
  if (!note || note.description.length < 4) return undefined;
  const { buffer, byteOffset, length } = note.description;
  return new DataView(buffer, byteOffset, length).getUint32(0, true);
}

export function isPvh(file: Uint8Array, name: string): boolean {
  return isElf(file) && pvhEntry(parseElf(file, name)) !== undefined;
}

export function loadPvh(memory: BootMemory, request: BootRequest): EntryState {
  const image = parseElf(request.kernel, request.name);
  const entry = pvhEntry(image);
  if (entry === undefined) throw new UsageError(`${request.name} has no PVH entry point.`);
  const end = loadSegments(memory, request.kernel, image, request.name);
  const modules = placeModules(memory, request.modules, end);

  const { memoryMap } = request;
  const modulesAt = BOOT_INFO + START_INFO_LENGTH;
  const mapAt = modulesAt + modules.length * MODULE_LENGTH;
  const stringsAt = mapAt + memoryMap.length * MEMORY_MAP_ENTRY_LENGTH;

  const strings = new StructWriter();
  const addString = (text: string): number => {
    const at = stringsAt + strings.length;
    strings.bytes(zeroTerminated(text));
    return at;
  };
  const info = new StructWriter()
    .u32(START_INFO_MAGIC)
    .u32(START_INFO_VERSION)
    .u32(0)
    .u32(modules.length)
    .u64(modules.length > 0 ? modulesAt : 0)
    .u64(addString(request.commandLine))
    .u64(request.rsdp ?? 0)
    .u64(mapAt)
    .u32(memoryMap.length)
    .u32(0);
  for (const { address, length, commandLine } of modules) {
    info.u64(address).u64(length).u64(addString(commandLine)).u64(0);
  }
  for (const { base, length, type } of memoryMap) info.u64(base).u64(length).u32(type).u32(0);
  memory.write(BOOT_INFO, info.bytes(strings.finish()).finish());
  return protectedEntry(memory, entry, { rbx: BigInt(BOOT_INFO) });
}
