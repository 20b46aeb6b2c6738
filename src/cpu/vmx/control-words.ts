/**
 * The five words of controls of a VMCS, read once (SDM vol. 3, 25.6-25.8), and the questions that everybody asks them.
 */
import { EntryControl, ExitControl, PinControl, PrimaryControl, SecondaryControl } from "./controls.js";
import { VmcsField } from "./fields.js";

export class ControlWords {
  readonly pin: number;
  readonly primary: number;
  /** 0 where "activate secondary controls" is 0. */
  readonly secondary: number;
  readonly exit: number;
  readonly entry: number;

  /** @param word reads a 32-bit field */
  constructor(word: (field: number) => number) {
    this.pin = word(VmcsField.PIN_CONTROLS);
    this.primary = word(VmcsField.PRIMARY_CONTROLS);
    const secondary = this.hasPrimary("activateSecondaryControls");
    this.secondary = secondary ? word(VmcsField.SECONDARY_CONTROLS) : 0;
    this.exit = word(VmcsField.EXIT_CONTROLS);
    this.entry = word(VmcsField.ENTRY_CONTROLS);
  }

  hasPin(control: keyof typeof PinControl): boolean {
    return (this.pin & PinControl[control]) !== 0;
  }
  hasPrimary(control: keyof typeof PrimaryControl): boolean {
    return (this.primary & PrimaryControl[control]) !== 0;
  }
  hasSecondary(control: keyof typeof SecondaryControl): boolean {
    return (this.secondary & SecondaryControl[control]) !== 0;
  }
  hasExit(control: keyof typeof ExitControl): boolean {
    return (this.exit & ExitControl[control]) !== 0;
  }
  hasEntry(control: keyof typeof EntryControl): boolean {
    return (this.entry & EntryControl[control]) !== 0;
  }
}
