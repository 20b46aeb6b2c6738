/**
 * The user's cache folder, and folders in it that appear only when they are complete.
 *
 * XDG Base Directory Specification: `$XDG_CACHE_HOME`, or `~/.cache` when that is unset or not absolute.
 */

import { randomBytes } from "node:crypto";
import { mkdir, rename, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, isAbsolute, join } from "node:path";
import { UsageError } from "../usage-error.js";

/** vt86's own cache folder. It need not exist yet. */
export function cacheFolder(): string {
  const base = process.env.XDG_CACHE_HOME;
  return join(base && isAbsolute(base) ? base : join(homedir(), ".cache"), "vt86");
}

export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/**
 * Makes `folder` by running `fill` on an empty temporary folder beside it and renaming that. A folder that
 * exists is complete: two processes may fill at once, the last one wins, nobody sees half of it.
 */
export async function fillFolder(folder: string, fill: (temporary: string) => Promise<void>): Promise<void> {
  const suffix = randomBytes(6).toString("hex");
  const temporary = `${folder}.part-${suffix}`;
  const replaced = `${folder}.old-${suffix}`;
  try {
    await mkdir(dirname(folder), { recursive: true });
    await mkdir(temporary);
  } catch (error) {
    throw new UsageError(
      `vt86 can't write its cache folder ${dirname(folder)} (${(error as NodeJS.ErrnoException).code}): make it writable, or set XDG_CACHE_HOME to a folder that is.`,
    );
  }
  try {
    await fill(temporary);
    await rename(folder, replaced).catch(() => undefined);
    try {
      await rename(temporary, folder);
    } catch (error) {
      if (!(await exists(folder))) throw error;
    }
  } finally {
    await rm(temporary, { recursive: true, force: true });
    await rm(replaced, { recursive: true, force: true });
  }
}
