/**
 * A real GDB against Debian's kernel: from its first instruction to a shell, into a system call, and to the end.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Gdb, gdbVersion } from "./gdb.test.helper.js";
import { vt86 } from "./vt86.test.helper.js";

const skip = gdbVersion ? false : "gdb is not installed (Debian package gdb)";

/** Collects output and waits for what is expected of it. */
class Listener {
  private text = "";
  private heard: () => void = () => {};
  add(text: string): void {
    this.text += text;
    this.heard();
  }
  async hear(what: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = what.exec(this.text);
      if (match) return match;
      await new Promise<void>((resolve) => {
        this.heard = resolve;
      });
    }
  }
}

test("Debian's kernel under gdb", { skip, timeout: 200_000 }, async (t) => {
  const [console, messages] = [new Listener(), new Listener()];
  let type: (text: string) => void = () => {};
  const words = ["debian", "--append", "console=ttyS0 nokaslr quiet", "--gdb", "0", "-S", "--timeout", "190"];
  const ended = vt86(["run", ...words], {
    input: (child) => {
      child.stdout.on("data", (text: string) => console.add(text));
      child.stderr.on("data", (text: string) => messages.add(text));
      type = (text) => child.stdin.write(text);
      t.after(() => child.kill("SIGKILL"));
    },
    limit: 200_000,
  });
  const [, address] = await messages.hear(/target remote (\S+)/);
  const gdb = new Gdb();
  t.after(() => gdb.quit());
  await gdb.ask(`target remote ${address}`);
  assert.match(await gdb.ask("stepi", "print/x $cr0"), /= 0x80000031$/);
  // The kernel runs to its shell, and is stopped there.
  const booting = gdb.begin("continue");
  await console.hear(/\/root# /);
  gdb.interrupt();
  assert.match(await booting(), /SIGINT/);
  // Most likely it sleeps in HLT; in any case it is in the kernel or in BusyBox.
  assert.match(await gdb.ask("print/x $efer"), /= 0xd01$/);
  assert.match(await gdb.ask("x/2i $lstar"), /swapgs/);
  assert.match(await gdb.ask("monitor info mem 0xffffffff81000000"), /PML4E/);
  // The next system call.
  const calling = gdb.begin("break *$lstar", "continue");
  type("echo $((6 * 7))\n");
  assert.match(await calling(), /Breakpoint 1, /);
  assert.match(await gdb.ask("print $cs"), /= 16$/);
  const stack = /(0x\w+)$/.exec(
    await gdb.ask("delete", "stepi", "stepi", "stepi", "stepi", "print/x $rsp"),
  )?.[1];
  assert.match(stack ?? "", /^0xffff/, "SWAPGS, and the kernel's stack is loaded");
  assert.match(
    await gdb.ask(`awatch *(long*)(${stack} - 8)`, "continue", "print/x $rsp"),
    new RegExp(`Value = 43\\n(.|\\n)*= 0x${(BigInt(stack!) - 8n).toString(16)}$`),
    "the first push is the user's SS",
  );
  const running = gdb.begin("delete", "continue");
  await console.hear(/\n42\r?\n/);
  type("poweroff -f\n");
  assert.match(await running(), /exited normally/);
  await gdb.quit();
  const { status, stderr } = await ended;
  assert.equal(status, 0, stderr);
});
