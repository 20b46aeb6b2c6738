/** VM exits (SDM vol. 3, chapter 28): what is recorded, what is saved, and the return to the host. */
import { Vector } from "../../isa/emit.js";
import { NEXT_RIP, RIP } from "../../isa/state.js";
import { type CpuEvent, EventKind } from "../event.js";
import type { VmExit, VmxContext } from "./contract.js";
import { ExitControl, PinControl } from "./controls.js";
import { processorOf, type VmxProcessor } from "./entry-processor.js";
import { Interruption, interruptionInformation, isSoftware } from "./exit-event.js";
import { abort, leaveGuest, loadHostMsrs, loadHostState, VmxAbort } from "./exit-load.js";
import { BETWEEN_INSTRUCTIONS, ExitReason, MEMORY_ACCESS } from "./exit-reason.js";
import { saveGuestState } from "./exit-save.js";
import { VmcsField } from "./fields.js";
import { storeMsrs } from "./msr-lists.js";
import { fieldOffset, type Vmcs } from "./vmcs.js";

const LONGEST_INSTRUCTION = 15;
/** Exit qualification of EPT violations and their kin: NMI unblocking due to IRET. */
const QUALIFICATION_NMI_UNBLOCKING = 0x1000n;

const EXIT_REASON = fieldOffset(VmcsField.EXIT_REASON);
const EXIT_INTERRUPTION_INFO = fieldOffset(VmcsField.EXIT_INTERRUPTION_INFO);
const EXIT_INSTRUCTION_LENGTH = fieldOffset(VmcsField.EXIT_INSTRUCTION_LENGTH);
const IDT_VECTORING_INFO = fieldOffset(VmcsField.IDT_VECTORING_INFO);
const ENTRY_INTERRUPTION_INFO = fieldOffset(VmcsField.ENTRY_INTERRUPTION_INFO);

/** Performs a VM exit. Afterwards the processor is in VMX root operation, at the host's RIP. */
export function exitGuest(context: VmxContext, vmcs: Vmcs, exit: VmExit): void {
  const processor = processorOf(context);
  const { guest, state } = processor;
  const { controls } = guest;
  const during = interruptedDelivery(processor, exit);
  processor.delivering = undefined;
  record(processor, vmcs, exit, during);
  const wasLong = state.longModeActive;
  const physicalNmiBlocking = nmiBlockedAfter(processor, vmcs, exit);
  saveGuestState(processor, controls, exit, during);
  const { physicalMemory } = processor;
  const count = vmcs.low(VmcsField.EXIT_MSR_STORE_COUNT);
  leaveGuest(processor);
  if (count !== 0) {
    const area = Number(vmcs.read(VmcsField.EXIT_MSR_STORE_ADDRESS));
    if (storeMsrs(physicalMemory, processor, area, count) !== 0) {
      abort(processor, vmcs, VmxAbort.savingGuestMsrs);
      return;
    }
  }
  if (wasLong && (controls.exit & ExitControl.hostAddressSpaceSize) === 0) {
    abort(processor, vmcs, VmxAbort.leavingIa32eMode);
    return;
  }
  loadHostState(processor, vmcs);
  processor.nmiBlocked = physicalNmiBlocking;
  loadHostMsrs(processor, vmcs);
  // RFLAGS.IF is 0: nothing but an NMI comes before the next instruction.
  if (processor.nmiPending) processor.lookAgain();
  else processor.noteInterrupts();
}

/**
 * The event whose delivery the VM exit interrupts, for the IDT-vectoring information (28.2.4). A double fault that
 * causes the VM exit itself, and a triple fault, do not count as met during delivery.
 */
function interruptedDelivery({ delivering }: VmxProcessor, exit: VmExit): CpuEvent | undefined {
  if (delivering === undefined || exit.reason === ExitReason.tripleFault) return undefined;
  if (exit.reason !== ExitReason.exceptionOrNmi) return delivering;
  const information = exit.fields.find(([field]) => field === VmcsField.EXIT_INTERRUPTION_INFO)?.[1] ?? 0n;
  return (Number(information) & Interruption.vector) === Vector.DF ? undefined : delivering;
}

/** The VM-exit information fields (28.2). */
function record(processor: VmxProcessor, vmcs: Vmcs, exit: VmExit, during: CpuEvent | undefined): void {
  const { state } = processor;
  const unblocked = processor.guest.iretUnblocked(processor.now());
  const memory = MEMORY_ACCESS.has(exit.reason);
  const nmiInQualification = unblocked && memory && during === undefined;
  vmcs.setWord(EXIT_REASON, exit.reason);
  vmcs.write(
    VmcsField.EXIT_QUALIFICATION,
    nmiInQualification ? exit.qualification | QUALIFICATION_NMI_UNBLOCKING : exit.qualification,
  );
  vmcs.setWord(EXIT_INTERRUPTION_INFO, 0);
  vmcs.setWord(EXIT_INSTRUCTION_LENGTH, instructionLength(processor, exit, during));
  vmcs.setWord(IDT_VECTORING_INFO, during ? interruptionInformation(state, during) : 0);
  if (during?.error !== undefined) {
    vmcs.setLow(VmcsField.IDT_VECTORING_ERROR_CODE, during.error);
  }
  for (const [field, value] of exit.fields) {
    const isInformation = field === VmcsField.EXIT_INTERRUPTION_INFO;
    const marked = isInformation && unblocked && during === undefined && isException(Number(value));
    vmcs.write(field, marked ? value | BigInt(Interruption.nmiUnblocking) : value);
  }
  // An event is injected once.
  vmcs.setWord(ENTRY_INTERRUPTION_INFO, vmcs.word(ENTRY_INTERRUPTION_INFO) & ~Interruption.valid);
}

/** Bit 12 of the information is defined for exceptions other than double faults. */
function isException(information: number): boolean {
  const type = (information >>> Interruption.typeShift) & Interruption.typeMask;
  return type === EventKind.hardwareException && (information & Interruption.vector) !== Vector.DF;
}

/** Defined for VM exits that an instruction causes, and during the delivery of a software interrupt or exception. */
function instructionLength(processor: VmxProcessor, exit: VmExit, during: CpuEvent | undefined): number {
  const { state } = processor;
  if (during !== undefined && !isSoftware(during)) return 0;
  if (BETWEEN_INSTRUCTIONS.has(exit.reason)) return 0;
  if (during !== undefined) {
    const length = BigInt.asUintN(state.long ? 64 : 32, during.returnRip - state.rip);
    return length <= LONGEST_INSTRUCTION ? Number(length) : 0;
  }
  const low = state.u32(NEXT_RIP) - state.u32(RIP);
  const length = low >>> 0;
  if (length > LONGEST_INSTRUCTION) return 0;
  const high = (state.i32(NEXT_RIP + 4) - state.i32(RIP + 4) - (low < 0 ? 1 : 0)) | 0;
  return high === 0 || !state.long ? length : 0;
}

/** Blocking by NMI in the host: after an NMI; with virtual NMIs it was the guest's, and ends. */
function nmiBlockedAfter(processor: VmxProcessor, vmcs: Vmcs, exit: VmExit): boolean {
  if (exit.reason === ExitReason.exceptionOrNmi) {
    const information = vmcs.word(EXIT_INTERRUPTION_INFO);
    const type = (information >>> Interruption.typeShift) & Interruption.typeMask;
    if (type === EventKind.nmi) return true;
  }
  return (processor.guest.controls.pin & PinControl.virtualNmis) !== 0 ? false : processor.nmiBlocked;
}
