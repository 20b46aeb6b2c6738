/**
 * What `--stats vt` prints: VM exits by reason, with the instructions that guests executed before them and the
 * hypervisor after them, and the VM entries that failed.
 */
import { VM_ERROR_TEXT } from "../cpu/vmx/errors.js";
import { exitName } from "./exit-names.js";
import { table } from "./text.js";
import type { FailureEvent, Moment, VtEvent, VtSink } from "./vt-event.js";

interface Row {
  exits: number;
  /** Instructions between VM entry and this VM exit, in all. */
  guest: number;
  /** Instructions between this VM exit and the next VM entry, in all. */
  hypervisor: number;
}

const each = (total: number, count: number): number => Math.round(total / count);

export class VtStatistics implements VtSink {
  private readonly rows = new Map<number, Row>();
  private readonly failures = new Map<string, number>();
  private entries = 0;
  private entered: Moment | undefined;
  private left: { readonly row: Row; readonly at: Moment } | undefined;

  event(event: VtEvent): void {
    switch (event.kind) {
      case "entry":
        this.entries++;
        this.endHandling(event);
        this.entered = event;
        break;
      case "exit": {
        const row = this.rowOf(event.reason);
        row.exits++;
        if (this.entered !== undefined) row.guest += event.instructions - this.entered.instructions;
        this.entered = undefined;
        this.left = { row, at: event };
        break;
      }
      case "failure": {
        const name = failureName(event);
        this.failures.set(name, (this.failures.get(name) ?? 0) + 1);
        break;
      }
      case "abort":
    }
  }

  end(at: Moment): void {
    this.endHandling(at);
  }

  private endHandling(at: Moment): void {
    if (this.left !== undefined) this.left.row.hypervisor += at.instructions - this.left.at.instructions;
    this.left = undefined;
  }

  private rowOf(reason: number): Row {
    let row = this.rows.get(reason);
    if (row === undefined) {
      row = { exits: 0, guest: 0, hypervisor: 0 };
      this.rows.set(reason, row);
    }
    return row;
  }

  /** The most frequent first. */
  lines(): string[] {
    if (this.entries === 0 && this.failures.size === 0) return ["no VM entry"];
    const sorted = [...this.rows].sort(([, a], [, b]) => b.exits - a.exits);
    const sum = (key: keyof Row) => sorted.reduce((total, [, row]) => total + row[key], 0);
    const exits = sum("exits");
    const line = (name: string, row: Row) => [
      name,
      row.exits,
      `${((row.exits / exits) * 100).toFixed(1)}%`.padStart(6),
      row.guest,
      each(row.guest, row.exits),
      row.hypervisor,
      each(row.hypervisor, row.exits),
    ];
    const lines = [`${this.entries} VM entries, ${exits} VM exits`];
    if (exits > 0) {
      lines.push(
        ...table([
          [
            "exit reason",
            "exits",
            "share",
            "guest instructions before",
            "each",
            "hypervisor's after",
            "each",
          ],
          ...sorted.map(([reason, row]) => line(`${exitName(reason)} (${reason})`, row)),
          line("all", { exits, guest: sum("guest"), hypervisor: sum("hypervisor") }),
        ]),
      );
    }
    for (const [name, count] of this.failures) lines.push(`failed VM entries: ${count} by ${name}`);
    return lines;
  }
}

function failureName({ failure, reason, error }: FailureEvent): string {
  if (failure !== undefined) return `the rule ${failure.rule.name} (SDM vol. 3, ${failure.rule.section})`;
  if (reason !== undefined) return exitName(reason);
  return error === undefined ? "without a current VMCS" : VM_ERROR_TEXT[error];
}
