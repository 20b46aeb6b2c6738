/** The checks of VM entry in the manual's order (SDM vol. 3, 27.2 and 27.3.1). */
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
import { firstFailure, type Rule, type RuleFailure, type RuleGroup } from "./rule.js";
import type { EntryView } from "./view.js";

const CONTROLS: readonly RuleGroup[] = [
  ...EXECUTION_CONTROL_RULES,
  ...EXIT_CONTROL_RULES,
  ...ENTRY_CONTROL_RULES,
  ...INJECTION_RULES,
  ...ENTRY_MSR_RULES,
];

const GUEST: readonly RuleGroup[] = [...GUEST_REGISTER_RULES, ...GUEST_SEGMENT_RULES, ...GUEST_OTHER_RULES];

/** A failure is VM-instruction error 7. */
export const checkControls = (v: EntryView): RuleFailure | undefined => firstFailure(v, CONTROLS);

/** A failure is VM-instruction error 8. */
export const checkHostState = (v: EntryView): RuleFailure | undefined => firstFailure(v, HOST_STATE_RULES);

/** A failure is a failed VM entry with exit reason 33; {@link Rule.qualification} is its exit qualification (default 0). */
export const checkGuestState = (v: EntryView): RuleFailure | undefined => firstFailure(v, GUEST);

/** Every rule there is, for documentation and tests. */
export const ALL_RULES: readonly Rule[] = [...CONTROLS, ...HOST_STATE_RULES, ...GUEST].flatMap(
  ({ rules }) => rules,
);
