/**
 * `vt86 run`: builds a machine from options and gives the person its console.
 */

import { parseCpu } from "../cpu/models/cpu-string.js";
import { nearestName } from "../host/nearest-name.js";
import { UsageError } from "../host/usage-error.js";
import { checkMemory, DEFAULT_MEMORY, engines } from "../machine/config.js";
import { Machine } from "../machine/machine.js";
import { attend } from "./attend.js";
import { goBeforeCompilers } from "./compile-threads.js";
import { checks, isCheck } from "./engine-words.js";
import { debugMachine, parseGdbAddress } from "./gdb-option.js";
import { builtinGuest, cpuOfGuest, debianImages, type GuestImages } from "./guests.js";
import { readImage, readKernel } from "./image-file.js";
import { Observation, openTrace, parseTrace } from "./observation.js";
import { optionHelp, type ParsedOptions, parseRunOptions, parseSize, type RunOptionName } from "./options.js";

const usage = `Usage: vt86 run [GUEST] [options]

GUEST is 'debian' (Debian's kernel with BusyBox, fetched through the host's package tools), 'tour' (the
built-in guest) or 'hypervisor' (a built-in hypervisor that tells of its VM exits; docs/vt-x-tour.md). Without
GUEST, --kernel names what to boot. QEMU's spelling of the same options is accepted.

Options:
${optionHelp()}

Ctrl-A X quits, Ctrl-A H shows the other keys.
Exit status: 0 the guest powered off (or reset, with --no-reboot), 1 the guest failed (triple fault), 2 wrong use,
124 timeout, 128+N signal N. A guest that writes C to the debug-exit port gives C*2+1, as with QEMU.`;

const guests = ["debian", "tour", "hypervisor"] as const;
type Guest = (typeof guests)[number];

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
  /** A list of a few words, separated by commas. */
  list<const T extends string>(name: RunOptionName, known: readonly T[]): ReadonlySet<T> {
    const words = this.all(name).flatMap((value) => value.split(","));
    const wrong = words.find((word) => !(known as readonly string[]).includes(word));
    if (wrong !== undefined) {
      const dashes = name.length === 1 ? "-" : "--";
      const choices = `${known.slice(0, -1).join(", ")} and ${known.at(-1)}`;
      throw new UsageError(`${dashes}${name} takes ${choices}, not "${wrong}".`);
    }
    return new Set(words as T[]);
  }
}

/** Options that are there for QEMU's sake: they may only say what is so anyway. */
function checkAccepted(options: Options): void {
  options.choice("serial", ["stdio", "mon:stdio"], "stdio");
  options.choice("display", ["none"], "none");
  options.choice("monitor", ["none"], "none");
  options.choice("vga", ["none"], "none");
  options.choice("accel", ["tcg", "tcg,thread=single", "tcg,thread=multi"], "tcg");
  const processors = options.last("smp") ?? "1";
  if (!/^(cpus=)?1(,(cores|threads|sockets|maxcpus|dies)=1)*$/.test(processors)) {
    throw new UsageError(`The machine has one CPU so far: -smp takes 1, not "${processors}".`);
  }
  const machine = options.last("machine") ?? "q35";
  if (!/^(type=)?q35(,|$)/.test(machine))
    throw new UsageError(`There is no machine "${machine}": vt86 has q35.`);
  for (const device of options.all("device")) {
    if (!/^(isa-debug-exit|pc-testdev)(,|$)/.test(device)) {
      throw new UsageError(
        `There is no device "${device.split(",")[0]}" yet: vt86 has isa-debug-exit and pc-testdev.`,
      );
    }
  }
}

/** The guest's name, if it is one; otherwise there must be a kernel. */
function chooseGuest(operands: readonly string[], options: Options): Guest | undefined {
  const [name] = operands;
  if (operands.length > 1) throw new UsageError(`One guest at a time, not ${operands.join(" and ")}.`);
  if (name === undefined) {
    if (!options.has("kernel")) {
      throw new UsageError("Nothing to boot: name a guest (vt86 run debian) or --kernel FILE.");
    }
  } else if (options.has("kernel")) throw new UsageError(`Either the guest '${name}' or --kernel, not both.`);
  const guest = guests.find((known) => known === name);
  if (name !== undefined && guest === undefined) {
    const near = nearestName(name, guests);
    throw new UsageError(
      `There is no guest '${name}'${near ? `; did you mean '${near}'?` : `: vt86 has ${guests.join(", ")}.`}`,
    );
  }
  for (const option of ["package", "script"] as const) {
    if (options.has(option) && guest !== "debian") {
      throw new UsageError(`--${option} is for the guest 'debian' only.`);
    }
  }
  if (options.has("initrd") && guest !== undefined) {
    throw new UsageError(`--initrd goes with --kernel; the guest '${guest}' brings its own.`);
  }
  return guest;
}

async function images(
  guest: Guest | undefined,
  options: Options,
  progress: (text: string) => void,
): Promise<GuestImages> {
  const append = options.last("append");
  if (guest === undefined) return readKernel(options.last("kernel")!, append ?? "", options.last("initrd"));
  if (guest !== "debian") return builtinGuest(append, guest);
  const script = options.last("script");
  return debianImages({
    kernelPackage: options.last("package") ?? "linux-image-cloud-amd64",
    append,
    script: script === undefined ? undefined : new TextDecoder().decode(await readImage(script)),
    progress,
  });
}

function timeLimit(text: string | undefined): number {
  if (text === undefined) return Number.POSITIVE_INFINITY;
  const seconds = text.trim() === "" ? Number.NaN : Number(text);
  if (!(seconds > 0)) throw new UsageError(`--timeout takes a number of seconds above 0, not "${text}".`);
  return seconds;
}

/** Prints each thing that a guest asked for in vain, once. */
function logger(kinds: ReadonlySet<string>): (kind: string, text: string) => void {
  const said = new Set<string>();
  return (kind, text) => {
    if (!kinds.has(kind) || said.has(text)) return;
    said.add(text);
    process.stderr.write(`vt86: ${text}\n`);
  };
}

/** Runs `vt86 run WORDS` and returns the exit status. */
export async function run(words: readonly string[]): Promise<number> {
  const parsed = parseRunOptions(words);
  const options = new Options(parsed);
  if (options.has("help")) {
    console.log(usage);
    return 0;
  }
  const cpu = options.last("cpu");
  if (cpu === "help" || cpu === "?") {
    const { cpuHelp } = await import("../cpu/models/help.js");
    console.log(cpuHelp());
    return 0;
  }
  // Everything that can be wrong is found before anything is fetched.
  checkAccepted(options);
  const guest = chooseGuest(parsed.operands, options);
  const model = cpu ?? cpuOfGuest(guest);
  parseCpu(model);
  const memory = options.last("memory");
  const engine = options.choice("engine", [...engines, "check", "check-translator"], "auto");
  const checked = isCheck(engine);
  const config = {
    memory: checkMemory(memory === undefined ? DEFAULT_MEMORY : parseSize(memory.split(",")[0]!)),
    cpu: model,
    clock: options.choice("clock", ["host", "virtual"], checked ? "virtual" : "host"),
    engine: isCheck(engine) ? checks[engine] : engine,
    onReset: options.has("no-reboot") ? "stop" : "reboot",
    testDevices: options.has("test-devices") || options.all("device").some((d) => d.startsWith("pc-testdev")),
  } as const;
  const seconds = timeLimit(options.last("timeout"));
  const counted = options.list("stats", ["none", "engine", "vt"]);
  const format = options.has("trace-format")
    ? options.choice("trace-format", ["text", "perfetto"], "text")
    : undefined;
  const traced = parseTrace(options.last("trace"), format);
  const debugToStderr = options.choice("debugcon", ["none", "stderr"], "none") === "stderr";
  const logged = options.list("d", ["unclaimed", "msr"]);
  const gdb = options.last("gdb") ?? (options.has("s") ? "1234" : undefined);
  const gdbAddress = gdb === undefined || gdb === "none" ? undefined : parseGdbAddress(gdb);
  if (options.has("S") && !gdbAddress)
    throw new UsageError("-S waits for a debugger: it goes with -s or --gdb.");

  if (checked && gdbAddress)
    throw new UsageError(`--engine ${engine} runs two machines: it does not go with --gdb.`);
  if (checked && config.clock === "host")
    throw new UsageError(`--engine ${engine} compares two runs: it needs --clock virtual.`);

  goBeforeCompilers();
  const trace = openTrace(traced);
  const quiet = options.has("quiet");
  const progress = (text: string) => {
    if (!quiet) process.stderr.write(`vt86: ${text}\n`);
  };
  const [booted] = await Promise.all([images(guest, options, progress), Machine.prepare()]);
  const machine = await Machine.create({ ...config, ...booted });
  if (debugToStderr) machine.onDebugByte = (byte) => process.stderr.write(Uint8Array.of(byte));
  if (logged.size > 0) machine.onLog = logger(logged);
  const observation = new Observation(machine, trace, counted.has("vt"));
  const attendance = { seconds, statistics: counted.has("engine"), observation };
  if (checked) {
    const { Check } = await import("./check.js");
    const reference = await Machine.create({ ...config, ...booted, engine: "interpreter" });
    const say = (lines: readonly string[]) => process.stderr.write(`${lines.join("\n")}\n`);
    return attend(machine, {
      ...attendance,
      runner: new Check({ reference, subject: machine, say, progress }),
    });
  }
  if (!gdbAddress) return attend(machine, attendance);
  const debugged = await debugMachine(machine, gdbAddress, options.has("S"), observation);
  const { host, port } = debugged.address;
  progress(`waiting for GDB: target remote ${host.includes(":") ? `[${host}]` : host}:${port}`);
  try {
    return await attend(machine, { ...attendance, runner: debugged.runner });
  } finally {
    debugged.close();
  }
}
