/**
 * The way from the guest to the hypervisor and back: a VM exit loads the host state and arrives at `exited` with the
 * guest's general-purpose registers, which the hypervisor has to keep; then one line of the report, the handler
 * of the exit reason, and VMRESUME.
 */

import {
  ax,
  dword,
  eax,
  ebx,
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
} from "../assembler/assembler.js";
import type { Hypervisor } from "./program.js";

/** All but RSP, which the VMCS holds. */
const SAVED = [rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15];
const ENTRY_FAILURE_BIT = 31;
const REASONS = 128;
/** Blocking by STI and by MOV SS last for one instruction. */
const BLOCKING_BY_INSTRUCTION = 3;
const NAME_WIDTH = 26;

export interface ExitRow {
  readonly reason: number;
  /** The manual's name (SDM volume 3, appendix C). */
  readonly name: string;
  /** The exit is that of an instruction, so that its length is known. */
  readonly instruction: boolean;
  /** Ends with a jump to `skipInstruction`, `resume` or `guestDone`; may change any register. */
  readonly handler: Label;
}
/** Of a row in memory: reason, instruction (4 bytes each), name, handler. */
const ROW = 24;

export interface Exits {
  /** Column headings, and counting exits from 1 again. */
  readonly begin: () => void;
  readonly printCounts: () => void;
}

export function exits(a: Hypervisor, rows: readonly ExitRow[]): Exits {
  const counts = a.reserve("exitCounts", 8 * REASONS);
  const number = a.reserve("exitNumber", 8);
  const table = a.label("exitRows");
  const [found, unknown] = [a.label("rowFound"), a.label("rowUnknown")];

  a.bind(a.exited);
  for (const register of SAVED) a.mov(a.guest(register), register);
  a.inc(qword(number));
  a.mov(rax, qword(number));
  a.column(10, 3);
  a.readField("EXIT_REASON");
  entryFailed(a);
  a.column(10, 5);
  a.mov(ebx, eax);
  a.lea(rsi, mem(table));
  const next = a.here("nextRow");
  a.cmp(dword(rsi), ebx);
  a.je(found);
  a.add(rsi, ROW);
  a.cmp(dword(rsi), -1);
  a.jne(next);
  a.jmp(unknown);

  a.bind(found);
  a.mov(rbx, rsi);
  a.lea(rcx, mem(counts));
  a.inc(qword({ base: rcx, index: rax, scale: 8 }));
  a.say(" ");
  a.mov(rsi, qword(rbx, 8));
  a.call(a.printText);
  a.readField("EXIT_QUALIFICATION");
  a.column(16, 8);
  a.readField("GUEST_RIP");
  a.column(16, 8);
  const [noLength, handle] = [a.label("noLength"), a.label("handle")];
  a.test(dword(rbx, 4), 1);
  a.jz(noLength);
  a.readField("EXIT_INSTRUCTION_LENGTH");
  a.column(10, 4);
  a.jmp(handle);
  a.bind(noLength);
  a.say("   -");
  a.bind(handle);
  a.say("  ");
  a.jmp(qword(rbx, 16));

  a.bind(unknown);
  a.giveUp(" is an exit reason that the hypervisor doesn't know");

  a.align(8);
  a.bind(table);
  for (const { reason, name, instruction, handler } of rows) {
    a.dd(reason, instruction ? 1 : 0);
    a.dq(a.text(name.padEnd(NAME_WIDTH)), handler);
  }
  a.dd(-1);

  wayBack(a);
  return {
    begin: () => {
      a.mov(qword(number), 0);
      a.say(`  # exit ${"reason".padEnd(NAME_WIDTH - 1)} qualif.     RIP len  what the hypervisor did\n`);
    },
    printCounts: () => printCounts(a, table, counts),
  };
}

function wayBack(a: Hypervisor): void {
  const loadGuest = (): void => {
    for (const register of SAVED) a.mov(register, a.guest(register));
  };

  // An instruction that is done for the guest also ends the shadow of a STI or MOV SS in front of it.
  a.bind(a.skipInstruction);
  a.readField("EXIT_INSTRUCTION_LENGTH");
  a.mov(rbx, rax);
  a.readField("GUEST_RIP");
  a.add(rbx, rax);
  a.writeField("GUEST_RIP", rbx);
  a.readField("GUEST_INTERRUPTIBILITY_STATE");
  a.and(eax, ~BLOCKING_BY_INSTRUCTION);
  a.mov(rbx, rax);
  a.writeField("GUEST_INTERRUPTIBILITY_STATE", rbx);

  a.bind(a.resume);
  a.say("\n");
  loadGuest();
  a.vmresume();
  // A VMRESUME that succeeds doesn't come here.
  a.jmp(a.vmxFailed);

  // The first entry with a VMCS. The guest's registers are 0.
  a.bind(a.launch);
  a.xor(eax, eax);
  for (const register of SAVED) a.mov(a.guest(register), rax);
  loadGuest();
  a.vmlaunch();

  // With CF there is no current VMCS that could hold an error number.
  a.bind(a.vmxFailed);
  const noVmcs = a.label("failedWithoutVmcs");
  a.jc(noVmcs);
  a.say("\n  A VMX instruction failed with VM-instruction error ");
  a.readField("INSTRUCTION_ERROR");
  a.call(a.printDecimal);
  a.giveUp(".");
  a.bind(noVmcs);
  a.giveUp("\n  A VMX instruction failed, without a current VMCS.");

  a.bind(a.guestDone);
  a.say("\n");
  a.jmp(qword(a.continuation));
}

/** A VM entry whose guest state was refused arrives like an exit. RAX = exit reason. */
function entryFailed(a: Hypervisor): void {
  const entered = a.label("entered");
  a.bt(eax, ENTRY_FAILURE_BIT);
  a.jnc(entered);
  a.say(" VM entry failed: exit reason ");
  a.movzx(eax, ax);
  a.call(a.printDecimal);
  a.say(", exit qualification ");
  a.readField("EXIT_QUALIFICATION");
  a.call(a.printDecimal);
  a.giveUp(".");
  a.bind(entered);
}

function printCounts(a: Hypervisor, table: Label, counts: Label): void {
  const [skip, done] = [a.label("countSkip"), a.label("countDone")];
  a.lea(rbx, mem(table));
  const next = a.here("nextCount");
  a.mov(eax, dword(rbx));
  a.cmp(eax, -1);
  a.je(done);
  a.lea(rcx, mem(counts));
  a.mov(rax, qword({ base: rcx, index: rax, scale: 8 }));
  a.test(rax, rax);
  a.jz(skip);
  a.say("  ");
  a.mov(rsi, qword(rbx, 8));
  a.call(a.printText);
  a.column(10, 4);
  a.say("\n");
  a.bind(skip);
  a.add(rbx, ROW);
  a.jmp(next);
  a.bind(done);
}
