/**
 * Runs a machine with the person's terminal attached, to its end, a signal, or the time limit.
 */
import { constants } from "node:os";
import { engineStatistics } from "../inspect/engine-statistics.js";
import type { Monitor } from "../inspect/monitor.js";
import type { Machine, MachineExit } from "../machine/machine.js";
import { MonitorConsole } from "./monitor-console.js";
import type { Observation } from "./observation.js";
import { attachTerminal } from "./terminal.js";

/** Exit statuses of `vt86 run`. A signal that ended it gives 128 and its number, as shells say it. */
export const ExitStatus = { poweredOff: 0, guestFailed: 1, usage: 2, timeout: 124, signal: 128 } as const;

/** The longest time that a timer of the host can wait, in milliseconds. */
const LONGEST_TIMER = 2 ** 31 - 1;

export interface Attendance {
  /** Host time after which the machine is stopped; may be `Infinity`. */
  readonly seconds: number;
  /** Whether to print at the end what was counted. */
  readonly statistics: boolean;
  /** Of the machine; ends with it. */
  readonly observation: Observation;
  /** Runs the machine in the place of its own `run`: a debugger, or a comparison. */
  readonly runner?: Runner | undefined;
}

export interface Runner {
  run(): Promise<MachineExit>;
  /** The run is to end soon. */
  end(): void;
  /** Gets what is typed, in the place of the machine's console. */
  input?(bytes: Uint8Array): void;
  /** After the run: the exit status, where it is not the guest that decides. */
  readonly status?: number | undefined;
}

/** The status that says how the guest ended. */
function exitStatus(exit: MachineExit): number {
  switch (exit.reason) {
    case "power-off":
    case "reset":
    case "paused":
    case "breakpoint":
    case "watchpoint":
    case "vm-exit":
    case "vm-entry":
    case "vm-entry-failure":
      return ExitStatus.poweredOff;
    case "debug-exit":
      // QEMU's convention, so that the scripts that score kvm-unit-tests work unchanged.
      return ((exit.code << 1) | 1) & 0xff;
    case "triple-fault":
      return ExitStatus.guestFailed;
  }
}

/** Runs the machine, disposes of it, and returns the exit status. */
export async function attend(
  machine: Machine,
  { seconds, statistics, observation, runner }: Attendance,
): Promise<number> {
  /** Set when it was not the guest that ended the run. */
  let status: number | undefined;
  const stop = (why: number) => {
    status ??= why;
    machine.pause();
    runner?.end();
  };
  const onSignal = (signal: NodeJS.Signals) => stop(ExitStatus.signal + constants.signals[signal]);
  // Whoever read the output has gone: nobody is left to run for.
  const onOutputClosed = () => stop(ExitStatus.poweredOff);
  const signals = ["SIGTERM", "SIGHUP", "SIGINT"] as const;
  for (const signal of signals) process.once(signal, onSignal);
  process.stdout.on("error", onOutputClosed);
  const quit = () => stop(ExitStatus.poweredOff);
  let asked: Monitor | undefined;
  const monitor = new MonitorConsole({
    execute: (line) => asked?.execute(line) ?? [],
    write: (data) => process.stdout.write(data),
  });
  machine.console.listen((bytes) => monitor.print(bytes));
  const detach = attachTerminal({
    input: (bytes) => {
      if (monitor.open) monitor.input(bytes);
      else if (runner?.input) runner.input(bytes);
      else machine.console.write(bytes);
    },
    quit,
    monitor: () => {
      asked ??= observation.monitor(quit);
      monitor.toggle();
    },
    say: (text) => process.stderr.write(text),
  });
  const timer = Number.isFinite(seconds)
    ? setTimeout(() => stop(ExitStatus.timeout), Math.min(seconds * 1000, LONGEST_TIMER))
    : undefined;
  try {
    const started = performance.now();
    const exit = await (runner ?? machine).run();
    const took = (performance.now() - started) / 1000;
    if (monitor.open) monitor.toggle();
    if (statistics) printStatistics(machine, took);
    if (exit.reason === "triple-fault") {
      const { rip } = machine.registers();
      process.stderr.write(`vt86: the guest failed: triple fault at RIP ${rip.toString(16)}.\n`);
    }
    if (runner?.status !== undefined) return runner.status;
    return exit.reason === "paused" && status !== undefined ? status : exitStatus(exit);
  } finally {
    clearTimeout(timer);
    for (const signal of signals) process.off(signal, onSignal);
    detach();
    print(observation.end());
    machine.dispose();
  }
}

function printStatistics(machine: Machine, seconds: number): void {
  const rate = machine.instructions / seconds / 1e6;
  const lines = [
    `instructions ${machine.instructions} in ${seconds.toFixed(2)} s of host time: ${rate.toFixed(1)} million a second`,
    ...engineStatistics(machine.statistics, machine.instructions).map((line) => `  ${line}`),
  ];
  print(lines);
}

function print(lines: readonly string[]): void {
  for (const line of lines) process.stderr.write(`vt86: ${line}\n`);
}
