/** A session, with a target that notes what is asked of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { encodePacket, PacketReader, toHex } from "./packet.js";
import { GdbSession } from "./session.js";
import type { DebugTarget, MemoryView, StopReason } from "./target.js";
import { gdbRegisters, targetDescription } from "./target-description.js";

const decoder = new TextDecoder("latin1");

class FakeTarget implements DebugTarget {
  readonly calls: string[] = [];
  memoryView: MemoryView = "current";
  readonly memory = new Uint8Array(64).map((_, i) => i);
  stop: (reason: StopReason) => void = () => {};
  private note(call: string): true {
    this.calls.push(call);
    return true;
  }
  private readonly sizes = new Map(gdbRegisters.map(({ name, bits }) => [name, bits / 8]));
  readRegister(name: string) {
    return new Uint8Array(this.sizes.get(name)!).fill(name === "rip" ? 0x12 : 0);
  }
  writeRegister(name: string, value: Uint8Array) {
    this.note(`${name}=${toHex(value)}`);
    return name !== "cs";
  }
  readMemory(address: bigint, length: number) {
    this.note(`read ${this.memoryView}`);
    return address < 64n ? this.memory.subarray(Number(address), Number(address) + length) : undefined;
  }
  writeMemory(address: bigint, data: Uint8Array) {
    return this.note(`write ${this.memoryView} ${address}: ${toHex(data)}`) && address < 64n;
  }
  setBreakpoint(kind: string, address: bigint, length: number) {
    return this.note(`set ${kind} ${address.toString(16)} ${length}`) && length < 4096;
  }
  removeBreakpoint(kind: string, address: bigint, length: number) {
    return this.note(`remove ${kind} ${address.toString(16)} ${length}`);
  }
  private run(how: string): Promise<StopReason> {
    this.note(how);
    return new Promise((resolve) => {
      this.stop = resolve;
    });
  }
  step = () => this.run("step");
  resume = () => this.run("resume");
  interrupt = () => void this.note("interrupt");
  detach = () => void this.note("detach");
  leave = () => void this.note("leave");
  kill = () => void this.note("kill");
  monitor = (command: string) => (command === "quiet" ? "" : `you said ${command}\n`);
}

function start() {
  const target = new FakeTarget();
  let sent = "";
  const session = new GdbSession(target, (bytes) => {
    sent += decoder.decode(bytes);
  });
  const take = () => {
    const packets = [...new PacketReader().feed(Buffer.from(sent, "latin1"))];
    sent = "";
    return packets.map((event) => (event.kind === "packet" ? decoder.decode(event.data) : event.kind));
  };
  const ask = (packet: string | Uint8Array) => {
    session.receive(encodePacket(packet));
    return take()[0];
  };
  return { target, session, ask, take, raw: () => sent };
}

test("registers", () => {
  const { target, ask } = start();
  const all = ask("g")!;
  assert.equal(
    all.length,
    gdbRegisters.reduce((sum, { bits }) => sum + bits / 4, 0),
  );
  assert.equal(ask("p10"), "1212121212121212");
  assert.equal(ask("pfff"), "E01");
  assert.equal(ask("P10=8877665544332211"), "OK");
  assert.equal(ask("P10=88"), "E01");
  assert.equal(ask("P12=33000000"), "E01", "the target refuses");
  assert.deepEqual(target.calls, ["rip=8877665544332211", "cs=33000000"]);
  assert.equal(ask(`G${all}`), "OK");
});

test("one description in every mode, read in parts", () => {
  const { ask } = start();
  let text = "";
  for (let last = ""; last !== "l"; ) {
    const answer = ask(`qXfer:features:read:target.xml:${text.length.toString(16)},3e8`)!;
    last = answer[0]!;
    text += answer.slice(1);
  }
  assert.equal(text, targetDescription);
  const named = [...text.matchAll(/<reg name="(\w+)" bitsize="(\d+)"/g)].map(
    ([, name, bits]) => `${name} ${bits}`,
  );
  assert.deepEqual(
    named,
    gdbRegisters.map(({ name, bits }) => `${name} ${bits}`),
  );
});

test("memory as what runs sees it, and in other views", () => {
  const { target, ask } = start();
  assert.equal(ask("m10,4"), "10111213");
  assert.equal(ask("mffffffff81000000,4"), "E14");
  assert.equal(ask("M2,2:aabb"), "OK");
  assert.equal(ask("M100,2:aabb"), "E14");
  assert.equal(ask("Qqemu.PhyMemMode:1"), "OK");
  assert.equal(ask("qqemu.PhyMemMode"), "1");
  assert.equal(ask(Uint8Array.of(...Buffer.from("X4,3:"), 0x23, 0, 0x7d)), "OK");
  assert.equal(ask("X4,0:"), "OK", "the probe for binary writes");
  assert.deepEqual(target.calls, [
    "read current",
    "read current",
    "write current 2: aabb",
    "write current 256: aabb",
    "write physical 4: 23007d",
  ]);
  assert.equal(ask("Qqemu.PhyMemMode:0"), "OK");
  assert.equal(ask("qvt86.MemoryView"), "current");
  for (const view of ["l1", "l2", "l2-physical", "physical"]) {
    assert.equal(ask(`Qvt86.MemoryView:${view}`), "OK");
    assert.equal(ask("qvt86.MemoryView"), view);
    assert.equal(ask("qqemu.PhyMemMode"), view === "physical" ? "1" : "0");
    ask("m0,1");
    assert.equal(target.calls.at(-1), `read ${view}`);
  }
  for (const wrong of ["Qvt86.MemoryView:l3", "Qvt86.MemoryView:"]) assert.equal(ask(wrong), "E22");
  assert.equal(target.memoryView, "physical", "a wrong view changes nothing");
});

test("breakpoints and watchpoints", () => {
  const { target, ask } = start();
  for (const packet of ["Z0,1000,1", "Z1,1000,1", "Z2,20,4", "Z3,20,8", "Z4,20,1", "z0,1000,1"]) {
    assert.equal(ask(packet), "OK");
  }
  assert.equal(ask("Z2,20,1000"), "E22");
  assert.equal(ask("Z9,20,1"), "", "unknown kinds are not supported");
  assert.deepEqual(target.calls, [
    "set software 1000 1",
    "set hardware 1000 1",
    "set write 20 4",
    "set read 20 8",
    "set access 20 1",
    "remove software 1000 1",
    "set write 20 4096",
  ]);
});

test("running: the answer comes with the stop", async () => {
  const { target, session, ask, take } = start();
  assert.equal(ask("?"), "T05thread:1;");
  const stops: readonly (readonly [packet: string, reason: StopReason, answer: string])[] = [
    ["c", { signal: 5, breakpoint: "software" }, "T05thread:1;"],
    ["s", { signal: 5 }, "T05thread:1;"],
    ["vCont;c", { signal: 2 }, "T02thread:1;"],
    ["vCont;s:1;c", { signal: 5, watch: { kind: "access", address: 0x1000n } }, "T05thread:1;awatch:1000;"],
    ["vCont;C05", { signal: 5, exited: 7 }, "W07"],
  ];
  for (const [packet, reason, answer] of stops) {
    assert.equal(ask(packet), undefined);
    target.stop(reason);
    await Promise.resolve();
    assert.deepEqual(take(), [answer]);
  }
  assert.equal(ask("?"), "W07");
  assert.deepEqual(target.calls, ["resume", "step", "resume", "step", "resume"]);
  session.receive(Uint8Array.of(3));
  assert.equal(target.calls.at(-1), "interrupt");
});

test("text for the person comes before the stop", async () => {
  const { target, ask, take } = start();
  ask("c");
  target.stop({ signal: 5, text: "VM exit\n" });
  await Promise.resolve();
  assert.deepEqual(take(), [`O${toHex(Buffer.from("VM exit\n"))}`, "T05thread:1;"]);
});

test("reasons of a stop, for a debugger that knows them", async () => {
  const { target, ask, take } = start();
  assert.match(ask("qSupported:multiprocess+;swbreak+;hwbreak+;xmlRegisters=i386")!, /swbreak\+;hwbreak\+/);
  for (const kind of ["software", "hardware"] as const) {
    ask("c");
    target.stop({ signal: 5, breakpoint: kind });
    await Promise.resolve();
    assert.deepEqual(take(), [`T05thread:1;${kind === "software" ? "swbreak" : "hwbreak"}:;`]);
  }
});

test("monitor commands, detach, kill, and what is unknown", () => {
  const { target, ask } = start();
  const command = (text: string) => ask(`qRcmd,${toHex(Buffer.from(text))}`);
  assert.equal(command("hello"), toHex(Buffer.from("you said hello\n")));
  assert.equal(command("quiet"), "OK");
  for (const packet of ["vMustReplyEmpty", "qTStatus", "R00", "!", "vFile:open:61,0,0"])
    assert.equal(ask(packet), "");
  assert.equal(ask("Hg0"), "OK");
  assert.equal(ask("qAttached"), "1");
  assert.equal(ask("D"), "OK");
  assert.equal(ask("Qvt86.Leave"), "OK");
  assert.equal(ask("vKill;1"), "OK");
  ask("k");
  assert.deepEqual(target.calls, ["detach", "leave", "kill", "kill"]);
});

test("acknowledgements, until they are switched off", () => {
  const { session, ask, take, raw } = start();
  session.receive(Buffer.from("$qC#00"));
  assert.equal(raw(), "-");
  session.receive(encodePacket("qC"));
  assert.match(raw(), /^-\+\$QC1#/);
  take();
  assert.equal(ask("QStartNoAckMode"), "OK");
  session.receive(encodePacket("qC"));
  assert.match(raw(), /^\$QC1#/);
});
