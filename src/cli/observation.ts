/** `--trace` and `--stats vt`: what is observed, where it is written, and the monitor's view of it. */
import { closeSync, openSync, writeSync } from "node:fs";
import { UsageError } from "../host/usage-error.js";
import { Monitor } from "../inspect/monitor.js";
import { TraceEventWriter } from "../inspect/trace-event.js";
import { type Traced, TranslationTrace } from "../inspect/translation-trace.js";
import type { VtSink } from "../inspect/vt-event.js";
import { VtRecorder } from "../inspect/vt-recorder.js";
import { VtStatistics } from "../inspect/vt-statistics.js";
import { VtTrace } from "../inspect/vt-trace.js";
import type { Machine } from "../machine/machine.js";

const SUBJECTS = ["vt", "vt-failures", "translate"] as const;
export type TraceFormat = "text" | "perfetto";

export interface TraceChoice {
  readonly subject: (typeof SUBJECTS)[number];
  readonly format: TraceFormat;
  /** Standard error, if there is none. */
  readonly file: string | undefined;
}

/** `vt`, `vt=FILE`, `translate=FILE`, … */
export function parseTrace(
  text: string | undefined,
  format: TraceFormat | undefined,
): TraceChoice | undefined {
  if (text === undefined) {
    if (format !== undefined) throw new UsageError("--trace-format goes with --trace: add --trace vt=FILE.");
    return undefined;
  }
  const [name, ...path] = text.split("=");
  const subject = SUBJECTS.find((known) => known === name);
  if (subject === undefined) {
    const choices = `${SUBJECTS.slice(0, -1).join(", ")} or ${SUBJECTS.at(-1)}`;
    throw new UsageError(`--trace takes ${choices}, and =FILE after it, not "${text}".`);
  }
  const file = path.length === 0 ? undefined : path.join("=");
  if (file === "") throw new UsageError(`The file after --trace ${subject}= is missing.`);
  if (format === "perfetto") {
    if (file === undefined) throw new UsageError("--trace-format perfetto needs a file: --trace vt=FILE.");
    if (subject !== "vt") throw new UsageError("--trace-format perfetto is for --trace vt=FILE.");
  }
  return { subject, format: format ?? "text", file };
}

/** Text is written in pieces of about so many characters. */
const PIECE = 0x1_0000;

/** A file that is complete up to the last piece whatever happens to the process. */
class TextFile {
  private readonly descriptor: number;
  private pending = "";

  constructor(path: string) {
    try {
      this.descriptor = openSync(path, "w");
    } catch (error) {
      throw new UsageError(`The file ${path} cannot be written: ${(error as NodeJS.ErrnoException).code}.`);
    }
  }

  write(text: string): void {
    this.pending += text;
    if (this.pending.length >= PIECE) this.flush();
  }

  close(): void {
    this.flush();
    closeSync(this.descriptor);
  }

  private flush(): void {
    const bytes = Buffer.from(this.pending);
    this.pending = "";
    for (let done = 0; done < bytes.length; ) done += writeSync(this.descriptor, bytes, done);
  }
}

/** A trace whose file, if it has one, is open. */
export interface TraceOutput extends TraceChoice {
  write(text: string): void;
  close(): void;
}

/** @throws UsageError for a file that cannot be written */
export function openTrace(choice: TraceChoice | undefined): TraceOutput | undefined {
  if (choice === undefined) return undefined;
  const file = choice.file === undefined ? undefined : new TextFile(choice.file);
  return {
    ...choice,
    write: (text) => (file ? file.write(text) : process.stderr.write(text)),
    close: () => file?.close(),
  };
}

function observeTranslation(machine: Machine, write: (text: string) => void): void {
  const traced: Traced = {
    get time() {
      return machine.time;
    },
    physical: ({ page, start }) => {
      const host = page * 4096;
      const ram = machine.parts.physical.ramRegions.find(
        (region) => host >= region.host && host < region.host + region.end - region.start,
      );
      return ram && ram.start + host - ram.host + start;
    },
  };
  machine.observeTranslation(new TranslationTrace(traced, write));
}

export class Observation {
  private readonly statistics: VtStatistics | undefined;
  private readonly sinks: VtSink[] = [];
  private readonly recorder: VtRecorder;
  private observing = false;

  constructor(
    private readonly machine: Machine,
    private readonly trace: TraceOutput | undefined,
    statistics: boolean,
  ) {
    if (trace) {
      const write = (text: string) => {
        // What the guest printed before comes before.
        machine.console.flush();
        trace.write(text);
      };
      if (trace.subject === "translate") observeTranslation(machine, write);
      else if (trace.format === "perfetto") this.sinks.push(new TraceEventWriter(write));
      else this.sinks.push(new VtTrace(write, trace.subject === "vt" ? undefined : "failures"));
    }
    this.statistics = statistics ? new VtStatistics() : undefined;
    if (this.statistics) this.sinks.push(this.statistics);
    this.recorder = new VtRecorder(machine, this.sinks);
    if (this.sinks.length > 0) this.observe();
  }

  private observe(): void {
    if (!this.observing) this.machine.observeVmx(this.recorder);
    this.observing = true;
  }

  /** VM exits are kept from now on. */
  monitor(quit: () => void): Monitor {
    this.observe();
    return new Monitor(this.machine, this.recorder, quit);
  }

  /** The machine has ended: completes the trace. Returns the lines of `--stats vt`. */
  end(): readonly string[] {
    this.machine.observeVmx(undefined);
    this.recorder.end();
    this.trace?.close();
    return this.statistics?.lines() ?? [];
  }
}
