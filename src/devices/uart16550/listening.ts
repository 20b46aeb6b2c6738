/**
 * Whether the guest is ready for what is typed: the other end of a serial line with hardware flow control
 * sends only then, and so nothing is lost that came before the guest had its driver up.
 *
 * A guest is ready when it raises RTS. Some never do: those that leave the modem lines alone are ready when
 * they enable the receive interrupt, or while they poll, which is reading LSR again and again.
 */
import { Ier, Mcr, Register } from "./registers.js";

/** So many reads of LSR in a row are polling; drivers that look whether they may send read it once. */
const POLLS = 3;

export class Listening {
  /** Whether the guest is ready. */
  now = false;
  private polls = 0;

  /** Takes notice of an access, after it; returns whether the guest became ready by it. */
  access(register: number, write: boolean, mcr: number, ier: number): boolean {
    const before = this.now;
    this.polls = register === Register.lsr && !write ? Math.min(this.polls + 1, POLLS) : 0;
    const modemUnused = (mcr & (Mcr.dtr | Mcr.rts)) === 0;
    this.now = (mcr & Mcr.rts) !== 0 || (modemUnused && (ier & Ier.received) !== 0) || this.polls === POLLS;
    return this.now && !before;
  }
}
