/**
 * A real GDB on a hypervisor: VM exits and VM entries to stop after, memory in four views, breakpoints of one side, and
 * `vt86 explain` from another shell.
 */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:net";
import { after, describe, test } from "node:test";
import { type Gdb, gdbVersion, newGdb, startDebugged } from "./gdb.test.helper.js";
import { vt86 } from "./vt86.test.helper.js";

const skip = gdbVersion ? false : "gdb is not installed (Debian package gdb)";
/** In the guest's hole, which its hypervisor fills with a page from elsewhere. */
const HOLE = "0x1205678";

const start = (...words: string[]) => startDebugged("hypervisor", "-S", "--clock", "virtual", ...words);

async function attached(port: number): Promise<Gdb> {
  const gdb = newGdb();
  await gdb.ask(`target remote 127.0.0.1:${port}`);
  return gdb;
}

const number = (text: string): bigint =>
  BigInt(/(?:= |\t)(0x[0-9a-f]+)$/.exec(text)?.[1] ?? assert.fail(text));
const evaluate = async (gdb: Gdb, expression: string) => number(await gdb.ask(`print/x ${expression}`));
/** A field of the current VMCS, as `monitor info vmcs` has it. */
async function field(gdb: Gdb, name: string): Promise<bigint> {
  const text = await gdb.ask(`monitor info vmcs ${name}`);
  const [, digits] = new RegExp(`^ +${name} +([0-9a-f]+)h`, "m").exec(text) ?? assert.fail(text);
  return BigInt(`0x${digits}`);
}

describe(`VT-x under ${gdbVersion ?? "GDB"}`, { skip, timeout: 120_000 }, () => {
  test("VM exits and VM entries to stop after", async () => {
    const { port } = await start();
    const gdb = await attached(port);
    assert.match(await gdb.ask("monitor vmexit-break list"), /^the run stops after no VM exit$/);
    assert.match(
      await gdb.ask("monitor vmexit-break ept VIOLATION, 0x12"),
      /^the run stops after VM exits by VMCALL \(18\), EPT violation \(48\)$/,
    );
    assert.match(
      await gdb.ask("monitor vmexit-break EPT violatoin"),
      /^There is no exit reason 'EPT violatoin'; did you mean 'EPT violation'\?$/,
    );
    const stop = await gdb.ask("continue");
    assert.match(
      stop,
      /VM exit: EPT violation \(48\), qualification 181h, guest RIP [0-9a-f]+h, VMCS [0-9a-f]+h: data read at guest-physical 1205678h/,
    );
    assert.match(stop, /SIGTRAP/);
    // The exit is done: nothing of the host has run, and the VMCS tells of it.
    assert.equal(await evaluate(gdb, "$rip"), await field(gdb, "host RIP"));
    assert.equal(await evaluate(gdb, "$rsp"), await field(gdb, "host RSP"));
    assert.match(await gdb.ask("monitor info ept 1205678"), /EPT PML4E .*\n.*EPT violation$/s);
    assert.match(await gdb.ask("monitor explain exit"), /^EPT violation, exit reason 48,/);
    assert.match(await gdb.ask("monitor info exits 2"), /RDMSR.*\n.*EPT violation/);
    // The next one is the write; VMCALL follows.
    assert.match(await gdb.ask("continue"), /VM exit: EPT violation \(48\), qualification 18ah/);
    assert.match(await gdb.ask("monitor vmexit-break off 48"), /VM exits by VMCALL \(18\)$/);
    assert.match(await gdb.ask("continue"), /VM exit: VMCALL \(18\), qualification 0h/);
    // VM entries: the guest's state, before the event that is injected.
    await gdb.ask("monitor vmexit-break off", "monitor vmentry-break on");
    let entry = await gdb.ask("continue");
    assert.match(entry, /VM entry: VMRESUME of VMCS [0-9a-f]+h, guest RIP [0-9a-f]+h/);
    assert.equal(await evaluate(gdb, "$rip"), await field(gdb, "guest RIP"));
    for (let i = 0; i < 5 && !/injects/.test(entry); i++) entry = await gdb.ask("continue");
    assert.match(entry, /injects external interrupt, vector 30h|injects .*30h/);
    const before = await evaluate(gdb, "$rip");
    const counted = await evaluate(gdb, "$r12");
    const stack = await evaluate(gdb, "$rsp");
    await gdb.ask("stepi");
    assert.notEqual(await evaluate(gdb, "$rip"), before, "the step delivers the interrupt");
    assert.equal(await evaluate(gdb, "$rsp"), (stack & ~0xfn) - 40n);
    assert.equal(await evaluate(gdb, "*(long*)$rsp"), before, "and it returns to where the guest was");
    await gdb.ask("stepi");
    assert.equal(await evaluate(gdb, "$r12"), counted + 1n, "its handler counts it");
    // A step ends at what is to be stopped after, also if GDB would go on stepping.
    await gdb.ask("monitor vmentry-break off", "monitor vmexit-break hlt");
    assert.match(await gdb.ask("stepi 100"), /VM exit: HLT \(12\).*SIGINT/s);
    assert.equal(await evaluate(gdb, "$rip"), await field(gdb, "host RIP"));
    await gdb.ask("monitor vmexit-break off");
    assert.match(await gdb.ask("continue"), /exited normally/);
  });

  test("a VM exit while GDB steps over a breakpoint is not lost", async () => {
    const { port } = await start();
    const gdb = await attached(port);
    await gdb.ask("monitor vmexit-break cpuid", "monitor vmentry-break on", "continue");
    const launch = await evaluate(gdb, "$rip");
    await gdb.ask("monitor vmentry-break off", "continue");
    const cpuid = await field(gdb, "guest RIP");
    assert.notEqual(cpuid, launch);
    await gdb.ask("monitor system_reset", "maintenance flush register-cache", "monitor vmexit-break off");
    await gdb.ask(`hbreak *${cpuid}`, "continue");
    assert.equal(await evaluate(gdb, "$rip"), cpuid);
    assert.match(await gdb.ask("monitor vmexit-break cpuid", "continue"), /VM exit: CPUID \(10\)/);
    assert.equal(await evaluate(gdb, "$rip"), await field(gdb, "host RIP"));
    assert.equal(await field(gdb, "guest RIP"), cpuid, "and not the next one");
    await gdb.ask("kill");
  });

  test("whose memory it is", async () => {
    const { port } = await start();
    const gdb = await attached(port);
    const word = async () => number(await gdb.ask(`x/gx ${HOLE}`));
    assert.match(
      await gdb.ask("monitor memory-view l2-physical"),
      /; nothing can be read while there is no current VMCS$/,
    );
    assert.match(await gdb.ask(`x/gx ${HOLE}`), /Cannot access memory/);
    assert.match(await gdb.ask("monitor memory-view l3"), /^"l3" is none of current, l1, l2, /);
    // The hypervisor, when its guest has written there and asks it for something.
    await gdb.ask("monitor memory-view current", "monitor vmexit-break vmcall", "continue");
    assert.equal(await word(), 0n);
    await gdb.ask("monitor memory-view l2");
    assert.equal(await word(), 0x2a2an);
    await gdb.ask("maintenance packet Qvt86.MemoryView:l2-physical");
    assert.equal(await word(), 0x2a2an);
    await gdb.ask("maintenance packet Qqemu.PhyMemMode:1");
    assert.match(await gdb.ask("monitor memory-view"), /^physical: /);
    assert.equal(await word(), 0n);
    // The same while the guest runs.
    await gdb.ask("monitor memory-view current", "monitor vmexit-break off", "monitor vmentry-break on");
    await gdb.ask("continue");
    assert.equal(await word(), 0x2a2an);
    await gdb.ask("monitor memory-view l1", `set *(long*)${HOLE}=5`);
    assert.equal(await word(), 5n);
    await gdb.ask("monitor memory-view l2-physical", `set *(long*)${HOLE}=6`);
    await gdb.ask("monitor memory-view current");
    assert.equal(await word(), 6n);
    await gdb.ask("monitor memory-view physical");
    assert.equal(await word(), 5n);
    await gdb.ask("kill");
  });

  test("breakpoints of one side", async () => {
    const { port } = await start();
    const gdb = await attached(port);
    await gdb.ask("monitor vmexit-break cpuid", "continue");
    const [guest, host] = [await field(gdb, "guest RIP"), await field(gdb, "host RIP")];
    await gdb.ask("monitor system_reset", "maintenance flush register-cache", "monitor vmexit-break off");
    assert.match(await gdb.ask("monitor break-in l2"), /in VMX non-root operation only \(l2\)$/);
    assert.match(await gdb.ask("monitor break-in l4"), /^"l4" is none of any, l1, l2/);
    assert.match(await gdb.ask("monitor break-in l1 zzz"), /^"zzz" is no address/);
    // Of the two, only the guest's own stops, although the host's comes first.
    await gdb.ask(`hbreak *${host}`, `hbreak *${guest}`, "continue");
    assert.equal(await evaluate(gdb, "$rip"), guest);
    // What is set keeps its side when GDB sets it again; what is named changes it.
    await gdb.ask("monitor break-in l1", `monitor break-in l1 ${host}`);
    await gdb.ask("continue");
    assert.equal(await evaluate(gdb, "$rip"), host);
    await gdb.ask(`monitor break-in l2 ${host}`, `monitor break-in l1 ${guest}`);
    assert.match(await gdb.ask("continue"), /exited normally/);
  });

  test("vt86 explain, from another shell", async () => {
    const { port, ended } = await start();
    const explain = (...words: string[]) => vt86(["explain", "--gdb", String(port), ...words]);
    const gdb = await attached(port);
    await gdb.ask("monitor vmexit-break 48", "continue");
    const taken = await explain("vmcs");
    assert.match(
      taken.stderr,
      /^vt86: 127\.0\.0\.1:\d+ takes no more debuggers: .*'monitor explain vmcs'\.\n$/,
    );
    assert.equal(taken.status, 2);
    const rip = await evaluate(gdb, "$rip");
    const shown = await gdb.ask("monitor explain vmcs");
    await gdb.ask("disconnect");
    const vmcs = await explain("vmcs");
    assert.equal(vmcs.status, 0, vmcs.stderr);
    assert.equal(vmcs.stdout.trim(), shown.trim(), "what the debugger is told");
    assert.match((await explain("ept", "1205678", "w")).stdout, /EPT PML4E .*EPT violation\n$/s);
    assert.match((await explain("exit")).stdout, /^EPT violation, exit reason 48/);
    // The guest stands still as before.
    const again = await attached(port);
    assert.equal(await evaluate(again, "$rip"), rip);
    await again.ask("detach");
    assert.equal((await ended).status, 0, "and runs on when it may");
  });
});

describe("vt86 explain", () => {
  test("leaves a guest running that ran", async () => {
    const { port, ended } = await startDebugged("hypervisor", "--clock", "virtual", "--append", "x");
    // Whether it is still there or has ended by itself, it ends well.
    await vt86(["explain", "--gdb", String(port), "registers"]);
    assert.equal((await ended).status, 0);
  });

  const servers: Server[] = [];
  after(() => {
    for (const server of servers) server.close();
  });

  /** Something else that listens; it answers a packet with these bytes. */
  async function listening(answer: string): Promise<string> {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.on("data", () => socket.write(answer));
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    return String(address !== null && typeof address === "object" ? address.port : 0);
  }

  test("says what is wrong", async () => {
    const closed = await listening("");
    await new Promise((resolve) => servers.pop()?.close(resolve));
    const other = await listening("+$#00");
    const cases: readonly (readonly [words: readonly string[], message: RegExp])[] = [
      [["--gdb", closed, "vmcs"], /Nobody listens at 127\.0\.0\.1:\d+: start the machine with/],
      [["--gdb", other, "vmcs"], /At 127\.0\.0\.1:\d+ is a GDB server, but no vt86\./],
      [[], /Say what to explain/],
      [["vmsc"], /did you mean 'vmcs'/],
      [["ept"], /address in hexadecimal is missing/],
      [["ept", "xyz"], /"xyz" is no hexadecimal address/],
      [["ept", "1000", "q"], /"q" is no kind of access/],
      [["exits", "none"], /"none" is no number above 0/],
      [["--gdb", "nowhere", "vmcs"], /--gdb takes/],
      [["vmcs", "--gdb"], /--gdb needs a value/],
      [["--port", "1"], /no option --port/],
    ];
    for (const [words, message] of cases) {
      const { status, stdout, stderr } = await vt86(["explain", ...words]);
      assert.match(stderr, message);
      assert.match(stderr, /^vt86: [^\n]+[.?]\n$/, "one sentence");
      assert.equal(stdout, "");
      assert.equal(status, 2);
    }
    const help = await vt86(["explain", "--help"]);
    assert.match(help.stdout, /^Usage: vt86 explain/);
    assert.equal(help.status, 0);
  });
});
