/**
 * `monitor` commands: what a person can ask of the machine beyond the debugger's own commands.
 */
import { segmentNames } from "../cpu/names.js";
import type { WalkExplanation } from "../cpu/paging/explain.js";
import type { Machine } from "../machine/machine.js";
import { dumpMemory } from "./memory-dump.js";

const hex = (value: bigint | number, digits = 1): string => value.toString(16).padStart(digits, "0");

interface Command {
  readonly name: string;
  readonly parameters?: string;
  readonly help: string;
  run(machine: Machine, words: readonly string[], quit: () => void): string;
}

/** A number as people write it: 0x1000, 1000h or 4096. */
export function parseNumber(text: string | undefined): bigint | undefined {
  const clean = text?.replace(/^(.+)h$/i, "0x$1") ?? "";
  return /^(0x[0-9a-f]+|\d+)$/i.test(clean) ? BigInt.asUintN(64, BigInt(clean)) : undefined;
}

function registers({ debug }: Machine): string {
  const value = (name: string, digits = 16) => hex(debug.readRegister(name) ?? 0n, digits);
  const lines: string[] = [];
  const general = ["rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp"];
  for (let i = 8; i < 16; i++) general.push(`r${i}`);
  for (let i = 0; i < 16; i += 4) {
    const row = general.slice(i, i + 4);
    lines.push(row.map((name) => `${name.padStart(3)}=${value(name)}`).join(" "));
  }
  lines.push(`rip=${value("rip")} (linear) eflags=${value("eflags", 8)}`);
  for (const name of segmentNames) {
    lines.push(
      `${name.padEnd(4)} ${value(name, 4)} base=${value(`${name}_base`)} limit=${value(`${name}_limit`, 8)} rights=${value(`${name}_rights`, 5)}`,
    );
  }
  for (const name of ["gdtr", "idtr"]) {
    lines.push(`${name} base=${value(`${name}_base`)} limit=${value(`${name}_limit`, 4)}`);
  }
  lines.push(["cr0", "cr2", "cr3", "cr4", "efer"].map((name) => `${name}=${value(name, 8)}`).join(" "));
  return lines.join("\n");
}

function walkLines(walk: WalkExplanation, indent = ""): string[] {
  const lines = walk.steps.map(
    ({ level, entryAddress, entry, bits, outcome }) =>
      `${indent}${level} at ${hex(entryAddress)}: ${entry === undefined ? "-" : hex(entry, 16)} ${outcome}${bits.length > 0 ? ` (${bits.join(" ")})` : ""}`,
  );
  const to =
    walk.to === undefined
      ? walk.outcome
      : `${hex(walk.to)}${walk.pageSize ? `, page of ${walk.pageSize} bytes` : ""}`;
  const error = walk.error === undefined ? "" : ` with error code ${hex(walk.error)}`;
  lines.push(`${indent}${walk.format}: ${hex(walk.address)} -> ${to}${error}`);
  return walk.then ? [...lines, ...walkLines(walk.then, `${indent}  `)] : lines;
}

function mapping({ debug }: Machine, [text]: readonly string[]): string {
  const address = parseNumber(text);
  if (address === undefined) return "Usage: info mem ADDRESS";
  return walkLines(debug.explain({ address, kind: "linear" })).join("\n");
}

function views({ debug, statistics }: Machine): string {
  const rows = debug.tlb.map(
    ({ pcid, vpid, entries }) => `pcid ${hex(pcid)} vpid ${hex(vpid)}: ${entries} translations`,
  );
  const decoded = Object.entries(statistics).map(([name, value]) => `${name} ${value}`);
  return [`${rows.length} TLB views in use`, ...rows, ...decoded].join("\n");
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

function localApic({ debug }: Machine): string {
  const { base, svr, ldr, lvt, interrupts, timer } = debug.interrupts.apic;
  return [
    `base ${hex(BigInt(base))} svr ${hex(svr >>> 0)} tpr ${hex(interrupts.tpr)} ldr ${hex(ldr >>> 0)}`,
    `requested: ${bitNumbers(interrupts.irr)}`,
    `in service: ${bitNumbers(interrupts.isr)}`,
    `local vector table: ${lvt.map((entry) => hex(entry >>> 0, 8)).join(" ")}`,
    `timer: initial count ${timer.initial}, ${timer.running ? "running" : "stopped"}`,
  ].join("\n");
}

function interruptLines({ debug }: Machine): string {
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
  return [...chips, ...(pins.length > 0 ? pins : ["I/O APIC: all pins masked"])].join("\n");
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

const commands: readonly Command[] = [
  { name: "help", help: "this text", run: () => help() },
  { name: "info registers", help: "registers with the hidden parts of the segments", run: registers },
  { name: "info mem", parameters: "ADDRESS", help: "how a linear address is translated", run: mapping },
  { name: "info tlb", help: "how many translations are held", run: views },
  { name: "info apic", help: "the local APIC", run: localApic },
  { name: "info irq", help: "the 8259 pair and the I/O APIC", run: interruptLines },
  { name: "msr", parameters: "NUMBER [VALUE]", help: "reads or writes a model-specific register", run: msr },
  {
    name: "x",
    parameters: "[/COUNT[b|h|w|g]] ADDRESS",
    help: "memory at a linear address",
    run: ({ debug }, words) => dumpMemory(words, (at, length) => debug.readLinear(at, length)),
  },
  {
    name: "xp",
    parameters: "[/COUNT[b|h|w|g]] ADDRESS",
    help: "machine-physical memory",
    run: ({ debug }, words) => dumpMemory(words, (at, length) => debug.readPhysical(Number(at), length)),
  },
  {
    name: "system_reset",
    help: "presses the reset button",
    run: (machine) => {
      machine.reset();
      return "the machine starts again; 'maintenance flush register-cache' makes GDB look";
    },
  },
  {
    name: "system_powerdown",
    help: "presses the power button",
    run: (machine) => {
      machine.pressPowerButton();
      return "";
    },
  },
  {
    name: "quit",
    help: "ends vt86",
    run: (_machine, _words, quit) => {
      quit();
      return "";
    },
  },
];

function help(): string {
  return commands
    .map(({ name, parameters, help: text }) => `${`${name} ${parameters ?? ""}`.padEnd(36)} ${text}`)
    .join("\n");
}

/** Executes a command and returns what to print, with its line ends. */
export function monitorCommand(machine: Machine, text: string, quit: () => void): string {
  const words = text
    .trim()
    .replace(/^(xp?)\//, "$1 /")
    .split(/\s+/);
  for (const length of [2, 1]) {
    const command = commands.find(({ name }) => name === words.slice(0, length).join(" "));
    if (!command) continue;
    const output = command.run(machine, words.slice(length), quit);
    return output === "" ? "" : `${output}\n`;
  }
  return `There is no monitor command '${text.trim()}'; 'monitor help' lists them.\n`;
}
