/**
 * Debian's gdb as a process that is talked to line by line, and vt86 as another that waits for it.
 */
import assert from "node:assert/strict";
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { after } from "node:test";
import { type CommandResult, vt86 } from "./vt86.test.helper.js";

export const gdbVersion = /^GNU gdb.*/.exec(
  spawnSync("gdb", ["--version"], { encoding: "utf8" }).stdout ?? "",
)?.[0];

/** Milliseconds until an answer must be there. Generous: test machines are busy. */
const PATIENCE = 60_000;

export class Gdb {
  private readonly child: ChildProcessWithoutNullStreams;
  private output = "";
  private heard: () => void = () => {};
  private count = 0;
  readonly ended: Promise<void>;

  constructor() {
    // One pipe, so that all it says comes in its order.
    this.child = spawn("sh", ["-c", "exec gdb -q -nx 2>&1"], {
      env: { ...process.env, DEBUGINFOD_URLS: "" },
    });
    this.child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.output += text;
      this.heard();
    });
    this.child.stdin.on("error", () => {});
    this.ended = new Promise((resolve) => this.child.on("close", () => resolve()));
    this.child.on("close", () => this.heard());
    for (const setting of ["confirm off", "pagination off", "width 0", "remotetimeout 60"]) {
      this.child.stdin.write(`set ${setting}\n`);
    }
  }

  /** Waits until gdb has said something that matches. */
  private async hear(what: RegExp): Promise<void> {
    const deadline = performance.now() + PATIENCE;
    while (!what.test(this.output)) {
      const left = deadline - performance.now();
      if (left <= 0 || this.child.exitCode !== null)
        throw new Error(`gdb did not say ${what} but: ${this.output}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(left, 1000));
        this.heard = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Executes commands and returns what they print. */
  async ask(...commands: readonly string[]): Promise<string> {
    const end = this.begin(...commands);
    return end();
  }

  /** Starts commands that take a while; the result waits for them. */
  begin(...commands: readonly string[]): () => Promise<string> {
    this.output = "";
    const mark = `--- ${++this.count} ---`;
    this.child.stdin.write(`${commands.join("\n")}\necho ${mark}\\n\n`);
    return async () => {
      await this.hear(new RegExp(mark));
      return this.output.replace(mark, "").replaceAll("(gdb) ", "").trim();
    };
  }

  /** Ctrl-C. */
  interrupt(): void {
    this.child.kill("SIGINT");
  }

  async quit(): Promise<void> {
    this.child.stdin.end("quit\n");
    const timer = setTimeout(() => this.child.kill("SIGKILL"), 5000);
    await this.ended;
    clearTimeout(timer);
  }
}

/** What is still there when a test has failed. */
const leftovers: (() => unknown)[] = [];
after(() => Promise.all(leftovers.map((end) => end())));

/** It ends with the tests. */
export function newGdb(): Gdb {
  const gdb = new Gdb();
  leftovers.push(() => gdb.quit());
  return gdb;
}

export interface DebuggedVt86 {
  readonly port: number;
  readonly ended: Promise<CommandResult>;
}

/** Starts `vt86 run WORDS` with a debugger's port. */
export async function startDebugged(...words: readonly string[]): Promise<DebuggedVt86> {
  let found: (port: number) => void;
  const port = new Promise<number>((resolve) => {
    found = resolve;
  });
  const ended = vt86(["run", ...words, "--gdb", "0", "--timeout", "80"], {
    input: (child) => {
      leftovers.push(() => child.kill("SIGKILL"));
      child.stderr.on("data", (text: string) => {
        const match = /target remote 127\.0\.0\.1:(\d+)/.exec(text);
        if (match) found(Number(match[1]));
      });
    },
  });
  return { port: await Promise.race([port, ended.then(({ stderr }) => assert.fail(stderr))]), ended };
}
