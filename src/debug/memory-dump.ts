/**
 * The monitor's `x` command: memory as hexadecimal numbers.
 */

const SIZES = { b: 1, h: 2, w: 4, g: 8 } as const;
const BYTES_PER_LINE = 16;
const MOST_UNITS = 1024;
const USAGE = "Usage: x [/COUNT[b|h|w|g]] ADDRESS";

/** @param words `/COUNT` with a unit (b 1, h 2, w 4, g 8 bytes; w if absent), which may be missing, and an address */
export function dumpMemory(
  words: readonly string[],
  read: (address: bigint, length: number) => Uint8Array | undefined,
): string {
  const format = /^\/(\d*)x?([bhwg]?)$/.exec(words[0] ?? "");
  const address = words[format ? 1 : 0];
  if (!address || !/^(0x[0-9a-f]+|\d+)$/i.test(address)) return USAGE;
  const size = SIZES[(format?.[2] || "w") as keyof typeof SIZES];
  const count = Math.min(Number(format?.[1] || 1), MOST_UNITS);
  const lines: string[] = [];
  const perLine = BYTES_PER_LINE / size;
  for (let done = 0; done < count; done += perLine) {
    const at = BigInt(address) + BigInt(done * size);
    const units = Math.min(perLine, count - done);
    const bytes = read(at, units * size);
    if (!bytes) return [...lines, `${at.toString(16)}: not mapped to RAM`].join("\n");
    const values = Array.from({ length: units }, (_, i) =>
      bytes
        .subarray(i * size, (i + 1) * size)
        .reduceRight((text, byte) => text + byte.toString(16).padStart(2, "0"), ""),
    );
    lines.push(`${at.toString(16).padStart(16, "0")}: ${values.join(" ")}`);
  }
  return lines.join("\n");
}
