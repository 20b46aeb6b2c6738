/**
 * Files that the person names.
 */
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { parseModuleList } from "../boot/modules.js";
import { UsageError } from "../host/usage-error.js";
import type { BootImage, ModuleFile } from "../machine/config.js";

/** @throws UsageError when there is no such file or it cannot be read */
export async function readImage(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") throw new UsageError(`There is no file ${path}.`);
    if (code === "EISDIR") throw new UsageError(`${path} is a folder, not a file.`);
    throw new UsageError(`${path} cannot be read (${code ?? "unknown error"}).`);
  }
}

/** The kernel and the modules that `--kernel`, `--append` and `--initrd` name. */
export async function readKernel(
  path: string,
  commandLine: string,
  initrd: string | undefined,
): Promise<{ kernel: BootImage; modules: readonly ModuleFile[] }> {
  const kernel = { name: basename(path), data: await readImage(path), commandLine };
  const modules: ModuleFile[] = [];
  for (const { file, commandLine } of parseModuleList(initrd ?? "")) {
    modules.push({ name: basename(file), data: await readImage(file), commandLine });
  }
  return { kernel, modules };
}
