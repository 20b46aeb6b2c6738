/**
 * Chains of scalar double instructions in translated code, which tests less where it knows what an earlier instruction
 * has computed: registers, MXCSR and flags must be what the interpreter makes of them.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { prepareTier0 } from "../engine/interpreter/tier0.js";
import { MXCSR, YMM } from "../isa/state.js";
import { CodeWriter } from "./fuzz/code-writer.js";
import { FuzzPc } from "./fuzz/fuzz-pc.js";
import { At } from "./fuzz/layout.js";
import { Random } from "./fuzz/random.js";

const PROGRAMS = 100;
const TURNS = 16;
const REGISTERS = 4;
/** MXCSR: all exceptions masked; the precision flag. */
const MASKED = 0x1f80;
const PRECISION = 0x20;
const [RAX, RCX] = [0, 1];
/** Each program lies elsewhere: code that is overwritten again and again is not translated. */
const CODE = 0x2_0000;
/** Where the registers' first values lie. */
const LANES = At.data;
const INTEGER = At.data + 0x80;
const CONTROL = At.data + 0x88;

/** Opcodes between a prefix and a ModRM byte: `xmm1, xmm2/m`. */
const arithmetic = [0x58, 0x59, 0x5c, 0x5e, 0x51, 0x5d, 0x5f].map((op) => [0xf2, 0x0f, op]);
const moves = [
  [0x66, 0x0f, 0x28], // movapd
  [0xf2, 0x0f, 0x10], // movsd
];
const others = [
  [0x66, 0x0f, 0x2e], // ucomisd
  [0xf2, 0x0f, 0x2a], // cvtsi2sd xmm, eax
  [0xf2, 0x48, 0x0f, 0x2a], // cvtsi2sd xmm, rax
  [0xf2, 0x0f, 0x2c], // cvttsd2si eax, xmm
  [0xf2, 0x0f, 0x5a], // cvtsd2ss
  [0xf3, 0x0f, 0x58], // addss
  [0x66, 0x0f, 0x57], // xorpd
  [0x66, 0x0f, 0x14], // unpcklpd
  [0x0f, 0x12], // movhlps
  [0x0f, 0x16], // movlhps
  [0x66, 0x0f, 0x6e], // movd xmm, eax
  [0x66, 0x48, 0x0f, 0x6e], // movq xmm, rax
  [0x66, 0x0f, 0x58], // addpd
];

const ordinary = [1, -1, 1.5, 3, 0.1, -7e5, Math.PI];
const special = [
  ...[5e-324, -5e-324, 2 ** -1023, -(2 ** -1030), 1e-310, 3e-320, -1e-309, 2 ** -1025, 2 ** -1040],
  ...[0, -0, 2 ** -1022, 1e-300, -1e300, 2 ** 60, Number.MAX_VALUE],
  ...[Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN],
];
/** Mostly ordinary, else often denormal: what is special hides itself behind flags that are set already. */
const value = (random: Random): number => random.pick(random.oneIn(4) ? special : ordinary);
const bits = new DataView(new ArrayBuffer(8));
function bitsOf(value: number): bigint {
  bits.setFloat64(0, value);
  return bits.getBigUint64(0);
}

function instruction(code: CodeWriter, random: Random): void {
  const registers = 0xc0 | (random.below(REGISTERS) << 3) | random.below(REGISTERS);
  const kind = random.below(10);
  if (kind < 2) code.emit(...random.pick(others), registers);
  else if (kind < 5) code.emit(...random.pick(moves), registers);
  else if (kind < 8) code.emit(...random.pick(arithmetic), registers);
  else {
    // VEX.128.F2.0F, with a register of its own for the first source.
    code.emit(0xc5, 0x83 | ((~random.below(REGISTERS) & 15) << 3), random.pick(arithmetic)[2]!, registers);
  }
}

interface Program {
  readonly code: CodeWriter;
  /** Instructions in a turn of its loop. */
  readonly turn: number;
}

let programs = 0;

/** A loop of so many instructions whose turns all begin with the same registers: the last ones are translated. */
function program(count: number, body: (code: CodeWriter) => void): Program {
  const code = new CodeWriter(64, CODE + programs++ * 0x100);
  for (let i = 0; i < REGISTERS; i++) code.absolute([0x0f, 0x28], i, LANES + i * 16); // movaps
  code.absolute([0x48, 0x8b], RAX, INTEGER); // mov
  code.absolute([0x0f, 0xae], 2, CONTROL); // ldmxcsr, which is left to the interpreter
  code.emit(0xeb, 0); // jmp to the next instruction, a new block
  body(code);
  code.emit(0xff, 0xc9); // dec ecx
  code.emit(0x0f, 0x85); // jnz to the begin
  code.number(-code.length - 4, 4);
  code.emit(0xeb, 0xfe); // jmp to itself
  return { code, turn: REGISTERS + 3 + count + 2 };
}

interface Start {
  readonly lanes: readonly number[];
  readonly integer: bigint;
  readonly control: number;
}

function randomStart(random: Random): Start {
  return {
    lanes: Array.from({ length: REGISTERS * 2 }, () => value(random)),
    integer: random.oneIn(2) ? BigInt(random.below(9)) : bitsOf(value(random)),
    control: MASKED | (random.oneIn(4) ? 0 : PRECISION) | (random.oneIn(8) ? random.below(4) << 13 : 0),
  };
}

function outcome(
  machine: FuzzPc,
  { code, turn }: Program,
  { lanes, integer, control }: Start,
): readonly string[] {
  machine.load({ mode: "long", code, seed: 1 });
  const { cpu, bootMemory } = machine.pc;
  const { state } = cpu;
  const start = new DataView(new ArrayBuffer(0x100));
  const number = (at: number, value: bigint) => start.setBigUint64(at - LANES, value, true);
  for (const [i, lane] of lanes.entries()) number(LANES + i * 8, bitsOf(lane));
  number(INTEGER, integer);
  number(CONTROL, BigInt(control));
  bootMemory.write(LANES, new Uint8Array(start.buffer));
  state.setGpr(RCX, BigInt(TURNS));
  // What was translated is there from the next slice on. Slices end between turns, so that they cut no block in two, and
  // their last instructions are single steps, so the last slice is longer than the loop.
  for (let slice = 0; slice < 4; slice++) machine.run(turn * 3);
  machine.run(turn * TURNS);
  const wide = (at: number) => state.u64(at).toString(16);
  const registers = Array.from({ length: REGISTERS * 4 }, (_, i) => wide(YMM + i * 8));
  return [...registers, wide(MXCSR), state.gpr(RAX).toString(16), state.rflags.toString(16), `${state.rip}`];
}

await prepareTier0();

const interpreted = new FuzzPc("max");
const translated = new FuzzPc("max", undefined, "translator");

function same(chain: Program, start: Start, name: string): void {
  const expected = outcome(interpreted, chain, start);
  const regions = translated.pc.translator!.statistics.regions;
  assert.deepEqual(outcome(translated, chain, start), expected, name);
  assert.ok(translated.pc.translator!.statistics.regions > regions, `${name} was not translated`);
}

test("a register that had an ordinary double, and then something else", () => {
  for (const opcode of [...moves, ...others]) {
    const chain = program(3, (code) => {
      code.emit(0xf2, 0x0f, 0x58, 0xc1); // addsd xmm0, xmm1
      code.emit(...opcode, 0xc2); // xmm0, xmm2 or rax
      code.emit(0xf2, 0x0f, 0x58, 0xc1); // addsd xmm0, xmm1
    });
    for (const lane of [5e-324, 0, Number.NaN, Number.POSITIVE_INFINITY]) {
      const start = { lanes: [1.5, 1, 3.25, 1, lane, lane, 1, 1], integer: bitsOf(lane) };
      same(chain, { ...start, control: MASKED | PRECISION }, `${opcode} of ${lane}`);
    }
  }
});

test("chains of scalar doubles, translated and interpreted", () => {
  for (let seed = 1; seed <= PROGRAMS; seed++) {
    const random = new Random(seed);
    const count = 8 + random.below(12);
    const chain = program(count, (code) => {
      for (let i = 0; i < count; i++) instruction(code, random);
    });
    same(chain, randomStart(random), `program ${seed}`);
  }
});
