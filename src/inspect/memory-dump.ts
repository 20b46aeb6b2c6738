/** The monitor's `x` and `xp`: memory in hexadecimal. */
import { UsageError } from "../host/usage-error.js";
import type { Machine } from "../machine/machine.js";
import { hex } from "./text.js";

const SIZES: Readonly<Record<string, 1 | 2 | 4 | 8>> = { b: 1, h: 2, w: 4, g: 8 };
const LINE = 16;
const PAGE = 4096n;
const MOST_BYTES = 0x10000;

/** What follows `x`: `/16w`, as in GDB and QEMU; the letters for formats are accepted, all is hexadecimal. */
export interface DumpFormat {
  readonly count: number;
  readonly size: 1 | 2 | 4 | 8;
}

export function parseDumpFormat(text: string): DumpFormat {
  const match = /^(\d*)([bhwgx]*)$/.exec(text);
  if (match === null)
    throw new UsageError(`"${text}" is no format: write a count and b, h, w or g, as in x/8g.`);
  const letter = [...match[2]!].findLast((each) => each !== "x");
  const size = SIZES[letter ?? "w"] ?? 4;
  const count = match[1] === "" ? 1 : Number(match[1]);
  if (count * size > MOST_BYTES) throw new UsageError(`At most ${MOST_BYTES} bytes at once.`);
  return { count, size };
}

/** Where a linear address leads now; undefined where nothing is mapped. */
function physicalOf(machine: Machine, linear: bigint): bigint | undefined {
  const walk = machine.parts.cpu.mmu.explainWalk({ address: linear, kind: "linear" });
  return walk.outcome === "mapped" ? (walk.then ?? walk).to : undefined;
}

/** Bytes of memory; undefined in place of those that no page maps. */
function read(machine: Machine, address: bigint, length: number, linear: boolean): (number | undefined)[] {
  const bytes: (number | undefined)[] = [];
  while (bytes.length < length) {
    const at = BigInt.asUintN(64, address + BigInt(bytes.length));
    const size = Math.min(length - bytes.length, Number(PAGE - (at % PAGE)));
    const physical = linear ? physicalOf(machine, at) : at;
    if (physical === undefined) bytes.push(...new Array<undefined>(size).fill(undefined));
    else bytes.push(...machine.readPhysical(Number(physical), size));
  }
  return bytes;
}

export function dumpLines(machine: Machine, address: bigint, format: DumpFormat, linear: boolean): string[] {
  const { count, size } = format;
  const bytes = read(machine, address, count * size, linear);
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += LINE) {
    const units: string[] = [];
    for (let unit = at; unit < Math.min(at + LINE, bytes.length); unit += size) {
      const digits = bytes
        .slice(unit, unit + size)
        .map((byte) => byte?.toString(16).padStart(2, "0") ?? "??");
      units.push(digits.reverse().join(""));
    }
    lines.push(`${hex(address + BigInt(at))}: ${units.join(" ")}`);
  }
  return lines;
}
