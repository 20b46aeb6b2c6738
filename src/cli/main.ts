/**
 * The command `vt86`.
 */
import { nearestName } from "../host/nearest-name.js";
import { UsageError } from "../host/usage-error.js";
import { doctor } from "./doctor.js";
import { run } from "./run.js";

const help = `vt86: an x86-64 PC in TypeScript

Usage: vt86 COMMAND [arguments]

  run [GUEST] [options]   runs a machine; 'vt86 run --help' lists the options
  doctor                  says what this host offers
  help                    this text

To begin: vt86 run debian`;

const commands: Record<string, (words: readonly string[]) => Promise<number> | number> = {
  run,
  doctor,
  help: () => {
    console.log(help);
    return 0;
  },
};

/** Runs the command line and returns the exit status. */
export async function main(words: readonly string[]): Promise<number> {
  const [name = "help", ...rest] = words;
  try {
    const command = commands[name.replace(/^--?(?=help$|h$)/, "").replace(/^h$/, "help")];
    if (!command) {
      const near = nearestName(name, Object.keys(commands));
      throw new UsageError(`There is no command '${name}'${near ? `; did you mean '${near}'?` : "; see vt86 help."}`);
    }
    return await command(rest);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`vt86: ${error.message}\n`);
    return 2;
  }
}
