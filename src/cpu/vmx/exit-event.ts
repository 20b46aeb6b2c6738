/**
 * Events in the formats of a VMCS: interruption information (SDM vol. 3, 25.8.3, 25.9.2 and 25.9.3), and the VM
 * exits that events cause directly.
 */
import { Vector } from "../../isa/emit.js";
import type { CpuState } from "../cpu-state.js";
import { type CpuEvent, EventKind } from "../event.js";
import { VmExit } from "./contract.js";
import { ExitReason } from "./exit-reason.js";
import { VmcsField } from "./fields.js";

/** Bits of interruption information; type and vector are below them. */
export const Interruption = {
  vector: 0xff,
  typeShift: 8,
  typeMask: 7,
  errorCodeValid: 0x800,
  nmiUnblocking: 0x1000,
  valid: 0x8000_0000,
} as const;

/** Interruption type 7 with vector 0 in VM-entry interruption information: a pending MTF VM exit. */
export const TYPE_OTHER_EVENT = 7;

/** Events that carry an instruction length: INT n, INT1, INT3 and INTO. */
export function isSoftware(event: CpuEvent): boolean {
  return (
    event.kind === EventKind.softwareInterrupt ||
    event.kind === EventKind.privilegedSoftwareException ||
    event.kind === EventKind.softwareException
  );
}

/** Interruption information of an event. Real-address mode has no error codes. */
export function interruptionInformation(state: CpuState, event: CpuEvent): number {
  const error = event.error !== undefined && state.protectedMode ? Interruption.errorCodeValid : 0;
  return (event.vector | (event.kind << Interruption.typeShift) | error | Interruption.valid) >>> 0;
}

/** A VM exit that an exception, NMI or external interrupt causes directly. */
export class EventVmExit extends VmExit {
  constructor(
    reason: number,
    qualification: bigint,
    fields: readonly (readonly [field: number, value: bigint])[],
    /** RF in the RFLAGS image that the event would have pushed is set whatever EFLAGS.RF is. */
    readonly resume: boolean,
  ) {
    super(reason, qualification, fields);
  }
}

/** The VM exit of an exception that the exception bitmap selects (SDM vol. 3, 28.2.1 and 28.2.2). */
export function exceptionExit(state: CpuState, event: CpuEvent): EventVmExit {
  const { vector } = event;
  const debug = event.kind === EventKind.hardwareException && vector === Vector.DB;
  const qualification = debug || vector === Vector.PF ? event.payload : 0n;
  const information = interruptionInformation(state, event);
  const fields: [number, bigint][] = [[VmcsField.EXIT_INTERRUPTION_INFO, BigInt(information)]];
  if ((information & Interruption.errorCodeValid) !== 0) {
    fields.push([VmcsField.EXIT_INTERRUPTION_ERROR_CODE, BigInt((event.error ?? 0) >>> 0)]);
  }
  if (isSoftware(event)) {
    fields.push([VmcsField.EXIT_INSTRUCTION_LENGTH, BigInt.asUintN(32, event.returnRip - state.rip)]);
  }
  return new EventVmExit(ExitReason.exceptionOrNmi, qualification, fields, event.resume);
}

/** The VM exit of an NMI. */
export function nmiExit(): EventVmExit {
  const information = Interruption.valid + (EventKind.nmi << Interruption.typeShift) + Vector.NMI;
  const fields = [[VmcsField.EXIT_INTERRUPTION_INFO, BigInt(information)]] as const;
  return new EventVmExit(ExitReason.exceptionOrNmi, 0n, fields, false);
}

/** The VM exit of an external interrupt. @param vector if it was acknowledged */
export function externalInterruptExit(vector: number | undefined): VmExit {
  if (vector === undefined) return new VmExit(ExitReason.externalInterrupt);
  const information = BigInt(Interruption.valid + vector);
  return new VmExit(ExitReason.externalInterrupt, 0n, [[VmcsField.EXIT_INTERRUPTION_INFO, information]]);
}
