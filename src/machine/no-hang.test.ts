/** Guests that try to hang the host or to bring it down: every one ends, or runs on and can be paused. */
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { prepareTier0 } from "../engine/interpreter/tier0.js";
import { elfFile, PROGRAM_ADDRESS } from "../guests/elf.js";
import { Machine, type MachineExit } from "./machine.js";

/** The note that names the PVH entry point (Xen's ELF note 18): sizes, type, "Xen", address. */
const NOTE_LENGTH = 20;
const CODE = PROGRAM_ADDRESS + 32;

/** Milliseconds after which a pause must have worked. Generous: test machines are busy. */
const PATIENCE = 3000;

/** Little-endian bytes of 32-bit numbers. */
const words = (...values: number[]): number[] =>
  values.flatMap((value) => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff));

/** MOV DWORD [address], value */
const store = (address: number, value: number): number[] => [0xc7, 0x05, ...words(address, value)];
const out = (port: number, value: number): number[] => [
  0xb0,
  value,
  0x66,
  0xba,
  port & 0xff,
  port >> 8,
  0xee,
];
const LOOP = [0xeb, 0xfe];
const CLI = 0xfa;
const STI = 0xfb;
const HLT = 0xf4;

/** A machine that runs 32-bit code from the PVH entry point: flat segments, no paging, no IDT. */
function machine(code: readonly number[], clock: "host" | "virtual" = "host"): Promise<Machine> {
  const program = new Uint8Array(64 + code.length);
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
  return Machine.create({ kernel: { name: "hostile", data }, memory: 8 << 20, onReset: "stop", clock });
}

/** Runs until the guest ends by itself, or pauses it after a while. */
async function runFor(code: readonly number[], milliseconds: number, clock?: "host" | "virtual") {
  using guest = await machine(code, clock);
  let pausedAt = 0;
  const timer = setTimeout(() => {
    pausedAt = performance.now();
    guest.pause();
  }, milliseconds);
  const exit: MachineExit = await guest.run();
  clearTimeout(timer);
  const waited = pausedAt === 0 ? 0 : performance.now() - pausedAt;
  return { exit, waited, instructions: guest.instructions, time: guest.time };
}

async function canBePaused(code: readonly number[], clock?: "host" | "virtual") {
  const result = await runFor(code, 150, clock);
  assert.deepEqual(result.exit, { reason: "paused" });
  assert.ok(result.waited < PATIENCE, `the pause took ${result.waited} ms`);
  return result;
}

/** A GDT with a code segment (selector 8), and an IDT at 200000h whose 256 gates lead to `handler`. */
function idt(handler: number, type = 0x8e): number[] {
  return [
    ...store(0x1fd008, 0x0000ffff),
    ...store(0x1fd00c, 0x00cf9b00),
    ...store(0x1ff010, 15),
    ...store(0x1ff012, 0x1fd000),
    ...[0x0f, 0x01, 0x15, ...words(0x1ff010)], // lgdt
    ...[0xbf, ...words(0x200000)], // mov edi, 200000h
    ...[0xb9, ...words(256)], // mov ecx, 256
    ...[0xb8, ...words((8 << 16) | (handler & 0xffff)), 0xab], // mov eax, low half; stosd
    ...[0xb8, ...words(((handler & 0xffff0000) | (type << 8)) >>> 0), 0xab], // mov eax, high half; stosd
    ...[0xe2, 0xf2], // loop to the first mov
    ...store(0x1ff000, 0x7ff),
    ...store(0x1ff002, 0x200000),
    ...[0x0f, 0x01, 0x1d, ...words(0x1ff000)], // lidt
  ];
}

describe("hostile guests", () => {
  before(prepareTier0);

  it("a triple fault ends the run", async () => {
    const { exit } = await runFor(
      [...store(0x1ff000, 0), ...store(0x1ff004, 0), 0x0f, 0x01, 0x1d, ...words(0x1ff000), 0xcc],
      5000,
    );
    assert.deepEqual(exit, { reason: "triple-fault" });
  });

  it("a jump into nowhere ends, as nothing decodes there", async () => {
    // mov eax, 40000000h; jmp eax
    const { exit } = await runFor(
      [...store(0x1ff000, 0), 0x0f, 0x01, 0x1d, ...words(0x1ff000), 0xb8, ...words(0x40000000), 0xff, 0xe0],
      5000,
    );
    assert.deepEqual(exit, { reason: "triple-fault" });
  });

  for (const clock of ["host", "virtual"] as const) {
    it(`an endless loop with interrupts off can be paused (${clock} clock)`, async () => {
      const { instructions } = await canBePaused([CLI, ...LOOP], clock);
      assert.ok(instructions > 100_000);
    });

    it(`HLT with interrupts off can be paused (${clock} clock)`, async () => {
      await canBePaused([CLI, HLT, ...LOOP], clock);
    });
  }

  it("a single step ends HLT, with interrupts off too", async () => {
    // The handler leaves through the debug-exit port: mov al, 5; out f4h, al.
    const setup = [...idt(0x1fe000), ...store(0x1fe000, 0xf4e605b0), 0xbc, ...words(0x1f0000)];
    // push 102h; popfd; hlt
    const { exit } = await runFor([...setup, 0x68, ...words(0x102), 0x9d, HLT, ...LOOP], 5000);
    assert.deepEqual(exit, { reason: "debug-exit", code: 5 });
  });

  it("an exception whose handler is invalid again and again can be paused", async () => {
    // The handler is UD2, too: the frames run down through memory.
    const setup = idt(0x1fe000);
    const body = [0x66, 0xc7, 0x05, ...words(0x1fe000), 0x0f, 0x0b];
    const { time } = await canBePaused([...setup, ...body, 0xbc, ...words(0x1f0000), 0x0f, 0x0b]);
    assert.ok(time > 1000);
  });

  it("REP STOSB without end over all of the address space can be paused, and time goes on", async () => {
    // From 16 MiB up there is no RAM; the count is as large as can be.
    const { time } = await canBePaused([
      ...[0xbf, ...words(0x1000000)],
      ...[0xb9, ...words(0xffffffff)],
      ...[0xf3, 0xaa],
      ...LOOP,
    ]);
    assert.ok(time > 10_000);
  });

  it("REP LODSB over RAM without end can be paused", async () => {
    await canBePaused([0xbe, ...words(0), 0xb9, ...words(0xffffffff), 0xf3, 0xac, 0xeb, 0xf2]);
  });

  it("a guest that moves its local APIC without end can be paused", async () => {
    // mov ecx, 1Bh; again: mov eax, FEE00900h; xor edx, edx; wrmsr; mov eax, D0000900h; wrmsr; jmp again
    const body = [0xb8, ...words(0xfee00900), 0x31, 0xd2, 0x0f, 0x30, 0xb8, ...words(0xd0000900), 0x0f, 0x30];
    await canBePaused([0xb9, ...words(0x1b), ...body, 0xeb, 256 - body.length - 2]);
  });

  it("a local APIC timer with the shortest period does not stop the guest", async () => {
    const timer = [
      ...store(0xfee000f0, 0x1ff),
      ...store(0xfee003e0, 0xb),
      ...store(0xfee00320, 0x20040),
      ...store(0xfee00380, 1),
    ];
    const { instructions } = await canBePaused([...timer, ...LOOP]);
    assert.ok(instructions > 10_000, `${instructions}`);
  });

  it("the same with a handler that never ends the interrupt", async () => {
    const timer = [
      ...store(0xfee000f0, 0x1ff),
      ...store(0xfee003e0, 0xb),
      ...store(0xfee00320, 0x20040),
      ...store(0xfee00380, 1),
    ];
    // The handler is IRET.
    await canBePaused([
      ...idt(0x1fe000),
      0xc6,
      0x05,
      ...words(0x1fe000),
      0xcf,
      0xbc,
      ...words(0x1f0000),
      ...timer,
      STI,
      ...LOOP,
    ]);
  });

  it("an HPET comparator with period 1 does not stop the guest", async () => {
    const hpet = [
      ...store(0xfed00100, 0x4c),
      ...store(0xfed00108, 1),
      ...store(0xfed00108, 1),
      ...store(0xfed00010, 1),
    ];
    const { instructions } = await canBePaused([...hpet, ...LOOP]);
    assert.ok(instructions > 10_000, `${instructions}`);
  });

  it("a PIT with count 1 and 2 does not stop the guest", async () => {
    for (const count of [1, 2]) {
      const pit = [...out(0x43, 0x34), ...out(0x40, count), ...out(0x40, 0)];
      const { instructions } = await canBePaused([...pit, ...LOOP]);
      assert.ok(instructions > 500, `${instructions}`);
    }
  });

  it("a level-triggered interrupt that is never served does not stop the guest", async () => {
    // PIC with automatic EOI and level mode for IRQ 0, trap gates: the request comes back at once.
    const pic = [
      ...out(0x20, 0x19),
      ...out(0x21, 0x20),
      ...out(0x21, 4),
      ...out(0x21, 3),
      ...out(0x21, 0),
      ...out(0x4d0, 0xf8),
    ];
    const pit = [...out(0x43, 0x30), ...out(0x40, 1), ...out(0x40, 0)];
    await runFor([...idt(CODE, 0x8f), 0xbc, ...words(0x1f0000), ...pic, ...pit, STI, ...LOOP], 150);
  });
});
