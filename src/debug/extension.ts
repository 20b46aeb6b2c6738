/**
 * What a debugger is told of VT-x by who knows more of it than this room: src/inspect/debug-extension.ts. A target without
 * it debugs all the same.
 */
import type { TransitionStop } from "../machine/debug-transitions.js";
import type { MemoryView, VmxView } from "./gdb/target.js";

/** A `monitor` command. */
export interface MonitorCommand {
  /** One word, or two. */
  readonly name: string;
  readonly parameters?: string;
  readonly help: string;
  /** Answers with lines of text. */
  run(words: readonly string[]): readonly string[];
}

export interface DebugExtension {
  readonly commands: readonly MonitorCommand[];
  /** Answers lines that are no `monitor` command of anybody else. */
  answer(line: string): readonly string[];
  /** Words that {@link answer} knows as commands. */
  readonly words: readonly string[];
  /** Where the run has stopped, and why, in words. */
  describeStop(stop: TransitionStop): readonly string[];
  /** Whether the view leads anywhere now: some need a current VMCS. */
  hasView(view: MemoryView): boolean;
  /** Physical address; undefined where nothing is mapped. */
  translate(view: VmxView, address: bigint): number | undefined;
}
