/**
 * One function on the PCI bus, as the root knows it, and the INTx wire of a function.
 */
import type { IrqLine } from "../../cpu/interrupt-bus.js";
import { Command, type ConfigSpace, Header, STATUS_INTERRUPT } from "./config-space.js";

/** What {@link PciRoot.add} takes. Devices implement it; their registers live behind their BARs. */
export interface PciFunction {
  readonly config: ConfigSpace;
}

/**
 * The INTx pin of a function: drives its wire unless the command register disables it, and shows its level in
 * the status register (PCI 3.0, 6.2.2 and 6.2.3).
 */
export class IntxPin {
  constructor(
    private readonly config: ConfigSpace,
    private readonly wire: IrqLine,
  ) {
    config.onWrite(Header.command, 2, () => this.follow());
  }

  get level(): boolean {
    return (this.config.get(Header.status, 2) & STATUS_INTERRUPT) !== 0;
  }

  set(level: boolean): void {
    const status = this.config.get(Header.status, 2);
    this.config.set(Header.status, 2, level ? status | STATUS_INTERRUPT : status & ~STATUS_INTERRUPT);
    this.follow();
  }

  private follow(): void {
    this.wire(this.level && !(this.config.get(Header.command, 2) & Command.intxDisable));
  }
}
