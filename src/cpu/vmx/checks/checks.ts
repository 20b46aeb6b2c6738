/** The checks of VM entry in the manual's order (SDM vol. 3, 27.2 and 27.3.1). */

import type { Vmcs } from "../vmcs.js";
import {
  ENTRY_CONTROL_RULES,
  ENTRY_MSR_RULES,
  EXECUTION_CONTROL_RULES,
  EXIT_CONTROL_RULES,
} from "./controls.js";
import { GUEST_OTHER_RULES } from "./guest-other.js";
import { GUEST_REGISTER_RULES } from "./guest-registers.js";
import { GUEST_SEGMENT_RULES } from "./guest-segments.js";
import { HOST_STATE_RULES } from "./host-state.js";
import { INJECTION_RULES } from "./injection.js";
import { RepeatedChecks } from "./passed.js";
import type { Rule, RuleFailure, RuleGroup } from "./rule.js";
import type { EntryEnvironment } from "./view.js";

const CONTROLS: readonly RuleGroup[] = [
  ...EXECUTION_CONTROL_RULES,
  ...EXIT_CONTROL_RULES,
  ...ENTRY_CONTROL_RULES,
  ...INJECTION_RULES,
  ...ENTRY_MSR_RULES,
];

/** A part each, of which the others are remembered when one has changed. */
const GUEST_PARTS: readonly (readonly RuleGroup[])[] = [
  GUEST_REGISTER_RULES,
  GUEST_SEGMENT_RULES,
  GUEST_OTHER_RULES,
];

/** The checks of one processor's VM entries. */
export class EntryChecks {
  private readonly controlChecks = new RepeatedChecks(CONTROLS);
  private readonly hostChecks = new RepeatedChecks(HOST_STATE_RULES);
  private readonly guestChecks = GUEST_PARTS.map((groups) => new RepeatedChecks(groups));

  /** A failure is VM-instruction error 7. */
  controls(vmcs: Vmcs, environment: EntryEnvironment): RuleFailure | undefined {
    return this.controlChecks.firstFailure(vmcs, environment);
  }

  /** A failure is VM-instruction error 8. */
  hostState(vmcs: Vmcs, environment: EntryEnvironment): RuleFailure | undefined {
    return this.hostChecks.firstFailure(vmcs, environment);
  }

  /** A failure is a failed VM entry with exit reason 33; {@link Rule.qualification} is its exit qualification (default 0). */
  guestState(vmcs: Vmcs, environment: EntryEnvironment): RuleFailure | undefined {
    for (const part of this.guestChecks) {
      const failure = part.firstFailure(vmcs, environment);
      if (failure !== undefined) return failure;
    }
    return undefined;
  }
}

/** Every rule there is, for documentation and tests. */
export const ALL_RULES: readonly Rule[] = [CONTROLS, HOST_STATE_RULES, ...GUEST_PARTS]
  .flat()
  .flatMap(({ rules }) => rules);
