/**
 * Delivery of exceptions and interrupts: the entry points of the run loop and of INT n (SDM vol. 3,
 * chapter 6). How an event goes through the IDT depends on the mode: deliver-long.ts, deliver-protected.ts,
 * deliver-real.ts.
 */
import { Vector } from "../isa/emit.js";
import { Control } from "../isa/helper.js";
import { SHADOW } from "../isa/state.js";
import type { CpuContext } from "./context.js";
import { Dr6 } from "./debug.js";
import { deliverLong } from "./deliver-long.js";
import { deliverProtected } from "./deliver-protected.js";
import { deliverReal } from "./deliver-real.js";
import { EnteredFault } from "./entered-fault.js";
import { type CpuEvent, combine, EventKind, exceptionEvent } from "./event.js";
import { Fault } from "./fault.js";

/**
 * Delivers one event; throws the {@link Fault} that its delivery meets, with the registers unchanged and
 * `context.delivering` still naming the event.
 */
export function deliverOnce(context: CpuContext, event: CpuEvent): void {
  const { state } = context;
  context.delivering = event;
  const { long } = state;
  if (!state.protectedMode) deliverReal(context, event);
  else if (state.longModeActive) deliverLong(context, event);
  else deliverProtected(context, event);
  context.delivering = undefined;
  state.setU32(SHADOW, 0);
  context.debug.cancelStep();
  // Handlers in long mode are 64-bit code.
  if (long) context.accessRightsChanged();
  else context.modeChanged();
}

/** CR2 and DR6 (SDM vol. 3, 4.7 and 18.2.3), written even where the exception ends as #DF; blocking of NMIs. */
function sideEffects(context: CpuContext, event: CpuEvent): void {
  if (event.kind === EventKind.nmi) context.nmiBlocked = true;
  if (event.kind !== EventKind.hardwareException) return;
  if (event.vector === Vector.PF) context.state.cr2 = event.payload;
  else if (event.vector === Vector.DB) context.debug.recordException(event.payload);
}

/**
 * Delivers an event and whatever exceptions its delivery raises, up to double fault and shutdown.
 * @param during the event whose delivery raised this one, if any
 * @param injected it comes from VM entry: it is not intercepted, and leaves CR2 and DR6 alone
 */
export function deliverEvent(
  context: CpuContext,
  event: CpuEvent,
  during?: CpuEvent,
  injected = false,
): void {
  let first = during;
  let current = event;
  for (;;) {
    if (!injected || current !== event) {
      if (current.kind !== EventKind.external) context.intercepts?.exception(current, first);
      sideEffects(context, current);
    }
    try {
      deliverOnce(context, current);
      deliverTaskTrap(context);
      return;
    } catch (fault) {
      if (!(fault instanceof Fault)) throw fault;
      first = current;
      const next = afterFault(context, first, fault);
      if (next === undefined) return;
      current = next;
    }
  }
}

/** What to deliver after a fault that happened while `first` was delivered; undefined after a shutdown. */
function afterFault(context: CpuContext, first: CpuEvent, fault: Fault): CpuEvent | undefined {
  const rip = context.state.rip;
  const second = exceptionEvent(fault, rip);
  const outcome = combine(first, second);
  // A hypervisor that wants the second exception gets it before the two become a double or triple fault.
  if (outcome !== "serial") context.intercepts?.exception(second, first);
  switch (outcome) {
    case "serial":
      return second;
    case "double":
      sideEffects(context, second);
      return exceptionEvent(new Fault(Vector.DF, 0), rip);
    case "shutdown":
      // A VM exit for the triple fault reports the event that was being delivered: it is cleared afterwards.
      context.requestShutdown();
      context.delivering = undefined;
      return undefined;
  }
}

/**
 * Delivers the exception an instruction raised. RIP is that of the instruction (of the next one for traps).
 * If the instruction was INT n, whose own delivery faulted, `context.delivering` still names it.
 */
export function deliverException(context: CpuContext, fault: Fault): void {
  deliverEvent(context, exceptionEvent(fault, context.state.rip), context.delivering);
}

/** The debug trap of a task whose TSS asks for it, before the task's first instruction. */
function deliverTaskTrap(context: CpuContext): void {
  if (context.debug.takeTaskTrap()) deliverException(context, new Fault(Vector.DB, 0, BigInt(Dr6.BT)));
}

/**
 * Runs an instruction that enters other code, and delivers what that code meets before its first instruction
 * (after a task switch: the faults of its segments, its debug trap). Returns how execution goes on.
 */
export function enteringCode(context: CpuContext, instruction: () => number): number {
  try {
    const control = instruction();
    deliverTaskTrap(context);
    return control;
  } catch (fault) {
    if (!(fault instanceof EnteredFault)) throw fault;
    deliverException(context, fault);
    return Control.leave;
  }
}

/** Delivers a non-maskable interrupt and blocks further ones until IRET. */
export function deliverNmi(context: CpuContext, resume = false): void {
  deliverEvent(context, {
    vector: Vector.NMI,
    kind: EventKind.nmi,
    error: undefined,
    payload: 0n,
    returnRip: context.state.rip,
    resume,
  });
}

/**
 * Delivers an external interrupt that the interrupt controller has acknowledged.
 * @param resume it came between two iterations of a repeated string instruction: RF is set in the pushed flags
 */
export function deliverInterrupt(context: CpuContext, vector: number, resume = false): void {
  deliverEvent(context, {
    vector,
    kind: EventKind.external,
    error: undefined,
    payload: 0n,
    returnRip: context.state.rip,
    resume,
  });
}
