/**
 * Memory as the current program sees it, for the TypeScript side of the processor: descriptor tables, stacks
 * of gates, task state segments, XSAVE areas. Every access goes through paging and may throw a {@link Fault}.
 */

/** Whose rights an access has. */
export type Privilege =
  /** That of the running program (CPL). */
  | "current"
  /** Supervisor, whatever the CPL: implicit accesses to descriptor tables and TSS (SDM vol. 3, 4.6.1); SMAP applies whatever EFLAGS.AC says. */
  | "system"
  /** An explicit access at privilege 3 (an IRET or gate that pushes to a ring-3 stack). */
  | "user"
  /** An explicit access at privilege 0-2 (a gate that pushes to a ring-0 stack while CPL is still 3). */
  | "supervisor";

export interface LinearMemory {
  /** Reads `size` bytes, little endian, at a linear address. Checks canonical form (#GP(0)). */
  read(address: bigint, size: 1 | 2 | 4 | 8, privilege?: Privilege): bigint;
  write(address: bigint, size: 1 | 2 | 4 | 8, value: bigint, privilege?: Privilege): void;
  /**
   * Reads 8 bytes, address and value as halves (halves.ts): what frequent paths use. Returns bits 31:0 and leaves bits
   * 63:32 in {@link upper}.
   */
  readHalves(low: number, high: number, privilege: Privilege): number;
  /** Bits 63:32 of what {@link readHalves} has read. */
  readonly upper: number;
  /** As {@link readHalves} for 2 or 4 bytes, zero-extended. */
  readShort(low: number, high: number, size: 2 | 4, privilege: Privilege): number;
  /** The reverse of {@link readHalves}. */
  writeHalves(low: number, high: number, valueLow: number, valueHigh: number, privilege: Privilege): void;
  readBytes(address: bigint, length: number, privilege?: Privilege): Uint8Array;
  /** All pages are checked before the first byte is written. */
  writeBytes(address: bigint, bytes: Uint8Array, privilege?: Privilege): void;
  /** Checks that `length` bytes could be written, without writing. */
  probeWrite(address: bigint, length: number, privilege?: Privilege): void;
}
