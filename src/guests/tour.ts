/**
 * vt86's built-in guest: a small operating system that shows the machine at work on the serial console, then
 * takes commands. It starts by multiboot or PVH, needs 4 MiB of RAM, and knows the devices of a PC: 16550, 8254,
 * I/O APIC, local APIC, ACPI power management at port 600h.
 *
 * The program is assembled when it is asked for. Its parts are in `tour/`.
 */

import { al, ax, dx, type Label } from "./assembler/assembler.js";
import { elfFile, PROGRAM_ADDRESS } from "./elf.js";
import { countPrimes, drawMandelbrot } from "./tour/compute.js";
import { consoleRoutines, initialiseSerial } from "./tour/console.js";
import { CpuStep } from "./tour/cpu.js";
import { interrupts, TASK_STATE_LIMIT } from "./tour/interrupts.js";
import { pageFaultHandler, showMemory, takePageFault } from "./tour/memory.js";
import { Tour } from "./tour/program.js";
import { prompt } from "./tour/prompt.js";
import { Ring3 } from "./tour/ring3.js";
import { start } from "./tour/start.js";
import { initialiseTimer, measureTime, showTicks, timerRoutines } from "./tour/timer.js";

/** ACPI PM1a control: SLP_EN with the sleep type of "soft off". */
const PM1A_CONTROL = 0x604;
const SOFT_OFF = 0x2000;
/** The reset control register: a system reset, then the processor's. */
const RESET_CONTROL = 0xcf9;
const SYSTEM_RESET = [0x02, 0x06];

/** The guest as an ELF file that a multiboot or PVH loader takes. */
export function tourImage(): { name: string; data: Uint8Array } {
  const a = new Tour(PROGRAM_ADDRESS, 32);
  const { entry, noteAddress, noteLength, onDemandTable, taskState, taskDescriptor } = start(
    a,
    TASK_STATE_LIMIT,
  );
  consoleRoutines(a);
  timerRoutines(a);
  const { initialise: initialiseInterrupts, interruptStackTop } = interrupts(a, taskState, taskDescriptor);
  pageFaultHandler(a, onDemandTable);
  const ring3 = new Ring3(a, interruptStackTop);
  const cpu = new CpuStep(a);

  const routine = (name: string, body: () => void): Label => {
    const label = a.here(name);
    body();
    a.ret();
    return label;
  };
  const reboot = routine("reboot", () => {
    a.mov(dx, RESET_CONTROL);
    for (const value of SYSTEM_RESET) {
      a.mov(al, value);
      a.out(dx, al);
    }
    stop(a);
  });
  a.bind(a.powerOff);
  a.mov(dx, PM1A_CONTROL);
  a.mov(ax, SOFT_OFF);
  a.out(dx, ax);
  stop(a);

  const steps = [
    { name: "cpu", help: "the processor", title: "The processor", run: () => cpu.show(a) },
    {
      name: "memory",
      help: "the memory map",
      title: "Memory, as the loader describes it",
      run: () => showMemory(a),
    },
    {
      name: "fault",
      help: "a page fault",
      title: "A page fault",
      run: () => takePageFault(a, onDemandTable),
    },
    { name: "timer", help: "half a second of interrupts", title: "Time", run: () => measureTime(a) },
    { name: "ring3", help: "a program and its system calls", title: "Ring 3", run: () => ring3.run(a) },
    { name: "primes", help: "a computation with integers", title: "Integers", run: () => countPrimes(a) },
    { name: "mandel", help: "one with floating point", title: "SSE2 doubles", run: () => drawMandelbrot(a) },
  ].map((step) => ({ ...step, run: routine(step.name, step.run) }));
  const ticks = routine("showTicks", () => showTicks(a));

  a.bind(a.main);
  initialiseSerial(a);
  initialiseInterrupts();
  ring3.initialise(a);
  initialiseTimer(a);
  a.say("\nWelcome to the tour of this machine. It began in 32-bit protected mode; page tables, a few\n");
  a.say("control registers and a far jump later it runs 64-bit code. That is what prints this.\n");
  for (const [index, { title, run }] of steps.entries()) {
    a.say(`\n[${index + 1}/${steps.length}] ${title}\n`);
    a.call(run);
  }
  a.say("\nThat was the tour. Now it's your turn: 'help' lists the commands.\n\n");
  prompt(a, [
    ...steps,
    { name: "ticks", help: "time since the start", run: ticks },
    { name: "reboot", help: "start again", run: reboot },
    { name: "halt", help: "switch the machine off", run: a.powerOff },
  ]);

  const end = a.placeRest();
  const notes = { address: noteAddress, length: noteLength };
  return { name: "tour", data: elfFile({ program: a.finish(), entry: entry.address!, end, notes }) };
}

/** Where power off and reset take a moment, or don't exist. */
function stop(a: Tour): void {
  a.cli();
  const forever = a.here("stopped");
  a.hlt();
  a.jmp(forever);
}
