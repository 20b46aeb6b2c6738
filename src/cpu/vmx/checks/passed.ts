/**
 * Remembers that a VMCS passed the checks of its controls and of the host's state. Hypervisors hardly ever change these
 * between two VM entries, and to compare them costs a tenth of checking them.
 */
import { VmcsField as F, type FieldType, VMCS_FIELDS } from "../fields.js";
import { fieldOffset } from "../vmcs.js";
import type { EntryView } from "./view.js";

/** Offsets of the words of the region that hold control fields and host state. */
const WORDS: readonly number[] = [
  ...new Set(
    VMCS_FIELDS.filter(({ type }) => (["control", "host"] as readonly FieldType[]).includes(type)).flatMap(
      ({ encoding, width }) => {
        const at = fieldOffset(encoding) & ~3;
        return width === 64 || width === "natural" ? [at, at + 4] : [at];
      },
    ),
  ),
];

/** The checks look at more than these fields: at guest CR0 for an injected event, at VTPR for a TPR threshold. */
const looksElsewhere = (v: EntryView): boolean =>
  v.injection !== 0 || (v.hasPrimary("useTprShadow") && v.low(F.TPR_THRESHOLD) !== 0);

export class PassedChecks {
  private pointer = -1n;
  private longModeActive = false;
  private readonly words = new Int32Array(WORDS.length);

  /** Whether what the checks look at is as it was when they passed. */
  has(v: EntryView): boolean {
    return (
      v.vmcs.pointer === this.pointer &&
      v.environment.longModeActive === this.longModeActive &&
      !looksElsewhere(v) &&
      v.vmcs.matches(WORDS, this.words)
    );
  }

  note(v: EntryView): void {
    this.pointer = v.vmcs.pointer;
    this.longModeActive = v.environment.longModeActive;
    v.vmcs.copyWords(WORDS, this.words);
  }
}
