/**
 * The package as a program uses it: imported by name, a machine from creation to disposal.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Machine, type MachineConfig, tourImage, UsageError } from "vt86";
import { al, dword, dx, eax, mem } from "./guests/assembler/assembler.js";
import { say, smallGuest } from "./guests/small-guest.test.helper.js";

const MEMORY = 16 * 0x100000;
const PROMPT = "vt86> ";

/** A machine with the built-in guest. */
function tour(config: Partial<MachineConfig> = {}): Promise<Machine> {
  return Machine.create({ kernel: tourImage(), memory: MEMORY, clock: "virtual", ...config });
}

/** Calls `action` when the guest has printed `text`; gives all output. */
function when(machine: Machine, text: string, action: () => void): () => string {
  const decoder = new TextDecoder("latin1");
  let output = "";
  let done = false;
  machine.console.listen((bytes) => {
    output += decoder.decode(bytes);
    if (done || !output.includes(text)) return;
    done = true;
    action();
  });
  return () => output;
}

describe("the package vt86", () => {
  test("runs the built-in guest until it powers off", async () => {
    using machine = await tour();
    const output = when(machine, PROMPT, () => machine.console.write("halt\n"));
    assert.deepEqual(await machine.run(), { reason: "power-off" });
    assert.match(output(), /Welcome to the tour/);
    assert.ok(machine.instructions > 1_000_000);
    // Asked again, it says the same.
    assert.deepEqual(await machine.run(), { reason: "power-off" });
  });

  test("pauses and goes on", async () => {
    using machine = await tour();
    const output = when(machine, PROMPT, () => machine.pause());
    assert.deepEqual(await machine.run(), { reason: "paused" });
    const before = machine.instructions;
    const running = machine.run();
    await assert.rejects(machine.run(), /running already/);
    machine.console.write("halt\n");
    assert.deepEqual(await running, { reason: "power-off" });
    assert.ok(machine.instructions > before);
    assert.match(output(), /vt86> halt/);
  });

  test("has its console as streams, which end with the machine", async () => {
    using machine = await tour();
    const running = machine.run();
    const writer = machine.console.writable.getWriter();
    const reader = machine.console.readable.getReader();
    const decoder = new TextDecoder("latin1");
    let output = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const before = output.includes(PROMPT);
      output += decoder.decode(value);
      if (!before && output.includes(PROMPT)) await writer.write(new TextEncoder().encode("help\nhalt\n"));
    }
    assert.match(output, /vt86> help\r?\n[\s\S]*switch the machine off/);
    assert.deepEqual(await running, { reason: "power-off" });
  });

  test("shows registers and memory, and lets memory be written", async () => {
    const kernel = smallGuest((a) => {
      a.mov(eax, 0x12345678);
      a.mov(dword(mem(0x200000)), eax);
      a.mov(dx, 0xf4);
      a.mov(al, 7);
      a.out(dx, al);
      const forever = a.here("forever");
      a.jmp(forever);
    });
    using machine = await Machine.create({ kernel, memory: 8 * 0x100000 });
    machine.writePhysical(0x300000, Uint8Array.of(1, 2, 3));
    assert.deepEqual(await machine.run(), { reason: "debug-exit", code: 7 });
    assert.deepEqual([...machine.readPhysical(0x200000, 4)], [0x78, 0x56, 0x34, 0x12]);
    assert.deepEqual([...machine.readPhysical(0x2fffff, 5)], [0, 1, 2, 3, 0]);
    assert.deepEqual([...machine.readPhysical(0xffff_0000_0000, 2)], [0xff, 0xff], "no memory there");
    const { gpr, rip, cr0, segments } = machine.registers();
    assert.equal(gpr.rax, 0x12345607n);
    assert.ok(rip > 0x100000n && rip < 0x101000n);
    assert.equal(cr0 & 1n, 1n);
    assert.equal(segments.cs.base, 0n);
  });

  test("is repeatable with the virtual clock, to the last bit of memory", async () => {
    const hashes = [];
    for (let i = 0; i < 2; i++) {
      using machine = await tour();
      machine.runInstructions(2_000_000);
      assert.equal(machine.instructions, 2_000_000);
      hashes.push(await machine.hash());
    }
    assert.equal(hashes[0], hashes[1]);
  });

  test("runs two machines at once", async () => {
    const [first, second] = await Promise.all([tour(), tour()]);
    for (const machine of [first, second]) when(machine, PROMPT, () => machine.console.write("halt\n"));
    assert.deepEqual(await Promise.all([first.run(), second.run()]), [
      { reason: "power-off" },
      { reason: "power-off" },
    ]);
  });

  test("starts a guest again that resets, or stops", async () => {
    const kernel = smallGuest((a) => {
      say(a, "up ");
      a.mov(dx, 0xcf9);
      a.mov(al, 6);
      a.out(dx, al);
      const forever = a.here("forever");
      a.jmp(forever);
    });
    using machine = await Machine.create({ kernel, memory: 8 * 0x100000 });
    const output = when(machine, "up up up", () => machine.pause());
    assert.deepEqual(await machine.run(), { reason: "paused" });
    assert.match(output(), /^up up up/);
    using once = await Machine.create({ kernel, memory: 8 * 0x100000, onReset: "stop" });
    assert.deepEqual(await once.run(), { reason: "reset" });
  });

  test("cannot run after it was disposed of, and disposing ends a run", async () => {
    const machine = await tour();
    when(machine, "Welcome", () => machine.dispose());
    assert.deepEqual(await machine.run(), { reason: "paused" });
    await assert.rejects(machine.run(), /disposed of/);
    machine.dispose();
  });

  test("refuses bad configurations with a UsageError", async () => {
    const bad: readonly Partial<MachineConfig>[] = [
      { memory: 0 },
      { memory: Number.NaN },
      { memory: 2 ** 40 },
      { cpu: "Cray-1" },
      { kernel: { name: "nonsense", data: new Uint8Array(100) } },
      { modules: [{ name: "big", data: new Uint8Array(2 * MEMORY) }] },
    ];
    for (const config of bad)
      await assert.rejects(tour(config), UsageError, JSON.stringify(Object.keys(config)));
  });
});
