/**
 * Task state, IDT, and the way from an interrupt to its handler and back. SDM volume 3, 6.14 and 7.7.
 *
 * Each vector has a stub of 16 bytes that pushes an error code, where the processor pushes none, and the vector.
 * A handler gets the frame (see `layout.ts`) in RDI and may change any register.
 */

import {
  ax,
  bx,
  cr2,
  dword,
  eax,
  ebx,
  ecx,
  type Gpr,
  type Label,
  mem,
  qword,
  r8,
  r9,
  r10,
  r11,
  r12,
  r13,
  r14,
  r15,
  rax,
  rbp,
  rbx,
  rcx,
  rdi,
  rdx,
  rsi,
  rsp,
  word,
} from "../assembler/assembler.js";
import {
  FRAME_ERROR,
  FRAME_RIP,
  FRAME_VECTOR,
  GENERAL_PROTECTION,
  KERNEL_CODE,
  LOCAL_APIC,
  PAGE_FAULT,
  SERIAL_VECTOR,
  SPURIOUS_VECTOR,
  TASK_STATE,
  TIMER_VECTOR,
  VECTORS,
} from "./layout.js";
import type { Tour } from "./program.js";

export const TASK_STATE_LIMIT = 0x67;
const TASK_STATE_RSP0 = 4;

/** Vectors with an error code (SDM volume 3, table 6-1). */
const WITH_ERROR_CODE = [8, 10, 11, 12, 13, 14, 17, 21, 29, 30];
const STUB_LENGTH = 16;
/** Of an interrupt gate for ring 0. */
const PRESENT_INTERRUPT_GATE = 0x8e00;
const END_OF_INTERRUPT = 0xb0;

const SAVED = [rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15];

export interface Interrupts {
  /** Loads IDT and task register. */
  readonly initialise: () => void;
  /** Top of the stack of interrupts from ring 3 and of system calls. */
  readonly interruptStackTop: { readonly label: Label; readonly offset: number };
}

export function interrupts(a: Tour, taskState: Label, taskDescriptor: Label): Interrupts {
  const idt = a.reserve("idt", 16 * VECTORS, 16);
  const idtPointer = a.label("idtPointer");
  const interruptStackTop = a.reserve("interruptStack", 8192, 16).plus(8192);
  const stubs = stubRoutines(a);
  unexpectedException(a);

  a.align(8);
  a.bind(idtPointer);
  a.dw(16 * VECTORS - 1);
  a.dq(idt);

  const initialise = (): void => {
    // A gate holds the address of its handler in three pieces.
    a.lea(rdi, mem(idt));
    a.lea(rax, mem(stubs));
    a.mov(ecx, VECTORS);
    const next = a.here("nextGate");
    a.mov(rbx, rax);
    a.mov(word(rdi, 0), bx);
    a.mov(word(rdi, 2), KERNEL_CODE);
    a.mov(word(rdi, 4), PRESENT_INTERRUPT_GATE);
    a.shr(rbx, 16);
    a.mov(word(rdi, 6), bx);
    a.shr(rbx, 16);
    a.mov(dword(rdi, 8), ebx);
    a.add(rdi, 16);
    a.add(rax, STUB_LENGTH);
    a.dec(ecx);
    a.jnz(next);
    a.lidt(mem(idtPointer));

    a.lea(rax, mem(interruptStackTop));
    a.mov(qword(taskState, TASK_STATE_RSP0), rax);
    // So does a task state descriptor: 89h says available, present.
    a.lea(rax, mem(taskState));
    a.mov(word(taskDescriptor), TASK_STATE_LIMIT);
    a.mov(word(taskDescriptor, 2), ax);
    a.shr(rax, 16);
    a.mov(ebx, eax);
    a.and(ebx, 0xff);
    a.or(ebx, 0x8900);
    a.and(eax, 0xff00);
    a.shl(eax, 16);
    a.or(ebx, eax);
    a.mov(dword(taskDescriptor, 4), ebx);
    a.mov(eax, TASK_STATE);
    a.ltr(ax);
  };
  return { initialise, interruptStackTop };
}

function stubRoutines(a: Tour): Label {
  const dispatch = a.label("dispatch");
  const handlers = a.label("handlers");
  const special: Readonly<Record<number, Label>> = {
    [PAGE_FAULT]: a.pageFault,
    [GENERAL_PROTECTION]: a.generalProtection,
    [TIMER_VECTOR]: a.timerInterrupt,
    [SERIAL_VECTOR]: a.serialInterrupt,
  };

  a.align(STUB_LENGTH);
  const stubs = a.here("stubs");
  for (let vector = 0; vector < VECTORS; vector++) {
    if (vector === SPURIOUS_VECTOR) a.iretq();
    else {
      if (!WITH_ERROR_CODE.includes(vector)) a.push(0);
      a.push(vector);
      a.jmp(dispatch);
    }
    a.align(STUB_LENGTH);
  }

  a.bind(dispatch);
  for (const register of [...SAVED].reverse()) a.push(register);
  a.cld();
  a.mov(rdi, rsp);
  a.mov(rax, qword(rdi, FRAME_VECTOR));
  a.mov(rbx, rax);
  a.lea(rcx, mem(handlers));
  a.call(qword({ base: rcx, index: rax, scale: 8 }));
  // Exceptions have the vectors below 32; all others come from the local APIC.
  const leave = a.label("leaveInterrupt");
  a.cmp(qword(rsp, FRAME_VECTOR), 32);
  a.jb(leave);
  a.mov(eax, LOCAL_APIC);
  a.mov(dword(rax, END_OF_INTERRUPT), 0);
  a.bind(leave);
  for (const register of SAVED) a.pop(register);
  a.add(rsp, 16);
  a.iretq();

  a.align(8);
  a.bind(handlers);
  for (let vector = 0; vector < VECTORS; vector++) a.dq(special[vector] ?? a.unexpected);
  return stubs;
}

/** Says what happened and switches off: the tour has a mistake, or the machine has. */
function unexpectedException(a: Tour): void {
  const field = (name: string, load: () => void): void => {
    a.say(name);
    load();
    a.call(a.printHex);
  };
  const frame = (offset: number): Gpr => {
    a.mov(rax, qword(rdi, offset));
    return rax;
  };
  a.bind(a.unexpected);
  a.say("\nUnexpected exception or interrupt ");
  frame(FRAME_VECTOR);
  a.call(a.printDecimal);
  field(", error code ", () => frame(FRAME_ERROR));
  field("\n  RIP ", () => frame(FRAME_RIP));
  field(", CR2 ", () => a.mov(rax, cr2));
  a.say("\nThe tour can't go on.\n");
  a.jmp(a.powerOff);
}
