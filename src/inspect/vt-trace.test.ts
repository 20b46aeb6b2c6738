/** From what the processor tells to text, Trace Events and statistics, with events made up. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ALL_RULES } from "../cpu/vmx/checks/checks.js";
import { VmError } from "../cpu/vmx/errors.js";
import { ExitReason } from "../cpu/vmx/exit-reason.js";
import type { ObservedEntryFailure } from "../cpu/vmx/observer.js";
import { entryOf, exitOf } from "./event.test.helper.js";
import { TraceEventWriter } from "./trace-event.js";
import type { VtSink } from "./vt-event.js";
import { VtRecorder } from "./vt-recorder.js";
import { VtStatistics } from "./vt-statistics.js";
import { VtTrace } from "./vt-trace.js";

/** A recorder with clocks that the test sets. */
function record(...sinks: VtSink[]) {
  const clocks = { time: 0, instructions: 0 };
  return { clocks, recorder: new VtRecorder(clocks, sinks) };
}

/** Gathers what is written. */
function paper() {
  const written: string[] = [];
  return { write: (text: string) => void written.push(text), text: () => written.join("") };
}

const FAILURE: ObservedEntryFailure = {
  vmcs: 0x2000n,
  launch: true,
  rip: 0xa000n,
  error: undefined,
  reason: undefined,
  qualification: 0n,
  failure: undefined,
};
const rule = ALL_RULES.find(({ fields }) => fields.includes("GUEST_RFLAGS"))!;
const broken = { rule, values: rule.fields.map((field) => [field, 0x8028n] as const) };

describe("the trace as text", () => {
  test("a line for each VM entry and VM exit", () => {
    const { write, text } = paper();
    const { clocks, recorder } = record(new VtTrace(write));
    clocks.time = 1_000_000_500;
    recorder.onEntry(entryOf({ launch: true, interruptionInfo: 0x8000_0b0e, interruptionError: 2 }));
    Object.assign(clocks, { time: 1_000_001_500, instructions: 1000 });
    recorder.onExit(exitOf(ExitReason.cpuid, { rip: 0x1234n }, { 0: 1n }));
    assert.equal(
      text(),
      "   1.000000500  entry  VMLAUNCH of VMCS 2000h, guest RIP 1000h, injects #PF with error code 2h\n" +
        "   1.000001500  exit   CPUID at guest RIP 1234h: leaf 1h, subleaf 0h (after 1000 instructions)\n",
    );
  });

  test("a failed VM entry names the rule, its section, and its fields with their values", () => {
    const { write, text } = paper();
    const { recorder } = record(new VtTrace(write));
    recorder.onEntryFailure({ ...FAILURE, reason: ExitReason.entryFailureGuestState, failure: broken });
    const lines = text().split("\n");
    assert.match(lines[0]!, /failed VMLAUNCH of VMCS 2000h: VM-entry failure due to invalid guest state/);
    assert.ok(lines[1]!.includes(rule.name) && lines[1]!.includes(rule.text), lines[1]);
    assert.match(lines[1]!, /\(SDM vol\. 3, 27\.3\.1\.\d\)$/);
    assert.match(text(), /guest RFLAGS = 8028h$/m);
  });

  test("VM-instruction errors, VMfailInvalid, MSR loading and VMX aborts", () => {
    const { write, text } = paper();
    const { recorder } = record(new VtTrace(write));
    recorder.onEntryFailure({ ...FAILURE, error: VmError.vmlaunchNonClear });
    recorder.onEntryFailure({ ...FAILURE, vmcs: undefined, launch: false });
    recorder.onEntryFailure({ ...FAILURE, reason: ExitReason.entryFailureMsrLoading, qualification: 3n });
    recorder.onAbort({ vmcs: 0x2000n, indicator: 4 });
    assert.match(
      text(),
      /VMLAUNCH of VMCS 2000h at RIP a000h: VMLAUNCH with non-clear VMCS, VM-instruction error 4\n/,
    );
    assert.match(text(), /VMRESUME without a current VMCS at RIP a000h: VMfailInvalid\n/);
    assert.match(text(), /MSR loading, exit reason 34 \(entry of the MSR-load area, from 1: 3h\)\n/);
    assert.match(text(), /abort {2}VMX abort of VMCS 2000h: loading host MSRs failed\n/);
  });

  test("only failures, if so asked", () => {
    const { write, text } = paper();
    const { recorder } = record(new VtTrace(write, "failures"));
    recorder.onEntry(entryOf());
    recorder.onExit(exitOf(ExitReason.hlt));
    recorder.onEntryFailure({ ...FAILURE, error: VmError.entryBlockedByMovSs });
    assert.match(text(), /^ +0\.000000000 {2}failed .*MOV SS.*\n$/);
  });
});

describe("the recorder", () => {
  test("keeps the last VM exits, oldest first", () => {
    const { recorder } = record();
    for (let i = 0; i < 1000; i++) recorder.onExit(exitOf(ExitReason.hlt, { rip: BigInt(i) }));
    const exits = recorder.exits();
    assert.equal(exits.length, 256);
    assert.equal(exits[0]?.rip, 744n);
    assert.equal(exits.at(-1)?.rip, 999n);
  });

  test("lets time go on over a reset", () => {
    const { clocks, recorder } = record();
    Object.assign(clocks, { time: 500, instructions: 400 });
    recorder.onExit(exitOf(ExitReason.hlt));
    Object.assign(clocks, { time: 100, instructions: 90 });
    recorder.onExit(exitOf(ExitReason.hlt));
    Object.assign(clocks, { time: 300, instructions: 290 });
    recorder.onExit(exitOf(ExitReason.hlt));
    assert.deepEqual(
      recorder.exits().map(({ time, instructions }) => [time, instructions]),
      [
        [500, 400],
        [600, 490],
        [800, 690],
      ],
    );
  });
});

test("Trace Events: guests and what the hypervisor does as slices, VM exits as instants", () => {
  const { write, text } = paper();
  const { clocks, recorder } = record(new TraceEventWriter(write));
  const at = (time: number) => Object.assign(clocks, { time, instructions: time });
  at(1000);
  recorder.onEntry(entryOf({ launch: true }));
  at(3000);
  recorder.onExit(exitOf(ExitReason.hlt));
  at(3500);
  recorder.onEntry(entryOf({ vmcs: 0x5000n }));
  at(4000);
  recorder.onEntryFailure({ ...FAILURE, error: VmError.entryInvalidControls, failure: broken });
  recorder.end();
  const events = JSON.parse(text()) as {
    name: string;
    ph: string;
    ts?: number;
    dur?: number;
    tid?: number;
  }[];
  const drawn = events
    .filter(({ ph }) => ph !== "M")
    .map(({ name, ph, ts, dur, tid }) => [name, ph, ts, dur, tid]);
  assert.deepEqual(drawn, [
    ["HLT", "i", 3, undefined, 1],
    ["guest", "X", 1, 2, 2],
    ["handles HLT", "X", 3, 0.5, 1],
    ["VM entry failed", "i", 4, undefined, 1],
    ["guest", "X", 3.5, 0.5, 3],
  ]);
  assert.equal(events.filter(({ name }) => name === "thread_name").length, 3);
});

test("statistics: VM exits by reason with the instructions before and after, failed VM entries by rule", () => {
  const statistics = new VtStatistics();
  const { clocks, recorder } = record(statistics);
  assert.deepEqual(statistics.lines(), ["no VM entry"]);
  const at = (instructions: number) => Object.assign(clocks, { time: instructions, instructions });
  for (let i = 0; i < 3; i++) {
    at(i * 100);
    recorder.onEntry(entryOf());
    at(i * 100 + 60);
    recorder.onExit(exitOf(i === 1 ? ExitReason.hlt : ExitReason.cpuid));
  }
  at(260 + 20);
  recorder.onEntryFailure({ ...FAILURE, error: VmError.entryInvalidControls, failure: broken });
  at(260 + 40);
  recorder.end();
  const lines = statistics.lines();
  assert.equal(lines[0], "3 VM entries, 3 VM exits");
  assert.match(lines[2]!, /^CPUID \(10\) +2 +66\.7% +120 +60 +80 +40$/);
  assert.match(lines[3]!, /^HLT \(12\) +1 +33\.3% +60 +60 +40 +40$/);
  assert.match(lines[4]!, /^all +3 +100\.0% +180 +60 +120 +40$/);
  assert.ok(lines[5]!.startsWith(`failed VM entries: 1 by the rule ${rule.name} (SDM vol. 3, `), lines[5]);
});
