/**
 * The setup header of a Linux bzImage, read and checked.
 *
 * The Linux/x86 boot protocol, "The real-mode kernel header". Fields keep the protocol's names.
 */

import { UsageError } from "../host/usage-error.js";

const SECTOR = 512;
const HEADER_START = 0x1f1;
const MAGIC_HDRS = 0x53726448;
/** Oldest version that takes the command line as a pointer. */
const OLDEST_VERSION = 0x202;
const LOADED_HIGH = 1 << 0;
const XLF_KERNEL_64 = 1 << 0;

const DEFAULT_INITRD_ADDR_MAX = 0x37ffffff;
const DEFAULT_CMDLINE_SIZE = 255;

export interface BzImageHeader {
  /** Protocol version, major in the high byte. */
  readonly version: number;
  /** The bytes from `setup_sects` on, to be copied into the zero page at the same offset. */
  readonly setupHeader: Uint8Array;
  /** The part of the file that runs in protected mode. */
  readonly protectedMode: Uint8Array;
  readonly has64BitEntry: boolean;
  readonly code32Start: number;
  readonly relocatable: boolean;
  readonly kernelAlignment: number;
  readonly prefAddress: number;
  /** Bytes that the kernel needs from its load address on, until it has read its memory map. */
  readonly initSize: number;
  /** Highest address that the initial RAM disk's last byte may have. */
  readonly initrdAddrMax: number;
  /** Longest command line, without the terminating zero. */
  readonly cmdlineSize: number;
}

/** Whether the file claims to be a bzImage. */
export function isBzImage(file: Uint8Array): boolean {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  return (
    file.length >= 0x206 &&
    view.getUint16(0x1fe, true) === 0xaa55 &&
    view.getUint32(0x202, true) === MAGIC_HDRS
  );
}

/** @throws UsageError when the file is no bzImage, is cut short, or is too old. */
export function parseBzImage(file: Uint8Array, name: string): BzImageHeader {
  if (!isBzImage(file))
    throw new UsageError(`${name} is not a Linux bzImage: its setup header has no "HdrS".`);
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const version = view.getUint16(0x206, true);
  const text = `${version >> 8}.${String(version & 0xff).padStart(2, "0")}`;
  if (version < OLDEST_VERSION) {
    throw new UsageError(
      `${name} follows version ${text} of the Linux boot protocol, but vt86 needs 2.02 or later.`,
    );
  }
  const setupSectors = file[HEADER_START] || 4;
  const protectedStart = (setupSectors + 1) * SECTOR;
  const headerEnd = 0x202 + (file[0x201] ?? 0);
  const protectedLength = view.getUint32(0x1f4, true) * 16;
  if (file.length < Math.max(protectedStart + 1, headerEnd)) {
    throw new UsageError(`${name} is cut short: it ends inside the kernel's setup code.`);
  }
  // Before 2.04 only the low 16 bits of syssize counted, so the rest of the file is taken as it is.
  if (version >= 0x204 && file.length < protectedStart + protectedLength) {
    throw new UsageError(
      `${name} is cut short: its header promises ${protectedStart + protectedLength} bytes, the file has ${file.length}.`,
    );
  }
  const loadflags = view.getUint8(0x211);
  if (!(loadflags & LOADED_HIGH)) {
    throw new UsageError(`${name} is a zImage, which loads below 1 MiB; vt86 boots only bzImage kernels.`);
  }
  const field32 = (offset: number, since: number, otherwise: number): number =>
    version >= since && offset + 4 <= headerEnd ? view.getUint32(offset, true) : otherwise;
  const code32Start = view.getUint32(0x214, true);
  return {
    version,
    setupHeader: file.subarray(HEADER_START, headerEnd),
    protectedMode: file.subarray(protectedStart),
    has64BitEntry: version >= 0x20c && (view.getUint16(0x236, true) & XLF_KERNEL_64) !== 0,
    code32Start,
    relocatable: version >= 0x205 && view.getUint8(0x234) !== 0,
    kernelAlignment: field32(0x230, 0x205, 1) || 1,
    prefAddress: version >= 0x20a ? Number(view.getBigUint64(0x258, true)) : code32Start,
    initSize: field32(0x260, 0x20a, file.length - protectedStart),
    initrdAddrMax: field32(0x22c, 0x203, DEFAULT_INITRD_ADDR_MAX),
    cmdlineSize: field32(0x238, 0x206, DEFAULT_CMDLINE_SIZE),
  };
}
