/**
 * Loads a Linux bzImage and builds its zero page.
 *
 * The Linux/x86 boot protocol: kernels with a 64-bit entry point are entered there ("64-bit boot protocol"),
 * others at the 32-bit one ("32-bit boot protocol"). The real-mode setup code is never run.
 */

import { UsageError } from "../host/usage-error.js";
import type { BootRequest } from "./boot-request.js";
import { type BzImageHeader, parseBzImage } from "./bzimage-header.js";
import { type EntryState, longEntry, protectedEntry } from "./entry-state.js";
import {
  alignDown,
  alignUp,
  type BootMemory,
  mebibytes,
  StructWriter,
  zeroTerminated,
} from "./guest-memory.js";
import { BOOT_INFO, ZERO_PAGE } from "./layout.js";
import { writeIdentityPageTables } from "./page-tables.js";

const PAGE = 4096;
/** The 64-bit entry point lies this far into the protected-mode part. */
const ENTRY_64_OFFSET = 0x200;
/** `type_of_loader`: a loader without an assigned number. */
const LOADER_UNDEFINED = 0xff;
const SETUP_RNG_SEED = 9;
/** The zero page has room for so many E820 entries. */
const MAX_E820 = 128;

/** Offsets in `struct boot_params`, the zero page. */
const FIELD = {
  videoMode: 0x06,
  videoColumns: 0x07,
  videoLines: 0x0e,
  videoIsVga: 0x0f,
  videoPoints: 0x10,
  acpiRsdpAddr: 0x70,
  extRamdiskImage: 0xc0,
  extRamdiskSize: 0xc4,
  extCmdLinePtr: 0xc8,
  e820Entries: 0x1e8,
  setupHeader: 0x1f1,
  typeOfLoader: 0x210,
  code32Start: 0x214,
  ramdiskImage: 0x218,
  ramdiskSize: 0x21c,
  cmdLinePtr: 0x228,
  setupData: 0x250,
  e820Table: 0x2d0,
} as const;

/** Puts the kernel, its initial RAM disk and its zero page into memory. */
export function loadBzImage(memory: BootMemory, request: BootRequest): EntryState {
  const header = parseBzImage(request.kernel, request.name);
  const { load, end } = place(memory, header, request.name);
  memory.write(load, header.protectedMode);

  const initrd = placeInitrd(memory, header, request, end);
  writeZeroPage(memory, header, request, load, initrd);

  if (header.has64BitEntry) {
    const pageTables = writeIdentityPageTables(memory);
    return longEntry(memory, load + ENTRY_64_OFFSET, pageTables, { rsi: BigInt(ZERO_PAGE) });
  }
  return protectedEntry(memory, load, { rsi: BigInt(ZERO_PAGE) });
}

interface Placement {
  /** Where the protected-mode part goes. */
  readonly load: number;
  /** End of what the kernel needs until it has read its memory map; it moves itself up to `prefAddress`. */
  readonly end: number;
}

/** A relocatable kernel goes right where it wants to run, so that it needs not move itself. */
function place(memory: BootMemory, header: BzImageHeader, name: string): Placement {
  const preferred = alignUp(header.prefAddress, header.kernelAlignment);
  const load = header.relocatable ? preferred : header.code32Start;
  const end = Math.max(Math.max(preferred, load) + header.initSize, load + header.protectedMode.length);
  if (end > memory.lowRam) {
    throw new UsageError(
      `${name} needs ${mebibytes(end)} of memory to start, but the machine has ${mebibytes(memory.lowRam)}: give it more.`,
    );
  }
  return { load, end };
}

interface PlacedInitrd {
  readonly address: number;
  readonly length: number;
}

/** As high as the kernel and the memory allow, above everything that the kernel needs to start. */
function placeInitrd(
  memory: BootMemory,
  header: BzImageHeader,
  request: BootRequest,
  lowest: number,
): PlacedInitrd | undefined {
  if (request.modules.length > 1) {
    throw new UsageError(
      `Linux takes one initial RAM disk, but ${request.modules.length} were given: join the files.`,
    );
  }
  const data = request.modules[0]?.data;
  if (data === undefined || data.length === 0) return undefined;
  const top = Math.min(memory.lowRam, header.initrdAddrMax + 1);
  const address = alignDown(top - data.length, PAGE);
  if (address < lowest) {
    throw new UsageError(
      `the initial RAM disk of ${mebibytes(data.length)} does not fit: ${request.name} leaves it ` +
        `${mebibytes(Math.max(0, top - lowest))} of the machine's ${mebibytes(memory.lowRam)} of memory; give it more.`,
    );
  }
  memory.write(address, data);
  return { address, length: data.length };
}

function writeZeroPage(
  memory: BootMemory,
  header: BzImageHeader,
  request: BootRequest,
  loadAddress: number,
  initrd: PlacedInitrd | undefined,
): void {
  const commandLine = zeroTerminated(request.commandLine);
  if (commandLine.length - 1 > header.cmdlineSize) {
    throw new UsageError(
      `the command line has ${commandLine.length - 1} bytes, but ${request.name} accepts at most ${header.cmdlineSize}.`,
    );
  }
  const info = new StructWriter().bytes(commandLine).align(16);
  const setupData = request.randomSeed ? BOOT_INFO + info.length : 0;
  if (request.randomSeed) {
    info.u64(0).u32(SETUP_RNG_SEED).u32(request.randomSeed.length).bytes(request.randomSeed);
  }
  memory.write(BOOT_INFO, info.finish());

  const page = new Uint8Array(PAGE);
  const view = new DataView(page.buffer);
  page.set(header.setupHeader, FIELD.setupHeader);
  if (request.vgaText) {
    // Mode 3: 80 columns by 25 lines of 16-pixel characters.
    view.setUint8(FIELD.videoMode, 3);
    view.setUint8(FIELD.videoColumns, 80);
    view.setUint8(FIELD.videoLines, 25);
    view.setUint8(FIELD.videoIsVga, 1);
    view.setUint16(FIELD.videoPoints, 16, true);
  }
  view.setUint8(FIELD.typeOfLoader, LOADER_UNDEFINED);
  view.setUint32(FIELD.code32Start, loadAddress, true);
  view.setUint32(FIELD.cmdLinePtr, BOOT_INFO, true);
  view.setUint32(FIELD.extCmdLinePtr, 0, true);
  if (initrd) {
    view.setUint32(FIELD.ramdiskImage, initrd.address, true);
    view.setUint32(FIELD.ramdiskSize, initrd.length, true);
    // The image lies below 4 GiB, so the upper halves are 0.
    view.setUint32(FIELD.extRamdiskImage, 0, true);
    view.setUint32(FIELD.extRamdiskSize, 0, true);
  }
  if (header.version >= 0x209) view.setBigUint64(FIELD.setupData, BigInt(setupData), true);
  if (header.version >= 0x20e) view.setBigUint64(FIELD.acpiRsdpAddr, BigInt(request.rsdp ?? 0), true);

  const map = request.memoryMap.slice(0, MAX_E820);
  view.setUint8(FIELD.e820Entries, map.length);
  const table = new StructWriter();
  for (const { base, length, type } of map) table.u64(base).u64(length).u32(type);
  page.set(table.finish(), FIELD.e820Table);
  memory.write(ZERO_PAGE, page);
}
