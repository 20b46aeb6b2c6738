/**
 * Files that the build leaves beside the compiled sources.
 */

/**
 * Reads some that were built together, or returns undefined when one is not there or when a source file in one of the
 * folders is newer (then they are stale). In a browser there is only what was served, and it fits.
 */
export async function readPrebuilt(
  places: readonly URL[],
  sources: readonly URL[],
): Promise<readonly Uint8Array<ArrayBuffer>[] | undefined> {
  if (places.some(({ protocol }) => protocol !== "file:")) return Promise.all(places.map(download)).then(all);
  const [{ readdirSync, statSync }, { readFile }] = await Promise.all([
    import("node:fs"),
    import("node:fs/promises"),
  ]);
  try {
    const contents = Promise.all(places.map((place) => readFile(place)));
    // Not to wait for each of hundreds of files; an error in reading comes up below.
    contents.catch(() => {});
    const built = Math.min(...places.map((place) => statSync(place).mtimeMs));
    for (const folder of sources) {
      for (const name of readdirSync(folder)) {
        if (!name.endsWith(".js") || name.includes(".test.")) continue;
        if (statSync(new URL(name, folder)).mtimeMs > built) return undefined;
      }
    }
    return (await contents).map((bytes) => new Uint8Array(bytes));
  } catch {
    return undefined;
  }
}

async function download(place: URL): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const response = await fetch(place);
  return response.ok ? new Uint8Array(await response.arrayBuffer()) : undefined;
}

/** The list, if nothing is missing in it. */
function all<T>(list: readonly (T | undefined)[]): readonly T[] | undefined {
  const present = list.filter((item) => item !== undefined);
  return present.length === list.length ? present : undefined;
}
