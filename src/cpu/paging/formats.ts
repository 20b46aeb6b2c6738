/**
 * Paging-structure formats as data (SDM vol. 3, 4.3-4.5 and 29.3.2). One walker (walk.ts) runs them all.
 *
 * Entries are handled as two 32-bit halves: a walk must not touch a bigint. Masks concern the low half unless
 * their name says otherwise.
 */

export interface PagingLevel {
  /** The manual's name of the structure's entry. */
  readonly name: string;
  /** Lowest bit of the address that indexes the structure. */
  readonly shift: number;
  /** Number of index bits. */
  readonly bits: number;
  /** An entry with PS = 1 maps a page of 2^shift bytes. */
  readonly leaf: "never" | "always" | "ps" | "ps-1g";
  /** Reserved in an entry that refers to another structure. */
  readonly reservedTable: number;
  /** Reserved in an entry that maps a page. */
  readonly reservedPage: number;
}

/** A bit of an entry with a name, for explanations. */
export interface EntryBit {
  readonly name: string;
  /** 0-63. */
  readonly bit: number;
}

export interface PagingFormat {
  readonly name: string;
  readonly entryBytes: 4 | 8;
  /** From the root down. */
  readonly levels: readonly PagingLevel[];
  /** How entries state rights: R/W, U/S and XD; or read, write and execute. */
  readonly rights: "user-supervisor" | "read-write-execute";
  /** An entry with none of these bits is not present. */
  readonly present: number;
  readonly accessed: number;
  readonly dirty: number;
  /** Reserved in the high half of every entry, besides address bits. */
  readonly reservedHigh: number;
  readonly namedBits: readonly EntryBit[];
}

/** Bits of an entry of ordinary paging. */
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

/** Bits of an EPT paging-structure entry (SDM vol. 3, tables 29-1 to 29-7). */
export const EptEntry = {
  R: 0x1,
  W: 0x2,
  X: 0x4,
  memoryTypeShift: 3,
  ignorePat: 0x40,
  PS: 0x80,
  A: 0x100,
  D: 0x200,
  /** Execute access for user-mode linear addresses, with mode-based execute control. */
  XU: 0x400,
  /** In the high half. */
  suppressVe: 0x80000000 | 0,
} as const;

/** Bits of a page-fault error code (SDM vol. 3, 4.7). */
export const PageFaultCode = { P: 1, W: 2, U: 4, RSVD: 8, I: 16, PK: 32 } as const;

// Built by functions, so that all formats and levels are objects of one shape: the walker stays monomorphic.

const level = (
  name: string,
  shift: number,
  bits: number,
  leaf: PagingLevel["leaf"],
  reservedTable: number,
  reservedPage: number,
): PagingLevel => ({ name, shift, bits, leaf, reservedTable, reservedPage });

const names = (text: string): EntryBit[] =>
  text.split(" ").map((word) => {
    const [name = "", bit] = word.split(":");
    return { name, bit: Number(bit) };
  });

function ordinary(
  name: string,
  entryBytes: 4 | 8,
  reservedHigh: number,
  levels: PagingLevel[],
): PagingFormat {
  const bits = `P:0 R/W:1 U/S:2 PWT:3 PCD:4 A:5 D:6 PS:7 G:8${entryBytes === 8 ? " XD:63" : ""}`;
  return {
    name,
    entryBytes,
    levels,
    rights: "user-supervisor",
    present: Entry.P,
    accessed: Entry.A,
    dirty: Entry.D,
    reservedHigh,
    namedBits: names(bits),
  };
}

/** @param present R, W and X, and with mode-based execute control XU */
function ept(name: string, present: number): PagingFormat {
  return {
    name,
    entryBytes: 8,
    levels: [
      level("EPT PML4E", 39, 9, "never", 0xf8, 0),
      level("EPT PDPTE", 30, 9, "ps-1g", 0xf8, 0x3ffff000),
      level("EPT PDE", 21, 9, "ps", 0x78, 0x1ff000),
      level("EPT PTE", 12, 9, "always", 0, 0),
    ],
    rights: "read-write-execute",
    present,
    accessed: EptEntry.A,
    dirty: EptEntry.D,
    reservedHigh: 0,
    namedBits: names("R:0 W:1 X:2 IPAT:6 PS:7 A:8 D:9 XU:10 SVE:63"),
  };
}

const pd = level("PDE", 21, 9, "ps", 0, 0x1fe000);
const pt = level("PTE", 12, 9, "always", 0, 0);

/** CR0.PG with CR4.PAE = 0: 4 KiB pages and, with CR4.PSE, 4 MiB pages (PSE-36 addresses). */
export const FORMAT_32BIT = ordinary("32-bit paging", 4, 0, [
  level("PDE", 22, 10, "ps", 0, 0x200000),
  level("PTE", 12, 10, "always", 0, 0),
]);

/** CR4.PAE without EFER.LMA. The four PDPTEs are registers, loaded with CR3: the walk starts below them. */
export const FORMAT_PAE = ordinary("PAE paging", 8, 0x7ff00000, [pd, pt]);

/** EFER.LMA. */
export const FORMAT_4LEVEL = ordinary("4-level paging", 8, 0, [
  level("PML4E", 39, 9, "never", Entry.PS, 0),
  level("PDPTE", 30, 9, "ps-1g", Entry.PS, 0x3fffe000),
  pd,
  pt,
]);

/** EPT with a page-walk length of 4. */
export const FORMAT_EPT = ept("EPT", 0x7);

/** EPT with "mode-based execute control for EPT". */
export const FORMAT_EPT_MODE_BASED = ept("EPT with mode-based execute control", 0x407);
