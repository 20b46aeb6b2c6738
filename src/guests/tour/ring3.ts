/**
 * A program with privilege 3, the system calls that it makes, and the instruction that it isn't allowed.
 * SDM volume 2B, SYSCALL and SYSRET; volume 3, 6.12 (privilege changes).
 */

import {
  cs,
  eax,
  ecx,
  edx,
  type Label,
  mem,
  type Place,
  qword,
  r12d,
  rax,
  rbx,
  rcx,
  rdi,
  rdx,
  rsi,
  rsp,
} from "../assembler/assembler.js";
import {
  FRAME_CS,
  FRAME_ERROR,
  FRAME_RIP,
  IA32_FMASK,
  IA32_LSTAR,
  IA32_STAR,
  KERNEL_CODE,
  USER_BASE,
  USER_CODE,
  USER_DATA,
  USER_STACK_TOP,
} from "./layout.js";
import type { Tour } from "./program.js";

/** System calls: the number in RAX, an argument in RDI. */
const PRINT_TEXT = 0;
const PRINT_NUMBER = 1;
const EXIT = 2;
const NOTHING = 3;

const CALLS_TO_TIME = 1000;
const RFLAGS_INTERRUPTS = 0x202;
/** Trap, interrupt and direction flag are clear in the kernel. */
const FLAGS_MASK = 0x700;
/** SYSRET adds 8 and 16 to it. */
const SYSRET_BASE = KERNEL_CODE + 8 + 3;

export class Ring3 {
  readonly #userStack: Label;
  readonly #kernelStack: Label;
  readonly #back: Label;

  constructor(a: Tour, interruptStackTop: Place) {
    this.#userStack = a.reserve("userStackPointer", 8);
    this.#kernelStack = a.reserve("kernelStackPointer", 8);
    this.#back = a.label("backFromRing3");
    this.#systemCalls(a, interruptStackTop);
    protectionHandler(a);
    userProgram(a);
  }

  initialise(a: Tour): void {
    a.mov(ecx, IA32_STAR);
    a.xor(eax, eax);
    a.mov(edx, (SYSRET_BASE << 16) | KERNEL_CODE);
    a.wrmsr();
    a.mov(ecx, IA32_LSTAR);
    a.lea(rax, mem(a.systemCall));
    a.mov(rdx, rax);
    a.shr(rdx, 32);
    a.wrmsr();
    a.mov(ecx, IA32_FMASK);
    a.mov(eax, FLAGS_MASK);
    a.xor(edx, edx);
    a.wrmsr();
  }

  /** Returns to a less privileged program that never called, and goes on when it exits. */
  run(a: Tour): void {
    a.mov(qword(this.#kernelStack), rsp);
    a.push(USER_DATA);
    a.mov(rax, USER_STACK_TOP);
    a.push(rax);
    a.push(RFLAGS_INTERRUPTS);
    a.push(USER_CODE);
    a.mov(rax, USER_BASE);
    a.push(rax);
    a.iretq();
    a.bind(this.#back);
    a.mov(rsp, qword(this.#kernelStack));
    a.sti();
    a.say("  Back in ring 0.\n");
  }

  /** The processor has put RIP into RCX and RFLAGS into R11, and left RSP alone. */
  #systemCalls(a: Tour, interruptStackTop: Place): void {
    const notText = a.label("callNotText");
    const notNumber = a.label("callNotNumber");
    const leave = a.label("callReturn");
    a.bind(a.systemCall);
    a.mov(qword(this.#userStack), rsp);
    a.lea(rsp, mem(interruptStackTop));
    a.cmp(eax, PRINT_TEXT);
    a.jne(notText);
    a.mov(rsi, rdi);
    a.call(a.printText);
    a.jmp(leave);
    a.bind(notText);
    a.cmp(eax, PRINT_NUMBER);
    a.jne(notNumber);
    a.mov(rax, rdi);
    a.call(a.printDecimal);
    a.jmp(leave);
    a.bind(notNumber);
    a.cmp(eax, EXIT);
    a.je(this.#back);
    a.bind(leave);
    a.mov(rsp, qword(this.#userStack));
    a.sysretq();
  }
}

/** The one fault that the tour provokes is CLI, an instruction of one byte: it is skipped. */
function protectionHandler(a: Tour): void {
  a.bind(a.generalProtection);
  a.test(qword(rdi, FRAME_CS), 3);
  a.jz(a.unexpected);
  a.say("    General protection fault: error code ");
  a.mov(rax, qword(rdi, FRAME_ERROR));
  a.call(a.printDecimal);
  a.say(", CS ");
  a.mov(rax, qword(rdi, FRAME_CS));
  a.call(a.printHex);
  a.say(", RIP ");
  a.mov(rax, qword(rdi, FRAME_RIP));
  a.call(a.printHex);
  a.say("\n    Interrupts stay on. The handler skips the instruction.\n");
  a.inc(qword(rdi, FRAME_RIP));
  a.ret();
}

/** Its page is mapped at {@link USER_BASE}: everything in it is relative to RIP. */
function userProgram(a: Tour): void {
  const texts: [Label, string][] = [];
  const call = (number: number): void => {
    a.mov(eax, number);
    a.syscall();
  };
  const say = (text: string): void => {
    const label = a.label(text);
    texts.push([label, text]);
    a.lea(rdi, mem(label));
    call(PRINT_TEXT);
  };
  a.align(4096);
  a.bind(a.userPage);
  say("  Hello from a program in ring ");
  a.mov(eax, cs);
  a.and(eax, 3);
  a.mov(rdi, rax);
  call(PRINT_NUMBER);
  say(". It prints by SYSCALL.\n  ");

  const timeStamp = (): void => {
    a.rdtsc();
    a.shl(rdx, 32);
    a.or(rax, rdx);
  };
  timeStamp();
  a.mov(rbx, rax);
  a.mov(r12d, CALLS_TO_TIME);
  const again = a.here("callAgain");
  call(NOTHING);
  a.dec(r12d);
  a.jnz(again);
  timeStamp();
  a.sub(rax, rbx);
  a.xor(edx, edx);
  a.mov(ecx, CALLS_TO_TIME);
  a.div(rcx);
  a.mov(rbx, rax);
  a.mov(edx, CALLS_TO_TIME);
  a.mov(rdi, rdx);
  call(PRINT_NUMBER);
  say(" empty system calls took ");
  a.mov(rdi, rbx);
  call(PRINT_NUMBER);
  say(" time stamp ticks each.\n  Now it tries to switch interrupts off (CLI) ...\n");
  a.cli();
  say("  The program goes on, and exits.\n");
  call(EXIT);
  for (const [label, text] of texts) {
    a.bind(label);
    a.asciz(text);
  }
  a.align(4096);
}
