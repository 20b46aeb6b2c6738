/** Exit reasons in the spellings of people. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ExitReason } from "../cpu/vmx/exit-reason.js";
import { exitName, exitNames, findExitReason, nearestExitName } from "./exit-names.js";

test("the manual's names, in any case, with or without spaces and hyphens", () => {
  for (const [spelling, reason] of [
    ["EPT violation", 48],
    ["ept-violation", 48],
    ["EPT_VIOLATION", 48],
    ["eptviolation", 48],
    ["cpuid", 10],
    ["i/o instruction", 30],
    ["VMX preemption timer expired", 52],
    ["exception or nmi", 0],
    [" hlt ", 12],
  ] as const) {
    assert.equal(findExitReason(spelling), reason, spelling);
  }
});

test("every name and every number is understood, and no name stands for two", () => {
  for (const [reason, name] of exitNames) {
    assert.equal(findExitReason(name), reason, name);
    assert.equal(findExitReason(String(reason)), reason);
    assert.equal(findExitReason(`0x${reason.toString(16)}`), reason);
    assert.equal(findExitReason(`${reason.toString(16).padStart(2, "0")}H`), reason);
  }
  for (const [name, reason] of Object.entries(ExitReason)) assert.equal(findExitReason(name), reason, name);
});

test("nothing else is", () => {
  for (const text of ["", "ept", "35", "999", "0x1ff", "-1", "4.8"])
    assert.equal(findExitReason(text), undefined, text);
  assert.equal(nearestExitName("HTL"), "HLT");
  assert.equal(exitName(35), "exit reason 35");
});
