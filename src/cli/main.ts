/**
 * The command `vt86`.
 */
import { readFile } from "node:fs/promises";
import { distFolder } from "../host/dist-folder.js";
import { nearestName } from "../host/nearest-name.js";
import { UsageError } from "../host/usage-error.js";

const help = `vt86: an x86-64 PC in TypeScript

Usage: vt86 COMMAND [arguments]

  run [GUEST] [options]   runs a machine; 'vt86 run --help' lists the options
  explain WHAT            asks a machine that runs of its VMCS, EPT, VM exits; 'vt86 explain --help'
  doctor                  says what this host offers
  version                 prints the version
  help                    this text

To begin: vt86 run debian`;

async function printVersion(): Promise<void> {
  const text = await readFile(new URL("../package.json", distFolder), "utf8");
  console.log(`vt86 ${(JSON.parse(text) as { version: string }).version}`);
}

type Command = (words: readonly string[]) => Promise<number> | number;

/** A command that has no arguments. */
const plain =
  (name: string, action: () => Promise<number>): Command =>
  async (words) => {
    if (words.length > 0) throw new UsageError(`vt86 ${name} takes no arguments.`);
    return action();
  };

/** Each loads only what it needs itself. */
const commands: ReadonlyMap<string, Command> = new Map<string, Command>([
  ["run", async (words) => (await import("./run.js")).run(words)],
  ["explain", async (words) => (await import("./explain.js")).explain(words)],
  ["doctor", plain("doctor", async () => (await import("./doctor.js")).doctor())],
  ["version", plain("version", () => printVersion().then(() => 0))],
  [
    "help",
    () => {
      console.log(help);
      return 0;
    },
  ],
]);
const aliases: Readonly<Record<string, string>> = { "--help": "help", "-h": "help", "--version": "version" };

/** Runs the command line and returns the exit status. */
export async function main(words: readonly string[]): Promise<number> {
  const [name = "help", ...rest] = words;
  // Who reads the output may stop reading.
  process.stdout.on("error", () => {});
  try {
    const command = commands.get(aliases[name] ?? name);
    if (!command) {
      const near = nearestName(name, commands.keys());
      throw new UsageError(
        `There is no command '${name}'${near ? `; did you mean '${near}'?` : "; see vt86 help."}`,
      );
    }
    return await command(rest);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`vt86: ${error.message}\n`);
    return 2;
  }
}
