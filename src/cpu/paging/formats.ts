/**
 * Paging-structure formats as data (SDM vol. 3, 4.3-4.5). One walker (walk.ts) runs them all.
 *
 * Entries are handled as two 32-bit halves: a walk must not touch a bigint.
 */

export interface PagingLevel {
  /** The manual's name of the structure's entry. */
  readonly name: string;
  /** Lowest bit of the linear address that indexes the structure. */
  readonly shift: number;
  /** Number of index bits. */
  readonly bits: number;
  /** An entry with PS = 1 maps a page of 2^shift bytes. */
  readonly leaf: "never" | "always" | "ps" | "ps-1g";
}

export interface PagingFormat {
  readonly name: string;
  readonly entryBytes: 4 | 8;
  /** From the root down. */
  readonly levels: readonly PagingLevel[];
}

const pt = { name: "PTE", shift: 12, bits: 9, leaf: "always" } as const;
const pd = { name: "PDE", shift: 21, bits: 9, leaf: "ps" } as const;

/** CR0.PG with CR4.PAE = 0: 4 KiB pages and, with CR4.PSE, 4 MiB pages (PSE-36 addresses). */
export const FORMAT_32BIT: PagingFormat = {
  name: "32-bit paging",
  entryBytes: 4,
  levels: [
    { name: "PDE", shift: 22, bits: 10, leaf: "ps" },
    { name: "PTE", shift: 12, bits: 10, leaf: "always" },
  ],
};

/** CR4.PAE without EFER.LMA. The four PDPTEs are registers, loaded with CR3: the walk starts below them. */
export const FORMAT_PAE: PagingFormat = { name: "PAE paging", entryBytes: 8, levels: [pd, pt] };

/** EFER.LMA. */
export const FORMAT_4LEVEL: PagingFormat = {
  name: "4-level paging",
  entryBytes: 8,
  levels: [
    { name: "PML4E", shift: 39, bits: 9, leaf: "never" },
    { name: "PDPTE", shift: 30, bits: 9, leaf: "ps-1g" },
    pd,
    pt,
  ],
};

/** Bits of an entry. */
export const Entry = {
  P: 0x1,
  RW: 0x2,
  US: 0x4,
  PWT: 0x8,
  PCD: 0x10,
  A: 0x20,
  D: 0x40,
  PS: 0x80,
  G: 0x100,
  /** In the high half. */
  XD: 0x80000000 | 0,
} as const;

/** Bits of a page-fault error code (SDM vol. 3, 4.7). */
export const PageFaultCode = { P: 1, W: 2, U: 4, RSVD: 8, I: 16, PK: 32 } as const;
