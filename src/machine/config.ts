/**
 * The typed configuration of a machine, and what makes it valid.
 */
import { UsageError } from "../host/usage-error.js";
import { LEAST_RAM, MOST_RAM } from "./memory-layout.js";

/** A file that the guest boots from, already in memory. */
export interface ImageFile {
  /** Its name, for messages and for what the guest sees. */
  readonly name: string;
  readonly data: Uint8Array;
}

export interface BootImage extends ImageFile {
  /** The guest's command line. */
  readonly commandLine?: string;
}

export interface ModuleFile extends ImageFile {
  /** What a multiboot guest sees as the module's command line (default: its name). */
  readonly commandLine?: string;
}

export const engines = ["auto", "interpreter", "translator"] as const;
export type Engine = (typeof engines)[number];

export interface MachineConfig {
  readonly kernel: BootImage;
  /** Initial RAM disk, or multiboot modules. */
  readonly modules?: readonly ModuleFile[];
  /** Guest RAM in bytes; a multiple of 4096. Default 512 MiB. */
  readonly memory?: number;
  /** CPU model with features, as QEMU's `-cpu`: `Westmere`, `max,-avx2`. Default `Westmere`. */
  readonly cpu?: string;
  /**
   * `host`: guest time keeps pace with the host's clock. `virtual`: one nanosecond per instruction, idle time
   * is skipped, and a run repeats bit for bit. Default `host`.
   */
  readonly clock?: "host" | "virtual";
  /**
   * What executes the guest: `interpreter` alone, or `auto` with translation of what runs often, or `translator`, which
   * translates at once. What the guest sees is the same. Default `auto`.
   */
  readonly engine?: Engine;
  /** What the guest's real-time clock shows at power-on, in milliseconds since 1970. Default: now (`host`), 2024-01-01 (`virtual`). */
  readonly startTime?: number;
  /** What a reset does: start the guest again (default), or end the run. */
  readonly onReset?: "reboot" | "stop";
  /** Where the PC's test devices for kvm-unit-tests are wanted. */
  readonly testDevices?: boolean;
}

export const DEFAULT_MEMORY = 512 * 0x100000;
export const DEFAULT_CPU = "Westmere";
/** 2024-01-01T00:00:00Z. */
export const VIRTUAL_START = 1_704_067_200_000;

export function checkMemory(bytes: number): number {
  const mib = (value: number) => `${Math.floor(value / 0x100000)} MiB`;
  if (bytes > MOST_RAM) {
    throw new UsageError(
      `A machine can have at most ${mib(MOST_RAM)} of memory; ${mib(bytes)} were asked for.`,
    );
  }
  if (!(bytes >= LEAST_RAM)) throw new UsageError(`The machine needs at least ${mib(LEAST_RAM)} of memory.`);
  return Math.floor(bytes / 4096) * 4096;
}
