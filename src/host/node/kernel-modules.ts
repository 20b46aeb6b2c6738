/**
 * Finds Linux kernel modules in an unpacked kernel package, with what they depend on.
 *
 * A package has no `modules.dep` yet (that is made when it is installed), so the dependencies are read from
 * the modules themselves: the `depends=` string of their `.modinfo` section.
 */

import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { UsageError } from "../usage-error.js";
import { filesBelow } from "./debian.js";
import { runTool } from "./run-tool.js";

export interface KernelModule {
  /** File name without a compression suffix, `virtio_blk.ko`. */
  readonly name: string;
  /** The ELF file, not compressed. */
  readonly data: Uint8Array;
}

/** The names in a module's `depends=` string. */
export function moduleDependencies(module: Uint8Array): readonly string[] {
  const text = Buffer.from(module.buffer, module.byteOffset, module.length);
  const key = "\0depends=";
  const at = text.indexOf(key);
  if (at < 0) return [];
  const start = at + key.length;
  const list = text.toString("latin1", start, text.indexOf(0, start));
  return list === "" ? [] : list.split(",");
}

/** File names may have a dash where module names have an underscore. */
function moduleName(path: string): string {
  return basename(path)
    .replace(/\.ko(\.xz)?$/, "")
    .replaceAll("-", "_");
}

/**
 * Reads the named modules (`virtio_blk`) and all that they need, in an order in which they can be loaded.
 *
 * @param root folder of the unpacked package, which holds one kernel.
 * @throws UsageError when a module is neither in the package nor built into the kernel.
 */
export async function kernelModules(
  root: string,
  names: readonly string[],
): Promise<readonly KernelModule[]> {
  const files = await filesBelow(root);
  const paths = new Map<string, string>();
  for (const path of files) if (/\.ko(\.xz)?$/.test(path)) paths.set(moduleName(path), path);
  const builtinList = files.find((path) => path.endsWith("/modules.builtin"));
  const builtinText = builtinList ? await readFile(join(root, builtinList), "utf8") : "";
  const builtin = new Set(builtinText.split("\n").map(moduleName));

  const loaded = new Map<string, KernelModule>();
  const load = async (wanted: string): Promise<void> => {
    const name = wanted.replaceAll("-", "_");
    if (loaded.has(name) || builtin.has(name)) return;
    const path = paths.get(name);
    if (path === undefined) throw new UsageError(`this kernel has no module named ${wanted}.`);
    const data = await readModule(join(root, path));
    for (const dependency of moduleDependencies(data)) await load(dependency);
    loaded.set(name, { name: basename(path).replace(/\.xz$/, ""), data });
  };
  for (const name of names) await load(name);
  return [...loaded.values()];
}

async function readModule(path: string): Promise<Uint8Array> {
  if (!path.endsWith(".xz")) return readFile(path);
  const result = await runTool("xz", ["-dc", path]);
  if (!result.ok)
    throw new UsageError(`the kernel module ${basename(path)} can't be unpacked: install xz-utils.`);
  return result.stdout;
}
