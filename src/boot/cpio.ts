/**
 * Writes a cpio archive in the "newc" format, as Linux unpacks it into its initial root file system.
 *
 * Linux documentation, "initramfs buffer format": an ASCII header of 13 eight-digit hexadecimal fields, the
 * name, the data, each padded to four bytes. The same entries always give the same bytes: they are sorted by
 * path, times and owners are 0, inode numbers count up.
 */

import { concat } from "./guest-memory.js";

export interface CpioEntry {
  /** Without a leading slash. */
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  readonly content:
    | { readonly kind: "file"; readonly data: Uint8Array }
    | { readonly kind: "folder" }
    | { readonly kind: "link"; readonly target: string }
    | { readonly kind: "characters"; readonly major: number; readonly minor: number };
}

const TYPE_BITS = { file: 0o100000, folder: 0o040000, link: 0o120000, characters: 0o020000 } as const;
const TRAILER = "TRAILER!!!";

/** The archive of those entries. Folders that lead to an entry are added where they are not listed. */
export function cpioArchive(entries: readonly CpioEntry[]): Uint8Array {
  const byPath = new Map<string, CpioEntry>();
  for (const entry of entries) {
    const words = entry.path.split("/");
    for (let depth = 1; depth < words.length; depth++) {
      const folder = words.slice(0, depth).join("/");
      if (!byPath.has(folder)) byPath.set(folder, { path: folder, mode: 0o755, content: { kind: "folder" } });
    }
    byPath.set(entry.path, entry);
  }
  // By code units: a folder sorts before what is in it, in every locale.
  const sorted = [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  const parts = sorted.map((entry, index) => member(entry, index + 1));
  const trailer = header(TRAILER, { inode: 0, mode: 0, links: 1, length: 0, major: 0, minor: 0 });
  return concat(...parts, trailer);
}

function member({ path, mode, content }: CpioEntry, inode: number): Uint8Array {
  const data =
    content.kind === "file"
      ? content.data
      : content.kind === "link"
        ? new TextEncoder().encode(content.target)
        : new Uint8Array(0);
  const [major, minor] = content.kind === "characters" ? [content.major, content.minor] : [0, 0];
  const fields = {
    inode,
    mode: TYPE_BITS[content.kind] | mode,
    links: content.kind === "folder" ? 2 : 1,
    length: data.length,
    major,
    minor,
  };
  return concat(header(path, fields), data, padding(data.length));
}

interface Fields {
  readonly inode: number;
  readonly mode: number;
  readonly links: number;
  readonly length: number;
  readonly major: number;
  readonly minor: number;
}

/** Header and name. Owner, group, time, the archive's own device and the checksum are 0. */
function header(path: string, { inode, mode, links, length, major, minor }: Fields): Uint8Array {
  const name = new TextEncoder().encode(`${path}\0`);
  const numbers = [inode, mode, 0, 0, links, 0, length, 0, 0, major, minor, name.length, 0];
  const digits = numbers.map((value) => value.toString(16).toUpperCase().padStart(8, "0"));
  const head = new TextEncoder().encode(`070701${digits.join("")}`);
  return concat(head, name, padding(head.length + name.length));
}

function padding(length: number): Uint8Array {
  return new Uint8Array((4 - (length % 4)) % 4);
}
