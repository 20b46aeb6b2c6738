/**
 * Files that the build leaves beside the compiled sources.
 */

/**
 * Reads one, or returns undefined when it is not there or when a source file in one of the folders is newer
 * (then it is stale). In a browser there is only what was served, and it fits.
 */
export async function readPrebuilt(
  place: URL,
  sources: readonly URL[],
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (place.protocol !== "file:") {
    const response = await fetch(place);
    return response.ok ? new Uint8Array(await response.arrayBuffer()) : undefined;
  }
  const { readdir, readFile, stat } = await import("node:fs/promises");
  try {
    const { mtimeMs } = await stat(place);
    for (const folder of sources) {
      for (const name of await readdir(folder)) {
        if (!name.endsWith(".js") || name.includes(".test.")) continue;
        if ((await stat(new URL(name, folder))).mtimeMs > mtimeMs) return undefined;
      }
    }
    return new Uint8Array(await readFile(place));
  } catch {
    return undefined;
  }
}
