/**
 * The checks of VM entry as rules: each has a name, the manual's section, a sentence, and the fields it looks at.
 * Processors check in no fixed order within a group; here it is the manual's.
 */
import { findField, VmcsField, type VmcsFieldName } from "../fields.js";
import type { EntryView } from "./view.js";

export interface Rule {
  readonly name: string;
  /** SDM vol. 3. */
  readonly section: string;
  /** What must be so, in our words. */
  readonly text: string;
  readonly fields: readonly VmcsFieldName[];
  readonly holds: (v: EntryView) => boolean;
  /** Exit qualification of the failed VM entry, where it says more than 0 (27.8). */
  readonly qualification?: number;
}

/** Rules that apply only under a condition. */
export interface RuleGroup {
  readonly when?: (v: EntryView) => boolean;
  readonly rules: readonly Rule[];
}

/** A rule that did not hold, with what its fields held. */
export interface RuleFailure {
  readonly rule: Rule;
  readonly values: readonly (readonly [field: VmcsFieldName, value: bigint])[];
}

/** The first rule that does not hold. */
export function firstFailure(v: EntryView, groups: readonly RuleGroup[]): RuleFailure | undefined {
  for (const { when, rules } of groups) {
    if (when !== undefined && !when(v)) continue;
    for (const rule of rules) {
      if (rule.holds(v)) continue;
      return { rule, values: rule.fields.map((name) => [name, v.vmcs.read(VmcsField[name])] as const) };
    }
  }
  return undefined;
}

/** For the log: `guest CR0 … (27.3.1.1): guest CR0 = 10h`. */
export function describeFailure({ rule, values }: RuleFailure): string {
  const shown = values.map(([name, value]) => `${findField(VmcsField[name])?.name} = ${value.toString(16)}h`);
  return `${rule.name} (SDM vol. 3, ${rule.section}): ${rule.text}. Found: ${shown.join(", ")}`;
}

type Holds = Rule["holds"];

/** Writes the rules of one section. */
export const section =
  (number: string) =>
  (
    name: string,
    text: string,
    fields: readonly VmcsFieldName[],
    holds: Holds,
    qualification?: number,
  ): Rule => ({
    name,
    section: number,
    text,
    fields,
    holds,
    ...(qualification === undefined ? {} : { qualification }),
  });
