import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { kernelModules, moduleDependencies } from "./kernel-modules.js";

const module = (depends: string): Uint8Array =>
  new TextEncoder().encode(`ELF\0license=x\0depends=${depends}\0name=m\0`);

test("dependencies are read from the module information", () => {
  assert.deepEqual(moduleDependencies(module("a,b")), ["a", "b"]);
  assert.deepEqual(moduleDependencies(module("")), []);
  assert.deepEqual(moduleDependencies(new Uint8Array(10)), []);
});

test("modules come after what they depend on, each once; built-in ones are left out", async () => {
  const root = await mkdtemp(join(tmpdir(), "vt86-test-"));
  try {
    const folder = join(root, "lib/modules/6.1/kernel");
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "top-one.ko"), module("middle,base"));
    await writeFile(join(folder, "middle.ko"), module("base,built_in"));
    await writeFile(join(folder, "base.ko"), module(""));
    await writeFile(join(root, "lib/modules/6.1/modules.builtin"), "kernel/lib/built-in.ko\n");
    const found = await kernelModules(root, ["top_one", "base", "built_in"]);
    assert.deepEqual(
      found.map(({ name }) => name),
      ["base.ko", "middle.ko", "top-one.ko"],
    );
    await assert.rejects(kernelModules(root, ["missing"]), {
      name: "UsageError",
      message: /no module named missing/,
    });
  } finally {
    await rm(root, { recursive: true });
  }
});
