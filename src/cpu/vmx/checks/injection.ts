/** Checks on the fields of event injection (SDM vol. 3, 27.2.1.3). They belong to the VM-entry controls. */
import { Vector } from "../../../isa/emit.js";
import { EventKind, hasErrorCode } from "../../event.js";
import { VmcsField as F } from "../fields.js";
import { type RuleGroup, section } from "./rule.js";
import type { EntryView } from "./view.js";

const rule = section("27.2.1.3");

const RESERVED_TYPE = 1;
const OTHER_EVENT = 7;
const DELIVER_ERROR_CODE = 0x800;
const RESERVED_BITS = 0x7fff_f000;
const LONGEST_INSTRUCTION = 15;

const deliversErrorCode = (v: EntryView): boolean => (v.injection & DELIVER_ERROR_CODE) !== 0;

/** Whether delivery of the exception pushes an error code. #CP does so only on processors with CET. */
function pushesErrorCode(v: EntryView): boolean {
  if (v.injectionType !== EventKind.hardwareException) return false;
  if (v.unrestricted && !v.protectedMode) return false;
  return v.injectionVector !== Vector.CP && hasErrorCode(v.injectionVector);
}

function isVectorOfType(v: EntryView): boolean {
  switch (v.injectionType) {
    case EventKind.nmi:
      return v.injectionVector === Vector.NMI;
    case EventKind.hardwareException:
      return v.injectionVector <= 31;
    case OTHER_EVENT:
      return v.injectionVector === 0;
    default:
      return true;
  }
}

const isSoftware = (v: EntryView): boolean =>
  v.injectionType >= EventKind.softwareInterrupt && v.injectionType <= EventKind.softwareException;

export const INJECTION_RULES: readonly RuleGroup[] = [
  {
    when: (v) => v.injection !== 0,
    rules: [
      rule(
        "injection: interruption type",
        "it is not 1, and 7 (other event) only on processors with the monitor trap flag",
        ["ENTRY_INTERRUPTION_INFO"],
        (v) =>
          v.injectionType !== RESERVED_TYPE &&
          (v.injectionType !== OTHER_EVENT || v.environment.capabilities.has("primary.monitorTrapFlag")),
      ),
      rule(
        "injection: vector",
        "an NMI has 2, a hardware exception at most 31, an other event 0",
        ["ENTRY_INTERRUPTION_INFO"],
        isVectorOfType,
      ),
      rule(
        "injection: deliver error code",
        "it is 1 for exactly the hardware exceptions that push an error code, in protected mode",
        ["ENTRY_INTERRUPTION_INFO", "GUEST_CR0", "SECONDARY_CONTROLS"],
        (v) => deliversErrorCode(v) === pushesErrorCode(v),
      ),
      rule(
        "injection: reserved bits",
        "bits 30:12 are 0",
        ["ENTRY_INTERRUPTION_INFO"],
        (v) => (v.injection & RESERVED_BITS) === 0,
      ),
      rule(
        "injection: error code",
        "bits 31:16 are 0",
        ["ENTRY_INTERRUPTION_INFO", "ENTRY_EXCEPTION_ERROR_CODE"],
        (v) => !deliversErrorCode(v) || v.within(F.ENTRY_EXCEPTION_ERROR_CODE, 0xffff),
      ),
      rule(
        "injection: instruction length",
        "for software interrupts and exceptions it is 1 to 15, or 0 where IA32_VMX_MISC[30] allows it",
        ["ENTRY_INTERRUPTION_INFO", "ENTRY_INSTRUCTION_LENGTH"],
        (v) => {
          if (!isSoftware(v)) return true;
          const length = v.low(F.ENTRY_INSTRUCTION_LENGTH);
          if (length === 0) return v.environment.capabilities.has("misc.injectZeroLength");
          return length <= LONGEST_INSTRUCTION;
        },
      ),
    ],
  },
];
