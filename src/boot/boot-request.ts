/**
 * What a loader is asked to start, whatever the protocol.
 */

import type { E820Entry } from "./e820.js";

/** A file that is handed to the guest: the first one is the initial RAM disk where the protocol knows only one. */
export interface BootModule {
  readonly data: Uint8Array;
  /** What the guest sees as the module's command line: for multiboot the file name, then its arguments. */
  readonly commandLine: string;
}

export interface BootRequest {
  /** The kernel file, not compressed by gzip (see `gunzip` in the host folder). */
  readonly kernel: Uint8Array;
  /** The kernel's file name: for messages, and the first word of a multiboot command line. */
  readonly name: string;
  readonly commandLine: string;
  readonly modules: readonly BootModule[];
  readonly memoryMap: readonly E820Entry[];
  /** Physical address of the RSDP; absent when there are no ACPI tables. */
  readonly rsdp?: number;
  /** Entropy for Linux's random numbers; absent leaves it to the guest. Makes runs differ unless it is fixed. */
  readonly randomSeed?: Uint8Array;
  /** The machine has a VGA in text mode 3: Linux then puts a console on it. */
  readonly vgaText?: boolean;
}
