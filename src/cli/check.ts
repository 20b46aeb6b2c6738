/**
 * `--engine check`: the guest runs on two machines, of which one only interprets and the other translates, and their
 * registers are compared every few hundred instructions. What the person sees and types is the translating one's.
 */
import { breathe, Sleep } from "../host/pause.js";
import { differenceLines, memoryLines, TranslationRecord } from "../inspect/lockstep-report.js";
import { Lockstep } from "../machine/lockstep.js";
import type { Machine, MachineExit } from "../machine/machine.js";
import { ExitStatus, type Runner } from "./attend.js";

/** Most instructions between two comparisons. */
const STEP = 1000;
/** Instructions between two looks at the host's events. */
const SLICE = 100_000;
/** Pages that are named where RAM differs. */
const MOST_PAGES = 16;

export interface CheckOptions {
  readonly reference: Machine;
  readonly subject: Machine;
  /** Gets the report of a difference. */
  readonly say: (lines: readonly string[]) => void;
  /** Gets what is of interest otherwise, a sentence without its full stop. */
  readonly progress: (text: string) => void;
}

export class Check implements Runner {
  status: number | undefined;
  private readonly record = new TranslationRecord();
  private readonly sleep = new Sleep();
  private ending = false;

  constructor(private readonly options: CheckOptions) {
    options.subject.observeTranslation(this.record);
  }

  input(bytes: Uint8Array): void {
    const { reference, subject } = this.options;
    for (const machine of [reference, subject]) machine.console.write(bytes);
    this.sleep.wake();
  }

  end(): void {
    this.ending = true;
    this.sleep.wake();
  }

  async run(): Promise<MachineExit> {
    const { reference, subject } = this.options;
    const lockstep = new Lockstep(reference, subject, STEP);
    let exit: MachineExit | undefined;
    this.trace();
    try {
      while (!exit && !this.ending && this.status === undefined) {
        const limit = reference.instructions + SLICE;
        const difference = lockstep.run(limit);
        for (const machine of [reference, subject]) machine.console.flush();
        if (difference) {
          const memory = new Uint8Array(subject.rawMemory);
          this.fail(differenceLines(difference, this.record, memory));
        } else if (subject.ended) {
          // After a reset, time and the count of instructions begin anew.
          reference.conclude();
          exit = subject.conclude();
          if (!exit) this.trace();
        } else if (reference.instructions < limit && subject.parts.timeline.next === Number.POSITIVE_INFINITY)
          await this.sleep.wait(Number.POSITIVE_INFINITY);
        else await breathe();
      }
      await this.compareMemory(lockstep);
    } finally {
      subject.console.end();
      reference.dispose();
    }
    return exit ?? { reason: "paused" };
  }

  /** Translated functions tell when they are entered. */
  private trace(): void {
    const { translator } = this.options.subject.parts;
    if (translator) translator.traced = true;
  }

  private async compareMemory(lockstep: Lockstep): Promise<void> {
    const { reference, subject, progress } = this.options;
    const differences = lockstep.memoryDifferences(MOST_PAGES);
    if (differences.length > 0) this.fail(memoryLines(differences, MOST_PAGES));
    if (this.status !== undefined) return;
    const [expected, actual] = await Promise.all([reference.hash(), subject.hash()]);
    if (expected !== actual)
      this.fail([`The states differ at the end: ${expected} interpreted, ${actual} translated.`]);
    else
      progress(
        `no difference after ${subject.instructions} instructions; RAM and registers of both are ${actual}`,
      );
  }

  private fail(lines: readonly string[]): void {
    this.status = ExitStatus.guestFailed;
    this.options.say(lines);
  }
}
