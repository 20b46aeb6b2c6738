/**
 * vt86's built-in hypervisor: a bare-metal program that turns on VMX, builds an EPT, runs two small guests, and prints
 * a line on the serial port for each of their VM exits. It starts by multiboot, on vt86 or any PC with VMX and
 * EPT, and needs 8 MiB of RAM. `docs/vt-x-tour.md` walks through it.
 *
 * The program is assembled when it is asked for. Its parts are in `hypervisor/`.
 */

import { ExitReason } from "../cpu/vmx/exit-reason.js";
import { ax, dx, ecx, edx, mem, qword, rax } from "./assembler/assembler.js";
import { elfFile, PROGRAM_ADDRESS } from "./elf.js";
import { numberRoutine } from "./hypervisor/console.js";
import { ept } from "./hypervisor/ept.js";
import { type ExitRow, exits } from "./hypervisor/exits.js";
import { guest } from "./hypervisor/guest.js";
import { controlRegister, cpuid, halt, hypercall, ioInstruction, rdmsr } from "./hypervisor/handlers.js";
import { interrupts } from "./hypervisor/interrupts.js";
import { IA32_VMX_PROCBASED_CTLS2 } from "./hypervisor/layout.js";
import { Hypervisor } from "./hypervisor/program.js";
import { realModeGuest } from "./hypervisor/real-mode-guest.js";
import { start } from "./hypervisor/start.js";
import { fieldsRoutine, type GuestPlan, prepareVmcs } from "./hypervisor/vmcs.js";
import { controlsRoutine, turnOnVmx } from "./hypervisor/vmx.js";
import { consoleRoutines, initialiseSerial } from "./tour/console.js";

/** ACPI PM1a control: SLP_EN with the sleep type of "soft off". */
const PM1A_CONTROL = 0x604;
const SOFT_OFF = 0x2000;
/** IA32_VMX_PROCBASED_CTLS2: "unrestricted guest" may be 1. The bit is in the upper half, which RDMSR leaves in EDX. */
const UNRESTRICTED_GUEST = 39 - 32;

/** The last line that the program prints. */
export const HYPERVISOR_END = "The hypervisor is done.";

/** The hypervisor as an ELF file that a multiboot loader takes. */
export function hypervisorImage(): { name: string; data: Uint8Array } {
  const a = new Hypervisor(PROGRAM_ADDRESS, 32);
  const labels = start(a);
  consoleRoutines(a);
  numberRoutine(a);
  controlsRoutine(a);
  fieldsRoutine(a);
  const pages = ept(a);
  const events = interrupts(a);
  const { begin, printCounts } = exits(a, exitRows(a, events, pages));
  const longGuest = guest(a, labels);
  const shortGuest = realModeGuest(a);

  const run = (plan: GuestPlan): void => {
    const done = a.label(`done: ${plan.name}`);
    a.say(`\nThe guest: ${plan.name}\n\n`);
    prepareVmcs(a, labels, pages, plan);
    a.lea(rax, mem(done));
    a.mov(qword(a.continuation), rax);
    begin();
    a.jmp(a.launch);
    a.bind(done);
  };

  a.bind(a.main);
  initialiseSerial(a);
  events.initialise();
  a.say("\nThe hypervisor, step by step\n\n");
  turnOnVmx(a, a.reserve("vmxonRegion", 4096, 4096));
  pages.build();
  run(longGuest);
  const restricted = a.label("restricted");
  a.mov(ecx, IA32_VMX_PROCBASED_CTLS2);
  a.rdmsr();
  a.bt(edx, UNRESTRICTED_GUEST);
  a.jnc(restricted);
  run(shortGuest);
  a.bind(restricted);
  a.say("\nVM exits in all\n\n");
  printCounts();
  a.vmxoff();
  a.say("\nVMXOFF.\n");

  a.bind(a.powerOff);
  a.say(`${HYPERVISOR_END}\n`);
  a.mov(dx, PM1A_CONTROL);
  a.mov(ax, SOFT_OFF);
  a.out(dx, ax);
  a.cli();
  const forever = a.here("stopped");
  a.hlt();
  a.jmp(forever);

  const end = a.placeRest();
  const notes = { address: PROGRAM_ADDRESS, length: 0 };
  return {
    name: "hypervisor",
    data: elfFile({ program: a.finish(), entry: labels.entry.address!, end, notes }),
  };
}

/** Every exit reason that the guests can cause. */
function exitRows(
  a: Hypervisor,
  { externalInterrupt, interruptWindow }: ReturnType<typeof interrupts>,
  { violation }: ReturnType<typeof ept>,
): readonly ExitRow[] {
  const event = { instruction: false };
  const instruction = { instruction: true };
  return [
    {
      reason: ExitReason.externalInterrupt,
      name: "External interrupt",
      ...event,
      handler: externalInterrupt,
    },
    { reason: ExitReason.interruptWindow, name: "Interrupt window", ...event, handler: interruptWindow },
    { reason: ExitReason.cpuid, name: "CPUID", ...instruction, handler: cpuid(a) },
    { reason: ExitReason.hlt, name: "HLT", ...instruction, handler: halt(a) },
    { reason: ExitReason.vmcall, name: "VMCALL", ...instruction, handler: hypercall(a) },
    {
      reason: ExitReason.controlRegisterAccess,
      name: "Control-register access",
      ...instruction,
      handler: controlRegister(a),
    },
    { reason: ExitReason.ioInstruction, name: "I/O instruction", ...instruction, handler: ioInstruction(a) },
    { reason: ExitReason.rdmsr, name: "RDMSR", ...instruction, handler: rdmsr(a) },
    { reason: ExitReason.eptViolation, name: "EPT violation", ...event, handler: violation },
  ];
}
