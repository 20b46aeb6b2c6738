/**
 * Debian's gdb as a process that is talked to line by line.
 */
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";

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
