/**
 * Processor time and memory of another process, from Linux's /proc (proc(5)).
 *
 * The headline of every measurement is the processor time of the process' busiest thread: on a machine that
 * is shared with others it is close to what the wall time would be on an idle one. Waiting for a processor
 * does not count, nor do compiler threads in the background.
 */
import { readdirSync, readFileSync } from "node:fs";
import { UsageError } from "../host/usage-error.js";

/** Seconds of processor time by thread id. */
export type ThreadTimes = ReadonlyMap<string, number>;

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // the thread or process has ended
  }
}

export function threadTimes(pid: number): ThreadTimes {
  const times = new Map<string, number>();
  let threads: string[] = [];
  try {
    threads = readdirSync(`/proc/${pid}/task`);
  } catch {
    return times;
  }
  for (const thread of threads) {
    // "time on the processor, time waiting, number of slices": nanoseconds first.
    const nanoseconds = Number.parseInt(read(`/proc/${pid}/task/${thread}/schedstat`), 10);
    if (Number.isFinite(nanoseconds)) times.set(thread, nanoseconds / 1e9);
  }
  return times;
}

/** What the thread that did most between two readings took, in seconds; NaN when nothing was read. */
export function busiest(from: ThreadTimes, to: ThreadTimes): number {
  let most = Number.NaN;
  for (const [thread, time] of to) {
    const spent = time - (from.get(thread) ?? 0);
    if (!(spent <= most)) most = spent;
  }
  return most;
}

const status = (pid: number, field: RegExp): number =>
  Number(field.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) * 1024;

/** Highest amount of memory that the process ever had resident, in bytes; 0 when it has ended. */
export const peakResident = (pid: number): number => status(pid, /VmHWM:\s+(\d+)/);

/** What it has resident now. */
export const resident = (pid: number): number => status(pid, /VmRSS:\s+(\d+)/);

/** @throws UsageError where the host keeps no such accounts */
export function checkAccounts(): void {
  if (threadTimes(process.pid).size === 0) {
    throw new UsageError(
      "the benchmark reads the processor time of threads from /proc/PID/task/*/schedstat, which this system does not have: run it on Linux.",
    );
  }
}
