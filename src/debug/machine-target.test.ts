/** Who decides when a debugged machine runs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Machine } from "../machine/machine.js";
import { COUNTER, debuggedGuest, END, EXIT_CODE } from "./debugged-guest.test.helper.js";
import { MachineTarget } from "./machine-target.js";

const { image, at } = debuggedGuest();

async function start(frozen: boolean) {
  const machine = await Machine.create({ kernel: image, memory: 8 << 20, onReset: "stop" });
  const target = new MachineTarget(machine, frozen);
  return { machine, target, ended: target.run() };
}

test("frozen until it is resumed; Ctrl-C right after that is not lost", async () => {
  const { machine, target, ended } = await start(true);
  await sleep(20);
  assert.equal(machine.instructions, 0);
  target.interrupt();
  const stopped = target.resume();
  target.interrupt();
  assert.deepEqual(await stopped, { signal: 2 });
  target.kill();
  assert.deepEqual(await ended, { reason: "paused" });
  machine.dispose();
});

test("a debugger that is lost leaves no breakpoints behind, and the guest as it is", async () => {
  const { machine, target, ended } = await start(false);
  await target.attach();
  await sleep(20);
  const still = machine.instructions;
  target.setBreakpoint("write", BigInt(COUNTER), 8);
  target.setBreakpoint("software", at("saved"), 1);
  target.setBreakpoint("hardware", at("saved"), 1);
  target.removeBreakpoint("software", at("saved"), 1);
  const reasons = [await target.resume(), await target.resume()];
  reasons.sort((a, b) => Number(a.breakpoint === undefined) - Number(b.breakpoint === undefined));
  assert.deepEqual(reasons, [
    { signal: 5, breakpoint: "hardware" },
    { signal: 5, watch: { kind: "write", address: BigInt(COUNTER) } },
  ]);
  assert.ok(machine.instructions - still < 20);
  target.lost();
  const standing = machine.instructions;
  await sleep(20);
  assert.equal(machine.instructions, standing);
  // Now it is lost while the guest runs.
  target.setBreakpoint("read", BigInt(END), 4);
  target.removeBreakpoint("read", BigInt(END), 4);
  target.setBreakpoint("write", BigInt(END), 4);
  void target.resume();
  await sleep(20);
  target.lost();
  machine.debug.writePhysical(END, Uint8Array.of(1));
  assert.deepEqual(await ended, { reason: "debug-exit", code: EXIT_CODE });
  machine.dispose();
});

test("steps to the end: the last one tells the status", async () => {
  const { machine, target, ended } = await start(true);
  target.setBreakpoint("hardware", at("saved"), 1);
  await target.resume();
  target.writeMemory(BigInt(END), Uint8Array.of(1));
  let last = await target.step();
  for (let i = 0; i < 10 && last.exited === undefined; i++) last = await target.step();
  assert.deepEqual(last, { signal: 5, exited: EXIT_CODE * 2 + 1 });
  assert.deepEqual(await ended, { reason: "debug-exit", code: EXIT_CODE });
  machine.dispose();
});
