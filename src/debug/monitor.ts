/**
 * `monitor` commands of the debugger: what concerns machine and processor as a whole. Who makes the target can add
 * others (extension.ts).
 */
import { nearestName } from "../host/nearest-name.js";
import type { Machine } from "../machine/machine.js";
import type { DebugExtension, MonitorCommand } from "./extension.js";

const hex = (value: bigint | number, digits = 1): string => value.toString(16).padStart(digits, "0");

/** A number as people write it: 0x1000, 1000h or 4096. */
export function parseNumber(text: string | undefined): bigint | undefined {
  const clean = text?.replace(/^(.+)h$/i, "0x$1") ?? "";
  return /^(0x[0-9a-f]+|\d+)$/i.test(clean) ? BigInt.asUintN(64, BigInt(clean)) : undefined;
}

function views({ debug, statistics }: Machine): string[] {
  const rows = debug.tlb.map(
    ({ pcid, vpid, entries }) => `pcid ${hex(pcid)} vpid ${hex(vpid)}: ${entries} translations`,
  );
  const decoded = Object.entries(statistics).map(([name, value]) => `${name} ${value}`);
  return [`${rows.length} TLB views in use`, ...rows, ...decoded];
}

/** Numbers of the bits that are 1 in an array of 32-bit words. */
function bitNumbers(words: readonly number[]): string {
  const numbers = words.flatMap((word, i) =>
    Array.from({ length: 32 }, (_, bit) => bit).flatMap((bit) =>
      (word >>> bit) & 1 ? [hex(i * 32 + bit, 2)] : [],
    ),
  );
  return numbers.length > 0 ? numbers.join(" ") : "none";
}

function localApic({ debug }: Machine): string[] {
  const { base, svr, ldr, lvt, interrupts, timer } = debug.interrupts.apic;
  return [
    `base ${hex(BigInt(base))} svr ${hex(svr >>> 0)} tpr ${hex(interrupts.tpr)} ldr ${hex(ldr >>> 0)}`,
    `requested: ${bitNumbers(interrupts.irr)}`,
    `in service: ${bitNumbers(interrupts.isr)}`,
    `local vector table: ${lvt.map((entry) => hex(entry >>> 0, 8)).join(" ")}`,
    `timer: initial count ${timer.initial}, ${timer.running ? "running" : "stopped"}`,
  ];
}

function interruptLines({ debug }: Machine): string[] {
  const { pic, ioapic } = debug.interrupts;
  const chips = pic.chips.map(
    ({ lines, latch, service, mask, vectorBase }, i) =>
      `8259 ${i === 0 ? "master" : "slave"}: lines ${hex(lines, 2)} latched ${hex(latch, 2)} in service ${hex(service, 2)} mask ${hex(mask, 2)} vectors from ${hex(vectorBase, 2)}`,
  );
  const pins = ioapic.low.flatMap((low, pin) =>
    (low >>> 16) & 1
      ? []
      : [
          `I/O APIC pin ${pin}: ${hex(ioapic.high[pin]! >>> 0, 8)}_${hex(low >>> 0, 8)} line ${(ioapic.lines >>> pin) & 1}`,
        ],
  );
  return [...chips, ...(pins.length > 0 ? pins : ["I/O APIC: all pins masked"])];
}

function msr({ debug }: Machine, [numberText, valueText]: readonly string[]): string {
  const number = parseNumber(numberText);
  if (number === undefined || (valueText !== undefined && parseNumber(valueText) === undefined)) {
    return "Usage: msr NUMBER [VALUE]";
  }
  const index = Number(number & 0xffff_ffffn);
  const name = debug.msrName(index) ?? hex(index);
  if (valueText !== undefined && !debug.writeMsr(index, parseNumber(valueText)!))
    return `${name} does not take that value`;
  const value = debug.readMsr(index);
  return value === undefined ? `MSR ${name} cannot be read` : `${name} = ${hex(value, 16)}`;
}

/** What every machine's debugger can do. @param quit ends vt86 */
export const machineCommands = (machine: Machine, quit: () => void): readonly MonitorCommand[] => [
  { name: "info tlb", help: "how many translations are held", run: () => views(machine) },
  { name: "info apic", help: "the local APIC", run: () => localApic(machine) },
  { name: "info irq", help: "the 8259 pair and the I/O APIC", run: () => interruptLines(machine) },
  {
    name: "msr",
    parameters: "NUMBER [VALUE]",
    help: "reads or writes a model-specific register",
    run: (words) => [msr(machine, words)],
  },
  {
    name: "system_reset",
    help: "presses the reset button",
    run: () => {
      machine.reset();
      return ["the machine starts again; 'maintenance flush register-cache' makes GDB look"];
    },
  },
  {
    name: "system_powerdown",
    help: "presses the power button",
    run: () => {
      machine.pressPowerButton();
      return [];
    },
  },
  {
    name: "quit",
    help: "ends vt86",
    run: () => {
      quit();
      return [];
    },
  },
];

function help(commands: readonly MonitorCommand[], extension: DebugExtension | undefined): string[] {
  const names = commands.map(({ name, parameters = "" }) => `${name} ${parameters}`.trim());
  const width = Math.max(...names.map(({ length }) => length));
  const own = commands.map(({ help: text }, i) => `${names[i]!.padEnd(width)}  ${text}`);
  return extension ? [...own, "", "And as at vt86's own monitor:", ...extension.answer("help")] : own;
}

/** What to say to a line that is no command. */
function unknown(line: string, commands: readonly MonitorCommand[]): string {
  const typed = line.split(/\s+/);
  const near = commands
    .map(({ name }) => nearestName(typed.slice(0, name.split(" ").length).join(" "), [name]))
    .find((name) => name !== undefined);
  return `There is no command '${typed[0]}'; ${near ? `did you mean '${near}'?` : "see monitor help."}`;
}

/** Executes one of `commands`, or has the extension answer. Returns lines to print. */
export function monitorCommand(
  text: string,
  commands: readonly MonitorCommand[],
  extension?: DebugExtension,
): readonly string[] {
  const line = text.trim();
  const words = line.split(/\s+/);
  if (line === "help" || line === "") return help(commands, extension);
  for (const length of [2, 1]) {
    const command = commands.find(({ name }) => name === words.slice(0, length).join(" "));
    if (command) return command.run(words.slice(length));
  }
  if (!extension) return [unknown(line, commands)];
  const known = extension.words.includes(words[0]!.replace(/\/.*/, ""));
  return known ? extension.answer(line.replace(/^info mem\b/, "info walk")) : [unknown(line, commands)];
}
