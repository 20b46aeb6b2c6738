import assert from "node:assert/strict";
import { test } from "node:test";
import { parseModuleList } from "./modules.js";

test("modules are separated by commas, their arguments by blanks", () => {
  assert.deepEqual(parseModuleList("vmlinuz console=hvc0 quiet,initrd.img"), [
    { file: "vmlinuz", commandLine: "vmlinuz console=hvc0 quiet" },
    { file: "initrd.img", commandLine: "initrd.img" },
  ]);
});

test("a doubled comma stands for itself", () => {
  assert.deepEqual(parseModuleList("a,,b x,,y,c"), [
    { file: "a,b", commandLine: "a,b x,y" },
    { file: "c", commandLine: "c" },
  ]);
});

test("an empty list has no modules, an empty item is an error", () => {
  assert.deepEqual(parseModuleList(" "), []);
  assert.throws(() => parseModuleList("a, ,b"), { name: "UsageError" });
});
