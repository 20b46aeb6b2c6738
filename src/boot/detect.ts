/**
 * Tells how a kernel file wants to be started, and starts it that way.
 */

import { UsageError } from "../host/usage-error.js";
import { writeBiosArea } from "./bios-area.js";
import type { BootRequest } from "./boot-request.js";
import { loadBzImage } from "./bzimage.js";
import { isBzImage } from "./bzimage-header.js";
import { isElf } from "./elf.js";
import type { EntryState } from "./entry-state.js";
import type { BootMemory } from "./guest-memory.js";
import { findMultibootHeader, loadMultiboot } from "./multiboot.js";
import { isPvh, loadPvh } from "./pvh.js";

export type KernelKind = "bzimage" | "multiboot" | "pvh";

/**
 * The protocol of a kernel file. One that knows both multiboot and PVH (Xen) is started by multiboot.
 *
 * @throws UsageError when vt86 can't boot it, with the reason.
 */
export function detectKernel(file: Uint8Array, name: string): KernelKind {
  if (isBzImage(file)) return "bzimage";
  if (findMultibootHeader(file) !== undefined) return "multiboot";
  if (isPvh(file, name)) return "pvh";
  const reason = isElf(file)
    ? "this ELF file has neither a multiboot header nor a PVH entry point"
    : "it is no Linux bzImage, no ELF file and has no multiboot header";
  throw new UsageError(`${name} is not a kernel that vt86 can boot: ${reason}.`);
}

/** Puts a kernel of any kind, its modules, its boot information and the BIOS area into memory. */
export function loadKernel(memory: BootMemory, request: BootRequest): EntryState {
  writeBiosArea(memory);
  switch (detectKernel(request.kernel, request.name)) {
    case "bzimage":
      return loadBzImage(memory, request);
    case "multiboot":
      return loadMultiboot(memory, request);
    case "pvh":
      return loadPvh(memory, request);
  }
}
