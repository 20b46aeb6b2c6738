/**
 * SYSENTER and SYSEXIT as generated code does them in place (isa/families/system-enter.ts) leave the same state as the
 * processor's own code does (cpu/sysenter.ts), from many states.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Cpu } from "../cpu/cpu.js";
import { Mode as ModeBits } from "../cpu/mode.js";
import * as S from "../isa/state.js";
import { At } from "./fuzz/layout.js";
import type { ModeName } from "./fuzz/modes.js";
import type { Random } from "./fuzz/random.js";
import { InPlace, unusualSegment } from "./in-place.test.helper.js";

const SYSENTER = [0x0f, 0x34];
const SYSEXIT = [0x0f, 0x35];
const WIDE_SYSEXIT = [0x48, 0x0f, 0x35];
const CASES = 1500;
const [RCX, RDX] = [1, 2];

const machines = { intel: new InPlace("max"), amd: new InPlace("max,vendor=AuthenticAMD") };

/** Mostly small changes of what a kernel sets up. */
function prepare(cpu: Cpu, random: Random): void {
  const { state } = cpu;
  const wide = (low: number) => (BigInt(random.oneIn(4) ? random.u32() : 0) << 32n) | BigInt(low >>> 0);
  state.setU64(
    S.SYSENTER_CS,
    wide(random.oneIn(8) ? random.below(4) : random.oneIn(2) ? 0x60 : random.u32()),
  );
  state.setU64(S.SYSENTER_EIP, wide(random.oneIn(2) ? At.code + random.below(0x800) : random.u32()));
  state.setU64(S.SYSENTER_ESP, wide(random.u32()));
  state.setGpr(RDX, wide(random.oneIn(2) ? At.code + random.below(0x800) : random.u32()));
  state.setGpr(RCX, wide(random.u32()));
  const { v86 } = state;
  const flags = random.oneIn(4) ? random.u32() & 0x25_7fd5 : random.u32() & 0x2ed5;
  state.rflags = flags | 2 | (v86 ? 0x2_0000 : 0);
  if (random.oneIn(10)) state.cpl = v86 ? 3 : random.below(4);
  unusualSegment(cpu, random, 6);
  state.setU32(S.INTERRUPT_PENDING, random.oneIn(8) ? 1 : 0);
  // STI just before.
  state.setU32(S.SHADOW, random.oneIn(6) ? 1 : 0);
}

const KERNEL: readonly ModeName[] = ["protected32", "paged32", "pae"];
const USER: readonly ModeName[] = ["protected32User", "paged32User", "paeUser"];
const OTHERS: readonly ModeName[] = [
  ...(["real", "bigReal", "protected16", "protected16User", "pae16", "virtual86", "virtual86Paged"] as const),
  ...(["compatibility", "compatibilityUser", "compatibility16", "long", "longUser"] as const),
];

for (const [name, code, usual] of [
  ["SYSENTER", SYSENTER, [...USER, ...KERNEL]],
  ["SYSEXIT", SYSEXIT, KERNEL],
  ["SYSEXIT to 64-bit code", WIDE_SYSEXIT, []],
] as const) {
  for (const [vendor, pair] of Object.entries(machines)) {
    test(`${name}: in place and by the processor, ${vendor}`, () => {
      for (const mode of [...USER, ...KERNEL, ...OTHERS]) {
        const isUsual = (usual as readonly ModeName[]).includes(mode);
        const cases = isUsual ? CASES : CASES / 5;
        const bytes = (_: Random, size: 16 | 32 | 64) =>
          // REX.W is DEC elsewhere.
          code === WIDE_SYSEXIT && size !== 64 ? SYSEXIT : code;
        const done = pair.compare({ mode, code: bytes, prepare }, cases);
        if (isUsual) assert.ok(done > cases / 4, `${mode}: only ${done} of ${cases} in place`);
        // At privilege 3 there is no SYSEXIT; in other modes MODE would change.
        else if (OTHERS.includes(mode)) assert.equal(done, 0, mode);
      }
    });
  }
}

test("the mode in which this can be done is what the processor calls so", () => {
  const { protected: isProtected, FLAT, EM, TS, MP, OSFXSR, AVX } = ModeBits;
  assert.equal(S.FLAT_32, 1 | isProtected | FLAT);
  assert.equal(S.FLAT_32_MASK, ~(EM | TS | MP | OSFXSR | AVX));
});
