/**
 * A real GDB and the real command: attaching, breakpoints, memory, Ctrl-C, the end.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import {
  COUNTER,
  debuggedGuest,
  END,
  EXIT_CODE,
  MARK,
  UNMAPPED,
} from "../debug/debugged-guest.test.helper.js";
import { UsageError } from "../host/usage-error.js";
import { type Gdb, gdbVersion, newGdb, startDebugged } from "./gdb.test.helper.js";
import { parseGdbAddress } from "./gdb-option.js";

const folder = mkdtempSync(join(tmpdir(), "vt86-gdb-"));
after(() => rmSync(folder, { recursive: true }));

const { image, at } = debuggedGuest();
const kernel = join(folder, "guest");
writeFileSync(kernel, image.data);
const place = (name: string) => `*0x${at(name).toString(16)}`;
const hex = (value: bigint | number) => `0x${value.toString(16)}`;

const start = (...words: string[]) => startDebugged("--kernel", kernel, "-m", "8M", ...words);

test("addresses of --gdb, in vt86's words and in QEMU's", () => {
  for (const [text, host, port] of [
    ["1234", "127.0.0.1", 1234],
    ["tcp::1234", "127.0.0.1", 1234],
    ["tcp:localhost:9000", "localhost", 9000],
    ["0.0.0.0:9000", "0.0.0.0", 9000],
    ["[::1]:9000", "::1", 9000],
    ["tcp::1234,server=on,wait=off", "127.0.0.1", 1234],
  ] as const) {
    assert.deepEqual(parseGdbAddress(text), { host, port }, text);
  }
  for (const text of ["", "host", "99999", "tcp:", "unix:/tmp/x", "1:2:3", "-1"]) {
    assert.throws(() => parseGdbAddress(text), UsageError, text);
  }
});

const skip = gdbVersion ? false : "gdb is not installed (Debian package gdb)";

describe(`debugging with ${gdbVersion ?? "GDB"}`, { skip, timeout: 120_000 }, () => {
  test("from frozen 32-bit start-up code to 64-bit code, and to the end", async () => {
    const { port, ended } = await start("-S");
    const gdb = newGdb();
    await gdb.ask(`target remote 127.0.0.1:${port}`);
    assert.match(await gdb.ask("info registers rip efer cr0"), /rip +0x(\w+) .*\nefer +0x0 .*\ncr0 +0x11 /);
    assert.match(await gdb.ask("print/x $rip"), new RegExp(`= ${hex(at("start"))}$`));
    await gdb.ask("stepi", "stepi");
    assert.match(await gdb.ask("print/x $rax"), /= 0x11223344$/);
    // A breakpoint, a watchpoint and a hardware breakpoint, each in its mode.
    assert.match(
      await gdb.ask(`watch *(int*)${hex(MARK)}`, "continue"),
      /Hardware watchpoint.*New value = 287454020/s,
    );
    assert.match(await gdb.ask("print/x $rip"), new RegExp(`= ${hex(at("marked"))}$`));
    assert.match(await gdb.ask("delete", `hbreak ${place("long")}`, "continue"), /Breakpoint \d+, 0x/);
    assert.match(await gdb.ask("print/x $efer"), /= 0x500$/);
    assert.match(await gdb.ask(`break ${place("counted")}`, "continue"), /Breakpoint \d+, 0x/);
    assert.match(await gdb.ask("print/x $rax", "print $rbx"), /= 0x1122334455667788\n.*= 1$/);
    assert.match(await gdb.ask("continue", "continue", "print $rbx"), /= 3$/);
    assert.match(await gdb.ask(`x/gd ${hex(COUNTER)}`), /:\t3$/);
    // What is not mapped; the same place in physical memory.
    assert.match(await gdb.ask(`x/wx ${hex(UNMAPPED)}`), /Cannot access memory/);
    assert.match(
      await gdb.ask("maintenance packet Qqemu.PhyMemMode:1", `x/wx ${hex(UNMAPPED)}`),
      /:\t0x00000000$/,
    );
    await gdb.ask("maintenance packet Qqemu.PhyMemMode:0");
    // The state can be changed.
    assert.match(
      await gdb.ask("delete", `break ${place("counted")}`, "set $rbx=100", "continue", "print $rbx"),
      /= 101$/,
    );
    assert.match(await gdb.ask("info registers xmm0 st0 mxcsr lstar"), /mxcsr +0x1f80/);
    assert.match(await gdb.ask("monitor info registers"), /cr0.*80000011/i);
    assert.match(await gdb.ask(`monitor info mem ${hex(MARK)}`), /PML4E.*170000/s);
    assert.match(await gdb.ask(`monitor xp/2w ${hex(MARK)}`), /170000h?: 11223344 00000000/);
    assert.match(await gdb.ask("monitor nonsense"), /no command 'nonsense'/);
    assert.match(await gdb.ask("monitor help"), /info tlb .*\nAnd as at vt86's own monitor:.*info walk/s);
    assert.match(await gdb.ask("monitor info tlb"), /\d+ TLB views? in use/);
    assert.match(await gdb.ask("monitor info apic"), /base fee00900 .*requested: none/s);
    assert.match(await gdb.ask("monitor info irq"), /8259 master: .*I\/O APIC/s);
    assert.match(await gdb.ask("monitor msr 0xc0000080"), /IA32_EFER = 0000000000000500/);
    assert.match(await gdb.ask("delete", `set *(int*)${hex(END)}=1`, "continue"), /exited with code 07/);
    await gdb.quit();
    const { status, stderr } = await ended;
    assert.equal(status, EXIT_CODE * 2 + 1, stderr);
  });

  test("a guest that runs: attach, Ctrl-C, detach, attach again, reset, kill", async () => {
    const { port, ended } = await start();
    const remote = `target remote 127.0.0.1:${port}`;
    const first = newGdb();
    await first.ask(remote);
    const rbx = async (gdb: Gdb) => Number(/= (\d+)$/.exec(await gdb.ask("print (long)$rbx"))?.[1]);
    const before = await rbx(first);
    assert.equal(await rbx(first), before, "the guest stands still");
    // One session at a time.
    const refused = connect(port, "127.0.0.1");
    await new Promise((resolve) => refused.on("close", resolve).resume());
    const running = first.begin("continue");
    setTimeout(() => first.interrupt(), 300);
    assert.match(await running(), /SIGINT/);
    const middle = await rbx(first);
    assert.ok(middle > before, `${middle} > ${before}`);
    await first.ask(`break ${place("counted")}`, "detach");
    await first.quit();
    const second = newGdb();
    await second.ask(remote);
    assert.ok((await rbx(second)) > middle, "without a debugger the guest runs");
    await second.ask("monitor system_reset", "maintenance flush register-cache");
    assert.match(await second.ask("print/x $rip"), new RegExp(`= ${hex(at("start"))}$`));
    await second.ask(`tbreak ${place("long")}`, "continue");
    await second.ask("kill");
    await second.quit();
    const { status, stderr } = await ended;
    assert.equal(status, 0, stderr);
  });
});
