/**
 * The error status register (Intel SDM vol. 3, 11.5.3 "Error handling").
 *
 * A write moves what was logged since the last write into the readable register; reads show nothing newer.
 * The write also arms the error interrupt again: it is raised by the first error after it.
 */
import type { ErrorStatusState } from "./state.js";

export class ErrorStatus {
  private latched = 0;
  private logged = 0;

  /** @param raise sends the interrupt of LVT error. */
  constructor(private readonly raise: () => void) {}

  log(error: number): void {
    const armed = this.logged === 0;
    this.logged |= error;
    if (armed) this.raise();
  }

  read(): number {
    return this.latched;
  }

  write(): void {
    this.latched = this.logged;
    this.logged = 0;
  }

  reset(): void {
    this.latched = 0;
    this.logged = 0;
  }

  save(): ErrorStatusState {
    return { latched: this.latched, logged: this.logged };
  }

  restore(state: ErrorStatusState): void {
    this.latched = state.latched;
    this.logged = state.logged;
  }
}
