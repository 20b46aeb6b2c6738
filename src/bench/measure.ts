/**
 * Runs one virtual machine as a separate process, reads its serial port from its standard output, and takes
 * the times of the guest's markers from outside.
 */
import { spawn } from "node:child_process";
import { busiest, peakResident, type ThreadTimes, threadTimes } from "./process-clock.js";
import { Lines, parseLine, parseStatistics } from "./serial.js";

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  /** It can't end by itself when the guest has switched itself off. */
  readonly lingers?: boolean;
}

/** Told of a run while it goes on. */
export interface Watcher {
  started?(pid: number): void;
  result?(result: KernelResult): void;
  /** The guest says that it could not do that, with its last note. */
  failed?(name: string, note: string | undefined): void;
}

/** Wall time and processor time of the busiest thread, in seconds. */
export interface Span {
  readonly wall: number;
  readonly thread: number;
}

export interface KernelResult {
  readonly name: string;
  readonly scale: number;
  readonly units: number;
  readonly checksum: string;
  readonly time: Span;
  /** The section of the output that it stands in; empty where there are none. */
  readonly section: string;
  /** What the guest said of it. */
  readonly note: string | undefined;
}

export interface RunResult {
  /** From the start of the process to the kernel's first line and to the first line of init. */
  readonly linux: Span | undefined;
  readonly init: Span | undefined;
  readonly kernels: readonly KernelResult[];
  /** The kernel that was at work when the guest failed or stopped. */
  readonly unfinished: string | undefined;
  /** The guest came to its end. */
  readonly done: boolean;
  /** Highest resident memory, in bytes. */
  readonly peak: number;
  /** What vt86 counted. */
  readonly engine: { readonly instructions: number; readonly seconds: number } | undefined;
  /** Processor seconds of the busiest thread when the guest was done. */
  readonly thread: number;
  /** The last lines of output that were no markers, for the message when something goes wrong. */
  readonly tail: readonly string[];
  /** All notes of the guest. */
  readonly notes: readonly string[];
}

const TAIL_LINES = 12;
/** A machine that has not ended by itself this long after the guest was done is ended. */
const FAREWELL_MS = 15_000;

interface Reading {
  readonly at: number;
  readonly threads: ThreadTimes;
}

/** @param seconds after that much wall time the machine is ended and the run counts as not done */
export function measure(command: Command, seconds: number, watcher: Watcher = {}): Promise<RunResult> {
  const started = performance.now();
  const child = spawn(command.program, command.args, { stdio: ["ignore", "pipe", "pipe"] });
  const pid = child.pid ?? -1;
  const end = () => child.kill("SIGKILL");
  process.once("exit", end);
  const timer = setTimeout(end, seconds * 1000);

  const reading = (): Reading => ({ at: performance.now(), threads: threadTimes(pid) });
  const between = (from: Reading, to: Reading): Span => ({
    wall: (to.at - from.at) / 1000,
    thread: busiest(from.threads, to.threads),
  });
  const origin: Reading = { at: started, threads: new Map() };

  let linux: Span | undefined;
  let init: Span | undefined;
  const kernels: KernelResult[] = [];
  let current: string | undefined;
  let begin: Reading | undefined;
  let timed: Span | undefined;
  let done = false;
  let peak = 0;
  let thread = Number.NaN;
  const tail: string[] = [];
  const notes: string[] = [];
  let note: string | undefined;
  let section = "";
  if (child.pid !== undefined) watcher.started?.(child.pid);

  const line = (text: string) => {
    const event = parseLine(text);
    if (!event) {
      tail.push(text);
      if (tail.length > TAIL_LINES) tail.shift();
      return;
    }
    const now = reading();
    peak = Math.max(peak, peakResident(pid));
    thread = between(origin, now).thread;
    switch (event.kind) {
      case "linux":
        linux ??= between(origin, now);
        break;
      case "init":
        init ??= between(origin, now);
        break;
      case "prepared":
        current = event.name;
        begin = timed = undefined;
        break;
      case "begin":
        begin = now;
        break;
      case "end":
        if (begin) timed = between(begin, now);
        break;
      case "section":
        section = event.name;
        break;
      case "note":
        note = event.text;
        notes.push(note);
        break;
      case "result": {
        const { kind: _, ...figures } = event;
        const result = timed && { ...figures, time: timed, section, note };
        if (result) {
          kernels.push(result);
          watcher.result?.(result);
        }
        current = timed ? undefined : event.name;
        note = undefined;
        break;
      }
      case "failed":
        current = event.name;
        watcher.failed?.(event.name, note);
        note = undefined;
        break;
      case "done":
        done = true;
        setTimeout(end, command.lingers ? 0 : FAREWELL_MS).unref();
        break;
    }
  };

  return new Promise((resolve, reject) => {
    const lines = new Lines();
    let errors = "";
    child.stdout.on("data", (bytes: Uint8Array) => {
      for (const text of lines.push(bytes)) line(text);
    });
    child.stderr.on("data", (bytes: Uint8Array) => {
      errors = (errors + new TextDecoder().decode(bytes)).slice(-20_000);
    });
    const finish = () => {
      clearTimeout(timer);
      process.off("exit", end);
    };
    child.on("error", (error) => {
      finish();
      reject(error);
    });
    child.on("close", () => {
      finish();
      tail.push(...errors.split("\n").filter((text) => text !== ""));
      resolve({
        linux,
        init,
        kernels,
        unfinished: done ? undefined : current,
        done,
        peak,
        engine: parseStatistics(errors),
        thread,
        tail: tail.slice(-TAIL_LINES),
        notes,
      });
    });
  });
}
