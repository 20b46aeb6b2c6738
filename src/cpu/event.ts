/**
 * Events: exceptions and interrupts on their way through the IDT (SDM vol. 3, chapter 6).
 *
 * The kinds are numbered as in VMX interruption information (25.8.3), so that events can be injected and
 * reported without translation.
 */
import { Vector } from "../isa/emit.js";
import type { Fault } from "./fault.js";

export const EventKind = {
  external: 0,
  nmi: 2,
  hardwareException: 3,
  /** INT n. */
  softwareInterrupt: 4,
  /** INT1. */
  privilegedSoftwareException: 5,
  /** INT3 and INTO. */
  softwareException: 6,
} as const;
export type EventKind = (typeof EventKind)[keyof typeof EventKind];

export interface CpuEvent {
  readonly vector: number;
  readonly kind: EventKind;
  /** Error code to push, or undefined. */
  readonly error: number | undefined;
  /** #PF: the linear address (CR2). #DB: the bits to set in DR6. */
  readonly payload: bigint;
  /** What is pushed as RIP: the faulting instruction, or the next one. */
  readonly returnRip: bigint;
  /** RF in the pushed flags is set whatever EFLAGS.RF is (SDM vol. 3, 18.3.1.1). */
  readonly resume: boolean;
}

/** Vectors that push an error code. */
const ERROR_CODES =
  (1 << Vector.DF) |
  (1 << Vector.TS) |
  (1 << Vector.NP) |
  (1 << Vector.SS) |
  (1 << Vector.GP) |
  (1 << Vector.PF) |
  (1 << Vector.AC) |
  (1 << Vector.CP);
/** Exceptions that are no faults: traps and aborts (SDM vol. 3, table 6-1). */
const NOT_FAULTS =
  (1 << Vector.DB) |
  (1 << Vector.NMI) |
  (1 << Vector.BP) |
  (1 << Vector.OF) |
  (1 << Vector.DF) |
  (1 << Vector.MC);
/** DR6.BD: a move to a debug register that DR7.GD forbids, the one #DB that is a fault and sets RF. */
const DR6_BD = 0x2000n;

export function hasErrorCode(vector: number): boolean {
  return vector < 32 && ((ERROR_CODES >>> vector) & 1) !== 0;
}

/** A hardware exception at `rip` (for traps: the address of the next instruction). */
export function exceptionEvent(fault: Fault, rip: bigint): CpuEvent {
  const { vector } = fault;
  const isFault =
    vector === Vector.DB ? (fault.address & DR6_BD) !== 0n : ((NOT_FAULTS >>> vector) & 1) === 0;
  return {
    vector,
    kind: EventKind.hardwareException,
    error: hasErrorCode(vector) ? fault.error : undefined,
    payload: fault.address,
    returnRip: rip,
    resume: isFault,
  };
}

/** The EXT bit of error codes that arise while the event is delivered (SDM vol. 3, 6.13). */
export function externalBit(event: CpuEvent): 0 | 1 {
  return event.kind === EventKind.softwareInterrupt || event.kind === EventKind.softwareException ? 0 : 1;
}

/** The gate's DPL is checked against CPL: INT n, INT3 and INTO, but not INT1 (SDM vol. 3, 6.12.1.2). */
export function checksGatePrivilege(event: CpuEvent): boolean {
  return event.kind === EventKind.softwareInterrupt || event.kind === EventKind.softwareException;
}

type ExceptionClass = "benign" | "contributory" | "page" | "double";

function classOf(event: CpuEvent): ExceptionClass {
  if (event.kind !== EventKind.hardwareException) return "benign";
  switch (event.vector) {
    case Vector.DE:
    case Vector.TS:
    case Vector.NP:
    case Vector.SS:
    case Vector.GP:
    case Vector.CP:
      return "contributory";
    case Vector.PF:
    case Vector.VE:
      return "page";
    case Vector.DF:
      return "double";
    default:
      return "benign";
  }
}

/**
 * What becomes of an exception met while `first` is delivered (SDM vol. 3, tables 6-4 and 6-5): it is
 * delivered instead, it becomes #DF, or the processor shuts down.
 */
export function combine(first: CpuEvent, second: CpuEvent): "serial" | "double" | "shutdown" {
  const a = classOf(first);
  const b = classOf(second);
  if (b === "benign") return "serial";
  if (a === "double") return "shutdown";
  if (a === "contributory") return b === "contributory" ? "double" : "serial";
  if (a === "page") return "double";
  return "serial";
}
