/**
 * The command as people and scripts use it: help, exit statuses, the console on a pipe.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { type Assembler, al, ax, byte, dword, dx, eax, mem } from "../guests/assembler/assembler.js";
import { say, smallGuest } from "../guests/small-guest.test.helper.js";
import { vt86 } from "./vt86.test.helper.js";

const folder = mkdtempSync(join(tmpdir(), "vt86-run-"));
after(() => rmSync(folder, { recursive: true }));

/** The file of a guest of a few instructions. */
function guest(name: string, write: (a: Assembler) => void): string {
  const path = join(folder, name);
  writeFileSync(path, smallGuest(write).data);
  return path;
}

const run = (...words: string[]) => vt86(["run", ...words]);

function stop(a: Assembler): void {
  const forever = a.here("forever");
  a.hlt();
  a.jmp(forever);
}

function powerOff(a: Assembler): void {
  a.mov(dx, 0x604);
  a.mov(ax, 0x2000);
  a.out(dx, ax);
  stop(a);
}

/** With no IDT the first exception is a triple fault. */
function tripleFault(a: Assembler): void {
  a.sub(eax, eax);
  a.mov(dword(mem(0x2000)), eax);
  a.mov(dword(mem(0x2004)), eax);
  a.lidt(mem(0x2000));
  a.int(3);
}

describe("vt86", { concurrency: 2 }, () => {
  test("help, version, doctor", async () => {
    for (const words of [["help"], ["--help"], ["-h"], []]) {
      const { status, stdout } = await vt86(words);
      assert.match(stdout, /Usage: vt86 COMMAND/);
      assert.equal(status, 0);
    }
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
      version: string;
    };
    assert.equal((await vt86(["--version"])).stdout, `vt86 ${version}\n`);
    const { status, stdout } = await vt86(["doctor"]);
    assert.match(stdout, /^ok {3}Node +\d/m);
    assert.equal(status, 0);
  });

  test("run --help lists every option, -cpu help every model", async () => {
    const { status, stdout } = await run("--help");
    for (const option of ["--kernel", "--memory", "--cpu", "--timeout"])
      assert.ok(stdout.includes(option), option);
    assert.equal(status, 0);
    assert.match((await run("-cpu", "help")).stdout, /Westmere/);
  });

  test("0 when the guest powers off, with what it printed", async () => {
    const kernel = guest("power-off", (a) => {
      say(a, "Good bye.\n");
      powerOff(a);
    });
    const { status, stdout, stderr } = await run("--kernel", kernel, "-m", "8M");
    assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: "Good bye.\n", stderr: "" });
  });

  test("124 when the time is over", async () => {
    const { status } = await run("--kernel", guest("idle", stop), "-m", "8M", "--timeout", "0.5");
    assert.equal(status, 124);
  });

  test("a time limit that no timer can hold is no limit", async () => {
    const kernel = guest("soon", powerOff);
    assert.equal((await run("--kernel", kernel, "-m", "8M", "--timeout", "1e12")).status, 0);
  });

  test("code * 2 + 1 when the guest writes its code to the debug-exit port", async () => {
    const exit = (code: number) =>
      guest(`exit-${code}`, (a) => {
        a.mov(dx, 0xf4);
        a.mov(al, code);
        a.out(dx, al);
        stop(a);
      });
    assert.equal((await run("--kernel", exit(0), "-m", "8M")).status, 1);
    assert.equal((await run("--kernel", exit(20), "-m", "8M")).status, 41);
  });

  test("1 with a sentence after a triple fault with --no-reboot", async () => {
    const kernel = guest("triple-fault", tripleFault);
    const { status, stderr } = await run("--kernel", kernel, "-m", "8M", "--no-reboot");
    assert.match(stderr, /^vt86: the guest failed: triple fault at RIP 1000[0-9a-f]{2}\.\n$/);
    assert.equal(status, 1);
  });

  test("a reset starts the guest again, with --no-reboot it ends the run with 0", async () => {
    const kernel = guest("reset", (a) => {
      say(a, "up\n");
      a.mov(dx, 0xcf9);
      a.mov(al, 6);
      a.out(dx, al);
      stop(a);
    });
    const once = await run("--kernel", kernel, "-m", "8M", "--no-reboot");
    assert.deepEqual({ status: once.status, stdout: once.stdout }, { status: 0, stdout: "up\n" });
    const again = await run("--kernel", kernel, "-m", "8M", "--timeout", "3");
    assert.match(again.stdout, /^up\nup\n/);
    assert.equal(again.status, 124);
  });

  test("128 + 15 when it is terminated", async () => {
    const kernel = guest("patient", (a) => {
      say(a, "ready\n");
      stop(a);
    });
    const { status } = await vt86(["run", "--kernel", kernel, "-m", "8M"], {
      input: (child) => child.stdout.once("data", () => child.kill("SIGTERM")),
    });
    assert.equal(status, 143);
  });

  test("input that is there before the guest looks is not lost", async () => {
    const echo = guest("echo", (a) => {
      // Some time passes before the first byte is read.
      a.mov(eax, 3_000_000);
      const wait = a.here("wait");
      a.dec(eax);
      a.jnz(wait);
      const next = a.here("next");
      a.mov(dx, 0x3fd);
      a.in(al, dx);
      a.test(al, 1);
      a.jz(next);
      a.mov(dx, 0x3f8);
      a.in(al, dx);
      a.out(dx, al);
      a.cmp(al, "!".charCodeAt(0));
      a.jne(next);
      powerOff(a);
    });
    // Longer than any FIFO; Ctrl-A is an ordinary byte on a pipe.
    const input = `\x01x${"0123456789".repeat(1000)}!`;
    const { status, stdout } = await vt86(["run", "--kernel", echo, "-m", "8M"], { input });
    assert.equal(stdout, input);
    assert.equal(status, 0);
  });

  test("-d names what the guest looks for in vain, once", async () => {
    const kernel = guest("explorer", (a) => {
      a.mov(dx, 0x1234);
      a.in(al, dx);
      a.in(al, dx);
      a.mov(al, byte(mem(0xd0000000)));
      powerOff(a);
    });
    const { stderr } = await run("--kernel", kernel, "-m", "8M", "-d", "unclaimed");
    assert.equal(stderr.match(/read of port 1234h/g)?.length, 1);
    assert.match(stderr, /^vt86: read of address d0000000h, 1 bytes$/m);
  });

  test("the debug console goes to standard error", async () => {
    const kernel = guest("debug", (a) => {
      for (const [port, text] of [
        [0xe9, "one"],
        [0x402, "two"],
      ] as const) {
        a.mov(dx, port);
        for (const code of new TextEncoder().encode(text)) {
          a.mov(al, code);
          a.out(dx, al);
        }
      }
      powerOff(a);
    });
    assert.equal((await run("--kernel", kernel, "-m", "8M", "--debugcon", "stderr")).stderr, "onetwo");
    assert.equal((await run("--kernel", kernel, "-m", "8M")).stderr, "");
  });

  test("a repeatable clock gives the same output twice", async () => {
    const tour = () =>
      vt86(["run", "tour", "-m", "16M", "--clock", "virtual", "--quiet"], {
        input: (child) => {
          let seen = "";
          child.stdout.on("data", (text: string) => {
            seen += text;
            if (seen.endsWith("vt86> ")) child.stdin.end("halt\n");
          });
        },
      });
    const [first, second] = await Promise.all([tour(), tour()]);
    assert.match(first.stdout, /That was the tour/);
    assert.equal(first.status, 0);
    assert.equal(first.stdout, second.stdout);
  });
});
