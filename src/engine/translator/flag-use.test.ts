/** Which flags need not be computed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type FlagUse, unreadFlags } from "./flag-use.js";

const use = (letters: string): FlagUse => ({
  reads: letters.includes("r"),
  replaces: letters.includes("w"),
  sets: letters.includes("s"),
  readsOwn: letters.includes("o"),
});

/** `s` sets some, `sw` all flags, `r` reads, `o` reads what it has set; which of the instructions' flags are unread. */
const unread = (...letters: string[]) =>
  unreadFlags(letters.map(use))
    .map((is) => (is ? "x" : "-"))
    .join("");

test("the last instructions that set flags keep them: whoever comes next may look", () => {
  assert.equal(unread("sw"), "-");
  assert.equal(unread("sw", ""), "--");
});

test("flags that are all set again before anybody reads them are unread", () => {
  assert.equal(unread("sw", "sw"), "x-");
  assert.equal(unread("sw", "", "sw", "sw"), "x-x-");
});

test("a reader in between keeps them, an instruction that sets and reads does too", () => {
  assert.equal(unread("sw", "r", "sw"), "---");
  // ADC, or a store that may leave the function before it sets flags.
  assert.equal(unread("sw", "rsw", "sw"), "-x-");
});

test("an instruction that looks at its own flags needs them", () => {
  // REPNE SCASB before an ADD.
  assert.equal(unread("rso", "sw"), "--");
});

test("an instruction that sets only some flags lets the others through", () => {
  // INC between two ADDs: the first one's carry is replaced in the end, too.
  assert.equal(unread("sw", "s", "sw"), "xx-");
  assert.equal(unread("sw", "s"), "--");
});
