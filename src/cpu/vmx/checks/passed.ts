/**
 * Checks that are not made again while nothing that they look at has changed. What that is, is noted while they are made:
 * the same words, read by the same rules, break none of them.
 */
import type { Vmcs } from "../vmcs.js";
import { firstFailure, type RuleFailure, type RuleGroup } from "./rule.js";
import { type EntryEnvironment, EntryView } from "./view.js";

/** Passed checks that are remembered: of several VMCSs, or of a guest that goes to and fro between privilege levels. */
const REMEMBERED = 4;

export class RepeatedChecks {
  private readonly passed: EntryView[] = [];
  /** The one that was met last. */
  private last = 0;

  constructor(private readonly groups: readonly RuleGroup[]) {}

  /** The first rule that does not hold. */
  firstFailure(vmcs: Vmcs, environment: EntryEnvironment): RuleFailure | undefined {
    const { passed } = this;
    if (this.last < passed.length && passed[this.last]!.repeats(vmcs, environment)) return undefined;
    for (let i = 0; i < passed.length; i++) {
      if (!passed[i]!.repeats(vmcs, environment)) continue;
      this.last = i;
      return undefined;
    }
    const view = new EntryView(vmcs, environment);
    const failure = firstFailure(view, this.groups);
    if (failure === undefined && view.repeatable) {
      this.last = passed.length < REMEMBERED ? passed.length : (this.last + 1) % REMEMBERED;
      passed[this.last] = view;
    }
    return failure;
  }
}
