/**
 * Runs a program of the host and collects its output.
 */

import { execFile } from "node:child_process";

export interface ToolResult {
  /** False when the program ended with another status than 0. */
  readonly ok: boolean;
  /** True when there is no such program. */
  readonly missing: boolean;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Output beyond this many bytes makes the run fail; the largest real one is a decompressed kernel module. */
const MAX_OUTPUT = 64 * 0x100000;

/** Runs `program` (found through PATH) in the C locale, without a shell. Never rejects. */
export function runTool(program: string, args: readonly string[], cwd?: string): Promise<ToolResult> {
  const env = { ...process.env, LC_ALL: "C" };
  return new Promise((resolve) => {
    execFile(
      program,
      [...args],
      { cwd, env, encoding: "buffer", maxBuffer: MAX_OUTPUT },
      (error, stdout, stderr) => {
        const missing = error !== null && (error as NodeJS.ErrnoException).code === "ENOENT";
        resolve({ ok: error === null, missing, stdout, stderr: stderr.toString() });
      },
    );
  });
}

/** Whether a program is found through PATH. */
export async function toolExists(program: string): Promise<boolean> {
  return !(await runTool(program, ["--version"])).missing;
}
