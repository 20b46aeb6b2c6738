import assert from "node:assert/strict";
import { test } from "node:test";
import { buildInitramfs } from "./initramfs.js";

const BUSYBOX = new TextEncoder().encode("the busybox");
const text = (archive: Uint8Array): string => new TextDecoder("latin1").decode(archive);

test("the same input gives the same bytes", () => {
  const options = { busybox: BUSYBOX, script: "echo hello\n" };
  assert.deepEqual(buildInitramfs(options), buildInitramfs(options));
});

test("modules are loaded in their order, with their parameters", () => {
  const archive = text(
    buildInitramfs({
      busybox: BUSYBOX,
      modules: [
        { name: "zz.ko", data: Uint8Array.of(1) },
        { name: "aa.ko", data: Uint8Array.of(2), parameters: "nested=1" },
      ],
    }),
  );
  assert.match(
    archive,
    /insmod \/lib\/modules\/vt86\/zz\.ko\ninsmod \/lib\/modules\/vt86\/aa\.ko nested=1\n/,
  );
});

test("script, welcome text and files are in the archive when they are given", () => {
  const plain = text(buildInitramfs({ busybox: BUSYBOX }));
  assert.ok(!plain.includes("etc/vt86/script\0"));
  const files = [{ path: "/opt/data", data: new TextEncoder().encode("some data") }];
  const full = text(buildInitramfs({ busybox: BUSYBOX, script: "true\n", welcome: "Hello $USER", files }));
  for (const part of [
    "etc/vt86/script\0",
    "etc/vt86/welcome\0",
    "Hello $USER\n",
    "opt/data\0",
    "some data",
  ]) {
    assert.ok(full.includes(part), part);
  }
});
