/**
 * What a person can do wrong gets one sentence and status 2, never a stack trace.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { tourImage } from "../guests/tour.js";
import { vt86 } from "./vt86.test.helper.js";

const folder = mkdtempSync(join(tmpdir(), "vt86-cli-"));
after(() => rmSync(folder, { recursive: true }));

function file(name: string, data: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, data);
  return path;
}

/** The head of a bzImage that promises 16 MiB of kernel. */
function bzImageHead(): Uint8Array {
  const data = new Uint8Array(4096);
  const view = new DataView(data.buffer);
  view.setUint8(0x1f1, 4);
  view.setUint32(0x1f4, 0x100000, true);
  view.setUint16(0x1fe, 0xaa55, true);
  view.setUint8(0x201, 0x66);
  view.setUint32(0x202, 0x53726448, true);
  view.setUint16(0x206, 0x20f, true);
  return data;
}

const tour = tourImage().data;
const kernel = file("tour", tour);
const text = file("letter.txt", new TextEncoder().encode("Dear reader,\n".repeat(1000)));
const cutElf = file("cut.elf", tour.subarray(0, tour.length / 2));
const cutBzImage = file("vmlinuz", bzImageHead());
const cutGzip = file("cut.gz", Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3));
const nothing = file("empty", new Uint8Array(0));
const large = file("large.img", new Uint8Array(16 * 0x100000));

/** Words, and what the sentence must name. */
const cases: readonly (readonly [words: string, message: RegExp])[] = [
  // Commands.
  ["rnu", /no command 'rnu'; did you mean 'run'/],
  ["fly", /no command 'fly'/],
  ["--frobnicate", /no command/],
  ["doctor who", /doctor takes no arguments/],
  ["explian vmcs", /no command 'explian'; did you mean 'explain'/],
  // Files.
  ["run", /Nothing to boot/],
  ["run --kernel MISSING", /no file .*MISSING/],
  [`run --kernel ${kernel}/inside`, /no file/],
  [`run --kernel ${folder}`, /is a folder/],
  [`run --kernel ${text}`, /letter\.txt is not a kernel/],
  [`run --kernel ${nothing}`, /empty is not a kernel/],
  [`run --kernel ${cutElf}`, /cut\.elf is damaged or cut short/],
  [`run --kernel ${cutBzImage}`, /vmlinuz is cut short/],
  [`run --kernel ${cutGzip}`, /cut\.gz is compressed by gzip but damaged or cut short/],
  [`run --kernel ${kernel} --initrd MISSING`, /no file MISSING/],
  [`run --kernel ${kernel} --initrd ${folder}`, /is a folder/],
  [`run --kernel ${kernel} --initrd ${large} -m 8M`, /does not fit.*give it more/],
  ["run debian --script MISSING", /no file MISSING/],
  // Guests.
  ["run debain", /no guest 'debain'; did you mean 'debian'/],
  ["run windows", /no guest 'windows': vt86 has debian, tour, hypervisor/],
  ["run tour debian", /One guest at a time/],
  [`run tour --kernel ${kernel}`, /not both/],
  ["run tour --script x", /--script is for the guest 'debian'/],
  ["run tour --initrd x", /--initrd goes with --kernel/],
  // Memory.
  ["run tour -m 1M", /at least 4 MiB/],
  ["run tour -m 0", /at least 4 MiB/],
  ["run tour -m 64G", /at most \d+ MiB/],
  ["run tour -m 999999999999T", /at most/],
  ["run tour -m lots", /"lots" is no memory size/],
  ["run tour -m -512", /"-512" is no memory size/],
  ["run tour -m", /--memory needs a value/],
  // Options.
  ["run tour --timeut 3", /no option --timeut; did you mean --timeout/],
  ["run tour --zzzzzz", /no option --zzzzzz/],
  ["run tour -1", /-1 is no option/],
  ["run tour --quiet=yes", /--quiet takes no value/],
  ["run tour --timeout 0", /--timeout takes a number of seconds above 0/],
  ["run tour --timeout -5", /--timeout takes a number/],
  ["run tour --timeout soon", /--timeout takes a number.*"soon"/],
  ["run tour --timeout=", /--timeout takes a number/],
  ["run tour --clock guest", /--clock is host or virtual/],
  ["run tour --stats all", /--stats takes none, engine and vt/],
  ["run tour --trace everything", /--trace takes vt, vt-failures or translate/],
  ["run tour --trace translate=", /file after --trace translate= is missing/],
  ["run tour --engine fast", /--engine is auto or interpreter or translator or check or check-translator/],
  ["run tour --engine check --clock host", /needs --clock virtual/],
  ["run tour --engine check -s", /does not go with --gdb/],
  ["run tour --trace vt=", /file after --trace vt= is missing/],
  ["run tour --trace vt=/nowhere/trace", /nowhere\/trace cannot be written: ENOENT/],
  ["run tour --trace-format perfetto", /--trace-format goes with --trace/],
  ["run tour --trace vt --trace-format perfetto", /perfetto needs a file/],
  ["run tour --trace vt --trace-format xml", /--trace-format is text or perfetto/],
  ["run tour --serial tcp", /--serial is/],
  ["run tour --gdb nowhere", /--gdb takes \[HOST:\]PORT.*"nowhere"/],
  ["run tour --gdb 1.2.3.4:99999", /--gdb takes/],
  ["run tour -S", /-S waits for a debugger/],
  ["run tour -d everything", /-d takes unclaimed and msr/],
  // The machine.
  ["run tour -smp 2", /one CPU so far.*"2"/],
  ["run tour -smp cpus=4", /one CPU so far/],
  ["run tour -M pc", /no machine "pc"/],
  ["run tour -device virtio-gpu", /no device "virtio-gpu" yet/],
  ["run tour -accel kvm", /--accel is/],
  ["run tour -cpu Westmeer", /no CPU model "Westmeer": did you mean Westmere/],
  ["run tour -cpu xyzzy", /no CPU model "xyzzy": choose one of/],
  ["run tour -cpu max,+avx3", /no CPU feature "avx3": did you mean avx/],
  ["run tour -cpu Westmere,family=x", /family=x is out of range/],
];

describe("wrong use", { concurrency: 2 }, () => {
  for (const [line, message] of cases) {
    test(`vt86 ${line.replaceAll(folder, "")}`, async () => {
      const { status, stdout, stderr } = await vt86(line.split(" "));
      assert.match(stderr, message);
      assert.match(stderr, /^vt86: [^\n]+[.?]\n$/, "one sentence");
      assert.equal(stdout, "");
      assert.equal(status, 2);
    });
  }

  test("a file that cannot be read", { skip: process.platform !== "linux" }, async () => {
    const { status, stderr } = await vt86(["run", "--kernel", "/proc/self/mem"]);
    assert.match(stderr, /^vt86: \/proc\/self\/mem cannot be read \(E[A-Z]+\)\.\n$/);
    assert.equal(status, 2);
  });
});
