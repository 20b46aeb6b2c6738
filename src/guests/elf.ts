/**
 * Wraps a program in an ELF file of class 32 for the loaders (System V ABI, "Object files").
 *
 * The file is loaded as one piece with its headers, so that a byte at offset n of the file lies at
 * `LOAD_ADDRESS + n`.
 */

/** Where the file begins in memory. */
export const LOAD_ADDRESS = 0x100000;

const FILE_HEADER_LENGTH = 52;
const PROGRAM_HEADER_LENGTH = 32;
/** Where the program begins in memory: after the file header and two program headers, on a line of its own. */
export const PROGRAM_ADDRESS = LOAD_ADDRESS + 0x80;

const PT_LOAD = 1;
const PT_NOTE = 4;
const READ_WRITE_EXECUTE = 7;
const READ = 4;

export interface Executable {
  /** What lies at {@link PROGRAM_ADDRESS}. */
  readonly program: Uint8Array;
  readonly entry: number;
  /** End of the zeroed memory that follows the program, as an address. */
  readonly end: number;
  /** Address and length of the notes in the program. */
  readonly notes: { readonly address: number; readonly length: number };
}

export function elfFile({ program, entry, end, notes }: Executable): Uint8Array {
  const programOffset = PROGRAM_ADDRESS - LOAD_ADDRESS;
  const file = new Uint8Array(programOffset + program.length);
  const view = new DataView(file.buffer);
  const words = (at: number, values: readonly number[]): void => {
    values.forEach((value, index) => {
      view.setUint32(at + 4 * index, value, true);
    });
  };
  // Magic, class 32, little-endian, version 1; executable (2) for machine 386 (3), version 1.
  file.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, 3, true);
  words(20, [1, entry, FILE_HEADER_LENGTH, 0, 0]);
  [FILE_HEADER_LENGTH, PROGRAM_HEADER_LENGTH, 2, 0, 0, 0].forEach((value, index) => {
    view.setUint16(40 + 2 * index, value, true);
  });
  const memoryLength = end - LOAD_ADDRESS;
  words(FILE_HEADER_LENGTH, [PT_LOAD, 0, LOAD_ADDRESS, LOAD_ADDRESS, file.length, memoryLength]);
  words(FILE_HEADER_LENGTH + 24, [READ_WRITE_EXECUTE, 4]);
  const { address, length } = notes;
  const second = FILE_HEADER_LENGTH + PROGRAM_HEADER_LENGTH;
  words(second, [PT_NOTE, address - LOAD_ADDRESS, address, address, length, length, READ, 4]);
  file.set(program, programOffset);
  return file;
}
