/**
 * Loads of segment registers and POPF as generated code does them in place (isa/families/segment-load.ts, pop-flags.ts)
 * leave the same state as the processor's own code does (cpu/segment-load.ts, cpu/flag-instructions.ts), from many states.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Cpu } from "../cpu/cpu.js";
import type { CodeSize } from "../isa/instruction.js";
import * as S from "../isa/state.js";
import { At, GDT_LIMIT, Selector } from "./fuzz/layout.js";
import { type ModeName, modeNames } from "./fuzz/modes.js";
import type { Random } from "./fuzz/random.js";
import { InPlace, unusualSegment } from "./in-place.test.helper.js";

const CASES = 1500;
const [RAX, RSP] = [0, 4];
const STACK = At.stack - 0x800;
/** ES SS DS FS GS; CS can't be loaded. */
const LOADABLE = [0, 2, 3, 4, 5];
/** Modes in which kernels load segments. */
const USUAL: readonly ModeName[] = ["protected32", "paged32", "pae", "long"];

const machines = { intel: new InPlace("max"), amd: new InPlace("max,vendor=AuthenticAMD") };

const SELECTORS = [...Object.values(Selector), 0, 1, 2, 3, 0x07, 0x0c, 0x170, GDT_LIMIT, 0x1ff8, 0xfff8];

function selector(random: Random): number {
  if (random.oneIn(10)) return random.u32() & 0xffff;
  const found = random.oneIn(3)
    ? Selector.data32
    : random.oneIn(2)
      ? Selector.userData32
      : random.pick(SELECTORS);
  return random.oneIn(8) ? found ^ random.below(8) : found;
}

/** Puts a word on the stack, which lies now and then across pages, beyond memory, or at a device. */
function prepareStack(cpu: Cpu, random: Random, low: number): void {
  const { state } = cpu;
  const at = random.oneIn(12) ? At.stack - 0x1000 - random.below(12) : STACK;
  const high = random.oneIn(20) ? random.value() & ~0xffff : 0;
  state.setGpr(RSP, BigInt((high | at) >>> 0));
  new DataView(state.memory).setUint32(hostOf(cpu, at), low, true);
}

/** Low memory is mapped to itself in all modes. */
const hostOf = (cpu: Cpu, linear: number): number =>
  cpu.physical.hostAddress(linear & ~0xfff, true) + (linear & 0xfff);

function prepareCommon(cpu: Cpu, random: Random): void {
  const { state } = cpu;
  const flags = random.oneIn(4) ? random.u32() & 0x3d_7fd5 : random.u32() & 0x2ed5;
  state.rflags = flags | 2 | (state.v86 ? 0x2_0000 : 0);
  if (random.oneIn(10)) state.cpl = state.v86 ? 3 : random.below(4);
  unusualSegment(cpu, random, 6);
  // A base, which a null selector clears or keeps.
  state.setU64(S.SEGMENT_BASE + 8 * (4 + random.below(2)), random.wide());
  state.setU32(S.INTERRUPT_PENDING, random.oneIn(8) ? 1 : 0);
  if (random.oneIn(10))
    state.setU64(S.GDTR_BASE, BigInt(At.gdt + random.pick([1, 4, 8, 0x100, 0xffff_f000])));
  if (random.oneIn(10)) state.setU32(S.GDTR_LIMIT, random.below(0x200));
  if (random.oneIn(8))
    new Uint8Array(state.memory)[hostOf(cpu, At.gdt + random.below(0x180))]! ^= 1 << random.below(8);
  state.setU32(S.SHADOW, random.oneIn(10) ? 1 : 0);
}

function check(
  what: string,
  code: (random: Random, size: CodeSize) => readonly number[],
  usualShare: number,
): void {
  for (const [vendor, pair] of Object.entries(machines)) {
    test(`${what}: in place and by the processor, ${vendor}`, () => {
      for (const mode of modeNames) {
        const isUsual = USUAL.includes(mode);
        const cases = isUsual ? CASES : CASES / 5;
        const prepare = (cpu: Cpu, random: Random) => {
          prepareCommon(cpu, random);
          const word = what === "POPF" ? flagsImage(random) : selector(random);
          cpu.state.setGpr(RAX, BigInt(word >>> 0));
          prepareStack(cpu, random, word);
        };
        const done = pair.compare({ mode, code, prepare }, cases);
        if (isUsual) assert.ok(done > cases * usualShare, `${mode}: only ${done} of ${cases} in place`);
      }
    });
  }
}

const flagsImage = (random: Random): number =>
  random.oneIn(3) ? random.u32() : (random.u32() & 0x20_4ed5) | (random.oneIn(4) ? 0x3000 : 0);

const wide = (random: Random) => (random.oneIn(8) ? [0x66] : []);

check("MOV to a segment register", (random) => [0x8e, 0xc0 | (random.pick(LOADABLE) << 3)], 0.1);
check(
  "POP of a segment register",
  (random, size) => {
    const pops = [[0x0f, 0xa1], [0x0f, 0xa9], ...(size === 64 ? [] : [[0x07], [0x17], [0x1f]])];
    return [...wide(random), ...random.pick(pops)];
  },
  0.1,
);
check("POPF", (random) => [...wide(random), 0x9d], 0.15);

test("POPF that lets a waiting interrupt through is the processor's", () => {
  for (const [image, inPlace] of [
    [0x202, 0],
    [0x2, 10],
  ] as const) {
    const prepare = (cpu: Cpu, random: Random) => {
      cpu.state.rflags = 2;
      cpu.state.setU32(S.INTERRUPT_PENDING, 1);
      cpu.state.setGpr(RSP, BigInt(STACK));
      new DataView(cpu.state.memory).setUint32(hostOf(cpu, STACK), image | (random.u32() & 0x4d5), true);
    };
    assert.equal(machines.intel.compare({ mode: "protected32", code: () => [0x9d], prepare }, 10), inPlace);
  }
});
