import assert from "node:assert/strict";
import { test } from "node:test";
import { Lines, parseLine, parseStatistics } from "./serial.js";

test("the markers of a kernel", () => {
  assert.deepEqual(parseLine("@P copy_l1"), { kind: "prepared", name: "copy_l1" });
  assert.deepEqual(parseLine("@B"), { kind: "begin" });
  assert.deepEqual(parseLine("@E\r"), { kind: "end" });
  assert.deepEqual(parseLine("@R sieve 5 8000000 0.123456 6.48e+07 00000000deadbeef"), {
    kind: "result",
    name: "sieve",
    scale: 5,
    units: 8000000,
    checksum: "00000000deadbeef",
  });
});

test("a kernel that failed, and one whose line is damaged", () => {
  assert.deepEqual(parseLine("@R smc 5 FAILED"), { kind: "failed", name: "smc" });
  assert.deepEqual(parseLine("@R smc 5 100 0.1 2 123"), { kind: "failed", name: "smc" });
});

test("sections and notes", () => {
  assert.deepEqual(parseLine("@S L2\r"), { kind: "section", name: "L2" });
  assert.deepEqual(parseLine("@N 73 tests, 1 skipped"), { kind: "note", text: "73 tests, 1 skipped" });
});

test("markers behind a kernel's message, and text that is none", () => {
  assert.deepEqual(parseLine("[    5.1] noise @E"), { kind: "end" });
  assert.deepEqual(parseLine("[    0.000000] Linux version 6.1.0-56-cloud-amd64"), { kind: "linux" });
  assert.deepEqual(parseLine("INIT START"), { kind: "init" });
  assert.deepEqual(parseLine("VTBENCH DONE"), { kind: "done" });
  assert.equal(parseLine("@I uname Linux"), undefined);
  assert.equal(parseLine("mail me @Basel"), undefined);
  assert.equal(parseLine(""), undefined);
});

test("lines that arrive in pieces", () => {
  const lines = new Lines();
  const push = (text: string) => [...lines.push(new TextEncoder().encode(text))];
  assert.deepEqual(push("@P si"), []);
  assert.deepEqual(push("eve\r\n@B\n@"), ["@P sieve", "@B"]);
  assert.deepEqual(push("E\n"), ["@E"]);
});

test("the statistics that vt86 prints at its end", () => {
  const text =
    "vt86: instructions 1423732834 in 15.60 s of host time: 91.3 million a second\nvt86: exceptions 1140\n";
  assert.deepEqual(parseStatistics(text), { instructions: 1423732834, seconds: 15.6 });
  assert.equal(parseStatistics("nothing"), undefined);
});
