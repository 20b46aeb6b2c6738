/**
 * SYSCALL and SYSRET as generated code does them in place (isa/families/system-call.ts) leave the same state as the
 * processor's own code does (cpu/syscall.ts), from many states.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { prepareTier0 } from "../engine/interpreter/tier0.js";
import * as S from "../isa/state.js";
import { CodeWriter } from "./fuzz/code-writer.js";
import { FuzzPc } from "./fuzz/fuzz-pc.js";
import { At } from "./fuzz/layout.js";
import type { ModeName } from "./fuzz/modes.js";
import { Random } from "./fuzz/random.js";

const CODE = At.code;
const SYSCALL = [0x0f, 0x05];
const SYSRET = [0x48, 0x0f, 0x07];
const CASES = 1500;
const [RCX, R11] = [1, 11];

await prepareTier0();
const inPlace = new FuzzPc("max");
const byProcessor = new FuzzPc("max");

interface Registers {
  readonly values: ReadonlyMap<number, bigint>;
  readonly flags: number;
}

/** Mostly small changes of what a kernel sets up. */
function registers(random: Random, opcode: readonly number[]): Registers {
  const high = random.oneIn(6) ? random.u32() : 0xffff_8000;
  const wide = (low: number, top: number) => (BigInt(top >>> 0) << 32n) | BigInt(low >>> 0);
  const values = new Map([
    [S.STAR, wide(0, random.u32())],
    [S.LSTAR, wide(random.u32(), random.oneIn(2) ? 0xffff_8000 : 0)],
    [S.FMASK, wide(random.oneIn(2) ? 0x4_7700 : random.u32(), 0)],
    [S.GPR + RCX * 8, wide(CODE + random.below(0x800), random.oneIn(8) ? high : 0)],
    [S.GPR + R11 * 8, wide(random.oneIn(2) ? 0x246 | (random.u32() & 0xcd5) : random.u32(), random.u32())],
  ]);
  const flags = random.oneIn(3) ? random.u32() & 0x27_7fd5 : random.u32() & 0x8d5;
  return { values, flags: opcode === SYSCALL || random.oneIn(2) ? flags : flags | 0x200 };
}

function execute(
  machine: FuzzPc,
  mode: ModeName,
  opcode: readonly number[],
  seed: number,
  watched: boolean,
  counter?: { calls: number },
): Map<string, unknown> {
  const code = new CodeWriter(64, CODE);
  code.emit(...opcode);
  machine.load({ mode, code, seed: 1 });
  const { cpu } = machine.pc;
  const { state } = cpu;
  const random = new Random(seed);
  const { values, flags } = registers(random, opcode);
  state.efer = random.oneIn(12) ? state.efer & ~1 : state.efer | 1;
  for (const [offset, value] of values) state.setU64(offset, value);
  state.rflags = flags | 2;
  state.setU32(S.INTERRUPT_PENDING, random.oneIn(8) ? 1 : 0);
  cpu.modeChanged();
  // Both views of the space exist once both privileges were in use.
  const { cpl } = state;
  for (const other of [3 - cpl, cpl]) {
    state.cpl = other;
    cpu.mmu.selectPrivilege();
  }
  cpu.mmu.privilegeIsWatched = watched;
  if (counter) counter.calls = 0;
  machine.run(1, true);
  const after = new Map<string, unknown>([
    ["RIP", state.rip],
    ["arrived", state.rip === values.get(opcode === SYSCALL ? S.LSTAR : S.GPR + RCX * 8)],
    ["RFLAGS", state.rflags],
    ["CPL", state.cpl],
    ["mode", state.u32(S.MODE)],
    ["CS", state.segment(1)],
    ["SS", state.segment(2)],
    ["view", state.u32(S.TLB_READ)],
    ["jumps", state.u32(S.JUMP_CACHE)],
    ["RSP", state.gpr(4)],
    ["RCX", state.gpr(RCX)],
    ["R11", state.gpr(R11)],
    ["instructions", cpu.instructions],
  ]);
  state.setU32(S.INTERRUPT_PENDING, 0);
  return after;
}

/** Whether generated code did it: the processor's own code calls this. */
function counting(machine: FuzzPc): { calls: number } {
  const counter = { calls: 0 };
  const { cpu } = machine.pc;
  const changed = cpu.accessRightsChanged.bind(cpu);
  cpu.accessRightsChanged = () => {
    counter.calls++;
    changed();
  };
  return counter;
}

for (const [name, mode, opcode] of [
  ["SYSCALL", "longUser", SYSCALL],
  ["SYSCALL at privilege 0", "long", SYSCALL],
  ["SYSRET", "long", SYSRET],
  ["SYSRET at privilege 3", "longUser", SYSRET],
] as const) {
  test(`${name}: in place and by the processor`, () => {
    const counter = counting(inPlace);
    const first = inPlace.pc.cpu.instructions;
    const second = byProcessor.pc.cpu.instructions;
    let done = 0;
    for (let seed = 1; seed <= CASES; seed++) {
      const a = execute(inPlace, mode, opcode, seed, false, counter);
      if (counter.calls === 0 && a.get("arrived")) done++;
      const b = execute(byProcessor, mode, opcode, seed, true);
      a.set("instructions", (a.get("instructions") as number) - first);
      b.set("instructions", (b.get("instructions") as number) - second);
      assert.deepEqual(a, b, `seed ${seed}`);
    }
    // The comparison says something only if many are done in place. At privilege 3 there is no SYSRET.
    const wanted = mode === "longUser" && opcode === SYSRET ? 0 : CASES / 4;
    assert.ok(done >= wanted, `${done} of ${CASES}`);
  });
}
