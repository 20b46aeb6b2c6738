/**
 * Runs the real command, as a person would, in a process of its own.
 */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const command = fileURLToPath(new URL("../../bin/vt86", import.meta.url));

export interface CommandResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  /** Bytes for standard input, which then ends; or a function that gets the process and may do what it likes. */
  readonly input?: string | ((child: ReturnType<typeof start>) => void);
  /** Milliseconds after which it is ended. */
  readonly limit?: number;
}

/** A command that hangs is ended after so many milliseconds unless told otherwise; its status is null then. */
const LONGEST = 90_000;

function start(words: readonly string[], limit: number) {
  return spawn(process.execPath, [command, ...words], {
    stdio: "pipe",
    timeout: limit,
    killSignal: "SIGKILL",
  });
}

/** Runs `vt86 WORDS` to its end. */
export function vt86(
  words: readonly string[],
  { input = "", limit = LONGEST }: CommandOptions = {},
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = start(words, limit);
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("latin1").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    // The command may end without having read its input.
    child.stdin.on("error", () => {});
    child.on("error", reject);
    child.on("close", (status) => resolve({ status, stdout, stderr }));
    if (typeof input === "function") input(child);
    else child.stdin.end(input);
  });
}
