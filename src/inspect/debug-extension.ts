/**
 * What a debugger outside the guest gets from the inspector: commands that stop at VM exits and VM entries, those of the
 * monitor, and memory as hypervisor and guest see it.
 */
import type { DebugExtension, MonitorCommand } from "../debug/extension.js";
import type { MemoryView, VmxView } from "../debug/gdb/target.js";
import { leadsTo } from "../machine/debug-control.js";
import type { TransitionStop, TransitionStops } from "../machine/debug-transitions.js";
import type { Machine } from "../machine/machine.js";
import { describeCause } from "./exit-cause.js";
import { exitName, exitNames, findExitReason, nearestExitName } from "./exit-names.js";
import { explainGuestWalk, explainHostWalk } from "./guest-walk.js";
import type { Monitor } from "./monitor.js";
import { MONITOR_WORDS } from "./monitor-words.js";
import { hex } from "./text.js";
import { entryLine, failureLines } from "./vt-trace.js";

/** Where a run has stopped, and why. */
export function stopLines(stop: TransitionStop): string[] {
  if (stop.reason === "vm-entry") return [`VM entry: ${entryLine(stop.entry)}`];
  if (stop.reason === "vm-entry-failure") {
    const [first, ...more] = failureLines(stop.failure);
    return [`VM entry failed: ${first}, qualification ${hex(stop.failure.qualification)}`, ...more];
  }
  const { exit } = stop;
  const cause = describeCause(exit);
  const what = `${exitName(exit.reason)} (${exit.reason}), qualification ${hex(exit.qualification)}`;
  const where = `guest RIP ${hex(exit.rip)}, VMCS ${hex(exit.vmcs)}`;
  return [`VM exit: ${what}, ${where}${cause === "" ? "" : `: ${cause}`}`];
}

function exitsInWords({ exits }: TransitionStops): string {
  if (exits === "all") return "the run stops after every VM exit";
  if (exits.size === 0) return "the run stops after no VM exit";
  const names = [...exits].sort((a, b) => a - b).map((reason) => `${exitName(reason)} (${reason})`);
  return `the run stops after VM exits by ${names.join(", ")}`;
}

/** `REASON[,REASON…]`, `all`, `off`, `off REASON`, `list`. */
function breakAtExits(stops: TransitionStops, words: readonly string[]): string {
  const text = words.join(" ");
  const off = /^off\b/i.test(text);
  if (text === "" || /^list$/i.test(text)) return exitsInWords(stops);
  if (/^(all|off)$/i.test(text)) {
    stops.exits = off ? new Set() : "all";
    return exitsInWords(stops);
  }
  const reasons = new Set(stops.exits === "all" ? (off ? exitNames.keys() : []) : stops.exits);
  for (const name of text.replace(/^off\b/i, "").split(",")) {
    const reason = findExitReason(name);
    if (reason === undefined) {
      const near = nearestExitName(name);
      return `There is no exit reason '${name.trim()}'${near ? `; did you mean '${near}'?` : "; SDM vol. 3, appendix C has them."}`;
    }
    if (off) reasons.delete(reason);
    else reasons.add(reason);
  }
  stops.exits = reasons;
  return exitsInWords(stops);
}

function breakAtEntries(stops: TransitionStops, [word]: readonly string[]): string {
  if (word !== undefined && word !== "on" && word !== "off") return `"${word}" is neither on nor off.`;
  if (word !== undefined) stops.entries = word === "on";
  return stops.entries ? "the run stops after every VM entry" : "the run stops after no VM entry";
}

export class InspectorExtension implements DebugExtension {
  readonly words = MONITOR_WORDS;
  readonly commands: readonly MonitorCommand[];

  /** @param monitor is asked for when a command is for it */
  constructor(
    private readonly machine: Machine,
    private readonly monitor: () => Monitor,
  ) {
    const { transitions } = machine.debug;
    this.commands = [
      {
        name: "vmexit-break",
        parameters: "[REASON,…|all|off [REASON]|list]",
        help: "stops after VM exits by that reason: EPT violation, cpuid, 48, 30h …",
        run: (words) => this.observing(() => breakAtExits(transitions, words)),
      },
      {
        name: "vmentry-break",
        parameters: "[on|off]",
        help: "stops after VM entries",
        run: (words) => this.observing(() => breakAtEntries(transitions, words)),
      },
    ];
  }

  /** Whoever wants to stop at VM exits will want to see those before it: they are kept from now on. */
  private observing(command: () => string): string[] {
    if (this.withoutVmx === undefined) this.monitor();
    return [this.withoutVmx ?? command()];
  }

  /** What to say where there is no VMX. */
  private get withoutVmx(): string | undefined {
    const { cpu } = this.machine.parts;
    // Absent where the CPU has no VMX.
    const vmx: typeof cpu.vmx | undefined = cpu.vmx;
    return vmx === undefined ? "The CPU has no VMX: give vt86 run a --cpu with +vmx." : undefined;
  }

  answer(line: string): readonly string[] {
    return this.monitor().execute(line);
  }

  describeStop(stop: TransitionStop): readonly string[] {
    return stopLines(stop);
  }

  hasView(view: MemoryView): boolean {
    const needsVmcs = view === "l2" || view === "l2-physical";
    return !needsVmcs || (this.withoutVmx === undefined && this.machine.parts.cpu.vmx.current !== undefined);
  }

  translate(view: VmxView, address: bigint): number | undefined {
    const pc = this.machine.parts;
    const current = this.withoutVmx === undefined ? pc.cpu.vmx.current : undefined;
    if (view === "l1") return leadsTo((question) => explainHostWalk(pc, question), address, "linear");
    if (current === undefined) return undefined;
    const kind = view === "l2" ? "linear" : "guest-physical";
    return leadsTo((question) => explainGuestWalk(pc, current, question), address, kind);
  }
}
