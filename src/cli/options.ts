/**
 * The options of `vt86 run`: one table from which parsing, help and error messages come. Options are written
 * with two dashes or, as QEMU's are, with one.
 */
import { nearestName } from "../host/nearest-name.js";
import { UsageError } from "../host/usage-error.js";

interface OptionRow {
  readonly name: string;
  readonly aliases?: readonly string[];
  /** What the value is called in the help; absent for a switch. */
  readonly value?: string;
  readonly help: string;
}

export const runOptions = [
  { name: "kernel", value: "FILE", help: "kernel: Linux bzImage, PVH or multiboot ELF (gzip is fine)" },
  {
    name: "initrd",
    value: "FILE",
    help: "with --kernel: initial RAM disk, or multiboot modules: 'file args,file args'",
  },
  { name: "append", value: "TEXT", help: "command line of the kernel" },
  { name: "memory", aliases: ["m"], value: "SIZE", help: "RAM: 512M (default), 2G; a bare number is MiB" },
  {
    name: "cpu",
    value: "MODEL",
    help: "CPU model and features: Westmere (default), max,-avx2; 'help' lists them",
  },
  {
    name: "clock",
    value: "KIND",
    help: "host: keep pace with the host (default); virtual: free-running, repeatable",
  },
  {
    name: "engine",
    value: "NAME",
    help: "auto (default: translate what runs often), interpreter, translator (translate at once); check, check-translator: auto or translator beside an interpreter, compared all the time",
  },
  { name: "timeout", value: "SECONDS", help: "stop after that much host time, with status 124" },
  { name: "no-reboot", help: "end instead of starting again when the guest resets" },
  {
    name: "stats",
    value: "WHAT",
    help: "at the end, print what was counted: engine, vt (VM exits by reason)",
  },
  {
    name: "trace",
    value: "WHAT[=FILE]",
    help: "to standard error or a file: vt (VM entries, exits and why), vt-failures (failed VM entries), translate (regions translated and dropped)",
  },
  {
    name: "trace-format",
    value: "FORMAT",
    help: "text (default), perfetto (for ui.perfetto.dev; needs a file)",
  },
  { name: "package", value: "NAME", help: "with 'debian': kernel package (default linux-image-cloud-amd64)" },
  {
    name: "script",
    value: "FILE",
    help: "with 'debian': run this shell script in the guest, then power off",
  },
  { name: "test-devices", help: "add the PC test devices that kvm-unit-tests use" },
  { name: "debugcon", value: "WHERE", help: "debug console (ports 402h, E9h): none (default), stderr" },
  { name: "quiet", help: "no progress messages" },
  { name: "serial", value: "WHERE", help: "where COM1 goes: stdio (the only place, and the default)" },
  { name: "nographic", help: "accepted as in QEMU: the console is always the serial port" },
  { name: "display", value: "KIND", help: "accepted as in QEMU: none" },
  { name: "monitor", value: "WHERE", help: "accepted as in QEMU: none" },
  { name: "machine", aliases: ["M"], value: "TYPE", help: "q35 (the only machine)" },
  { name: "accel", value: "NAME", help: "tcg: accepted as in QEMU" },
  { name: "smp", value: "N", help: "number of CPUs: 1" },
  { name: "nodefaults", help: "accepted as in QEMU" },
  { name: "vga", value: "KIND", help: "none" },
  { name: "device", value: "SPEC", help: "isa-debug-exit (always there), pc-testdev" },
  { name: "d", value: "ITEMS", help: "log accesses to what is not there, to standard error: unclaimed,msr" },
  {
    name: "gdb",
    value: "ADDRESS",
    help: "wait for GDB on [HOST:]PORT; HOST is 127.0.0.1 unless given",
  },
  { name: "s", help: "short for --gdb 1234" },
  { name: "S", help: "with --gdb: stand still until the debugger says continue" },
  { name: "help", aliases: ["h"], help: "this text" },
] as const satisfies readonly OptionRow[];

export type RunOptionName = (typeof runOptions)[number]["name"];

export interface ParsedOptions {
  readonly values: ReadonlyMap<RunOptionName, readonly string[]>;
  readonly operands: readonly string[];
}

const byName = new Map<string, OptionRow & { name: RunOptionName }>();
for (const row of runOptions as readonly (OptionRow & { name: RunOptionName })[]) {
  for (const name of [row.name, ...(row.aliases ?? [])]) byName.set(name, row);
}

/** @throws UsageError for an unknown option (naming the nearest known one) or a missing value */
export function parseRunOptions(words: readonly string[]): ParsedOptions {
  const values = new Map<RunOptionName, string[]>();
  const operands: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const match = /^--?([A-Za-z][\w-]*)(?:=(.*))?$/s.exec(word);
    if (!match) {
      if (word.startsWith("-"))
        throw new UsageError(`${word} is no option of vt86 run; 'vt86 run --help' lists them.`);
      operands.push(word);
      continue;
    }
    const [, name = "", inline] = match;
    const row = byName.get(name);
    if (!row) {
      const near = nearestName(name, [...byName.keys()]);
      throw new UsageError(
        `There is no option ${word.split("=")[0]}${near ? `; did you mean --${near}?` : "; 'vt86 run --help' lists them."}`,
      );
    }
    let value = inline ?? "";
    if (row.value && inline === undefined) {
      const next = words[++i];
      if (next === undefined) throw new UsageError(`The option --${row.name} needs a value: ${row.value}.`);
      value = next;
    } else if (!row.value && inline !== undefined) {
      throw new UsageError(`The option --${row.name} takes no value.`);
    }
    const list = values.get(row.name) ?? [];
    list.push(value);
    values.set(row.name, list);
  }
  return { values, operands };
}

/** `512M`, `2G`, `524288K`, `512` (MiB), as bytes. */
export function parseSize(text: string): number {
  const match = /^(?:size=)?(\d+(?:\.\d+)?)([kmgt]?)i?b?$/i.exec(text);
  if (!match) throw new UsageError(`"${text}" is no memory size; write 512M or 2G.`);
  const units = { k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4, "": 1024 ** 2 };
  return Math.floor(Number(match[1]) * units[match[2]!.toLowerCase() as keyof typeof units]);
}

/** The option list as help text. */
export function optionHelp(): string {
  return (runOptions as readonly OptionRow[])
    .map(({ name, aliases, value, help }) => {
      const spellings = [
        `${name.length === 1 ? "-" : "--"}${name}`,
        ...(aliases ?? []).map((alias) => `-${alias}`),
      ].join(", ");
      return `  ${`${spellings}${value ? ` ${value}` : ""}`.padEnd(26)} ${help}`;
    })
    .join("\n");
}
