/**
 * Real guests, unmodified, from Debian's packages: the few that are quick. The others are in guests.long.ts.
 */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { debianFile } from "../host/node/debian.js";
import { assertWorked, runDebian, runGuest, WORK } from "./guests.test.helper.js";

test("Debian's cloud kernel boots, works and switches itself off; interpreted it is the same bit for bit", async () => {
  const boot = (engine: "auto" | "interpreter") =>
    runDebian({ kernelPackage: "linux-image-cloud-amd64", script: WORK, engine });
  const first = await boot("auto");
  assertWorked(first);
  const second = await boot("interpreter");
  assert.equal(second.instructions, first.instructions);
  assert.equal(second.time, first.time);
  assert.equal(second.output, first.output);
  assert.equal(second.hash, first.hash);
});

test("Debian's 32-bit PAE kernel boots, works and switches itself off", async () => {
  assertWorked(await runDebian({ kernelPackage: "linux-image-686-pae:i386", script: WORK }));
});

test("GNU Mach boots through multiboot up to the point where it wants its modules", async () => {
  const path = await debianFile({ package: "gnumach-image-1.8-486", path: /^boot\/gnumach-/ });
  const kernel = { name: "gnumach", data: await readFile(path), commandLine: "console=com0" };
  const until = "No bootstrap code loaded with the kernel!";
  const { output } = await runGuest({ kernel, until, seconds: 120 });
  assert.match(output, /^GNU Mach 1\.8/m);
  assert.match(output, /^vm_page: DMA32: pages: \d+ \(\d+M\)/m);
  assert.match(output, /^RTC time is 2024-01-01 00:00:00/m);
  assert.ok(output.includes(until), output);
});
