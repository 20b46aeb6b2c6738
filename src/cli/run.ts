/**
 * `vt86 run`: builds a machine from options and gives the person its console.
 */
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { parseModuleList } from "../boot/modules.js";
import { cpuHelp } from "../cpu/models/help.js";
import { UsageError } from "../host/usage-error.js";
import { type BootImage, DEFAULT_MEMORY, type ModuleFile } from "../machine/config.js";
import { Machine, type MachineExit } from "../machine/machine.js";
import { builtinGuest, debianImages } from "./guests.js";
import { optionHelp, type ParsedOptions, parseRunOptions, parseSize, type RunOptionName } from "./options.js";
import { attachTerminal } from "./terminal.js";

/** Exit statuses of the command. */
export const ExitStatus = { poweredOff: 0, guestFailed: 1, usage: 2, timeout: 124 } as const;

const usage = `Usage: vt86 run [GUEST] [options]

GUEST is 'debian' (Debian's kernel with BusyBox, fetched through the host's package tools) or 'tour' (the
built-in guest). Without GUEST, --kernel names what to boot. QEMU's spelling of the same options is accepted.

Options:
${optionHelp()}

Ctrl-A X quits, Ctrl-A H shows the other keys.
Exit status: 0 the guest powered off, 1 the guest failed (or its debug-exit status), 2 wrong use, 124 timeout.`;

async function readImage(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") throw new UsageError(`There is no file ${path}.`);
    if (code === "EISDIR") throw new UsageError(`${path} is a folder, not a file.`);
    throw new UsageError(`${path} cannot be read (${code ?? "unknown error"}).`);
  }
}

class Options {
  constructor(private readonly parsed: ParsedOptions) {}
  last(name: RunOptionName): string | undefined {
    return this.parsed.values.get(name)?.at(-1);
  }
  all(name: RunOptionName): readonly string[] {
    return this.parsed.values.get(name) ?? [];
  }
  has(name: RunOptionName): boolean {
    return this.parsed.values.has(name);
  }
  /** One of a few words. */
  choice<const T extends string>(name: RunOptionName, known: readonly T[], fallback: NoInfer<T>): T {
    const value = this.last(name) ?? fallback;
    const found = known.find((word) => word === value);
    if (found === undefined) throw new UsageError(`--${name} is ${known.join(" or ")}, not "${value}".`);
    return found;
  }
}

function checkAccepted(options: Options): void {
  options.choice("serial", ["stdio", "mon:stdio"], "stdio");
  options.choice("display", ["none"], "none");
  options.choice("monitor", ["none"], "none");
  options.choice("vga", ["none"], "none");
  options.choice("smp", ["1"], "1");
  options.choice("accel", ["tcg", "tcg,thread=single", "tcg,thread=multi"], "tcg");
  const machine = options.last("machine") ?? "q35";
  if (!/^(type=)?q35(,|$)/.test(machine)) throw new UsageError(`There is no machine "${machine}": vt86 has q35.`);
  for (const device of options.all("device")) {
    if (!/^(isa-debug-exit|pc-testdev)(,|$)/.test(device)) {
      throw new UsageError(`There is no device "${device.split(",")[0]}" yet: vt86 has isa-debug-exit and pc-testdev.`);
    }
  }
}

interface Images {
  readonly kernel: BootImage;
  readonly modules: readonly ModuleFile[];
}

async function images(guest: string | undefined, options: Options, progress: (text: string) => void): Promise<Images> {
  const append = options.last("append");
  const kernelPath = options.last("kernel");
  if (guest === undefined) {
    if (kernelPath === undefined) throw new UsageError("Nothing to boot: name a guest (vt86 run debian) or --kernel FILE.");
    const modules: ModuleFile[] = [];
    const initrd = options.last("initrd");
    if (initrd !== undefined) {
      for (const { file, commandLine } of moduleFiles(initrd)) {
        modules.push({ name: basename(file), data: await readImage(file), commandLine });
      }
    }
    const kernel = { name: basename(kernelPath), data: await readImage(kernelPath), commandLine: append ?? "" };
    return { kernel, modules };
  }
  if (kernelPath !== undefined) throw new UsageError(`Either the guest '${guest}' or --kernel, not both.`);
  if (guest === "tour") return builtinGuest(append);
  if (guest === "debian") {
    const script = options.last("script");
    return debianImages({
      kernelPackage: options.last("package") ?? "linux-image-cloud-amd64",
      append,
      script: script === undefined ? undefined : new TextDecoder().decode(await readImage(script)),
      progress,
    });
  }
  throw new UsageError(`There is no guest '${guest}': vt86 has debian and tour.`);
}

/** The whole text may name one file (whose name may hold blanks); otherwise QEMU's list of modules. */
function moduleFiles(text: string): readonly { file: string; commandLine: string }[] {
  return parseModuleList(text).map(({ file, commandLine }) => ({ file, commandLine }));
}

function exitStatus(exit: MachineExit): number {
  switch (exit.reason) {
    case "power-off":
    case "reset":
      return ExitStatus.poweredOff;
    case "debug-exit":
      // QEMU's convention, so that the scripts that score kvm-unit-tests work unchanged.
      return ((exit.code << 1) | 1) & 0xff;
    case "triple-fault":
      return ExitStatus.guestFailed;
    case "paused":
      return ExitStatus.poweredOff;
  }
}

/** Runs `vt86 run WORDS` and returns the exit status. */
export async function run(words: readonly string[]): Promise<number> {
  const parsed = parseRunOptions(words);
  const options = new Options(parsed);
  if (options.has("help")) {
    console.log(usage);
    return 0;
  }
  if (options.last("cpu") === "help" || options.last("cpu") === "?") {
    console.log(cpuHelp());
    return 0;
  }
  if (parsed.operands.length > 1) throw new UsageError(`One guest at a time: ${parsed.operands.join(" ")}.`);
  checkAccepted(options);
  const timeout = options.last("timeout");
  const seconds = timeout === undefined ? Number.POSITIVE_INFINITY : Number(timeout);
  if (!(seconds > 0)) throw new UsageError(`--timeout takes a number of seconds above 0, not "${timeout}".`);
  const memory = options.last("memory");
  const quiet = options.has("quiet");
  const progress = (text: string) => {
    if (!quiet) process.stderr.write(`vt86: ${text}\n`);
  };
  const { kernel, modules } = await images(parsed.operands[0], options, progress);
  const machine = await Machine.create({
    kernel,
    modules,
    memory: memory === undefined ? DEFAULT_MEMORY : parseSize(memory.split(",")[0]!),
    cpu: options.last("cpu"),
    clock: options.choice("clock", ["host", "virtual"], "host"),
    onReset: options.has("no-reboot") ? "stop" : "reboot",
    testDevices: options.has("test-devices") || options.all("device").some((d) => d.startsWith("pc-testdev")),
  });
  if (options.choice("debugcon", ["none", "stderr"], "none") === "stderr") {
    machine.onDebugByte = (byte) => process.stderr.write(Uint8Array.of(byte));
  }
  return attend(machine, seconds, options.choice("stats", ["none", "engine"], "none") === "engine");
}

/** Runs the machine with the terminal attached. */
async function attend(machine: Machine, seconds: number, statistics: boolean): Promise<number> {
  let timedOut = false;
  machine.console.listen((bytes) => process.stdout.write(bytes));
  const detach = attachTerminal({
    input: (bytes) => machine.console.write(bytes),
    quit: () => machine.pause(),
    say: (text) => process.stderr.write(text),
  });
  const interrupted = () => machine.pause();
  process.once("SIGTERM", interrupted);
  const timer =
    seconds === Number.POSITIVE_INFINITY
      ? undefined
      : setTimeout(() => {
          timedOut = true;
          machine.pause();
        }, seconds * 1000);
  try {
    const started = performance.now();
    const exit = await machine.run();
    if (statistics) printStatistics(machine, (performance.now() - started) / 1000);
    if (timedOut) return ExitStatus.timeout;
    if (exit.reason === "triple-fault") {
      const { rip } = machine.registers();
      process.stderr.write(`vt86: the guest failed: triple fault at RIP ${rip.toString(16)}.\n`);
    }
    return exitStatus(exit);
  } finally {
    if (timer) clearTimeout(timer);
    process.off("SIGTERM", interrupted);
    detach();
    machine.dispose();
  }
}

function printStatistics(machine: Machine, seconds: number): void {
  const rate = machine.instructions / seconds / 1e6;
  const lines = [
    `instructions ${machine.instructions} in ${seconds.toFixed(2)} s of host time: ${rate.toFixed(1)} million a second`,
    ...Object.entries(machine.statistics).map(([name, value]) => `${name} ${value}`),
  ];
  process.stderr.write(`${lines.map((line) => `vt86: ${line}`).join("\n")}\n`);
}
