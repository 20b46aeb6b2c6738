import assert from "node:assert/strict";
import { test } from "node:test";
import type { CpioEntry } from "../boot/cpio.js";
import { neededLibraries } from "./shared-libraries.js";
import { workloadCommandLine } from "./workload.js";
import { complete } from "./workload-guest.js";
import { workloadScript, workloadUnits } from "./workload-script.js";

/** A 64-bit ELF file of a dynamic section and its strings. */
function library(...needed: string[]): Uint8Array {
  const strings = Buffer.from(`\0${needed.map((name) => `${name}\0`).join("")}`, "latin1");
  const [sections, dynamic, text] = [64, 64 + 2 * 64, 64 + 2 * 64 + 16 * (needed.length + 1)];
  const file = Buffer.alloc(text + strings.length);
  file.write("\x7fELF\x02\x01", "latin1");
  file.writeBigUInt64LE(BigInt(sections), 40);
  file.writeUInt16LE(2, 60);
  file.writeUInt32LE(6, sections + 4);
  file.writeBigUInt64LE(BigInt(dynamic), sections + 24);
  file.writeBigUInt64LE(BigInt(16 * (needed.length + 1)), sections + 32);
  file.writeUInt32LE(1, sections + 40);
  file.writeBigUInt64LE(BigInt(text), sections + 64 + 24);
  let at = 1;
  for (const [index, name] of needed.entries()) {
    file.writeBigUInt64LE(1n, dynamic + index * 16);
    file.writeBigUInt64LE(BigInt(at), dynamic + index * 16 + 8);
    at += name.length + 1;
  }
  strings.copy(file, text);
  return file;
}

test("the libraries that a file needs", () => {
  assert.deepEqual(neededLibraries(library("libz.so.1", "libc.so.6")), ["libz.so.1", "libc.so.6"]);
  assert.deepEqual(neededLibraries(library()), []);
  assert.deepEqual(neededLibraries(new TextEncoder().encode("#!/bin/sh\n")), []);
  assert.deepEqual(neededLibraries(library("libz.so.1").subarray(0, 70)), []);
});

test("a module that lacks a library is left out; a program that does is told", () => {
  const entry = (path: string, data: Uint8Array): CpioEntry => {
    return { path, mode: 0o755, content: { kind: "file", data } };
  };
  const link: CpioEntry = {
    path: "lib/libz.so.1",
    mode: 0o777,
    content: { kind: "link", target: "libz.so.1.2" },
  };
  const modules = [
    entry("usr/lib/python3/lib-dynload/zlib.so", library("libz.so.1")),
    entry("usr/lib/python3/lib-dynload/curses.so", library("libncursesw.so.6")),
  ];
  assert.deepEqual(complete([link, ...modules]), [link, modules[0]]);
  assert.throws(() => complete([entry("usr/bin/xz", library("liblzma.so.5"))]), {
    name: "UsageError",
    message: /usr\/bin\/xz .*liblzma\.so\.5/,
  });
});

test("the script marks every piece of work that is reported", () => {
  for (const name of Object.keys(workloadUnits)) assert.match(workloadScript, new RegExp(`\\b${name}\\b`));
  assert.match(workloadCommandLine(5), / rdinit=\/init work\.scale=5$/);
});
