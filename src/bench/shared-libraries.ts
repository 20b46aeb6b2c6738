/**
 * Which shared libraries an ELF file needs: the DT_NEEDED entries of its dynamic section.
 *
 * System V ABI, "Dynamic linking"; 64-bit little-endian files. The string table is found through the section
 * headers, which files that are only stripped still have.
 */

const SECTION_DYNAMIC = 6;
const DT_NULL = 0;
const DT_NEEDED = 1;

const isElf64 = (file: Uint8Array): boolean =>
  file.length >= 64 &&
  file[0] === 0x7f &&
  file[1] === 0x45 &&
  file[2] === 0x4c &&
  file[3] === 0x46 &&
  file[4] === 2;

/** The names, `libc.so.6`; none for what is no 64-bit ELF file, is static or is cut short. */
export function neededLibraries(file: Uint8Array): readonly string[] {
  if (!isElf64(file)) return [];
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const word = (at: number): number => (at + 8 <= file.length ? Number(view.getBigUint64(at, true)) : 0);
  const half = (at: number): number => (at + 4 <= file.length ? view.getUint32(at, true) : 0);
  const headers = word(40);
  const count = view.getUint16(60, true);
  const section = (index: number) => headers + index * 64;
  const names: string[] = [];
  for (let index = 0; index < count; index++) {
    if (half(section(index) + 4) !== SECTION_DYNAMIC) continue;
    const [start, size] = [word(section(index) + 24), word(section(index) + 32)];
    const strings = word(section(half(section(index) + 40)) + 24);
    for (let at = start; at < start + size && word(at) !== DT_NULL; at += 16) {
      if (word(at) === DT_NEEDED) names.push(text(file, strings + word(at + 8)));
    }
  }
  return names;
}

function text(file: Uint8Array, at: number): string {
  const end = file.indexOf(0, at);
  return new TextDecoder("latin1").decode(file.subarray(at, end < 0 ? at : end));
}
