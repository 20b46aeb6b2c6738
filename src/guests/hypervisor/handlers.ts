/**
 * What the hypervisor does for its guests, one routine for each exit reason. Each begins in the middle of a line of
 * the report, whose last column it prints.
 */

import {
  byte,
  eax,
  ebx,
  ecx,
  edx,
  type Label,
  r8,
  r9,
  rax,
  rbx,
  rcx,
  rdx,
  rsi,
} from "../assembler/assembler.js";
import {
  HYPERCALL_INTERRUPT,
  HYPERCALL_REPORT,
  HYPERVISOR_LEAF,
  HYPERVISOR_MSR,
  HYPERVISOR_MSR_VALUE,
  RFLAGS_INTERRUPT,
} from "./layout.js";
import type { Hypervisor } from "./program.js";

/** Exit qualification of I/O instructions (SDM volume 3, table 28-5). */
const IO_IN = 1 << 3;
const IO_STRING = 1 << 4;
/** What any port answers. */
const IO_ANSWER = 42;

/** Three registers of four characters each, as CPUID leaf 40000000h has them. */
const SIGNATURE = "vt86 tour VM";
const CPUID_VMX = 5;
const CPUID_HYPERVISOR = 31;

/** VM-entry interruption information: valid, with an error code, hardware exception, vector of #GP. */
const INJECT_GP = 0x80000000 + (1 << 11) + (3 << 8) + 13;

/** CR0 bits that a guest's value gets in addition: ET, and NE, which VMX fixes. */
const CR0_FIXED = 0x30;

export function ioInstruction(a: Hypervisor): Label {
  const [input, string, port] = [a.label("ioIn"), a.label("ioString"), a.label("ioPort")];
  const start = a.here("ioInstruction");
  a.readField("EXIT_QUALIFICATION");
  a.mov(rbx, rax);
  a.test(ebx, IO_STRING);
  a.jnz(string);
  a.test(ebx, IO_IN);
  a.jnz(input);
  a.say("wrote ");
  a.movzx(eax, byteOf(a));
  a.sayHex();
  a.say(" to port ");
  a.jmp(port);

  a.bind(input);
  a.mov(byteOf(a), IO_ANSWER);
  a.say(`answered ${IO_ANSWER.toString(16)}h at port `);
  a.bind(port);
  a.mov(eax, ebx);
  a.shr(eax, 16);
  a.sayHex();
  a.jmp(a.skipInstruction);

  // One exit for all of a REP OUTS: the hypervisor repeats. The guest's linear addresses are its physical ones.
  const [next, done] = [a.label("ioNext"), a.label("ioDone")];
  a.bind(string);
  a.say('printed "');
  a.readField("GUEST_LINEAR_ADDRESS");
  a.mov(rsi, rax);
  a.mov(rbx, a.guest(rcx));
  a.bind(next);
  a.test(rbx, rbx);
  a.jz(done);
  a.lodsb();
  a.call(a.printCharacter);
  a.dec(rbx);
  a.jmp(next);
  a.bind(done);
  a.say('"');
  a.mov(rax, a.guest(rcx));
  a.add(a.guest(rsi), rax);
  a.mov(a.guest(rcx), 0);
  a.jmp(a.skipInstruction);
  return start;
}

/** The guest's AL. */
function byteOf(a: Hypervisor): ReturnType<typeof byte> {
  return byte({ place: { label: a.guest(rax).place!.label, offset: a.guest(rax).displacement } });
}

export function cpuid(a: Hypervisor): Label {
  const [own, answer] = [a.label("cpuidOwn"), a.label("cpuidAnswer")];
  const start = a.here("cpuidExit");
  a.mov(rax, a.guest(rax));
  a.mov(r9, rax);
  a.say("leaf ");
  a.sayHex();
  a.mov(eax, HYPERVISOR_LEAF);
  a.cmp(r9, rax);
  a.je(own);

  a.say(": what the processor says, but no VMX, and a hypervisor");
  a.mov(rax, r9);
  a.mov(rcx, a.guest(rcx));
  a.cpuid();
  a.btr(ecx, CPUID_VMX);
  a.bts(ecx, CPUID_HYPERVISOR);
  a.jmp(answer);

  a.bind(own);
  a.say(`: signed as "${SIGNATURE}"`);
  const characters = new DataView(new TextEncoder().encode(SIGNATURE).buffer);
  for (const [index, register] of [ebx, ecx, edx].entries()) {
    a.mov(register, characters.getUint32(4 * index, true));
  }
  a.bind(answer);
  for (const register of [rax, rbx, rcx, rdx]) a.mov(a.guest(register), register);
  a.jmp(a.skipInstruction);
  return start;
}

export function rdmsr(a: Hypervisor): Label {
  const known = a.label("rdmsrKnown");
  const start = a.here("rdmsrExit");
  a.say("MSR ");
  a.mov(rax, a.guest(rcx));
  a.sayHex();
  a.mov(ecx, HYPERVISOR_MSR);
  a.cmp(rax, rcx);
  a.je(known);
  // The guest's instruction becomes an exception; RIP stays.
  a.say(": there is none, injected #GP");
  a.writeField("ENTRY_EXCEPTION_ERROR_CODE", 0);
  a.writeField("ENTRY_INTERRUPTION_INFO", INJECT_GP);
  a.jmp(a.resume);

  a.bind(known);
  a.say(": answered ");
  a.mov(rax, HYPERVISOR_MSR_VALUE);
  a.sayHex();
  a.mov(ebx, eax);
  a.mov(a.guest(rax), rbx);
  a.shr(rax, 32);
  a.mov(a.guest(rdx), rax);
  a.jmp(a.skipInstruction);
  return start;
}

/** VMCALL: the guest asks for something that no processor has. */
export function hypercall(a: Hypervisor): Label {
  const [interrupt, report] = [a.label("callInterrupt"), a.label("callReport")];
  const start = a.here("vmcallExit");
  a.mov(rax, a.guest(rax));
  a.cmp(rax, HYPERCALL_INTERRUPT);
  a.je(interrupt);
  a.cmp(rax, HYPERCALL_REPORT);
  a.je(report);
  a.giveUp("the guest makes a hypercall that there isn't");

  a.bind(interrupt);
  a.say("the guest wants an interrupt; ");
  a.mov(rax, a.guest(rbx));
  a.call(a.deliverInterrupt);
  a.jmp(a.skipInstruction);

  a.bind(report);
  a.say("the guest counts ");
  a.mov(rax, a.guest(rbx));
  a.call(a.printDecimal);
  a.say(" interrupts and ");
  a.mov(rax, a.guest(r8));
  a.call(a.printDecimal);
  a.say(" exceptions, and reads ");
  a.mov(rax, a.guest(r9));
  a.sayHex();
  a.jmp(a.skipInstruction);
  return start;
}

/** Sleeps until the next interrupt; with interrupts off, forever. */
export function halt(a: Hypervisor): Label {
  const sleeps = a.label("haltSleeps");
  const start = a.here("hltExit");
  a.readField("GUEST_RFLAGS");
  a.test(eax, RFLAGS_INTERRUPT);
  a.jnz(sleeps);
  a.say("interrupts are off: the guest is done");
  a.jmp(a.guestDone);
  a.bind(sleeps);
  a.say("started a timer, the guest sleeps in activity state HLT");
  a.writeField("GUEST_ACTIVITY_STATE", 1);
  a.call(a.startTimer);
  a.jmp(a.skipInstruction);
  return start;
}

/** MOV to CR0 from EAX, with a bit that the guest/host mask keeps for the hypervisor. */
export function controlRegister(a: Hypervisor): Label {
  const start = a.here("crExit");
  a.say("made CR0 ");
  a.mov(rbx, a.guest(rax));
  a.writeField("CR0_READ_SHADOW", rbx);
  a.or(rbx, CR0_FIXED);
  a.writeField("GUEST_CR0", rbx);
  a.mov(rax, rbx);
  a.sayHex();
  a.say(", with PE: protected mode, as the guest wishes");
  a.jmp(a.skipInstruction);
  return start;
}
