/**
 * Translated code that goes to and fro between the lower and the upper half of the address space. Such blocks are met one
 * after the other, but pages so far apart cannot be told apart in one function.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { prepareTier0 } from "../engine/interpreter/tier0.js";
import { CodeWriter } from "./fuzz/code-writer.js";
import { FuzzPc } from "./fuzz/fuzz-pc.js";
import { At, imageOf } from "./fuzz/layout.js";

const CODE = At.code;
/** The last entry of the PML4 is made equal to the first. */
const UPPER = 0xffff_ff80_0000_0000n;
/** On another page than {@link CODE}. */
const FAR = At.code + 0x1400;
const TURNS = 1_500_000;
const [RCX, RBX, RSI, RDI] = [1, 3, 6, 7];

test("code in both halves of the address space", async () => {
  await prepareTier0();
  const code = new CodeWriter(64, CODE);
  code.loadWide(RCX, BigInt(TURNS));
  code.loadWide(RBX, 0n);
  code.loadWide(RSI, UPPER + BigInt(FAR));
  code.loadWide(RDI, BigInt(CODE + code.length + 10));
  code.emit(0x48, 0xff, 0xc3); // inc rbx
  code.emit(0xff, 0xe6); // jmp rsi
  const far = new CodeWriter(64, FAR);
  far.emit(0x48, 0x83, 0xc3, 2); // add rbx, 2
  far.emit(0xf6, 0xc1, 1); // test cl, 1
  far.emit(0x74, 4); // jz past the next
  far.emit(0x48, 0x83, 0xc3, 16); // add rbx, 16
  far.emit(0x48, 0xff, 0xc9); // dec rcx
  far.emit(0x74, 2); // jz past the next
  far.emit(0xff, 0xe7); // jmp rdi
  far.emit(0xf4); // hlt

  const machine = new FuzzPc("max", undefined, "auto");
  // No damage to the tables with this seed.
  machine.load({ mode: "long", code, seed: 1 });
  const { cpu, bootMemory, translator } = machine.pc;
  const first = imageOf("long").slice(At.pml4, At.pml4 + 8);
  bootMemory.write(At.pml4 + 511 * 8, first);
  bootMemory.write(FAR, far.bytes.subarray(0, far.length));
  cpu.state.rflags = 2;
  cpu.modeChanged();
  for (let slices = 0; slices < 400 && cpu.state.gpr(RCX) !== 0n; slices++) machine.run(100_000);
  assert.equal(cpu.state.gpr(RCX), 0n);
  assert.equal(cpu.state.gpr(RBX), BigInt(TURNS * 3 + (TURNS / 2) * 16));
  assert.ok(translator!.statistics.regions > 0);
});
