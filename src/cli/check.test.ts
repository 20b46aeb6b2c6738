/** `--engine check`: equal runs, and a translation that is wrong. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { type Assembler, al, ax, dword, dx, eax, ecx, mem } from "../guests/assembler/assembler.js";
import { say, smallGuest } from "../guests/small-guest.test.helper.js";
import { Machine } from "../machine/machine.js";
import { Check } from "./check.js";
import { vt86 } from "./vt86.test.helper.js";

const folder = mkdtempSync(join(tmpdir(), "vt86-check-"));
after(() => rmSync(folder, { recursive: true }));

/** What the generated code for {@link counting} adds; no other constant is like it. */
const ADDED = 0x1234567;

/** Adds up in a loop, waits for a byte, says so, and ends with code 3. */
function counting(a: Assembler): void {
  a.xor(eax, eax);
  a.mov(ecx, 100_000);
  const again = a.here("again");
  a.add(eax, ADDED);
  a.mov(dword(mem(0x2000)), eax);
  a.dec(ecx);
  a.jnz(again);
  const wait = a.here("wait");
  a.mov(dx, 0x3fd);
  a.in(al, dx);
  a.test(al, 1);
  a.jz(wait);
  a.mov(dx, 0x3f8);
  a.in(al, dx);
  a.out(dx, al);
  say(a, " came\n");
  a.mov(dx, 0xf4);
  a.mov(ax, 3);
  a.out(dx, al);
  const forever = a.here("forever");
  a.hlt();
  a.jmp(forever);
}

const kernel = join(folder, "counting");
writeFileSync(kernel, smallGuest(counting).data);

async function machines(): Promise<{ reference: Machine; subject: Machine }> {
  const config = {
    kernel: smallGuest(counting),
    memory: 8 << 20,
    clock: "virtual",
    onReset: "stop",
  } as const;
  return {
    reference: await Machine.create({ ...config, engine: "interpreter" }),
    subject: await Machine.create({ ...config, engine: "auto" }),
  };
}

/** Runs a comparison; what it said. */
async function check(machines: { reference: Machine; subject: Machine }) {
  const said: string[] = [];
  const progress: string[] = [];
  const run = new Check({
    ...machines,
    say: (lines) => said.push(...lines),
    progress: (text) => progress.push(text),
  });
  run.input(new TextEncoder().encode("x"));
  const exit = await run.run();
  return { exit, status: run.status, said, progress };
}

/** Signed LEB128, as the module has it behind `i64.const`. */
const leb = [0xe7, 0x8a, 0x8d, 0x09];

describe("--engine check", () => {
  for (const engine of ["check", "check-translator"]) {
    test(`${engine}: the guest's output and exit status, and what was compared`, async () => {
      const words = ["run", "--kernel", kernel, "-m", "8M", "--engine", engine];
      const { status, stdout, stderr } = await vt86(words, { input: "x" });
      assert.equal(stdout, "x came\n");
      assert.match(
        stderr,
        /^vt86: no difference after \d{6} instructions; RAM and registers of both are [0-9a-f]{64}\n$/,
      );
      assert.equal(status, 3 * 2 + 1);
    });
  }

  test("a guest that sleeps for good is ended by the time limit", async () => {
    const sleeper = join(folder, "sleeper");
    const asleep = smallGuest((a) => {
      a.cli();
      a.hlt();
    });
    writeFileSync(sleeper, asleep.data);
    const words = ["run", "--kernel", sleeper, "-m", "8M", "--engine", "check", "--timeout", "2", "--quiet"];
    assert.equal((await vt86(words)).status, 124);
  });

  test("a right translation has no difference", async () => {
    const { exit, status, said, progress } = await check(await machines());
    assert.deepEqual(said, []);
    assert.deepEqual(exit, { reason: "debug-exit", code: 3 });
    assert.equal(status, undefined);
    assert.equal(progress.length, 1);
  });

  test("a wrong one is found, with the registers, the guest's code and the generated code", async () => {
    const pair = await machines();
    let broken = 0;
    pair.subject.observeTranslation({
      // `i64.sub` in the place of `i64.add`.
      emitted: (_region, { body }) => {
        for (let i = 0; i + 5 < body.length; i++) {
          if (body[i] !== 0x42 || !leb.every((byte, k) => body[i + 1 + k] === byte) || body[i + 5] !== 0x7c)
            continue;
          body[i + 5] = 0x7d;
          broken++;
        }
      },
    });
    const { status, said } = await check(pair);
    assert.ok(broken > 0, "the addition is not where it was expected in the code");
    assert.equal(status, 1);
    const text = said.join("\n");
    assert.match(
      said[0]!,
      /^The machines differ after instruction \d+; at \d+, with RIP 1000[0-9a-f]{2}h, they were equal\.$/,
    );
    assert.match(text, /^ {2}rax: the interpreter has [0-9a-f]+, the translation [0-9a-f]+$/m);
    assert.match(text, /^ {2}slot \d+: \d blocks?, \d+ instructions$/m);
    assert.match(text, /^ {4}\.0[0-9a-f]{2}h {2}81c067452301 +add eax, 1234567h$/m);
    assert.match(text, /^ {4}\.0[0-9a-f]{2}h {2}[0-9a-f]+ +jne \.[0-9a-f]+h \(block 0\)$/m);
    assert.match(text, new RegExp(`^ +i64\\.const ${ADDED}\\n +i64\\.sub$`, "m"));
    assert.match(text, /^RAM differs in 1 pages; the first word of each:\n {2}2000h: the interpreter has /m);
  });

  test("a register that changes by itself is found", async () => {
    const pair = await machines();
    pair.subject.observeTranslation({ installed: () => pair.subject.parts.cpu.state.setGpr(7, 0x77n) });
    const { status, said } = await check(pair);
    assert.equal(status, 1);
    assert.match(said.join("\n"), /^ {2}rdi: the interpreter has [0-9a-f]+, the translation 77$/m);
  });
});

test("--trace translate tells what is translated, dropped and left", async () => {
  const file = join(folder, "trace");
  const words = ["run", "--kernel", kernel, "-m", "8M", "--clock", "virtual", "--trace", `translate=${file}`];
  const { status } = await vt86([...words, "--stats", "engine"], { input: "x" });
  assert.equal(status, 7);
  const lines = readFileSync(file, "utf8").trimEnd().split("\n");
  assert.match(
    lines[0]!,
    /^0\.\d{9} translate RIP 1000[0-9a-f]{2}h: \d blocks?, \d+ instructions? into \d+ bytes for slot \d+, took \d+\.\d\d ms$/,
  );
});
