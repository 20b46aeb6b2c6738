/**
 * Interrupts: the machine's, which exit from the guest, and the guest's, which the hypervisor injects (SDM volume 3,
 * 27.6 and 27.7.5). The machine has one source of them here, the timer of the local APIC (11.5.4).
 */

import { PrimaryControl } from "../../cpu/vmx/controls.js";
import { al, dword, eax, ebx, type Label, qword, rax, rbx } from "../assembler/assembler.js";
import { RFLAGS_INTERRUPT, TIMER_VECTOR } from "./layout.js";
import type { Hypervisor } from "./program.js";

const LOCAL_APIC = 0xfee00000;
const END_OF_INTERRUPT = 0xb0;
const SPURIOUS_VECTOR = 0xf0;
const LVT_TIMER = 0x320;
const INITIAL_COUNT = 0x380;
const DIVIDE = 0x3e0;
const APIC_ENABLED = 0x1ff;
const DIVIDE_BY_1 = 0xb;
const TICKS = 100_000;

/** The interrupt controllers of the PC/AT: where a 1 keeps an interrupt out. */
const PIC_MASKS = [0x21, 0xa1];

/** Interruption information: valid; as type an external interrupt (0), and the vector in the low byte. */
const VALID_BIT = 31;
/** Interruptibility state: blocking by STI and by MOV SS. */
const BLOCKED = 3;

export interface Interrupts {
  readonly initialise: () => void;
  readonly externalInterrupt: Label;
  readonly interruptWindow: Label;
}

export function interrupts(a: Hypervisor): Interrupts {
  const pending = a.reserve("pendingVector", 8);
  const inject = a.label("inject");
  const wait = a.label("waitForWindow");

  const apic = (register: number, value: number): void => {
    a.mov(eax, LOCAL_APIC);
    a.mov(dword(rax, register), value);
  };
  const initialise = (): void => {
    a.mov(al, 0xff);
    for (const port of PIC_MASKS) a.out(port, al);
    apic(SPURIOUS_VECTOR, APIC_ENABLED);
  };
  a.bind(a.startTimer);
  apic(DIVIDE, DIVIDE_BY_1);
  apic(LVT_TIMER, TIMER_VECTOR);
  apic(INITIAL_COUNT, TICKS);
  a.ret();

  // An interrupt can be injected when the guest could take one. Otherwise the processor tells when it can.
  a.bind(a.deliverInterrupt);
  a.mov(qword(pending), rax);
  a.readField("GUEST_RFLAGS");
  a.test(eax, RFLAGS_INTERRUPT);
  a.jz(wait);
  a.readField("GUEST_INTERRUPTIBILITY_STATE");
  a.test(eax, BLOCKED);
  a.jz(inject);
  a.bind(wait);
  a.say("it can't take one yet: interrupt-window exiting is on");
  windowExiting(a, true);
  a.ret();

  a.bind(inject);
  a.say("injected vector ");
  a.mov(rax, qword(pending));
  a.sayHex();
  a.mov(rbx, qword(pending));
  a.bts(ebx, VALID_BIT);
  a.writeField("ENTRY_INTERRUPTION_INFO", rbx);
  a.ret();

  const interruptWindow = a.here("interruptWindowExit");
  windowExiting(a, false);
  a.call(inject);
  a.jmp(a.resume);

  // "Acknowledge interrupt on exit" has taken the vector from the local APIC; the end of the interrupt is ours to
  // tell. The guest is in activity state HLT; the interrupt that it gets wakes it.
  const externalInterrupt = a.here("externalInterruptExit");
  apic(END_OF_INTERRUPT, 0);
  a.writeField("GUEST_ACTIVITY_STATE", 0);
  a.say("the timer's: ");
  a.readField("EXIT_INTERRUPTION_INFO");
  a.and(eax, 0xff);
  a.call(a.deliverInterrupt);
  a.jmp(a.resume);

  return { initialise, externalInterrupt, interruptWindow };
}

function windowExiting(a: Hypervisor, on: boolean): void {
  a.readField("PRIMARY_CONTROLS");
  a.mov(rbx, rax);
  if (on) a.or(rbx, PrimaryControl.interruptWindowExiting);
  else a.and(rbx, ~PrimaryControl.interruptWindowExiting);
  a.writeField("PRIMARY_CONTROLS", rbx);
}
