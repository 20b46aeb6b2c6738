/**
 * The first guest: 64-bit code in VMX non-root operation, with the page tables and the GDT of the hypervisor and an IDT
 * of its own. It counts interrupts in R12 and exceptions in R13.
 */

import { EntryControl } from "../../cpu/vmx/controls.js";
import {
  al,
  dx,
  eax,
  ebx,
  ecx,
  type Label,
  mem,
  qword,
  r8,
  r9,
  r12,
  r13,
  rax,
  rbx,
  rsi,
  rsp,
} from "../assembler/assembler.js";
import {
  CODE,
  DATA,
  EFER_LONG_MODE_ACTIVE,
  HOLE,
  HYPERCALL_INTERRUPT,
  HYPERCALL_REPORT,
  HYPERVISOR_LEAF,
  HYPERVISOR_MSR,
  PROMISED_VECTOR,
  RFLAGS_RESERVED,
  TASK_STATE,
  TASK_STATE_LIMIT,
  TIMER_VECTOR,
} from "./layout.js";
import type { Hypervisor } from "./program.js";
import type { StartLabels } from "./start.js";
import { type GuestPlan, segment } from "./vmcs.js";

const TEXT = "Hello from VMX non-root operation";
/** Ports of no device that the guest would need: debug console, keyboard, diagnostics. */
const DEBUG_PORT = 0xe9;
const KEYBOARD_PORT = 0x60;
const DIAGNOSTIC_PORT = 0x80;
const NO_MSR = 0x12345;
const HOLE_ADDRESS = HOLE + 0x5678;
const HOLE_VALUE = 0x2a2a;

const GENERAL_PROTECTION = 13;
const RDMSR_LENGTH = 2;
const INTERRUPT_GATE = 0x8e00;
const VECTORS = TIMER_VECTOR + 1;

/** Access rights as a VMCS has them: code, data, busy task state, unusable. */
const CODE_RIGHTS = 0xa09b;
const DATA_RIGHTS = 0xc093;
const TASK_STATE_RIGHTS = 0x8b;
const UNUSABLE = 0x10000;
const ALL = 0xffffffff;

export function guest(a: Hypervisor, { gdt, gdtLimit, taskState }: StartLabels): GuestPlan {
  const text = a.here("guestText");
  a.ascii(TEXT);

  const entry = a.here("guestEntry");
  // I/O: a text by one string instruction, then a byte in, and out again.
  a.lea(rsi, mem(text));
  a.mov(ecx, TEXT.length);
  a.mov(dx, DEBUG_PORT);
  a.rep().db(0x6e); // OUTSB
  a.in(al, KEYBOARD_PORT);
  a.out(DIAGNOSTIC_PORT, al);
  a.mov(eax, HYPERVISOR_LEAF);
  a.cpuid();
  a.mov(ecx, HYPERVISOR_MSR);
  a.rdmsr();
  a.mov(ecx, NO_MSR);
  a.rdmsr(); // #GP

  // Memory that isn't there until it is touched: by a read, then by a write.
  a.mov(ebx, HOLE_ADDRESS);
  a.mov(rax, qword(rbx));
  a.mov(qword(rbx), HOLE_VALUE);
  a.mov(r9, qword(rbx));

  // An interrupt comes when STI allows it: after the instruction that follows.
  a.mov(eax, HYPERCALL_INTERRUPT);
  a.mov(ebx, PROMISED_VECTOR);
  a.vmcall();
  a.sti();
  a.nop();
  // Another one wakes the guest up.
  a.hlt();
  a.mov(eax, HYPERCALL_REPORT);
  a.mov(rbx, r12);
  a.mov(r8, r13);
  a.vmcall();
  a.cli();
  a.hlt();

  const protection = a.here("guestProtection");
  a.inc(r13);
  a.add(rsp, 8); // the error code
  a.add(qword(rsp), RDMSR_LENGTH);
  a.iretq();
  const interrupt = a.here("guestInterrupt");
  a.inc(r12);
  a.iretq();
  const idt = interruptTable(a, {
    [GENERAL_PROTECTION]: protection,
    [PROMISED_VECTOR]: interrupt,
    [TIMER_VECTOR]: interrupt,
  });

  return {
    name: "64-bit code",
    secondary: 0,
    entry: EntryControl.ia32eModeGuest,
    fields: [
      ["GUEST_RIP", entry],
      ["GUEST_RSP", a.reserve("guestStack", 4096, 4096).plus(4096)],
      ["GUEST_RFLAGS", RFLAGS_RESERVED],
      ["GUEST_EFER", EFER_LONG_MODE_ACTIVE],
      ["CR0_GUEST_HOST_MASK", 0],
      ["CR0_READ_SHADOW", 0],
      ...segment("CS", CODE, 0, ALL, CODE_RIGHTS),
      ...(["ES", "SS", "DS", "FS", "GS"] as const).flatMap((name) =>
        segment(name, DATA, 0, ALL, DATA_RIGHTS),
      ),
      ...segment("TR", TASK_STATE, taskState, TASK_STATE_LIMIT, TASK_STATE_RIGHTS),
      ...segment("LDTR", 0, 0, 0, UNUSABLE),
      ["GUEST_GDTR_BASE", gdt],
      ["GUEST_GDTR_LIMIT", gdtLimit],
      ["GUEST_IDTR_BASE", idt],
      ["GUEST_IDTR_LIMIT", 16 * VECTORS - 1],
    ],
  };
}

/** An IDT with gates for handlers that are bound already. */
function interruptTable(a: Hypervisor, handlers: Readonly<Record<number, Label>>): Label {
  a.align(16);
  const idt = a.here("guestIdt");
  for (let vector = 0; vector < VECTORS; vector++) {
    const address = handlers[vector]?.address;
    if (address === undefined) a.dq(0, 0);
    else {
      a.dw(address & 0xffff, CODE, INTERRUPT_GATE, address >>> 16);
      a.dq(0);
    }
  }
  return idt;
}
