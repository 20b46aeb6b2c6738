/**
 * The saved state of a local APIC: plain numbers, booleans, strings and arrays, so that it survives JSON.
 * Times are absolute ticks: the machine sets the virtual clock before it restores. 64-bit values are decimal
 * strings.
 */

export interface InterruptFileState {
  readonly irr: readonly number[];
  readonly isr: readonly number[];
  readonly tmr: readonly number[];
  readonly tpr: number;
}

export interface ApicTimerState {
  readonly divide: number;
  readonly initial: number;
  readonly start: number;
  readonly running: boolean;
  readonly deadline: string;
}

export interface ErrorStatusState {
  readonly latched: number;
  readonly logged: number;
}

export interface LocalApicState {
  /** Raised whenever the shape or the meaning of a field changes. */
  readonly version: 1;
  /** IA32_APIC_BASE. */
  readonly base: string;
  readonly xapicId: number;
  readonly ldr: number;
  readonly dfr: number;
  readonly svr: number;
  readonly icrLow: number;
  readonly icrHigh: number;
  readonly lvt: readonly number[];
  /** Levels of LINT0 (bit 0) and LINT1 (bit 1). */
  readonly lines: number;
  readonly extIntMessage: boolean;
  readonly errors: ErrorStatusState;
  readonly interrupts: InterruptFileState;
  readonly timer: ApicTimerState;
}
