/** The trace of VT events as text: a line for each VM entry and VM exit, a few for a failed VM entry. */
import { VM_ERROR_TEXT } from "../cpu/vmx/errors.js";
import { findField, VmcsField } from "../cpu/vmx/fields.js";
import type { ObservedEntry, ObservedEntryFailure } from "../cpu/vmx/observer.js";
import { describeCause } from "./exit-cause.js";
import { abortName, exitName } from "./exit-names.js";
import { decodeQualification, describeInterruption } from "./qualification.js";
import { hex, seconds } from "./text.js";
import type { AbortEvent, ExitEvent, VtEvent, VtSink } from "./vt-event.js";

const instruction = (launch: boolean): string => (launch ? "VMLAUNCH" : "VMRESUME");

export function entryLine({ launch, vmcs, rip, interruptionInfo, interruptionError }: ObservedEntry): string {
  const injected = describeInterruption(interruptionInfo, interruptionError);
  const event = injected === undefined ? "" : `, injects ${injected}`;
  return `${instruction(launch)} of VMCS ${hex(vmcs)}, guest RIP ${hex(rip)}${event}`;
}

/** @param spent instructions since the VM entry, if known */
export function exitLine(exit: ExitEvent, spent?: number): string {
  const cause = describeCause(exit);
  const colon = cause === "" ? "" : `: ${cause}`;
  const after =
    spent === undefined ? "" : ` (after ${spent === 1 ? "1 instruction" : `${spent} instructions`})`;
  return `${exitName(exit.reason)} at guest RIP ${hex(exit.rip)}${colon}${after}`;
}

const abortLine = ({ indicator, vmcs }: AbortEvent): string =>
  `VMX abort of VMCS ${hex(vmcs)}: ${abortName(indicator)}`;

/** What failed, then the rule that broke: in words, where the manual has it, and what its fields hold. */
export function failureLines(event: ObservedEntryFailure): string[] {
  const { vmcs, launch, rip, error, reason, qualification, failure } = event;
  const of = vmcs === undefined ? "without a current VMCS" : `of VMCS ${hex(vmcs)}`;
  const lines: string[] = [];
  if (reason !== undefined) {
    const details = decodeQualification(reason, qualification).map(({ name, value }) => `${name}: ${value}`);
    const shown = failure === undefined && details.length > 0 ? ` (${details.join(", ")})` : "";
    lines.push(`${instruction(launch)} ${of}: ${exitName(reason)}, exit reason ${reason}${shown}`);
  } else {
    const why =
      error === undefined ? "VMfailInvalid" : `${VM_ERROR_TEXT[error]}, VM-instruction error ${error}`;
    lines.push(`${instruction(launch)} ${of} at RIP ${hex(rip)}: ${why}`);
  }
  if (failure === undefined) return lines;
  const { rule, values } = failure;
  lines.push(`rule ${rule.name}: ${rule.text} (SDM vol. 3, ${rule.section})`);
  for (const [field, value] of values) {
    lines.push(`  ${findField(VmcsField[field])?.name ?? field} = ${hex(value)}`);
  }
  return lines;
}

const LABELS = { entry: "entry", exit: "exit", failure: "failed", abort: "abort" } as const;

/** Writes lines as events come. */
export class VtTrace implements VtSink {
  private entered: number | undefined;

  /**
   * @param write gets text of whole lines
   * @param only `failures`: failed VM entries and VMX aborts, nothing else
   */
  constructor(
    private readonly write: (text: string) => void,
    private readonly only?: "failures",
  ) {}

  event(event: VtEvent): void {
    const { kind, time } = event;
    const spent = this.spentUntil(event);
    if (this.only !== undefined && (kind === "entry" || kind === "exit")) return;
    const [first, ...more] = this.lines(event, spent);
    const start = `${seconds(time).padStart(14)}  `;
    const indent = " ".repeat(start.length + 7);
    this.write(
      `${start}${LABELS[kind].padEnd(7)}${[first, ...more.map((line) => indent + line)].join("\n")}\n`,
    );
  }

  private lines(event: VtEvent, spent: number | undefined): string[] {
    switch (event.kind) {
      case "entry":
        return [entryLine(event)];
      case "exit":
        return [exitLine(event, spent)];
      case "failure":
        return failureLines(event);
      case "abort":
        return [abortLine(event)];
    }
  }

  private spentUntil({ kind, instructions }: VtEvent): number | undefined {
    const spent = this.entered === undefined ? undefined : instructions - this.entered;
    this.entered = kind === "entry" ? instructions : undefined;
    return spent;
  }
}
