/**
 * Where modules go that are handed to a guest beside its kernel, and how a user names them.
 */

import { UsageError } from "../host/usage-error.js";
import type { BootModule } from "./boot-request.js";
import { alignUp, type BootMemory, mebibytes } from "./guest-memory.js";

const PAGE = 4096;

export interface PlacedModule {
  readonly address: number;
  readonly length: number;
  readonly commandLine: string;
}

/** Writes the modules one after another, each on a page of its own, from the first page at or above `lowest`. */
export function placeModules(
  memory: BootMemory,
  modules: readonly BootModule[],
  lowest: number,
): readonly PlacedModule[] {
  let next = alignUp(lowest, PAGE);
  return modules.map(({ data, commandLine }) => {
    const address = next;
    if (address + data.length > memory.lowRam) {
      const what = commandLine.split(" ")[0] || "a module";
      throw new UsageError(
        `${what} of ${mebibytes(data.length)} does not fit: ${mebibytes(Math.max(0, memory.lowRam - address))} of the ` +
          `machine's ${mebibytes(memory.lowRam)} of memory are left for it; give it more.`,
      );
    }
    memory.write(address, data);
    next = alignUp(address + data.length, PAGE);
    return { address, length: data.length, commandLine };
  });
}

/** A module as the user names it. */
export interface ModuleName {
  readonly file: string;
  /** The file name and the arguments behind it, as the guest gets them. */
  readonly commandLine: string;
}

/**
 * Reads a list of modules as QEMU's `-initrd` has it: `file1 arguments,file2 arguments`. A comma that belongs
 * to a name or an argument is doubled. The file name ends at the first blank.
 */
export function parseModuleList(text: string): readonly ModuleName[] {
  if (text.trim() === "") return [];
  // A doubled comma is put aside as a zero byte, which no file name can have.
  const items = text
    .replaceAll(",,", "\0")
    .split(",")
    .map((item) => item.replaceAll("\0", ",").trim());
  return items.map((commandLine) => {
    const file = commandLine.split(" ")[0] ?? "";
    if (file === "")
      throw new UsageError(`"${text}" is not a list of modules: write "file arguments,file arguments".`);
    return { file, commandLine };
  });
}
