/**
 * Unpacks files that are compressed by gzip (RFC 1952), in Node and in the browser alike.
 */

import { UsageError } from "./usage-error.js";

/** Whether the bytes start like a gzip file. */
export function isGzip(file: Uint8Array): boolean {
  return file[0] === 0x1f && file[1] === 0x8b && file[2] === 8;
}

/** The file's content; a file that is not compressed comes back as it is. `name` is for the message. */
export async function gunzip(file: Uint8Array, name: string): Promise<Uint8Array> {
  if (!isGzip(file)) return file;
  const stream = new Blob([new Uint8Array(file)]).stream().pipeThrough(new DecompressionStream("gzip"));
  try {
    return new Uint8Array(await new Response(stream).arrayBuffer());
  } catch {
    throw new UsageError(`${name} is compressed by gzip but damaged or cut short: get it again.`);
  }
}
