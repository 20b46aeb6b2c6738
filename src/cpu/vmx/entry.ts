/**
 * VM entry, after all checks have passed (SDM vol. 3, 27.3-27.6): the guest's state is loaded, its MSRs are, and an
 * event may be injected. The injection itself happens before the guest's first instruction, from the run loop, so that
 * what its delivery meets finds the guest as it is.
 */
import { INTERCEPTING, TSC_OFFSET } from "../../isa/state.js";
import { type CpuEvent, EventKind } from "../event.js";
import type { VmxContext } from "./contract.js";
import { PinControl } from "./controls.js";
import { loadGuestPdptes, loadGuestState } from "./entry-load.js";
import type { EntryPlan } from "./entry-plan.js";
import { type Activity, processorOf, type VmxProcessor } from "./entry-processor.js";
import { Interruption, isSoftware, TYPE_OTHER_EVENT } from "./exit-event.js";
import { leaveGuest, loadHostMsrs, loadHostState } from "./exit-load.js";
import { ENTRY_FAILURE, ExitReason } from "./exit-reason.js";
import { VmcsField } from "./fields.js";
import { Interruptibility, writeInterruptibility } from "./interruptibility.js";
import { loadMsrs } from "./msr-lists.js";
import { fieldOffset, type Vmcs } from "./vmcs.js";

/** Pending debug exceptions: B0-B3 and BS are those of DR6. Bit 12 only says that a breakpoint was enabled. */
const DEBUG_EXCEPTION_BITS = 0x400f;

const ENTRY_INTERRUPTION_INFO = fieldOffset(VmcsField.ENTRY_INTERRUPTION_INFO);
const GUEST_INTERRUPTIBILITY_STATE = fieldOffset(VmcsField.GUEST_INTERRUPTIBILITY_STATE);
const GUEST_ACTIVITY_STATE = fieldOffset(VmcsField.GUEST_ACTIVITY_STATE);
const GUEST_PENDING_DEBUG_EXCEPTIONS = fieldOffset(VmcsField.GUEST_PENDING_DEBUG_EXCEPTIONS);

/** Enters the guest of a VMCS. False if the entry failed while MSRs were loaded: then the host goes on. */
export function enterGuest(context: VmxContext, vmcs: Vmcs): boolean {
  const processor = processorOf(context);
  const plan = processor.guest.plans.for(processor, vmcs);
  const { controls } = plan;
  const timed = (controls.pin & PinControl.activatePreemptionTimer) !== 0;
  const tsc = timed ? processor.now() + processor.state.i32(TSC_OFFSET) : 0;
  processor.guest.begin(plan);
  processor.mmu.enterNonRoot(plan.translation);
  loadGuestState(processor, controls);
  processor.modeChanged();
  loadGuestPdptes(processor, controls);
  const count = vmcs.low(VmcsField.ENTRY_MSR_LOAD_COUNT);
  if (count !== 0) {
    const area = Number(vmcs.read(VmcsField.ENTRY_MSR_LOAD_ADDRESS));
    const failed = loadMsrs(processor.physicalMemory, processor, area, count);
    if (failed !== 0) {
      leaveGuest(processor);
      failEntry(context, vmcs, ExitReason.entryFailureMsrLoading, BigInt(failed));
      return false;
    }
    processor.modeChanged();
  }
  begin(processor, plan, tsc);
  return true;
}

/** From here on the guest is in non-root operation. @param tsc low bits of the TSC, for the preemption timer */
function begin(processor: VmxProcessor, { controls, intercepts }: EntryPlan, tsc: number): void {
  const { vmcs } = controls;
  const { guest } = processor;
  processor.vmx.nonRoot = true;
  const interruptibility = vmcs.word(GUEST_INTERRUPTIBILITY_STATE);
  writeInterruptibility(processor, interruptibility);
  guest.active = true;
  processor.intercepts = intercepts;
  processor.state.setU32(INTERCEPTING, intercepts.inline);
  processor.tscOffset.begin(controls);
  processor.activity = vmcs.word(GUEST_ACTIVITY_STATE) as Activity;
  processor.inMwait = false;
  processor.delivering = undefined;
  processor.debug.cancelStep();
  processor.debug.takePending();
  inject(processor, vmcs, interruptibility);
  if ((controls.pin & PinControl.activatePreemptionTimer) !== 0) {
    guest.timer.start(processor.timeline, vmcs.low(VmcsField.PREEMPTION_TIMER_VALUE), tsc);
  }
  guest.apic?.enter();
  if (guest.quiet) processor.noteInterrupts();
  else processor.lookAgain();
}

/** Notes the event to inject, or else the debug exceptions that wait (SDM vol. 3, 27.6 and 27.7.3). */
function inject(processor: VmxProcessor, vmcs: Vmcs, interruptibility: number): void {
  const { guest } = processor;
  const information = vmcs.word(ENTRY_INTERRUPTION_INFO);
  const type = (information >>> Interruption.typeShift) & Interruption.typeMask;
  const valid = (information & Interruption.valid) !== 0;
  if (valid && type !== TYPE_OTHER_EVENT) guest.injection = injectedEvent(processor, vmcs, information);
  else guest.trapFlagPending = valid;
  // Exceptions and software interrupts take the place of debug exceptions; interrupts come before them.
  if (guest.injection && type > EventKind.nmi) return;
  const debug = vmcs.word(GUEST_PENDING_DEBUG_EXCEPTIONS) & DEBUG_EXCEPTION_BITS;
  if ((interruptibility & Interruptibility.movSs) !== 0) processor.debug.pend(debug);
  else guest.pendingDebug = debug;
}

function injectedEvent(processor: VmxProcessor, vmcs: Vmcs, information: number): CpuEvent {
  const hasError = (information & Interruption.errorCodeValid) !== 0;
  const event = {
    vector: information & Interruption.vector,
    kind: ((information >>> Interruption.typeShift) & Interruption.typeMask) as EventKind,
    error: hasError ? vmcs.low(VmcsField.ENTRY_EXCEPTION_ERROR_CODE) & 0xffff : undefined,
    payload: 0n,
    returnRip: processor.state.rip,
    resume: false,
  };
  if (!isSoftware(event)) return event;
  const next = event.returnRip + vmcs.read(VmcsField.ENTRY_INSTRUCTION_LENGTH);
  return { ...event, returnRip: BigInt.asUintN(processor.state.long ? 64 : 32, next) };
}

/**
 * A VM entry that fails after the checks of controls and host state (SDM vol. 3, 27.8): the host's state is loaded as by
 * a VM exit, but nothing of the guest is saved.
 * @param reason basic exit reason 33, 34 or 41
 */
export function failEntry(context: VmxContext, vmcs: Vmcs, reason: number, qualification: bigint): void {
  const processor = processorOf(context);
  vmcs.write(VmcsField.EXIT_REASON, BigInt(reason) | ENTRY_FAILURE);
  vmcs.write(VmcsField.EXIT_QUALIFICATION, qualification);
  loadHostState(processor, vmcs);
  loadHostMsrs(processor, vmcs);
  processor.lookAgain();
}
