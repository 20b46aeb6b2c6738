/** The saved state of a 16550A. */
import type { VersionedState } from "../../chipset/state.js";

export interface UartState extends VersionedState {
  readonly version: 1;
  readonly ier: number;
  readonly fcr: number;
  readonly lcr: number;
  readonly mcr: number;
  /** Sticky line status bits (errors); the others follow from the FIFO. */
  readonly errors: number;
  readonly msr: number;
  readonly scr: number;
  readonly divisor: number;
  /** Received bytes, each with its line status error bits in bits 15:8. */
  readonly received: readonly number[];
  readonly transmitPending: boolean;
  readonly timeoutPending: boolean;
  /** The tick of the receive time-out, or -1. */
  readonly timeoutAt: number;
  /** Modem inputs that the host drives, as MSR level bits. */
  readonly modem: number;
}
