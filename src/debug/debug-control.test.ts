/** What a debugger may do with a machine: src/machine/debug-control.ts. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Watchpoint } from "../machine/debug-control.js";
import { Machine } from "../machine/machine.js";
import {
  COUNTER,
  debuggedGuest,
  END,
  EXIT_CODE,
  FX_AREA,
  MARK,
  STACK,
  UNMAPPED,
} from "./debugged-guest.test.helper.js";

const { image, at } = debuggedGuest();

function newMachine(): Promise<Machine> {
  return Machine.create({ kernel: image, memory: 8 << 20, onReset: "stop", clock: "virtual" });
}

const rip = ({ debug }: Machine) => debug.readRegister("rip");

async function stopsAt(machine: Machine, place: string): Promise<void> {
  assert.deepEqual(await machine.run(), { reason: "breakpoint", address: at(place) });
  assert.equal(rip(machine), at(place));
}

describe("breakpoints", () => {
  test("stop before the instruction, in 32-bit and in 64-bit code, and once only", async () => {
    using machine = await newMachine();
    for (const place of ["mark", "long", "counted"]) machine.debug.addBreakpoint(at(place));
    await stopsAt(machine, "mark");
    assert.deepEqual(machine.debug.readLinear(BigInt(MARK), 4), Uint8Array.of(0, 0, 0, 0));
    await stopsAt(machine, "long");
    assert.deepEqual(machine.debug.readLinear(BigInt(MARK), 4), Uint8Array.of(0x44, 0x33, 0x22, 0x11));
    for (let i = 1n; i < 4n; i++) {
      await stopsAt(machine, "counted");
      assert.equal(machine.debug.readRegister("rbx"), i);
    }
    machine.debug.removeBreakpoint(at("counted"));
    machine.debug.addBreakpoint(at("count"));
    await stopsAt(machine, "count");
  });

  test("in code that ran before, at the same page offset of other code, and at a slice's last instructions", async () => {
    using machine = await newMachine();
    machine.runInstructions(1000);
    const rbx = machine.debug.readRegister("rbx");
    machine.debug.addBreakpoint(at("saved"));
    machine.debug.addBreakpoint(at("count") + 0x1000n);
    for (let i = 0; i < 3; i++) await stopsAt(machine, "saved");
    assert.ok(machine.debug.readRegister("rbx")! - rbx! <= 3n);
    machine.runInstructions(10_000);
    assert.equal(rip(machine), at("saved"), "runInstructions stops, too");
  });

  test("are there again after a reset", async () => {
    using machine = await newMachine();
    machine.debug.addBreakpoint(at("long"));
    await stopsAt(machine, "long");
    machine.reset();
    assert.equal(rip(machine), at("start"));
    await stopsAt(machine, "long");
  });

  test("cost no determinism", async () => {
    const hashes = [];
    for (const breaks of [false, true]) {
      using machine = await newMachine();
      if (breaks) machine.debug.addBreakpoint(at("saved"));
      for (let i = 0; i < 5 && breaks; i++) await machine.run();
      machine.debug.clear();
      machine.runInstructions(5000 - machine.instructions);
      hashes.push(await machine.hash());
    }
    assert.equal(hashes[0], hashes[1]);
  });
});

describe("watchpoints stop after the instruction", () => {
  const cases: readonly (readonly [what: string, point: Watchpoint, after: string])[] = [
    ["32-bit write", { address: BigInt(MARK), length: 4, access: "write" }, "marked"],
    ["one byte of it", { address: BigInt(MARK + 3), length: 1, access: "access" }, "marked"],
    ["64-bit write", { address: BigInt(COUNTER + 4), length: 4, access: "write" }, "counted"],
    ["stack, read only", { address: BigInt(STACK - 8), length: 8, access: "read" }, "fxsave"],
    ["write by a helper", { address: BigInt(FX_AREA + 24), length: 4, access: "write" }, "saved"],
  ];
  for (const [what, point, after] of cases) {
    test(what, async () => {
      using machine = await newMachine();
      machine.debug.addWatchpoint(point);
      assert.deepEqual(await machine.run(), {
        reason: "watchpoint",
        address: point.address,
        access: point.access,
      });
      assert.equal(rip(machine), at(after));
      machine.debug.removeWatchpoint(point);
      machine.debug.addBreakpoint(at("saved"));
      await stopsAt(machine, "saved");
    });
  }

  test("no stop for reads and for neighbours", async () => {
    using machine = await newMachine();
    machine.debug.addWatchpoint({ address: BigInt(END), length: 4, access: "write" });
    machine.debug.addWatchpoint({ address: BigInt(COUNTER - 4), length: 4, access: "access" });
    machine.debug.addWatchpoint({ address: BigInt(COUNTER), length: 8, access: "read" });
    machine.runInstructions(20_000);
    assert.equal(machine.instructions, 20_000);
    assert.throws(
      () => machine.debug.addWatchpoint({ address: 0n, length: 5000, access: "write" }),
      /1 to 4096/,
    );
  });
});

describe("steps and state", () => {
  test("a step is one instruction, whatever breakpoint it has", async () => {
    using machine = await newMachine();
    machine.debug.addBreakpoint(at("mark"));
    await stopsAt(machine, "mark");
    assert.equal(machine.stepInstruction(), undefined);
    assert.equal(rip(machine), at("marked"));
    assert.equal(machine.instructions, 3);
    machine.debug.addWatchpoint({ address: BigInt(COUNTER), length: 8, access: "write" });
    machine.debug.addBreakpoint(at("count"));
    await stopsAt(machine, "count");
    machine.stepInstruction();
    assert.equal(machine.stepInstruction()?.reason, "watchpoint");
  });

  test("the last step of a guest says how it ended", async () => {
    using machine = await newMachine();
    machine.debug.addBreakpoint(at("long"));
    await stopsAt(machine, "long");
    machine.debug.writeLinear(BigInt(END), Uint8Array.of(1));
    let exit: ReturnType<Machine["stepInstruction"]>;
    for (let i = 0; i < 20 && !exit; i++) exit = machine.stepInstruction();
    assert.deepEqual(exit, { reason: "debug-exit", code: EXIT_CODE });
    assert.deepEqual(await machine.run(), exit);
  });

  test("registers can be read and written", async () => {
    using machine = await newMachine();
    const { debug } = machine;
    debug.addBreakpoint(at("count"));
    await stopsAt(machine, "count");
    assert.equal(debug.readRegister("rax"), 0x1122334455667788n);
    assert.equal(debug.readRegister("efer"), 0x500n);
    assert.equal(debug.readRegister("nonsense"), undefined);
    for (const [name, value] of [
      ["rbx", 41n],
      ["r15", 0xffff_ffff_ffff_ffffn],
      ["eflags", 0x246n],
      ["xmm3", 0x0011_2233_4455_6677_8899_aabb_ccdd_eeffn],
      ["ymm3h", 1n << 127n],
      ["st2", 0x3fff_8000_0000_0000_0000n],
      ["fs_base", 0xffff_8000_0000_0000n],
      ["k_gs_base", 0x1234n],
      ["dr0", 0x5678n],
      ["cr8", 3n],
    ] as const) {
      assert.equal(debug.writeRegister(name, value), true, name);
      assert.equal(debug.readRegister(name), value, name);
    }
    assert.equal(debug.writeRegister("cs", 0x33n), false);
    assert.equal(debug.writeRegister("k_gs_base", 1n << 60n), false, "WRMSR would raise #GP");
    debug.addBreakpoint(at("counted"));
    await stopsAt(machine, "counted");
    assert.equal(debug.readRegister("rbx"), 42n);
    debug.writeRegister("rip", at("count"));
    debug.removeBreakpoint(at("count"));
    await stopsAt(machine, "counted");
    assert.equal(debug.readRegister("rbx"), 43n);
  });

  test("memory is that of the page tables, without a trace in them", async () => {
    using machine = await newMachine();
    const { debug } = machine;
    debug.addBreakpoint(at("long"));
    await stopsAt(machine, "long");
    const entry = () => debug.readPhysical(0x192000, 1)?.[0];
    const before = entry();
    assert.equal(debug.readLinear(BigInt(UNMAPPED), 4), undefined);
    assert.equal(debug.readLinear(BigInt(UNMAPPED - 0x200000 - 2), 4), undefined, "half of it");
    assert.equal(debug.readPhysical(UNMAPPED, 4)?.length, 4);
    assert.equal(debug.readPhysical(0xfee00000, 4), undefined, "a device");
    assert.equal(debug.writeLinear(BigInt(UNMAPPED), Uint8Array.of(1)), false);
    assert.equal(debug.writePhysical(UNMAPPED, Uint8Array.of(1)), true);
    assert.equal(debug.writeLinear(0x1000ffen, Uint8Array.of(1, 2, 3)), false);
    assert.equal(entry(), before);
    // Code that is decoded already: INC RBX becomes DEC RBX.
    machine.debug.addBreakpoint(at("counted"));
    await stopsAt(machine, "counted");
    debug.writeLinear(at("count") + 2n, Uint8Array.of(0xcb));
    await stopsAt(machine, "counted");
    assert.equal(debug.readRegister("rbx"), 0n);
  });
});
