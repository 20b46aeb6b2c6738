/**
 * Loads kernels that follow the Multiboot Specification, version 0.6.96 (multiboot 1).
 *
 * The header's own address fields place the kernel, or else its ELF headers. The guest starts in 32-bit
 * protected mode with EAX = 2BADB002h and EBX = address of the boot information, which lies below 1 MiB
 * together with all it points to, except the modules.
 */

import { UsageError } from "../host/usage-error.js";
import type { BootRequest } from "./boot-request.js";
import { E820_RAM } from "./e820.js";
import { isElf, loadSegments, parseElf, physicalEntry } from "./elf.js";
import { type EntryState, protectedEntry } from "./entry-state.js";
import { alignUp, type BootMemory, mebibytes, StructWriter, zeroTerminated } from "./guest-memory.js";
import { BOOT_INFO, FOUR_GIB, LOW_RAM_END, ONE_MIB } from "./layout.js";
import { type PlacedModule, placeModules } from "./modules.js";

const HEADER_MAGIC = 0x1badb002;
const LOADER_MAGIC = 0x2badb002;
const SEARCH_LENGTH = 8192;

/** Header flags that a loader must understand: page alignment, memory information, video mode. */
const KNOWN_REQUIREMENTS = 0x7;
const REQUIREMENTS = 0xffff;
const HAS_ADDRESSES = 1 << 16;

/** Flags of the boot information: memory sizes, command line, modules, memory map, loader name. */
const INFO_FLAGS = (1 << 0) | (1 << 2) | (1 << 3) | (1 << 6) | (1 << 9);
const INFO_LENGTH = 116;
const MODULE_LENGTH = 16;
const MAP_ENTRY_LENGTH = 24;
const LOADER_NAME = "vt86";

/** Offset of the multiboot header in the file, or undefined when there is none. */
export function findMultibootHeader(file: Uint8Array): number | undefined {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  for (let at = 0; at + 12 <= Math.min(file.length, SEARCH_LENGTH); at += 4) {
    if (view.getUint32(at, true) !== HEADER_MAGIC) continue;
    const sum = HEADER_MAGIC + view.getUint32(at + 4, true) + view.getUint32(at + 8, true);
    if (sum % FOUR_GIB === 0) return at;
  }
  return undefined;
}

export function loadMultiboot(memory: BootMemory, request: BootRequest): EntryState {
  const { kernel, name } = request;
  const header = findMultibootHeader(kernel);
  if (header === undefined) throw new UsageError(`${name} has no multiboot header in its first 8 KiB.`);
  const flags = new DataView(kernel.buffer, kernel.byteOffset, kernel.length).getUint32(header + 4, true);
  const unknown = flags & REQUIREMENTS & ~KNOWN_REQUIREMENTS;
  if (unknown !== 0) {
    throw new UsageError(
      `${name} asks for multiboot features that vt86 doesn't have (flags ${unknown.toString(16)}h).`,
    );
  }
  const loaded = flags & HAS_ADDRESSES ? loadByHeader(memory, request, header) : loadByElf(memory, request);
  const modules = placeModules(memory, request.modules, Math.max(loaded.end, ONE_MIB));
  writeInfo(memory, request, modules);
  return protectedEntry(memory, loaded.entry, { rax: BigInt(LOADER_MAGIC), rbx: BigInt(BOOT_INFO) });
}

interface Loaded {
  readonly entry: number;
  /** End of the kernel in memory. */
  readonly end: number;
}

function loadByElf(memory: BootMemory, { kernel, name }: BootRequest): Loaded {
  if (!isElf(kernel)) {
    throw new UsageError(`${name} has a multiboot header without addresses, but is not an ELF file.`);
  }
  const image = parseElf(kernel, name);
  const end = loadSegments(memory, kernel, image, name);
  return { entry: physicalEntry(image), end };
}

/** The address fields: where the header itself lies in memory tells where everything else does. */
function loadByHeader(memory: BootMemory, { kernel, name }: BootRequest, header: number): Loaded {
  const view = new DataView(kernel.buffer, kernel.byteOffset, kernel.length);
  if (header + 32 > kernel.length)
    throw new UsageError(`${name} is cut short: its multiboot header is incomplete.`);
  const field = (index: number): number => view.getUint32(header + 12 + 4 * index, true);
  const [headerAddress, loadAddress, loadEnd, bssEnd, entry] = [
    field(0),
    field(1),
    field(2),
    field(3),
    field(4),
  ];
  const fileStart = header - (headerAddress - loadAddress);
  const length = loadEnd === 0 ? kernel.length - fileStart : loadEnd - loadAddress;
  if (loadAddress > headerAddress || fileStart < 0 || length <= 0 || fileStart + length > kernel.length) {
    throw new UsageError(`${name} is damaged or cut short: its multiboot addresses lie outside the file.`);
  }
  const end = Math.max(loadAddress + length, bssEnd);
  if (end > memory.lowRam) {
    throw new UsageError(
      `${name} needs ${mebibytes(end)} of memory to load, but the machine has ${mebibytes(memory.lowRam)}: give it more.`,
    );
  }
  memory.write(loadAddress, kernel.subarray(fileStart, fileStart + length));
  memory.fill(loadAddress + length, end - (loadAddress + length), 0);
  return { entry, end };
}

function writeInfo(memory: BootMemory, request: BootRequest, modules: readonly PlacedModule[]): void {
  const { memoryMap } = request;
  const modulesAt = BOOT_INFO + alignUp(INFO_LENGTH, 16);
  const mapAt = modulesAt + modules.length * MODULE_LENGTH;
  const stringsAt = mapAt + memoryMap.length * MAP_ENTRY_LENGTH;

  const strings = new StructWriter();
  const addString = (text: string): number => {
    const at = stringsAt + strings.length;
    strings.bytes(zeroTerminated(text));
    return at;
  };
  // The kernel's name is the first word, as guests that know argv[0] expect.
  const commandLine = `${request.name} ${request.commandLine}`.trimEnd();
  const info = new StructWriter()
    .u32(INFO_FLAGS)
    .u32(LOW_RAM_END / 1024)
    .u32((memory.lowRam - ONE_MIB) / 1024)
    .u32(0) // boot device
    .u32(addString(commandLine))
    .u32(modules.length)
    .u32(modulesAt)
    .zeros(16) // symbols
    .u32(memoryMap.length * MAP_ENTRY_LENGTH)
    .u32(mapAt)
    .zeros(12) // drives, configuration table
    .u32(addString(LOADER_NAME))
    .zeros(48) // APM, VBE, framebuffer
    .align(16);
  for (const { address, length, commandLine: text } of modules) {
    info
      .u32(address)
      .u32(address + length)
      .u32(addString(text))
      .u32(0);
  }
  for (const { base, length, type } of memoryMap) {
    // Multiboot knows 1 = RAM, and treats anything else as reserved.
    info
      .u32(MAP_ENTRY_LENGTH - 4)
      .u64(base)
      .u64(length)
      .u32(type === E820_RAM ? 1 : type);
  }
  memory.write(BOOT_INFO, info.bytes(strings.finish()).finish());
}
