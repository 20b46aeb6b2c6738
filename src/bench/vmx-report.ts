/**
 * The figures of nested virtualization, from the runs of one machine.
 */
import { rate } from "./figures.js";
import type { RunResult } from "./measure.js";
import { quantity, table } from "./report.js";

export interface NestedFigures {
  readonly machine: string;
  /** A second of processor time of the busiest thread; NaN where nothing was measured. */
  readonly exits: number;
  readonly outerLoop: number;
  readonly innerLoop: number;
  /** Everything ran to its end, and both loops came to the same sum. */
  readonly good: boolean;
}

export interface NestedMachine {
  readonly name: string;
  /**
   * False where the serial port stands still while the inner guest loops (Bochs): its marks then come late, and
   * the time between them says nothing.
   */
  readonly loopIsTimed: boolean;
}

export function nestedFigures(machine: NestedMachine, runs: readonly RunResult[]): NestedFigures {
  const all = runs.flatMap((run) => run.kernels);
  const named = (name: string) => all.filter((result) => result.name === name);
  const inner = named("kvm_loop");
  const sums = new Set([...named("outer_loop"), ...inner].map((result) => result.checksum));
  return {
    machine: machine.name,
    exits: rate(named("kvm_exits")),
    outerLoop: rate(named("outer_loop")),
    innerLoop: machine.loopIsTimed ? rate(inner) : Number.NaN,
    good: runs.every((run) => run.done) && inner.length === runs.length && sums.size === 1,
  };
}

export function nestedReport(rows: readonly NestedFigures[]): string {
  return table([
    ["machine", "VM exits a second", "loop, outer guest", "loop, inner guest", ""],
    ...rows.map((row) => [
      row.machine,
      ...[row.exits, row.outerLoop, row.innerLoop].map(quantity),
      row.good ? "right" : "FAILED",
    ]),
  ]);
}
