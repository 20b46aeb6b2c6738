import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { gunzip, isGzip } from "./gunzip.js";

const CONTENT = new TextEncoder().encode("kernel ".repeat(1000));

test("a compressed file is unpacked, another one is left alone", async () => {
  assert.equal(isGzip(CONTENT), false);
  assert.deepEqual(await gunzip(gzipSync(CONTENT), "kernel.gz"), CONTENT);
  assert.equal(await gunzip(CONTENT, "kernel"), CONTENT);
});

test("a damaged file is the user's error", async () => {
  const cut = gzipSync(CONTENT).subarray(0, 30);
  await assert.rejects(gunzip(cut, "kernel.gz"), {
    name: "UsageError",
    message: /kernel\.gz .* damaged or cut short/,
  });
});
