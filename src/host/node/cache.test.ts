import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fillFolder } from "./cache.js";

test("a folder appears when it is complete, is replaced as a whole, and a failure leaves the old one", async () => {
  const base = await mkdtemp(join(tmpdir(), "vt86-test-"));
  try {
    const folder = join(base, "below", "folder");
    const fillWith = (content: string) =>
      fillFolder(folder, (part) => writeFile(join(part, "file"), content));
    await fillWith("one");
    assert.equal(await readFile(join(folder, "file"), "utf8"), "one");
    await fillWith("two");
    assert.equal(await readFile(join(folder, "file"), "utf8"), "two");
    await assert.rejects(
      fillFolder(folder, async () => {
        throw new Error("broken off");
      }),
      /broken off/,
    );
    assert.equal(await readFile(join(folder, "file"), "utf8"), "two");
    assert.deepEqual(await readdir(join(base, "below")), ["folder"]);
  } finally {
    await rm(base, { recursive: true });
  }
});
