/**
 * The monitor: commands that look into a machine that runs. A command is answered between two instructions; nothing
 * that it does can be noticed by the guest.
 */
import type { WalkQuestion } from "../cpu/paging/explain.js";
import { ExitReason } from "../cpu/vmx/exit-reason.js";
import { VmcsField } from "../cpu/vmx/fields.js";
import { observedExit } from "../cpu/vmx/observer.js";
import type { Vmcs } from "../cpu/vmx/vmcs.js";
import { nearestName } from "../host/nearest-name.js";
import { UsageError } from "../host/usage-error.js";
import type { Machine } from "../machine/machine.js";
import { describeCause } from "./exit-cause.js";
import { exitName } from "./exit-names.js";
import { explainGuestWalk, explainHostWalk } from "./guest-walk.js";
import { dumpLines, parseDumpFormat } from "./memory-dump.js";
import {
  MONITOR_WORDS,
  parseAddress,
  parseCount,
  question,
  type TopicName,
  unknownTopic,
} from "./monitor-words.js";
import { decodeQualification, REGISTERS } from "./qualification.js";
import { operationOf, registerLines } from "./register-view.js";
import { hex, seconds, table } from "./text.js";
import { vmcsLines } from "./vmcs-view.js";
import type { ExitEvent } from "./vt-event.js";
import type { VtRecorder } from "./vt-recorder.js";
import { exitLine, failureLines } from "./vt-trace.js";
import { walkLines } from "./walk-lines.js";

/** VM exits that `info exits` shows unless told otherwise. */
const SHOWN = 16;

interface Topic {
  readonly arguments: string;
  readonly help: string;
  lines(words: readonly string[]): string[];
}

export class Monitor {
  /** What `info` and `explain` know. */
  private readonly topics: ReadonlyMap<string, Topic> = new Map<TopicName, Topic>([
    [
      "registers",
      { arguments: "", help: "the registers of the processor", lines: () => registerLines(this.machine) },
    ],
    [
      "vmcs",
      {
        arguments: "[WORDS]",
        help: "the current VMCS by field name; with WORDS, fields that contain them",
        lines: (words) => this.vmcs(words.join(" ")),
      },
    ],
    [
      "ept",
      {
        arguments: "GPA [r|w|x]",
        help: "how EPT translates a guest-physical address, step by step",
        lines: ([address, access]) => this.guestWalk("guest-physical", address, access),
      },
    ],
    [
      "walk",
      {
        arguments: "ADDR [r|w|x]",
        help: "how a linear address is translated in what runs now",
        lines: ([address, access]) =>
          walkLines(this.machine.parts.cpu.mmu.explainWalk(question("linear", address, access))),
      },
    ],
    [
      "guest-walk",
      {
        arguments: "ADDR [r|w|x]",
        help: "the same for the guest of the current VMCS, also while its hypervisor runs",
        lines: ([address, access]) => this.guestWalk("linear", address, access),
      },
    ],
    [
      "host-walk",
      {
        arguments: "ADDR [r|w|x]",
        help: "the same for the hypervisor, also while its guest runs",
        lines: ([address, access]) =>
          walkLines(explainHostWalk(this.machine.parts, question("linear", address, access))),
      },
    ],
    [
      "exits",
      {
        arguments: "[N]",
        help: `the last ${SHOWN} or N VM exits`,
        lines: ([count]) => this.exits(parseCount(count, SHOWN)),
      },
    ],
    [
      "exit",
      {
        arguments: "[N]",
        help: "everything about the last VM exit, or the N-th last",
        lines: ([count]) => this.exit(parseCount(count, 1)),
      },
    ],
    [
      "entry",
      {
        arguments: "",
        help: "why the last VM entry that failed did: rule, section, fields",
        lines: () => this.failure(),
      },
    ],
  ]);

  /** @param recorder is attached to the machine */
  constructor(
    private readonly machine: Machine,
    private readonly recorder: VtRecorder,
    private readonly quit: () => void,
  ) {}

  /** Answers a command with lines of text. */
  execute(line: string): string[] {
    try {
      return this.answer(line.trim().split(/\s+/).filter(Boolean));
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      return [error.message];
    }
  }

  private answer(words: readonly string[]): string[] {
    // The command may be written as in a shell.
    const [command, ...rest] = words[0] === "vt86" ? words.slice(1) : words;
    if (command === undefined) return [];
    const dump = /^(xp?)(?:\/(.*))?$/.exec(command);
    if (dump !== null) {
      const format = parseDumpFormat(dump[2] ?? "");
      return dumpLines(this.machine, parseAddress(rest[0]), format, dump[1] === "x");
    }
    switch (command) {
      case "info":
      case "explain":
        return this.topic(rest);
      case "help":
      case "?":
        return this.help();
      case "quit":
      case "q":
        this.quit();
        return [];
      default: {
        const near = nearestName(command, MONITOR_WORDS.slice(0, 6));
        return [`There is no command '${command}'${near ? `; did you mean '${near}'?` : "; see help."}`];
      }
    }
  }

  private topic([name, ...words]: readonly string[]): string[] {
    if (name === undefined) return this.help();
    const topic = this.topics.get(name);
    if (topic !== undefined) return topic.lines(words);
    return [unknownTopic(name)];
  }

  private help(): string[] {
    const rows = [...this.topics].map(([name, topic]) => [`info ${name} ${topic.arguments}`, topic.help]);
    return [
      ...table([
        ...rows,
        ["explain …", "the same as info …"],
        ["x[/COUNT[bhwg]] ADDR", "memory by linear address; sizes 1, 2, 4 (w, default) and 8 bytes"],
        ["xp[/COUNT[bhwg]] ADDR", "memory by physical address"],
        ["quit", "ends vt86"],
      ]),
      "Addresses are hexadecimal. Ctrl-A C goes back to the console.",
    ];
  }

  // --- VMX ---

  private get current(): Vmcs {
    const { cpu } = this.machine.parts;
    // Absent where the CPU has no VMX.
    const vmx: typeof cpu.vmx | undefined = cpu.vmx;
    if (vmx?.current === undefined) throw new UsageError(`No VMCS to look at: ${operationOf(this.machine)}.`);
    return vmx.current;
  }

  private vmcs(words: string): string[] {
    const vmcs = this.current;
    const { vmx } = this.machine.parts.cpu;
    const lines = vmcsLines(vmcs, vmx.capabilities, words);
    if (lines.length === 0) return [`No field of the VMCS has "${words}" in its name.`];
    const stale = vmx.nonRoot ? "; the guest state is that of the last VM entry" : "";
    return [`VMCS ${hex(vmcs.pointer)}, ${vmcs.launched ? "launched" : "clear"}${stale}`, ...lines];
  }

  private guestWalk(kind: WalkQuestion["kind"], address?: string, access?: string): string[] {
    const walk = explainGuestWalk(this.machine.parts, this.current, question(kind, address, access));
    return walk.format === "no EPT"
      ? ['The current VMCS does not have "enable EPT": guest-physical addresses are physical ones.']
      : walkLines(walk);
  }

  private exits(count: number): string[] {
    const exits = this.recorder.exits().slice(-count);
    if (exits.length === 0)
      return ["No VM exit since the monitor was opened; info exit shows what the VMCS holds."];
    return exits.map((exit) => `${seconds(exit.time).padStart(14)}  ${exitLine(exit)}`);
  }

  private exit(count: number): string[] {
    const exit = this.recorder.exits().at(-count);
    if (exit !== undefined) return this.exitDetails(exit);
    const vmcs = this.current;
    if (!vmcs.launched || count > 1) return ["No such VM exit is known."];
    return this.exitDetails({ kind: "exit", time: 0, instructions: 0, ...observedExit(vmcs) });
  }

  private exitDetails(exit: ExitEvent): string[] {
    const { reason, qualification, interruptionInfo, registers, vmcs } = exit;
    const cause = describeCause(exit);
    const parts = decodeQualification(reason, qualification, interruptionInfo);
    const lines = [
      `${exitName(reason)}, exit reason ${reason}, of VMCS ${hex(vmcs)} at guest RIP ${hex(exit.rip)}`,
      ...(cause === "" ? [] : [`  ${cause}`]),
      `  exit qualification ${hex(qualification)}`,
      ...table(parts.map(({ name, value }) => [`    ${name}`, value])),
      `  instruction length ${exit.instructionLength}, instruction information ${hex(exit.instructionInfo)}`,
    ];
    if (registers !== undefined) {
      const shown = registers.map((value, i) => `${REGISTERS[i]} ${hex(value)}`);
      lines.push(`  ${shown.slice(0, 8).join(", ")}`, `  ${shown.slice(8).join(", ")}`);
    }
    const ept = reason === ExitReason.eptViolation || reason === ExitReason.eptMisconfiguration;
    if (ept && this.machine.parts.cpu.vmx.current?.pointer === vmcs) {
      lines.push("  the walk, as the structures are now:");
      lines.push(...this.walkOf(exit).map((line) => `    ${line}`));
    }
    return lines;
  }

  private walkOf({ reason, qualification, guestPhysical }: ExitEvent): string[] {
    const bits = reason === ExitReason.eptViolation ? Number(qualification & 7n) : 1;
    const access = (bits & 2) !== 0 ? "write" : (bits & 4) !== 0 ? "fetch" : "read";
    const asked: WalkQuestion = { kind: "guest-physical", address: guestPhysical, access };
    return walkLines(explainGuestWalk(this.machine.parts, this.current, asked));
  }

  private failure(): string[] {
    const { lastFailure } = this.recorder;
    if (lastFailure !== undefined) return failureLines(lastFailure);
    const vmcs = this.current;
    // What failed before anybody observed: the processor remembers the rule.
    const { lastFailure: failure } = this.machine.parts.cpu.vmx;
    if (failure === undefined) return ["No VM entry has broken a rule."];
    const error = Number(vmcs.read(VmcsField.INSTRUCTION_ERROR));
    const { rule, values } = failure;
    return [
      `rule ${rule.name}: ${rule.text} (SDM vol. 3, ${rule.section}); VM-instruction error ${error}`,
      ...values.map(([field, value]) => `  ${field} = ${hex(value)}`),
    ];
  }
}
