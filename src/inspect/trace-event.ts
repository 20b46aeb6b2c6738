/**
 * VT events in the Trace Event format, which Perfetto (ui.perfetto.dev) and Chrome's tracing show: a slice for each
 * stretch that a guest runs, on a row of its VMCS; a slice for what the hypervisor does with each VM exit; an instant
 * for VM exits, failed VM entries and VMX aborts. Times are microseconds of virtual time.
 *
 * The array form of the format: a file that was cut off can be read nevertheless.
 */
import { describeCause } from "./exit-cause.js";
import { exitName } from "./exit-names.js";
import { hex } from "./text.js";
import type { EntryEvent, ExitEvent, FailureEvent, Moment, VtEvent, VtSink } from "./vt-event.js";
import { entryLine, failureLines } from "./vt-trace.js";

const PROCESS = 1;
const HYPERVISOR_ROW = 1;
const NANOSECONDS = 1000;

interface TraceEvent {
  readonly name: string;
  /** X: slice, i: instant, M: metadata. */
  readonly ph: "X" | "i" | "M";
  readonly ts?: number;
  readonly dur?: number;
  readonly tid?: number;
  readonly args?: Readonly<Record<string, string | number>>;
}

export class TraceEventWriter implements VtSink {
  private entry: EntryEvent | undefined;
  private exit: ExitEvent | undefined;
  private readonly rows = new Map<bigint, number>();
  private first = true;

  /** @param write gets pieces of the file */
  constructor(private readonly write: (text: string) => void) {
    this.put({ name: "process_name", ph: "M", args: { name: "vt86" } });
    this.nameRow(HYPERVISOR_ROW, "hypervisor");
  }

  event(event: VtEvent): void {
    switch (event.kind) {
      case "entry":
        this.endHandling(event);
        this.entry = event;
        break;
      case "exit":
        this.instant(event, HYPERVISOR_ROW, exitName(event.reason), this.exitDetails(event));
        this.endGuest(event, exitName(event.reason));
        this.exit = event;
        break;
      case "failure":
        this.instant(event, HYPERVISOR_ROW, "VM entry failed", failureDetails(event));
        break;
      case "abort":
        this.endGuest(event, "VMX abort");
        this.instant(event, HYPERVISOR_ROW, "VMX abort", { indicator: event.indicator });
    }
  }

  end(at: Moment): void {
    this.endGuest(at, "the machine ended");
    this.endHandling(at);
    this.write("\n]\n");
  }

  /** What ran until now was the guest. */
  private endGuest(at: Moment, why: string): void {
    const { entry } = this;
    this.entry = undefined;
    if (entry === undefined) return;
    this.slice("guest", this.rowOf(entry.vmcs), entry, at, { entry: entryLine(entry), "ended by": why });
  }

  /** What ran until now was the hypervisor, because of the last VM exit. */
  private endHandling(at: Moment): void {
    const { exit } = this;
    this.exit = undefined;
    if (exit === undefined) return;
    this.slice(`handles ${exitName(exit.reason)}`, HYPERVISOR_ROW, exit, at, this.exitDetails(exit));
  }

  private exitDetails(exit: ExitEvent): Record<string, string | number> {
    const cause = describeCause(exit);
    return {
      reason: exit.reason,
      qualification: hex(exit.qualification),
      "guest RIP": hex(exit.rip),
      VMCS: hex(exit.vmcs),
      ...(cause === "" ? {} : { cause }),
    };
  }

  private rowOf(vmcs: bigint): number {
    let row = this.rows.get(vmcs);
    if (row === undefined) {
      row = HYPERVISOR_ROW + 1 + this.rows.size;
      this.rows.set(vmcs, row);
      this.nameRow(row, `guest of VMCS ${hex(vmcs)}`);
    }
    return row;
  }

  private nameRow(tid: number, name: string): void {
    this.put({ name: "thread_name", ph: "M", tid, args: { name } });
  }

  private instant(at: Moment, tid: number, name: string, args: TraceEvent["args"]): void {
    this.put({ name, ph: "i", ts: at.time / NANOSECONDS, tid, ...(args && { args }) });
  }

  private slice(
    name: string,
    tid: number,
    from: Moment,
    to: Moment,
    details: Readonly<Record<string, string | number>>,
  ): void {
    const args = { ...details, instructions: to.instructions - from.instructions };
    const ts = from.time / NANOSECONDS;
    this.put({ name, ph: "X", ts, dur: (to.time - from.time) / NANOSECONDS, tid, args });
  }

  private put(event: TraceEvent): void {
    const scope = event.ph === "i" ? { s: "t" } : {};
    const text = JSON.stringify({ ...event, ...scope, cat: "vt", pid: PROCESS });
    this.write(this.first ? `[\n${text}` : `,\n${text}`);
    this.first = false;
  }
}

function failureDetails(event: FailureEvent): Record<string, string> {
  const [what = "", ...rule] = failureLines(event);
  return rule.length === 0 ? { what } : { what, rule: rule.map((line) => line.trim()).join("; ") };
}
