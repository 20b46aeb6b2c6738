/** Ports and devices in memory take time, which is not the time of instructions. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { prepareTier0 } from "../engine/interpreter/tier0.js";
import { elfFile, PROGRAM_ADDRESS } from "../guests/elf.js";
import { Machine } from "./machine.js";

const NOTE_LENGTH = 20;
const CODE = PROGRAM_ADDRESS + 32;
const words = (...values: number[]): number[] =>
  values.flatMap((value) => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff));

/** Ticks that 32-bit code takes from the PVH entry point on, for each of its instructions' count. */
async function run(code: readonly number[], count: number): Promise<{ ticks: number; instructions: number }> {
  const program = new Uint8Array(64 + code.length);
  // The note that names the PVH entry point (Xen's ELF note 18).
  program.set(words(4, 4, 18));
  program.set([0x58, 0x65, 0x6e, 0], 12);
  program.set(words(CODE), 16);
  program.set(code, 32);
  const data = elfFile({
    program,
    entry: CODE,
    end: PROGRAM_ADDRESS + program.length,
    notes: { address: PROGRAM_ADDRESS, length: NOTE_LENGTH },
  });
  using machine = await Machine.create({ kernel: { name: "time", data }, memory: 8 << 20, clock: "virtual" });
  machine.runInstructions(count);
  return { ticks: machine.time, instructions: machine.instructions };
}

before(() => prepareTier0());

test("an instruction takes one tick", async () => {
  assert.deepEqual(await run(Array(8).fill(0x90), 8), { ticks: 8, instructions: 8 });
});

test("a port access takes a microsecond more", async () => {
  // OUT 80h, AL twice; IN AL, 61h
  const { ticks, instructions } = await run([0x90, 0xe6, 0x80, 0xe6, 0x80, 0xe4, 0x61, 0x90], 5);
  assert.deepEqual({ ticks, instructions }, { ticks: 5 + 3 * 1000, instructions: 5 });
});

test("so does a load from a device, or a store to one, by 250 ns", async () => {
  // MOV EAX, [FED000F0h] (the counter of the HPET); MOV [FED00108h], EAX
  const code = [0x90, 0xa1, ...words(0xfed000f0), 0xa3, ...words(0xfed00108), 0x90];
  const { ticks, instructions } = await run(code, 4);
  assert.deepEqual({ ticks, instructions }, { ticks: 4 + 2 * 250, instructions: 4 });
});
