/**
 * What an observer is told of VM entries, VM exits and failed VM entries: plain data, put together only while somebody
 * observes. src/inspect/ makes sentences of it.
 */
import { Register } from "../../isa/emit.js";
import type { CpuState } from "../cpu-state.js";
import type { RuleFailure } from "./checks/rule.js";
import type { VmcsAccess } from "./contract.js";
import type { VmError } from "./errors.js";
import { VmcsField } from "./fields.js";

const GENERAL_REGISTERS = 16;
const BASIC_REASON = 0xffffn;

/** A VM entry: the guest's first instruction, or the delivery of an injected event, is next. */
export interface ObservedEntry {
  /** Physical address of the VMCS. */
  readonly vmcs: bigint;
  /** VMLAUNCH; otherwise VMRESUME. */
  readonly launch: boolean;
  /** The guest's. */
  readonly rip: bigint;
  /** VM-entry interruption information and error code (SDM vol. 3, 25.8.3). */
  readonly interruptionInfo: number;
  readonly interruptionError: number;
}

/** A VM exit: what the VM-exit information fields hold (SDM vol. 3, 25.9), and the guest's registers. */
export interface ObservedExit {
  readonly vmcs: bigint;
  /** Basic exit reason. */
  readonly reason: number;
  readonly qualification: bigint;
  /** The guest's. */
  readonly rip: bigint;
  readonly interruptionInfo: number;
  readonly interruptionError: number;
  readonly idtVectoringInfo: number;
  readonly idtVectoringError: number;
  readonly instructionLength: number;
  readonly instructionInfo: number;
  readonly guestPhysical: bigint;
  readonly guestLinear: bigint;
  /** The guest's, by number; unknown where the exit is read from its VMCS later. */
  readonly registers: readonly bigint[] | undefined;
}

/** A VM entry that failed: with a VM-instruction error, or with a VM exit that loads the host's state. */
export interface ObservedEntryFailure {
  /** Undefined: there is none that is current. */
  readonly vmcs: bigint | undefined;
  readonly launch: boolean;
  /** Of VMLAUNCH or VMRESUME; HOST_RIP, if the host's state was loaded. */
  readonly rip: bigint;
  /** VM-instruction error. */
  readonly error: VmError | undefined;
  /** Exit reason 33, 34 or 41, with the exit qualification. */
  readonly reason: number | undefined;
  readonly qualification: bigint;
  /** The rule that did not hold. */
  readonly failure: RuleFailure | undefined;
}

/** A VMX abort (SDM vol. 3, 28.7): the processor has stopped. */
export interface ObservedAbort {
  readonly vmcs: bigint;
  readonly indicator: number;
}

export interface VmxObserver {
  onEntry(entry: ObservedEntry): void;
  onExit(exit: ObservedExit): void;
  onEntryFailure(failure: ObservedEntryFailure): void;
  onAbort(abort: ObservedAbort): void;
}

/** The VM entry that was made from a VMCS: the event to inject is there until the VM exit. */
export function observedEntry(vmcs: VmcsAccess, launch: boolean): ObservedEntry {
  return {
    vmcs: vmcs.pointer,
    launch,
    rip: vmcs.read(VmcsField.GUEST_RIP),
    interruptionInfo: Number(vmcs.read(VmcsField.ENTRY_INTERRUPTION_INFO)),
    interruptionError: Number(vmcs.read(VmcsField.ENTRY_EXCEPTION_ERROR_CODE)),
  };
}

/** A VM entry that ended in a VM exit, as the VMCS has recorded it. @param state of the host that goes on */
export function observedEntryFailure(
  vmcs: VmcsAccess,
  launch: boolean,
  state: CpuState,
  failure?: RuleFailure,
): ObservedEntryFailure {
  return {
    vmcs: vmcs.pointer,
    launch,
    rip: state.rip,
    error: undefined,
    reason: Number(vmcs.read(VmcsField.EXIT_REASON) & BASIC_REASON),
    qualification: vmcs.read(VmcsField.EXIT_QUALIFICATION),
    failure,
  };
}

/** The last VM exit that a VMCS has recorded. @param state right after it */
export function observedExit(vmcs: VmcsAccess, state?: CpuState): ObservedExit {
  const word = (field: number) => Number(vmcs.read(field));
  return {
    vmcs: vmcs.pointer,
    reason: Number(vmcs.read(VmcsField.EXIT_REASON) & BASIC_REASON),
    qualification: vmcs.read(VmcsField.EXIT_QUALIFICATION),
    rip: vmcs.read(VmcsField.GUEST_RIP),
    interruptionInfo: word(VmcsField.EXIT_INTERRUPTION_INFO),
    interruptionError: word(VmcsField.EXIT_INTERRUPTION_ERROR_CODE),
    idtVectoringInfo: word(VmcsField.IDT_VECTORING_INFO),
    idtVectoringError: word(VmcsField.IDT_VECTORING_ERROR_CODE),
    instructionLength: word(VmcsField.EXIT_INSTRUCTION_LENGTH),
    instructionInfo: word(VmcsField.EXIT_INSTRUCTION_INFO),
    guestPhysical: vmcs.read(VmcsField.GUEST_PHYSICAL_ADDRESS),
    guestLinear: vmcs.read(VmcsField.GUEST_LINEAR_ADDRESS),
    registers: state && guestRegisters(vmcs, state),
  };
}

/** VM exits load no general register but RSP. */
function guestRegisters(vmcs: VmcsAccess, state: CpuState): readonly bigint[] {
  return Array.from({ length: GENERAL_REGISTERS }, (_, register) =>
    register === Register.RSP ? vmcs.read(VmcsField.GUEST_RSP) : state.gpr(register),
  );
}
